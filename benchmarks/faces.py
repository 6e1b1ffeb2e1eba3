"""Faces found and encoded a photo, beside the face_recognition package; and how long a search in many people takes.

    python benchmarks/faces.py [--theirs SIDE_ENVIRONMENT/bin/python] [--rounds 3] [--search-only] [--json]

face_recognition needs setuptools < 81, so it lives in an environment of its own:
    uv venv side && uv pip install -p side/bin/python "setuptools<81" dlib-bin numpy pillow click face-recognition-models
    uv pip install -p side/bin/python --no-deps face_recognition
Both get the same photos, one after the other in every round, so that a noisy machine disturbs both alike; medians are
compared. Theirs runs as its README says: face_locations (one enlargement), then face_encodings.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import runtime  # noqa: E402
from core.faces import predict  # noqa: E402
from core.faces.gallery import Gallery  # noqa: E402
from core.images import open_image  # noqa: E402

PORTRAITS = (("collins", (80, 0, 370, 290), 92), ("hopper", (50, 0, 450, 400), 200))  # the head, px across the face
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}

THEIRS = """
import sys, time, json
import numpy as np
from PIL import Image
import face_recognition
images = {}
for line in sys.stdin:
    path = line.strip()
    if path not in images:
        images[path] = np.array(Image.open(path).convert("RGB"))
    start = time.perf_counter()
    boxes = face_recognition.face_locations(images[path])
    vectors = face_recognition.face_encodings(images[path], boxes)
    seconds = time.perf_counter() - start
    said = [[left, top, right, bottom] for top, right, bottom, left in boxes]
    print(json.dumps({"seconds": seconds, "boxes": said, "vectors": [v.tolist() for v in vectors]}), flush=True)
"""


def scene(size, faces, seed):
    """(picture, [centre of each face]): portraits of different sizes, upright or mirrored, on a plain wall."""
    rng = np.random.default_rng(seed)
    image, centres = Image.new("RGB", size, tuple(int(c) for c in rng.integers(60, 160, 3))), []
    for i in range(faces):
        name, crop, across = PORTRAITS[(i + seed) % 2]
        portrait = open_image(ROOT / "assets" / "examples" / "attendance" / f"{name}.jpg").crop(crop)
        scale = rng.uniform(100, 0.8 * 0.4 * min(size[0] / faces * 2, size[1])) / across
        portrait = portrait.resize((round(portrait.width * scale), round(portrait.height * scale)))
        portrait = portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else portrait
        column = size[0] / faces
        x, y = round(column * (i + 0.5) - portrait.width / 2), round(rng.uniform(0, max(1, size[1] - portrait.height)))
        image.paste(portrait, (x, y))
        centres.append((x + portrait.width / 2, y + portrait.height / 2))
    return image, centres


def recall(boxes, centres):
    """How many of the portraits have a box over their middle."""
    return sum(any(left < x < right and top < y < bottom for left, top, right, bottom in boxes) for x, y in centres)


class Rival:
    """The face_recognition package in its own process."""

    def __init__(self, python):
        self.process = subprocess.Popen([python, "-W", "ignore", "-c", THEIRS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, path):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def ours(image, careful=False):
    start = time.perf_counter()
    faces = predict.find(image, careful=careful)
    return {"seconds": time.perf_counter() - start, "boxes": [f.as_dict()["box"] for f in faces], "vectors": [f.vector for f in faces]}


def photos(rival, rounds, scenes=2):
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            for count in (1, 5):
                times, found, there = {"vitrine": [], "vitrine, careful": [], "face_recognition": []}, {}, 0
                for seed in range(scenes):
                    image, centres = scene(SIZES[size], count, seed)
                    path = Path(folder) / f"{size}-{count}-{seed}.png"
                    image.save(path)
                    there += len(centres)
                    ways = {"vitrine": lambda: ours(image), "vitrine, careful": lambda: ours(image, True)}  # noqa: B023
                    if rival:
                        ways["face_recognition"] = lambda: rival(path)  # noqa: B023
                    for turn in range(rounds):
                        for name, way in ways.items():
                            said = way()
                            times[name].append(said["seconds"])
                            if turn == 0:
                                found[name] = found.get(name, 0) + recall(said["boxes"], centres)
                row = {"seconds": {n: round(statistics.median(t), 3) for n, t in times.items() if t}, "faces": there, "found": found}
                if rival:
                    row["times_faster"] = round(row["seconds"]["face_recognition"] / row["seconds"]["vitrine"], 1)
                out[f"{size}, {count} face{'s' * (count > 1)}"] = row
    return out


def search(people, asks=50):
    """Milliseconds a face to find it among so many people, one photo each; usearch's approximate index where it is installed."""
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(people, 128)) * 0.12).astype(np.float32)
    asked = vectors[rng.integers(0, people, asks)] + rng.normal(size=(asks, 128)).astype(np.float32) * 0.01
    gallery, times = Gallery(vectors, range(people)), []
    for vector in asked:
        start = time.perf_counter()
        gallery.search(vector[None])
        times.append(time.perf_counter() - start)
    said = {"exact_ms": round(statistics.median(times) * 1000, 2)}
    try:
        from usearch.index import Index
    except ImportError:
        return said  # pip install usearch, to compare
    start, index = time.perf_counter(), Index(ndim=128, metric="l2sq")
    index.add(np.arange(people), vectors)
    built, times, right = time.perf_counter() - start, [], 0
    for vector, match in zip(asked, gallery.search(asked, 9.0), strict=True):
        start = time.perf_counter()
        near = index.search(vector, 5)
        times.append(time.perf_counter() - start)
        right += int(near.keys[0]) == match.nearest
    return said | {"usearch_ms": round(statistics.median(times) * 1000, 2), "usearch_build_s": round(built, 1), "usearch_same_answer": right / asks}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--theirs", metavar="PYTHON", help="a Python in whose environment face_recognition is installed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--search-only", action="store_true", help="leave the photos out")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rival = Rival(args.theirs) if args.theirs else None
    predict.ready()
    ours(Image.new("RGB", (640, 480)))
    report = {
        "threads": runtime.threads(),
        "photos": {} if args.search_only else photos(rival, args.rounds),
        "search": {n: search(n) for n in (10_000, 100_000)},
    }
    if rival:
        rival.process.stdin.close()
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
