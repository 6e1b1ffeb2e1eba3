"""How good are the pictures: distances to held-out real ones, faces found, copies looked for, smoothness of walks.

    python -m core.gan.evaluate quality --data ../shared/data --teachers ../shared/teachers --json
    python -m core.gan.evaluate copies --data ../shared/data --json
    python -m core.gan.evaluate smooth --teachers ../shared/teachers --json
    python -m core.gan.evaluate digits --data ../shared/data --teachers ../shared/teachers --json

The feature space is the last one of the MobileNetV2 teacher (ImageNet, 1280 numbers) at 128 px. Inception is not to be
had offline, so no figure here may be held against a published FID or KID. A second Frechet distance ("fid_faces") is
taken in the space of dlib's face network, which no training here has seen.
"""

import argparse
import functools
import json
import time

import numpy as np

from core import weights
from core.errors import BadInput
from core.gan import metrics
from core.gan.maker import FACES, maker
from core.images import enlarge

SIZE = 128  # px that the teacher sees
SAMPLES = 5000
REAL = "real photos it learned from"
DETECTED = 1000


@functools.cache
def _teacher(folder):
    from core.vision.distil import load_teacher

    return load_teacher(folder)


def teacher_features(pictures, teachers):
    """PIL RGB pictures -> (N, 1280) float64."""
    from core.vision.distil import pooled

    return pooled(_teacher(teachers), [np.asarray(enlarge(p, SIZE)) for p in pictures], "cpu")[0].double().numpy()


def face_vectors(pictures):
    """PIL RGB pictures -> (N, 128) float64 of dlib's face network: a second space, of another network and other photos than the first."""
    from core.faces.embed import embedder

    embed = embedder()
    return np.concatenate([embed([np.asarray(enlarge(p, 150)) for p in pictures[k : k + 32]]) for k in range(0, len(pictures), 32)]).astype(float)


def sampled(model, count, first=1_000_000):
    """`count` pictures of a generator, untruncated, of seeds in a row: nothing is picked."""
    return list(model.pictures(model.style(seed) for seed in range(first, first + count)))


def real(data):
    """(training pictures, held-out pictures) of the faces, as lists of PIL."""
    from PIL import Image

    from core.gan import data as sets

    return [[Image.fromarray(a) for a in part.permute(0, 2, 3, 1).numpy()] for part in sets.split(sets.faces(data, 64))]


def compare(fake, held, seed=0):
    """Two sets of features -> {"kid", "kid_interval", "fid", "fid_interval", "precision", "recall"}."""
    kid, fid = metrics.kid_interval(fake, held, seed=seed), metrics.fid_interval(fake, held, draws=8, seed=seed)
    precision, recall = metrics.precision_recall(held, fake[: len(held)])
    return {"kid": kid[0], "kid_interval": list(kid[1:]), "fid": fid[0], "fid_interval": list(fid[1:]),
            "precision": precision, "recall": recall}  # fmt: skip


def one_face(pictures):
    """Share of pictures in which dlib's detector finds exactly one face. Each is enlarged to 256 px on a grey border."""
    from PIL import Image

    from core.faces.detect import detector

    finder, found = detector(), 0
    for picture in pictures:
        canvas = Image.new("RGB", (384, 384), (127, 127, 127))
        canvas.paste(enlarge(picture, 256), (64, 64))
        found += len(finder.boxes(canvas, 80)) == 1
    return found / len(pictures)


def grain(held):
    """Held-out pictures -> a function: PIL pictures -> how far their mean power spectrum is off, 0 being right (spectrum.py)."""
    from core.gan import data
    from core.gan.spectrum import Spectrum

    spectrum = Spectrum(data.stack(held))
    return lambda pictures: spectrum.off(spectrum.mean_power(data.stack(pictures))).item()


def bundled(name):
    """-> its Maker, and how long it learned, for a row of the table"""
    told = weights.load(name)[1]
    return maker(name), {"pictures": int(told["pictures"]), "hours": round(float(told["seconds"]) / 3600, 2)}


def quality(args):
    """One row each: real photos and the generators of faces."""
    start = time.perf_counter()
    learned, held = real(args.data)
    base, faces = teacher_features(held, args.teachers), face_vectors(held)
    makers, off = {name: bundled(name) for name in FACES}, grain(held)
    report = {}
    for row in (REAL, *makers):
        model, learning = makers.get(row, (None, {}))
        pictures = sampled(model, args.samples) if model else learned[: args.samples]
        report[row] = learning | compare(teacher_features(pictures, args.teachers), base)
        some = pictures[: args.detected]
        second = metrics.fid_interval(face_vectors(pictures), faces, draws=8)
        report[row] |= {
            "fid_faces": second[0],
            "fid_faces_interval": list(second[1:]),
            "one_face": one_face(some),
            "spectrum": off(pictures),
            "n": len(pictures),
            "n_detected": len(some),
        }
    return {"held_out": len(held), "features": f"MobileNetV2 teacher, {SIZE} px", "rows": report, "seconds": round(time.perf_counter() - start)}


def copies(args):
    """Distances to the nearest training picture: of generated faces and of real ones never trained on.

    In the space that the page uses, and "in_faces" in that of dlib's face network, which no generator was judged by.
    """
    from core.gan.space import features, project, space

    known = space(maker().name)
    fake = sampled(maker(), args.samples)
    distances, _ = metrics.nearest(project(features(fake), known.mean, known.axes), known.training)
    learned, held = (face_vectors(part) for part in real(args.data))
    unseen = metrics.nearest(held, learned)[0]
    in_faces = float((metrics.nearest(face_vectors(fake), learned)[0] < np.percentile(unseen, 1)).mean())
    points = (1, 5, 25, 50, 75)
    return {"in_faces_nearer_than_1_percent_of_real": in_faces,
            "n": len(fake), "n_real": len(known.real), "n_training": len(known.training), "percentiles": list(points),
            "generated": [float(v) for v in np.percentile(distances, points)], "real": [float(v) for v in np.percentile(known.real, points)],
            "nearer_than_1_percent_of_real": float((distances < np.percentile(known.real, 1)).mean()),
            "histogram": histogram(distances, known.real)}  # fmt: skip


def histogram(fake, held, bins=24):
    """{"edges", "generated", "real"}: shares of both sets in equal bins, for the app's plot."""
    edges = np.linspace(0, max(fake.max(), held.max()) * 1.001, bins + 1)
    share = {name: (np.histogram(values, edges)[0] / len(values)).round(4).tolist() for name, values in (("generated", fake), ("real", held))}
    return {"edges": edges.round(4).tolist()} | share


def smooth(args):
    """Perceptual path length in the teacher's space: mean cosine distance over a short step of style, per squared step.

    Karras et al. 2019, sec. 4.1, with another feature space.
    """
    step, count, report = 0.02, args.samples, {}
    for name in FACES:
        model, rng = maker(name), np.random.default_rng(0)
        a, b = model.styles(range(count)), model.styles(range(count, 2 * count))
        t = rng.random((count, 1)).astype(np.float32) * (1 - step)
        ends = [(a + (b - a) * at)[:, None].repeat(model.layers, 1) for at in (t, t + step)]
        x, y = (metrics.unit(teacher_features(list(model.pictures(e)), args.teachers)) for e in ends)
        lengths = (1 - (x * y).sum(1)) / step**2
        report[name] = {"length": float(lengths.mean()), "median": float(np.median(lengths)), "n": count}
    return report


DIGITS_REAL = "real digits it learned from"
NEIGHBOURS = 5


def digits(args):
    """The digits: distances as of the faces, and whether they can be read.

    "readable": share of pictures whose NEIGHBOURS nearest training digits (cosine of their pixels) all are the same digit;
    "rarest": share of the digit that comes up least, 0.1 being even; "nearest": median distance to a training digit
    """
    from PIL import Image

    from core.gan import data as sets

    pictures, labels = sets.digits(args.data, 32), sets.digit_labels(args.data)
    (learned, held), (known, _) = sets.split(pictures), sets.split(labels)
    shown = {DIGITS_REAL: learned[: args.samples, 0].numpy(), "unseen real digits": held[: args.samples, 0].numpy()}
    shown["gan-digits"] = np.stack([np.asarray(p)[:, :, 0] for p in sampled(maker("gan-digits"), args.samples)])
    seen, report = metrics.unit(learned.flatten(1).double().numpy()), {}
    told = {name: teacher_features([Image.fromarray(a).convert("RGB") for a in arrays], args.teachers) for name, arrays in shown.items()}
    for name, arrays in shown.items():
        apart = 1 - metrics.unit(arrays.reshape(len(arrays), -1).astype(float)) @ seen.T
        near = np.argsort(apart, axis=1)[:, : NEIGHBOURS + 1]
        near = near[:, 1:] if name == DIGITS_REAL else near[:, :NEIGHBOURS]  # a training digit is its own nearest
        votes = known.numpy()[near]
        alike = (votes == votes[:, :1]).all(1)
        report[name] = {
            "n": len(arrays),
            "readable": float(alike.mean()),
            "rarest": float(np.bincount(votes[alike, 0], minlength=10).min() / max(1, alike.sum())),
        }
        if name != DIGITS_REAL:
            report[name]["nearest"] = float(np.median(apart.min(1)))
    base = told.pop("unseen real digits")
    for name, features in told.items():
        report[name] |= compare(features, base)
    return {"held_out": len(held), "features": f"MobileNetV2 teacher, {SIZE} px", "rows": report}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.gan.evaluate", description="How good are the pictures, measured.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, samples in (("quality", SAMPLES), ("copies", 1000), ("smooth", 500), ("digits", 2000)):
        command = commands.add_parser(name)
        command.add_argument("--data", default="../shared/data")
        command.add_argument("--teachers", default="../shared/teachers")
        command.add_argument("--samples", type=int, default=samples)
        command.add_argument("--detected", type=int, default=DETECTED)
        command.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    try:
        report = {"quality": quality, "copies": copies, "smooth": smooth, "digits": digits}[args.command](args)
    except (BadInput, FileNotFoundError) as error:
        raise SystemExit(str(error)) from None
    print(json.dumps(report) if args.json else json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
