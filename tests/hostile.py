"""Files that break demos. Each maker gives the bytes; GOOD ones must open as the stated size, BAD ones must be refused in words."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def save(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colours(width=40, height=30):
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    return Image.fromarray(np.broadcast_to(ramp[None, :, None], (height, width, 3)).copy())


def rotated():
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: show it turned by 90 degrees clockwise
    return save(colours(), "JPEG", exif=exif.tobytes())


def sixteen_bit():
    return save(Image.fromarray(np.linspace(0, 65535, 1200).reshape(30, 40).astype(np.uint16)), "PNG")


def animated():
    return save(colours(), "GIF", save_all=True, append_images=[Image.new("RGB", (40, 30), "red")])


def see_through():
    return save(Image.new("RGBA", (40, 30), (0, 0, 0, 0)), "PNG")


def bomb(width=10_000, height=10_000):
    """A PNG of 100 megapixels in a few kilobytes: all rows equal, so they deflate to almost nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pack = zlib.compressobj(9)
    row = bytes(1 + width * 3)
    pixels = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


GOOD = {
    "sixteen_bit.png": (sixteen_bit, (40, 30)),
    "cmyk.jpg": (lambda: save(colours().convert("CMYK"), "JPEG"), (40, 30)),
    "see_through.png": (see_through, (40, 30)),
    "animated.gif": (animated, (40, 30)),
    "rotated.jpg": (rotated, (30, 40)),
    "one_pixel.png": (lambda: save(Image.new("RGB", (1, 1), "brown"), "PNG"), (1, 1)),
    "palette.png": (lambda: save(colours().convert("P"), "PNG"), (40, 30)),
    "one_bit.png": (lambda: save(colours().convert("1"), "PNG"), (40, 30)),
    "thin.png": (lambda: save(Image.new("RGB", (2000, 1)), "PNG"), (2000, 1)),
    "lying_name.png": (lambda: save(colours(), "JPEG"), (40, 30)),
}
BAD = {
    "empty.jpg": (lambda: b"", "is empty"),
    "truncated.jpg": (lambda: save(colours(400, 300), "JPEG")[:1500], "cut off"),
    "truncated.png": (lambda: save(colours(400, 300), "PNG")[:400], "cut off"),
    "text.jpg": (lambda: b"dear visitor, this is a letter and no picture", "not a picture"),
    "drawing.jpg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "page.jpg": (lambda: b"%PDF-1.7 nothing to see", "PDF"),
    "phone.heic.jpg": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
    "bomb.png": (bomb, "megapixels"),
    "heavy.png": (lambda: save(colours(), "PNG") + bytes(30 * 2**20), "30 MB"),
}


def write_all(folder):
    """Write every hostile file; -> {name: path}."""
    paths = {}
    for name, (make, _) in {**GOOD, **BAD}.items():
        paths[name] = folder / name
        paths[name].write_bytes(make())
    return paths
