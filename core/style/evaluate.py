"""How close paintings come to what the photo shows and to how the style is painted, and how long they take.

    python -m core.style.evaluate ../shared/data --json                    every photo of content_photos.zip with every painting
    python -m core.style.evaluate ../shared/data --modes patient --pairs 12 --json

Distances are those of core/style/losses.py as the studio's eye sees them, relative to the target: content 0 is
the photo itself; style 0 has the painting's Gram matrices. Strokes are as large as
they were learned (`strokes=1`). "photo" is what the untouched photo scores. The any-painting
mode is also told apart by whether training ever saw the painting (core/style/bank.py).
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from core import photos, runtime
from core.style import bank, networks, predict, wishes


def pairs_of(data, mode):
    """[(photo, bundled style's name or None, painting or None, whether it was learned from)] of a mode."""
    contents = [p.image for p in photos.read(Path(data) / "content_photos.zip", 900)]
    if mode == "instant":
        return [(c, name, None, True) for c in contents for name in wishes.STYLES]
    works = bank.paintings(data)
    return [(c, None, picture, name not in bank.UNSEEN) for c in contents for name, picture in works.items()]


def spread(pairs, count):
    """`count` of the pairs, evenly spread over photos and styles; all if count is 0."""
    return pairs if not count or count >= len(pairs) else [pairs[k * 7919 % len(pairs)] for k in range(count)]


def measure(data, mode, size, steps, count=0, say=lambda done, total: None):
    """One mode -> {"n", "content", "style", "photo_style", "seconds"}; for "any" also "seen" and "unseen"."""
    pairs, rows = spread(pairs_of(data, mode), count), []
    shown, grams = {}, {}  # what the eye sees of a photo, and of a model, once each
    for k, (photo, style, painting, seen) in enumerate(pairs):
        say(k, len(pairs))
        job = predict.begin(photo, wishes.wish(mode=mode, size=size, steps=steps, style=style, strokes=1), [painting] if painting else ())
        predict.finished(job.run())
        result, model = job.painting(), job.models[0]
        photo_seen = shown[id(photo)] = shown.get(id(photo)) or networks.seen(job.photo, job.networks)
        wanted = grams[style or id(painting)] = grams.get(style or id(painting)) or model.grams(job.networks)
        apart = networks.distances(photo_seen[0], wanted, networks.seen(result.picture, job.networks))
        before = networks.distances(photo_seen[0], wanted, photo_seen)
        rows.append((apart["content"], apart["style"], before["style"], result.seconds, seen))
    said = _summary(rows)
    if mode == "any":
        said |= {key: _summary([row for row in rows if row[4] == wanted]) for key, wanted in (("seen", True), ("unseen", False))}
    return said


def _summary(rows):
    content, style, before, seconds = ([row[k] for row in rows] for k in range(4))
    if not rows:
        return {"n": 0}
    return {"n": len(rows), "content": statistics.mean(content), "style": statistics.mean(style), "photo_style": statistics.mean(before),
            "seconds": statistics.median(seconds)}  # fmt: skip


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.style.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder with content_photos.zip and paintings.zip")
    parser.add_argument("--modes", nargs="+", default=["instant", "any"], choices=wishes.MODES)
    parser.add_argument("--size", type=int, default=256, help="px of the longer side")
    parser.add_argument("--steps", type=int, default=100, help="of the patient mode")
    parser.add_argument("--pairs", type=int, default=0, help="how many pairs, evenly spread; 0 for all")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    report = {"size": args.size, "threads": runtime.threads()}
    for mode in args.modes:
        report[mode] = measure(args.data, mode, args.size, args.steps, args.pairs, lambda done, total: print(f"\r{done} of {total}", end="", file=sys.stderr))
    print(file=sys.stderr)
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
