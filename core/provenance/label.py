"""The label that a person sees: a small plate with a sentence, in the corner where it covers no face."""

from PIL import Image, ImageDraw, ImageFont

TEXTS = {"swapped": "AI face swap", "generated": "AI-made face"}
SHARE, SMALLEST, LARGEST = 0.032, 10, 44  # height of the letters: of the picture's shorter side, and px


def draw(image, text, avoid=()):
    """A copy of a picture with the label in a corner.

    image: PIL RGB
    text:  what it says; shown smaller where the picture is too narrow for it
    avoid: XYXY px boxes to stay clear of where one of the corners allows it
    """
    plate = _plate(text, min(LARGEST, max(SMALLEST, round(SHARE * min(image.size)))), image.width)
    gap = max(2, plate.height // 4)
    right, bottom = image.width - plate.width - gap, image.height - plate.height - gap
    corners = [(gap, bottom), (right, bottom), (gap, gap), (right, gap)]
    covered = [sum(_overlap((x, y, x + plate.width, y + plate.height), box) for box in avoid) for x, y in corners]
    out = image.copy()
    out.paste(plate, corners[covered.index(min(covered))], plate)
    return out


def _plate(text, size, widest):
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    pad = max(3, size // 2)
    width, height = right - left + 2 * pad, round(1.2 * size) + pad
    if width > widest - 4 and size > 6:
        return _plate(text, size - 1, widest)
    plate = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(plate)
    pen.rounded_rectangle((0, 0, width - 1, height - 1), pad, fill=(16, 16, 16, 190))
    pen.text((width / 2, height / 2), text, font=font, fill=(255, 255, 255, 255), anchor="mm")
    return plate


def _overlap(a, b):
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
