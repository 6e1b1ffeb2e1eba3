"""A PDF's page as a picture with the quoted words marked."""

import io

from core.errors import BadInput
from core.rag.load import PDFIUM, clean, open_pdf

WIDTH = 1000  # px


def page_picture(data, name, number, start, end):
    """bytes of a PDF, page number from 1, offsets into the page's text as `load` gives it -> PNG bytes, 1000 px wide."""
    from PIL import Image, ImageDraw

    with PDFIUM:
        document = open_pdf(data, name)
        try:
            if not 1 <= number <= len(document):
                raise BadInput(f"{name} has no page {number}.")
            page = document[number - 1]
            scale = min(WIDTH / max(page.get_width(), 1), 4)
            picture = page.render(scale=scale).to_pil().convert("RGB")
            text = page.get_textpage()
            raw = text.get_text_range()
            places = clean(raw)[1][start:end]
            boxes = _lines([text.get_charbox(i) for i in places if raw[i : i + 1].strip()])
            text.close()
            top = page.get_height()
            page.close()
        finally:
            document.close()
    veil = Image.new("RGB", picture.size, "white")
    draw = ImageDraw.Draw(veil)
    for left, bottom, right, upper in boxes:
        draw.rectangle([left * scale - 2, (top - upper) * scale - 2, right * scale + 2, (top - bottom) * scale + 2], fill=(255, 226, 89))
    from PIL import ImageChops

    out = io.BytesIO()
    ImageChops.multiply(picture, veil).save(out, "PNG")
    return out.getvalue()


def _lines(boxes):
    """Boxes of characters (left, bottom, right, top) -> one for each line of text."""
    lines = []
    for left, bottom, right, top in boxes:
        if right <= left or top <= bottom:
            continue
        if lines and abs((bottom + top) / 2 - (lines[-1][1] + lines[-1][3]) / 2) < (top - bottom) * 0.7 + 2 and left >= lines[-1][0] - 2:
            last = lines[-1]
            lines[-1] = (min(last[0], left), min(last[1], bottom), max(last[2], right), max(last[3], top))
        else:
            lines.append((left, bottom, right, top))
    return lines
