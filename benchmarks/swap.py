"""The face swap beside the recipe that everybody copies, and a film: how long each takes on this machine.

    python benchmarks/swap.py [--json]

One 1080p photo with one large face, made of the example portraits; the plain recipe is core.swap.evaluate.plain. Both
start from found faces and end with pixels; sealing (label, mark, PNG, signature) is timed apart. Every time is the best of three.
The film is 10 s of 480p at 25 frames a second, made of one portrait that moves.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.images import open_image  # noqa: E402
from core.provenance import predict as provenance  # noqa: E402
from core.swap import evaluate, predict, video  # noqa: E402

FACES = ROOT / "assets" / "examples" / "deepfake-swap"


def best(work, times=3):
    """(seconds of the fastest run, what it gave)"""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        said = work()
        took.append(time.perf_counter() - start)
    return round(min(took), 3), said


def photo():
    """Grace Hopper in the middle of 1920 x 1080 px."""
    face = open_image(FACES / "hopper.jpg")
    out = Image.new("RGB", (1920, 1080), (70, 80, 90))
    out.paste(face.resize((922, 1080), Image.Resampling.LANCZOS), (500, 0))
    return out


def compare():
    source, target = predict.look(FACES / "collins.jpg"), predict.look(photo())
    predict.put_well(target, 0, source, 0)
    ours, made = best(lambda: predict.put_well(target, 0, source, 0))
    plain, _ = best(lambda: evaluate.plain(target.array, target.points[0], source.array, source.points[0]))
    found, _ = best(lambda: predict.look(target.image), 2)
    sealing, _ = best(lambda: provenance.seal(Image.fromarray(made), "swapped", "landmark mesh"))
    return {"swap": ours, "plain_recipe": plain, "times_as_fast": round(plain / ours, 2), "find_faces": found, "seal": sealing, "all": round(ours + sealing, 3)}


def film(path, seconds=10, rate=25):
    """640 x 480 px: a portrait that sways, with a tone."""
    import av

    face = open_image(FACES / "hopper.jpg").resize((546, 640))
    with av.open(str(path), "w") as out:
        stream, tone = out.add_stream("libx264", rate=rate), out.add_stream("aac", rate=48000, layout="mono")
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for k in range(seconds * rate):
            canvas = Image.new("RGB", (640, 480), (70, 80, 90))
            canvas.paste(face, (round(47 + 20 * math.sin(k / 9)), round(-60 + 8 * math.cos(k / 7))))
            out.mux(stream.encode(av.VideoFrame.from_image(canvas)))
        out.mux(stream.encode())
        wave = (0.2 * np.sin(np.arange(48000 * seconds) * 2 * np.pi * 440 / 48000)).astype(np.float32)
        for k in range(0, len(wave) - 1023, 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, k : k + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, k, Fraction(1, 48000)
            out.mux(tone.encode(frame))
        out.mux(tone.encode())
    return path


def jitter(path):
    """Mean change of the landmarks' speed from frame to frame, px, their common movement taken out."""
    follow = video.Tracker()
    track = [points for points in (follow(array) for _, array in video.frames(path)) if points is not None]
    shape = np.stack([points - points.mean(0) for points in track])
    return float(np.abs(np.diff(shape, 2, axis=0)).mean())


def film_report():
    source = predict.look(FACES / "collins.jpg")
    with tempfile.TemporaryDirectory() as folder:
        path = film(Path(folder) / "in.mp4")
        made = video.finish(video.swap(path, source, Path(folder) / "out.mp4", consent="benchmark"))
        ratio = jitter(made.path) / max(1e-6, jitter(path))
        return {"seconds": made.seconds, "frames": made.frames, "swapped": made.swapped, "sound": made.sound, "jitter_ratio": round(ratio, 3),
                "verified": video.verify(made.path).status}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    said = {"photo_1080p": compare(), "film_480p_10s": film_report()}
    print(json.dumps(said) if asked.json else "\n".join(f"{name}: {figures}" for name, figures in said.items()))


if __name__ == "__main__":
    main()
