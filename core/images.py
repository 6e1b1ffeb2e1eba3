"""The only place that opens pictures: limits first, then one RGB picture the right way up.

`open_image` takes whatever a visitor has and gives a `PIL.Image` in mode RGB, 8 bits a channel, or raises
`BadInput` with one sentence. Nothing is decoded before the size in bytes and the size in pixels are known to be
within `MAX_BYTES` and `MAX_PIXELS`.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import BadInput

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 64_000_000
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")

# Formats that Pillow decodes in its own process and from pixels alone. Left out on purpose: EPS (runs Ghostscript),
# and the many containers nobody uploads on purpose.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")


def open_image(source, name=None):
    """Open a picture from a path, bytes or a binary file object.

    source: str | Path | bytes | file object | PIL.Image
    name:   how to call it in an error; the file name if None
    returns PIL.Image, mode RGB, first frame, EXIF orientation applied, transparency laid on white
    raises  BadInput if it is no readable picture, or larger than MAX_BYTES or MAX_PIXELS
    """
    if isinstance(source, Image.Image):
        return to_rgb(source)
    name = name or _name_of(source)
    data = _read(source, name)
    try:
        with warnings.catch_warnings():
            # What matters of it is said in a BadInput; Pillow's warnings would only reach a log.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadInput(f"{name} has {width} x {height} pixels; the limit is {MAX_PIXELS // 10**6} megapixels. Please make it smaller and try again.")
            image.load()
    except Image.DecompressionBombError:
        raise BadInput(f"{name} has far more pixels than the limit of {MAX_PIXELS // 10**6} megapixels. Please make it smaller and try again.") from None
    except UnidentifiedImageError:
        raise BadInput(_not_a_picture(name, data)) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError) as error:
        # Pillow's decoders raise all of these on damaged files.
        raise BadInput(f"{name} is damaged or cut off and cannot be shown ({_first_line(error)}). Please send the original file again.") from None
    return to_rgb(image)


def open_frames(source, most):
    """Open an animation: ([PIL RGB], [milliseconds each is shown]); a still picture is one frame. At most `most` frames.

    source: str | Path | bytes | file object; raises BadInput as open_image does, and for more frames or pixels than the limits
    """
    name = _name_of(source)
    data = _read(source, name)
    first = open_image(data, name)
    with Image.open(io.BytesIO(data), formats=FORMATS) as clip:
        count = getattr(clip, "n_frames", 1)
        if count > most or count * first.width * first.height > 4 * MAX_PIXELS:
            raise BadInput(f"{name} has {count} frames of {first.width} x {first.height} px; the limit is {most} frames. Please make it shorter or smaller.")
        frames, times = [], []
        try:
            for index in range(count):
                clip.seek(index)
                frames.append(to_rgb(clip.copy()))
                times.append(int(clip.info.get("duration", 0)) or 100)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise BadInput(f"{name} is damaged or cut off ({_first_line(error)}). Please send the original file again.") from None
    return frames, times


def to_rgb(image):
    """Any PIL picture -> mode RGB, 8 bits, upright, on white. (W, H) may swap by EXIF orientation."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def shrink(image, longest):
    """The picture itself if its longer side is at most `longest` px, else a smaller copy. Never enlarges."""
    if max(image.size) <= longest:
        return image
    scale = longest / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def enlarge(image, side):
    """A square picture as `side` x `side` px, softly."""
    return image.resize((side, side), Image.Resampling.BICUBIC)


def centre_square(image):
    """The largest square in the middle of the picture; the picture itself if it is square."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def to_array(image):
    """PIL RGB -> (H, W, 3) uint8."""
    return np.asarray(image, dtype=np.uint8)


def _to_8_bit(image):
    # 16-bit greyscale keeps its full range (0..65535 -> 0..255); 32-bit and float pictures carry no stated
    # range, so they are stretched between their own darkest and brightest pixel.
    values = np.asarray(image).astype(np.float64)
    if image.mode.startswith("I;16") or (image.mode == "I" and values.min() >= 0 and 255 < values.max() <= 65535):
        values = values / 257.0
    elif values.size and not (values.min() >= 0 and values.max() <= 255):
        low, high = np.nanmin(values), np.nanmax(values)
        values = (values - low) / ((high - low) or 1.0) * 255.0
    return Image.fromarray(np.nan_to_num(values).clip(0, 255).round().astype(np.uint8))


def _name_of(source):
    if isinstance(source, (str, Path)):
        return Path(source).name
    return Path(str(getattr(source, "name", "") or "the picture")).name


def _read(source, name):
    try:
        if isinstance(source, (str, Path)):
            path = Path(source)
            if path.is_dir():
                raise BadInput(f"{name} is a folder, not a picture. Please name the picture files in it.")
            if path.stat().st_size > MAX_BYTES:
                raise BadInput(_too_heavy(name, path.stat().st_size))
            data = path.read_bytes()
        elif isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        else:
            data = source.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(f"There is no file {name}. Please check the path.") from None
    except OSError as error:
        raise BadInput(f"{name} cannot be read ({error.strerror or error}). Please choose another file.") from None
    if not data:
        raise BadInput(f"{name} is empty. Please choose another picture.")
    if len(data) > MAX_BYTES:
        raise BadInput(_too_heavy(name, len(data)))
    return data


def _too_heavy(name, size):
    return f"{name} is {size / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB. Please save it smaller and try again."


def _not_a_picture(name, data):
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"hevc"):
        return f"{name} is a HEIC photo, which cannot be read here. Please export it as JPEG and try again."
    kinds = {b"%PDF": "a PDF", b"PK\x03\x04": "a zip archive or office file", b"<svg": "an SVG drawing"}
    kind = next((word for magic, word in kinds.items() if data.lstrip()[:4].startswith(magic)), None)
    what = f"{name} is {kind}, not a photo." if kind else f"{name} is not a picture that can be read here."
    return what + " Please use JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF."


def _first_line(error):
    return (str(error).splitlines() or ["no detail"])[0][:80]
