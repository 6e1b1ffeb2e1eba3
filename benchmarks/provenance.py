"""The invisible mark beside two libraries that write one, in one run: what is read back, and how much of the picture it costs.

    pip install --no-deps --target SIDE blind-watermark invisible-watermark PyWavelets
    python benchmarks/provenance.py PHOTOS_DIR_OR_ZIP --theirs SIDE [--count 40] [--json]

All carry 32 bits. A mark counts as read when every bit is right. blind-watermark (DWT, DCT, SVD) is told the marked
picture's size, so that it can undo a change of size, which a stranger's picture would not tell; invisible-watermark runs its
default method (DWT, DCT). Neither says by itself whether there is a mark at all; ours does.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.provenance import evaluate  # noqa: E402


def swapped(array):
    """RGB to BGR and back."""
    return np.ascontiguousarray(array[:, :, ::-1])


def blind():
    """(embed, extract) by blind-watermark."""
    from blind_watermark import WaterMark
    from blind_watermark.blind_watermark import bw_notes

    bw_notes.close()
    seen = {}

    def embed(image, data):
        mark = WaterMark(password_img=1, password_wm=1)
        mark.read_img(img=swapped(np.asarray(image)))
        mark.read_wm([bool(bit) for bit in np.unpackbits(np.frombuffer(data, np.uint8))], mode="bit")
        seen["size"] = image.size
        return Image.fromarray(swapped(np.clip(np.round(mark.embed()), 0, 255).astype(np.uint8)))

    def extract(image):
        image = image.resize(seen["size"], Image.Resampling.BICUBIC) if image.size != seen["size"] else image
        bits = WaterMark(password_img=1, password_wm=1).extract(embed_img=swapped(np.asarray(image)), wm_shape=32, mode="bit")
        return np.packbits(np.asarray(bits) > 0.5).tobytes()

    return embed, extract


def invisible():
    """(embed, extract) by invisible-watermark."""
    from imwatermark import WatermarkDecoder, WatermarkEncoder

    def embed(image, data):
        encoder = WatermarkEncoder()
        encoder.set_watermark("bytes", data)
        return Image.fromarray(swapped(encoder.encode(swapped(np.asarray(image)), "dwtDct")))

    def extract(image):
        if min(image.size) < 256:
            return None  # it refuses smaller pictures
        return bytes(WatermarkDecoder("bytes", 32).decode(swapped(np.asarray(image)), "dwtDct"))

    return embed, extract


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos")
    parser.add_argument("--theirs", help="folder that the two libraries were installed into; else only ours is measured")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--side", type=int, help="px of the shorter side; invisible-watermark wants 256 even after cropping and halving")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ways = {"vitrine": {}}
    if options.theirs:
        sys.path.append(options.theirs)
        ways |= {name: dict(zip(("embed", "extract"), make(), strict=True)) for name, make in (("blind-watermark", blind), ("invisible-watermark", invisible))}
    said = {name: evaluate.survival(evaluate.photos(options.photos, options.count, options.side), **way) for name, way in ways.items()}
    if options.json:
        return print(json.dumps(said))
    print("| | " + " | ".join(said) + " |\n|---|" + "---|" * len(said))
    for title, key in (("PSNR, dB, median", "psnr_median"), ("seconds to mark", "seconds_to_mark")):
        print(f"| {title} | " + " | ".join(f"{figures[key]}" for figures in said.values()) + " |")
    for attack in evaluate.ATTACKS:
        print(f"| {attack} | " + " | ".join(f"{figures['marks_read'][attack]:.3f}" for figures in said.values()) + " |")


if __name__ == "__main__":
    main()
