"""Heat maps as pictures: colours, the photo under its map, a sheet of several."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.errors import BadInput

# Dark violet, red, orange, pale yellow: lightness grows all the way, so it reads in grey and to colour-blind eyes.
STOPS = np.array([(38, 10, 92), (140, 20, 110), (222, 58, 62), (252, 150, 36), (255, 246, 170)], np.float32)
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def colours(heat):
    """(H, W) in [0, 1] -> (H, W, 3) float, 0 to 255."""
    x = np.clip(heat, 0, 1) * (len(STOPS) - 1)
    low = np.minimum(x.astype(int), len(STOPS) - 2)
    share = (x - low)[..., None]
    return STOPS[low] * (1 - share) + STOPS[low + 1] * share


def overlay(photo, heat, opacity):
    """PIL RGB, (h, w) in [0, 1] -> PIL RGB of the photo's size. Where the map is zero the photo stays as it is; `opacity` is of the hottest place."""
    small = Image.fromarray(np.asarray(heat, np.float32))
    out = np.asarray(photo).copy()
    fitted = small.resize(photo.size, Image.Resampling.BICUBIC)
    for top in range(0, photo.height, 512):  # in strips: a 64 megapixel photo would take gigabytes as floats
        part = np.clip(np.asarray(fitted.crop((0, top, photo.width, min(photo.height, top + 512)))), 0, 1)
        cover = (opacity * part)[..., None]
        strip = out[top : top + 512]
        strip[:] = np.rint(strip * (1 - cover) + colours(part) * cover)
    return Image.fromarray(out)


def sheet(pictures, captions, columns=3, width=420):
    """Pictures of one size with their captions below, in rows -> PIL RGB."""
    height, line = round(width * pictures[0].height / pictures[0].width), 34
    rows = -(-len(pictures) // columns)
    out = Image.new("RGB", (columns * width, rows * (height + line)), "white")
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(20)
    for k, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = k % columns * width, k // columns * (height + line)
        out.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (x, y))
        pen.text((x + 8, y + height + 5), caption, fill="black", font=font)
    return out


def boxed(picture, corners, scale=1.0):
    """A copy with a box drawn on it, or a cross while there is only one corner. corners: [(x, y)] or two of them, px times `scale`."""
    out = picture.copy()
    pen, thick = ImageDraw.Draw(out), max(2, max(out.size) // 250)
    points = [(x * scale, y * scale) for x, y in corners]
    if len(points) == 1:
        (x, y), arm = points[0], max(out.size) // 40
        for line in ([x - arm, y, x + arm, y], [x, y - arm, x, y + arm]):
            pen.line(line, fill="black", width=thick + 2)
            pen.line(line, fill="white", width=thick)
    else:
        (x0, x1), (y0, y1) = (sorted(values) for values in zip(*points, strict=True))
        pen.rectangle([x0 - 1, y0 - 1, x1 + 1, y1 + 1], outline="black", width=thick + 2)
        pen.rectangle([x0, y0, x1, y1], outline="white", width=thick)
    return out


def check_name(path):
    """Raise BadInput unless the name says how to write the picture."""
    if Path(path).suffix.lower() not in FORMATS:
        raise BadInput(f"{Path(path).name} does not say what kind of picture to write. Please end its name in {', '.join(FORMATS)}.")


def save(picture, path):
    """Write a picture; raises BadInput when the place cannot be written to."""
    try:
        picture.save(path, FORMATS[Path(path).suffix.lower()], quality=92)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror or error}). Please choose another place.") from None
