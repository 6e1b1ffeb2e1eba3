"""How good the swap is, beside the recipe that everybody copies, on pairs of different people.

    python -m core.swap.evaluate pairs ZIP_OR_DIR [MORE ...] [--count 100] [--json] [--out SHEET.png]
    python -m core.swap.evaluate pairs PERSON OTHER --pair pair.safetensors --person 1 [--count 40] [--json]

A pair's source and target come from different folders (people). Identity is dlib's distance between the face of the
result and those of the two photos; the landmark error is measured on the result with the target's own box. The plain
recipe is the convex hull of 68 landmarks, Delaunay triangles, one affine warp each, and OpenCV's seamlessClone.
With a trained pair, PERSON is the one that it paints, into photos of OTHER.
"""

import argparse
import json
import sys
import time

import numpy as np
from PIL import Image

from core.errors import BadInput, StudioError
from core.metrics import wilson
from core.photos import read
from core.swap import predict


def plain(array, points, source, source_points):
    """The usual recipe: piecewise affine triangles and seamlessClone. Arguments and result of predict.put."""
    import cv2

    hull = cv2.convexHull(points.astype(np.int32))[:, 0]
    height, width = array.shape[:2]
    inside = points.clip([0, 0], [width - 1, height - 1])
    division = cv2.Subdiv2D((0, 0, width, height))
    for x, y in inside:
        division.insert((float(x), float(y)))
    warped = np.zeros_like(array)
    for triangle in division.getTriangleList().reshape(-1, 3, 2):
        corners = [int(np.abs(inside - corner).sum(1).argmin()) for corner in triangle]
        if np.abs(inside[corners] - triangle).max() < 1:
            _triangle(source, source_points[corners], warped, inside[corners])
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, hull, 255)
    x, y, w, h = cv2.boundingRect(hull)
    return cv2.seamlessClone(warped, array, mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)


def _triangle(source, a, out, b):
    import cv2

    x, y, w, h = cv2.boundingRect(b.astype(np.float32))
    x, y, w, h = max(0, x), max(0, y), min(w, out.shape[1] - x), min(h, out.shape[0] - y)
    matrix = cv2.getAffineTransform(a.astype(np.float32), (b - [x, y]).astype(np.float32))
    part = cv2.warpAffine(source, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    mask = np.zeros((h, w), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(b - [x, y]).astype(np.int32), 1)
    np.copyto(out[y : y + h, x : x + w], part, where=mask[..., None].astype(bool))


METHODS = {"vitrine": lambda b, a: predict.put_well(b, 0, a, 0), "plain recipe": lambda b, a: plain(b.array, b.points[0], a.array, a.points[0])}


def choose_pairs(people, count):
    """{person: [photo]} -> `count` (source, target) of different people, the same for everyone."""
    rng, names, out = np.random.default_rng(0), sorted(people), []
    if len(names) < 2:
        raise BadInput("Photos of at least two people are needed, a folder for each. Please choose another zip or folder.")
    while len(out) < count:
        a, b = rng.choice(len(names), 2, replace=False)
        pick = [people[names[k]][int(rng.integers(len(people[names[k]])))] for k in (a, b)]
        out.append(tuple(pick))
    return out


def gather(sources, most=400):
    """{person: [photo]} of zips and folders; at most eight photos of a person."""
    people = {}
    for source in sources:
        for photo in read(source, None):
            kept = people.setdefault(photo.folder, [])
            if len(kept) < 8 and len(people) <= most:
                kept.append(photo.image)
    return {name: photos for name, photos in people.items() if photos}


def between(painted, replaced, count):
    """`count` (source, target) photos of one person and another, each in turn."""
    if not painted or not replaced:
        raise BadInput("With a trained pair, two folders of photos are needed: the person it paints, and the one to replace.")
    return [(painted[k % len(painted)], replaced[k % len(replaced)]) for k in range(count)]


def judge(pairs, methods=METHODS, progress=lambda k: None):
    """[(source, target)] PIL -> {method: [row]}, and a sheet's rows of pictures for the first twelve."""
    import cv2

    rows, sheet = {name: [] for name in methods}, []
    for k, (source, target) in enumerate(pairs):
        progress(k)
        try:
            a, b = predict.look(source), predict.look(target)
        except BadInput:
            for found in rows.values():
                found.append(None)
            continue
        pictures = [a.array, b.array]
        for name, method in methods.items():
            start = time.perf_counter()
            try:
                made = method(b, a)
                seconds = time.perf_counter() - start
                again = predict.look(Image.fromarray(made))
                face = min(range(len(again.found)), key=lambda i: np.hypot(*np.subtract(again.found[i].box.centre, b.found[0].box.centre)))
                if np.hypot(*np.subtract(again.found[face].box.centre, b.found[0].box.centre)) > b.found[0].box.width / 2:
                    raise BadInput("The face of the result is gone.")
                rows[name].append((predict.measure(made, b, 0, a.found[0].vector), seconds))
                pictures.append(made)
            except (BadInput, cv2.error):  # a face gone, or a mask that OpenCV refuses: failed
                rows[name].append(None)
        if len(sheet) < 12 and len(pictures) == 2 + len(methods):
            sheet.append(pictures)
    return rows, sheet


def report(rows):
    """[(Meter, seconds) or None] -> JSON-ready figures of one method."""
    good = [row for row in rows if row is not None]
    if not good:
        return {"failed": 1.0}
    to_source, to_target = (np.array([getattr(m, key) for m, _ in good]) for key in ("to_source", "to_target"))
    won = int((to_source < to_target).sum())
    return {
        "nearest_is_the_source": round(won / len(good), 3),
        "interval": [round(v, 3) for v in wilson(won, len(good))],
        "to_source_median": round(float(np.median(to_source)), 3),
        "to_target_median": round(float(np.median(to_target)), 3),
        "landmark_error_median": round(float(np.median([m.landmark_error for m, _ in good])), 2),
        "landmark_error_mean": round(float(np.mean([m.landmark_error for m, _ in good])), 2),
        "turn_error_median": round(float(np.median([m.turn_error for m, _ in good])), 3),
        "failed": round(1 - len(good) / len(rows), 3),
        "seconds_median": round(float(np.median([s for _, s in good])), 3),
    }


def draw_sheet(sheet, side=200):
    """Rows of pictures as one: source, target, then each method."""
    out = Image.new("RGB", (side * len(sheet[0]), side * len(sheet)))
    for y, row in enumerate(sheet):
        for x, picture in enumerate(row):
            out.paste(Image.fromarray(picture).resize((side, side)), (x * side, y * side))
    return out


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m core.swap.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("pairs",))
    parser.add_argument("sources", nargs="+", help="zips or folders with a folder of photos for each person")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--pair", help="judge this trained pair beside the others")
    parser.add_argument("--person", choices=("1", "2"), default="2", help="the person that the pair paints")
    parser.add_argument("--out", help="write a sheet of the first results here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        if options.pair:
            pair = predict.open_pair(options.pair, int(options.person) - 1)
            people = [[photo.image for photo in read(source, None)] for source in options.sources]
            pairs = between(*people[:2], options.count) if len(people) == 2 else between([], [], 0)
            rows, sheet = judge(pairs, {"trained pair": lambda b, a: pair.put(b.array, b.points[0], None)} | METHODS)
        else:
            pairs = choose_pairs(gather(options.sources), options.count)
            rows, sheet = judge(pairs)
    except StudioError as error:
        sys.exit(str(error))
    if options.out and sheet:
        draw_sheet(sheet).save(options.out)
    said = {"n": len(pairs), "methods": {name: report(found) for name, found in rows.items()}}
    print(json.dumps(said) if options.json else "\n".join(f"{name}: {figures}" for name, figures in said["methods"].items()))


if __name__ == "__main__":
    main()
