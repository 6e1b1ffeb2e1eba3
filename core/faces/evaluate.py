"""How good the face vectors are: the protocol of Labeled Faces in the Wild, on the folds you have.

    python -m core.faces.evaluate pairs PAIRS.TXT DIR_OR_ZIP [--json]
    python -m core.faces.evaluate gallery DIR_OR_ZIP [--json]

pairs: Huang et al. 2007, "Labeled Faces in the Wild", View 2: for each fold, the threshold that is best on the other
folds decides. A photo in which no face is found makes its pair an error, whatever the pair is.
gallery: a folder per person; half of each person's photos are enrolled, the others are to be recognised.
"""

import argparse
import json
import sys
import time
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from core.errors import BadInput, StudioError
from core.faces import gallery, predict
from core.faces.detect import detector
from core.images import SUFFIXES, open_image
from core.metrics import wilson


def read_pairs(path):
    """pairs.txt -> list of folds, each a list of ((person, number), (person, number), same).

    The first line holds the number of folds and of pairs of each kind in a fold; a line of three fields is the same
    person, one of four fields two people.
    """
    try:
        head, *lines = [line.split("\t") if "\t" in line else line.split() for line in Path(path).read_text().splitlines() if line.strip()]
        folds, each = (int(head[0]), int(head[1])) if len(head) > 1 else (1, int(head[0]))
        pairs = [((a, int(i)), (a, int(r[0])), True) if len(r) == 1 else ((a, int(i)), (r[0], int(r[1])), False) for a, i, *r in lines]
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}. Please check the path.") from None
    except (ValueError, IndexError, UnicodeDecodeError):
        raise BadInput(f"{path} is not a list of pairs as LFW writes it: a head of folds and pairs, then a line for each pair.") from None
    if len(pairs) != folds * each * 2:
        raise BadInput(f"{path} promises {folds} x {2 * each} pairs and holds {len(pairs)}. Please get the file again.")
    return [pairs[f * 2 * each : (f + 1) * 2 * each] for f in range(folds)]


class Photos:
    """Photos of a folder or zip by their file name."""

    def __init__(self, source):
        source = Path(source)
        if not source.is_dir() and not zipfile.is_zipfile(source):
            raise BadInput(f"{source} is neither a folder nor a zip file. Please check the path.")
        self.zip = None if source.is_dir() else zipfile.ZipFile(source)
        names = [p.as_posix() for p in sorted(source.rglob("*"))] if source.is_dir() else self.zip.namelist()
        self.paths = {PurePosixPath(name).name: name for name in names if name.lower().endswith(SUFFIXES)}

    def open(self, name):
        if name not in self.paths:
            raise BadInput(f"There is no photo {name}. The list of pairs and the photos do not belong together.")
        return open_image(self.zip.read(self.paths[name]) if self.zip else self.paths[name], name)


def subject(image):
    """The face that a portrait is about: the one over its middle, or None where none is found there."""
    x, y = image.width / 2, image.height / 2
    over = detector().boxes(image, persistent=True, wanted=lambda box: box.left < x < box.right and box.top < y < box.bottom)
    return predict.describe(image, over[:1], careful=True)[0] if over else None


def best_threshold(distances, same):
    """The threshold that decides most pairs rightly: same where distance < it. Midway between two distances."""
    order = np.argsort(distances)
    d, s = np.asarray(distances)[order], np.asarray(same, bool)[order]
    right = np.concatenate([[0], np.cumsum(s)]) + (~s).sum() - np.concatenate([[0], np.cumsum(~s)])
    cuts = np.concatenate([[d[0]], (d[1:] + d[:-1]) / 2, [d[-1] + 1e-6]])
    return float(cuts[int(right.argmax())])


def verify(folds):
    """[(distances with nan for a miss, same)] for each fold -> n, accuracy with interval, misses, threshold, far, frr.

    far: different people taken for one, of all such pairs; frr: one person taken for two, or not found
    """
    right, far, frr, thresholds = [], [], [], []
    for i, (distances, same) in enumerate(folds):
        others = folds[:i] + folds[i + 1 :] or folds  # a single fold can only judge itself
        d, s = (np.concatenate([part[k] for part in others]) for k in (0, 1))
        seen = ~np.isnan(d)
        threshold = best_threshold(d[seen], s[seen])
        accepted, missed = distances < threshold, np.isnan(distances)
        right += list((accepted == same) & ~missed)
        far += list((accepted | missed)[~same])
        frr += list(~accepted[same])
        thresholds.append(threshold)
    return {"n": len(right), "accuracy": float(np.mean(right)), "accuracy_interval": wilson(sum(right), len(right)),
            "misses": int(sum(np.isnan(d).sum() for d, _ in folds)), "threshold": float(np.mean(thresholds)),
            "far": float(np.mean(far)), "frr": float(np.mean(frr)), "folds": len(folds)}  # fmt: skip


def pairs(args):
    folds, photos, vectors, start = read_pairs(args.pairs), Photos(args.photos), {}, time.perf_counter()

    def vector(person, number):
        name = f"{person}_{number:04d}.jpg"
        if name not in vectors:
            face = subject(photos.open(name))
            vectors[name] = np.full(128, np.nan) if face is None else face.vector
        return vectors[name]

    measured = [(np.array([predict.distance(vector(*a), vector(*b)) for a, b, _ in fold]), np.array([s for *_, s in fold])) for fold in folds]
    report = verify(measured)
    lost = sum(bool(np.isnan(v).any()) for v in vectors.values())
    return report | {"photos": len(vectors), "photos_without_a_face": lost, "seconds": round(time.perf_counter() - start, 1)}


def recognise(args):
    """Rank-1 recognition with a folder per person: every second photo enrolled, the others asked."""
    photos, faces = Photos(args.photos), {}
    for name, path in sorted(photos.paths.items()):
        face = subject(photos.open(name))
        faces.setdefault(PurePosixPath(path).parent.name, []).append(None if face is None else face.vector)
    enrolled = [(who, v) for who, said in faces.items() for v in said[0::2] if v is not None]
    asked = [(who, v) for who, said in faces.items() for v in said[1::2]]
    if not enrolled or not asked:
        raise BadInput("There is too little to measure: a folder per person with two photos or more is needed.")
    people = gallery.Gallery(np.stack([v for _, v in enrolled]), [who for who, _ in enrolled])
    threshold = people.curves().threshold
    said = [None if v is None else people.search(v[None], threshold)[0].who for _, v in asked]
    right = sum(s == who for s, (who, _) in zip(said, asked, strict=True))
    wrong = sum(s not in (None, who) for s, (who, _) in zip(said, asked, strict=True))
    return {"n": len(asked), "accuracy": right / len(asked), "accuracy_interval": wilson(right, len(asked)), "wrong_name": wrong,
            "misses": sum(v is None for _, v in asked), "threshold": threshold, "people": len(faces), "enrolled": len(enrolled)}  # fmt: skip


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.faces.evaluate", description="How good are the face vectors, measured.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("pairs", help="same person or not, LFW's protocol")
    command.add_argument("pairs", help="pairs.txt")
    command.set_defaults(run=pairs)
    other = commands.add_parser("gallery", help="who is it, of a folder per person")
    other.set_defaults(run=recognise)
    for each in (command, other):
        each.add_argument("photos", help="folder or zip with the photos")
        each.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    try:
        report = args.run(args)
    except StudioError as error:
        sys.exit(str(error))
    if args.json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key:>24}  {value:.4f}" if isinstance(value, float) else f"{key:>24}  {value}")


if __name__ == "__main__":
    main()
