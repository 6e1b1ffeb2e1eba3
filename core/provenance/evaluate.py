"""What the invisible mark survives, and whether it is ever seen where there is none.

    python -m core.provenance.evaluate survival DIR_OR_ZIP [--count 100] [--side PX] [--json]
    python -m core.provenance.evaluate alarms DIR_OR_ZIP [--count 1000] [--json]

A mark counts as read when all of its 32 bits are right and its check passes; with a wrong bit it counts as lost.
"""

import argparse
import io
import json
import sys
import time

import numpy as np
from PIL import ImageEnhance

from core.errors import BadInput, StudioError
from core.images import open_image, shrink
from core.photos import listing, read
from core.provenance import watermark


def saved(image, quality):
    """The picture as it comes back from a JPEG of this quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return open_image(buffer.getvalue())


def sized(image, factor):
    return image.resize((round(image.width * factor), round(image.height * factor)), 3)


def cropped(image, rng, lost=0.1):
    """The picture without `lost` of its width and of its height, cut off at any of its edges."""
    width, height = round((1 - lost) * image.width), round((1 - lost) * image.height)
    x, y = int(rng.integers(0, image.width - width + 1)), int(rng.integers(0, image.height - height + 1))
    return image.crop((x, y, x + width, y + height))


ATTACKS = {
    "untouched": lambda image, rng: image,
    "JPEG 95": lambda image, rng: saved(image, 95),
    "JPEG 75": lambda image, rng: saved(image, 75),
    "JPEG 50": lambda image, rng: saved(image, 50),
    "half the size": lambda image, rng: sized(image, 0.5),
    "twice the size": lambda image, rng: sized(image, 2),
    "10 % cropped": cropped,
    "20 % brighter": lambda image, rng: ImageEnhance.Brightness(image).enhance(1.2),
    "20 % darker": lambda image, rng: ImageEnhance.Brightness(image).enhance(0.8),
    "10 % cropped, then JPEG 75": lambda image, rng: saved(cropped(image, rng), 75),
    "half the size, then JPEG 75": lambda image, rng: saved(sized(image, 0.5), 75),
}


def photos(source, count, side=None):
    """`count` photos spread over a zip or folder, brought to a shorter side of `side` px if that is given."""
    total = len(listing(source))
    if not total:
        raise BadInput(f"{source} holds no photos. Please choose another zip or folder.")
    step, given = max(1, total // count), 0
    for k, photo in enumerate(read(source, None)):
        if k % step == 0 and given < count:
            given += 1
            yield sized(photo.image, side / min(photo.image.size)) if side else photo.image


def psnr(a, b):
    """Peak signal-to-noise ratio of two pictures of one size, dB."""
    error = (np.asarray(a, float) - np.asarray(b, float)) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-9)))


def survival(pictures, embed=watermark.mark, extract=lambda image: watermark.read(image).data, bits=8 * watermark.DATA):
    """Mark every picture with bytes of its own, damage it every way, read it again -> JSON-ready dict.

    embed: (PIL RGB, bytes) -> PIL RGB; extract: PIL RGB -> bytes or None; so that other methods can stand in the same table
    """
    rng, read_back, right, decibels, seconds, sizes = np.random.default_rng(0), {}, {}, [], [], []
    for image in pictures:
        data = rng.bytes(bits // 8)
        start = time.perf_counter()
        marked = embed(image, data)
        seconds.append(time.perf_counter() - start)
        decibels.append(psnr(image, marked))
        sizes.append(image.size)
        for name, attack in ATTACKS.items():
            got = extract(attack(marked, rng))
            read_back.setdefault(name, []).append(got == data)
            right.setdefault(name, []).append(_bits_right(got, data))
    return {
        "n": len(sizes),
        "median_size": [int(v) for v in np.median(sizes, 0)],
        "psnr_min": round(min(decibels), 2),
        "psnr_median": round(float(np.median(decibels)), 2),
        "seconds_to_mark": round(float(np.median(seconds)), 3),
        "marks_read": {name: round(float(np.mean(values)), 4) for name, values in read_back.items()},
        "bits_right": {name: round(float(np.mean(values)), 4) for name, values in right.items()},
    }


def _bits_right(got, data):
    """Share of right bits; half of them by chance where nothing was read."""
    if got is None or len(got) != len(data):
        return 0.5
    return float((np.unpackbits(np.frombuffer(got, np.uint8)) == np.unpackbits(np.frombuffer(data, np.uint8))).mean())


def alarms(pictures):
    """Look for a mark where there is none -> how often one was read, or called damaged. JSON-ready dict."""
    start, seen = time.perf_counter(), [watermark.read(shrink(image, 1024)) for image in pictures]
    return {
        "n": len(seen),
        "read": sum(r.data is not None for r in seen),
        "called_damaged": sum(r.damaged for r in seen),
        "highest_peak": round(max(r.peak for r in seen), 2),
        "threshold": watermark.FOUND,
        "seconds_each": round((time.perf_counter() - start) / len(seen), 3),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m core.provenance.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("survival", "alarms"))
    parser.add_argument("source", help="zip or folder of photos")
    parser.add_argument("--count", type=int, help="photos to take, spread over the source (100; alarms: 1000)")
    parser.add_argument("--side", type=int, help="px: bring the shorter side to this first")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    count = options.count or {"survival": 100, "alarms": 1000}[options.what]
    try:
        report = {"survival": survival, "alarms": alarms}[options.what](photos(options.source, count, options.side))
    except StudioError as error:
        sys.exit(str(error))
    print(json.dumps(report) if options.json else "\n".join(f"{key}: {value}" for key, value in report.items()))


if __name__ == "__main__":
    main()
