"""Boxes and names on a picture."""

import io

from PIL import ImageDraw, ImageFont

from core.images import shrink

KNOWN, UNKNOWN = (15, 118, 110), (180, 83, 9)
LONGEST = 1280  # px of what is shown


def picture_of(image, boxes):
    """PIL RGB, [(Box, label, known)] -> JPEG bytes: teal around the known, amber around the unknown."""
    small = shrink(image, LONGEST).copy()
    scale, pen = small.width / image.width, ImageDraw.Draw(small)
    line = max(2, round(max(small.size) / 350))
    font = ImageFont.load_default(max(13, round(max(small.size) / 55)))
    for box, label, known in boxes:
        colour = KNOWN if known else UNKNOWN
        left, top, right, bottom = (v * scale for v in (box.left, box.top, box.right, box.bottom))
        pen.rectangle((left, top, right, bottom), outline=colour, width=line)
        x0, y0, x1, y1 = pen.textbbox((0, 0), label, font=font)
        under = bottom + y1 + 8 < small.height
        at = (max(0, min(left, small.width - x1 - 8)), bottom if under else max(0, top - y1 - 8))
        pen.rectangle((at[0], at[1], at[0] + x1 + 8, at[1] + y1 + 8), fill=colour)
        pen.text((at[0] + 4, at[1] + 3), label, font=font, fill="white")
    return to_jpeg(small)


def to_jpeg(image, longest=LONGEST):
    """PIL RGB -> JPEG bytes, at most `longest` px, without the camera's notes (place, time, model)."""
    buffer = io.BytesIO()
    shrink(image, longest).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def crop_of(image, box, margin=0.8):
    """PIL RGB, Box -> JPEG bytes of the face with `margin` of its width around it."""
    wide = round(margin * box.width)
    return to_jpeg(image.crop((max(0, box.left - wide), max(0, box.top - wide), min(image.width, box.right + wide), min(image.height, box.bottom + wide))))
