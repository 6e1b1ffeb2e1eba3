"""How well the heat maps point, and how often they deserve belief.

    python -m core.explain.evaluate boxes ZIP_OR_DIR [--model M] [--label CLASS] [--methods a,b] [--count N] [--size PX] [--json]
    python -m core.explain.evaluate verdicts ZIP_OR_DIR [--model M] [--methods a,b] [--count N] [--size PX] [--json]

`boxes` wants photos with a Pascal VOC file (.xml) of the same name beside each: how much of a map's energy lies in the
boxes (Wang et al. 2020), and how often its hottest pixel does (the pointing game, Zhang et al. 2016), beside a blob in
the middle of the photo and a map of random cells. `verdicts` judges each map as the page does, and counts. Without
--label each photo is asked about its likeliest class.
"""

import argparse
import itertools
import json
import sys
import time
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np

from core import catalog
from core.errors import BadInput, StudioError
from core.explain import metrics, predict
from core.metrics import wilson
from core.vision.photos import read

QUICK = ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam", "ablationcam", "guided")


def boxes_of(source):
    """{file name without its ending: [(x0, y0, x1, y1) as shares of the photo, ...]} from the .xml files of a zip or folder."""
    out = {}
    for name, text in _texts(Path(source)):
        try:
            root = ElementTree.fromstring(text)
            width, height = (float(root.findtext(f"size/{key}")) for key in ("width", "height"))
            corners = [[float(box.findtext(key)) for key in ("xmin", "ymin", "xmax", "ymax")] for box in root.iter("bndbox")]
            # VOC counts pixels from 1 and includes the last.
            out[PurePosixPath(name).stem] = [((x0 - 1) / width, (y0 - 1) / height, x1 / width, y1 / height) for x0, y0, x1, y1 in corners]
        except (ElementTree.ParseError, TypeError, ValueError, ZeroDivisionError):
            raise BadInput(f"{name} is no Pascal VOC file: it needs size/width, size/height and boxes with xmin, ymin, xmax, ymax.") from None
    return out


def _texts(source):
    if source.is_dir():
        yield from ((path.name, path.read_bytes()) for path in sorted(source.rglob("*.xml")))
    elif source.is_file() and zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            yield from ((name, archive.read(name)) for name in sorted(archive.namelist()) if name.endswith(".xml"))
    else:
        raise BadInput(f"{source} is neither a folder nor a zip file. Please check the path.")


def on_map(boxes, size):
    """Boxes as shares of the photo -> whole px of a map of `size`, at least one pixel each."""
    out = []
    for x0, y0, x1, y1 in boxes:
        left, top = (min(size - 1, max(0, int(v * size))) for v in (x0, y0))
        out.append((left, top, max(left + 1, min(size, round(x1 * size))), max(top + 1, min(size, round(y1 * size)))))
    return out


def energy(heat, boxes):
    """Share of a map's energy in the union of its boxes; an empty map has none in them."""
    inside = np.zeros(heat.shape, bool)
    for x0, y0, x1, y1 in boxes:
        inside[y0:y1, x0:x1] = True
    return float(heat[inside].sum() / heat.sum()) if heat.sum() > 0 else 0.0


def boxes(source, methods, model=None, label=None, count=None, size=None):
    """The report of `boxes` as a JSON-ready dict."""
    truth, tally, asked, areas = boxes_of(source), {}, {}, []
    photos = ((photo, truth[Path(photo.name).stem]) for photo in read(source, longest=None) if truth.get(Path(photo.name).stem))
    for index, (photo, found) in enumerate(itertools.islice(photos, count)):
        question = predict.ask(photo.image, model, label, size=size)
        size, asked[question.name] = question.subject.size, asked.get(question.name, 0) + 1
        corners = on_map(found, size)
        areas.append(energy(np.ones((size, size)), corners))
        maps = {name: predict.finish(predict.draw(question, name)) for name in methods}
        heats = {name: heat.heat for name, heat in maps.items()}
        heats |= {"centred blob": metrics.blob((size, size)), "random": metrics.random_map((size, size), question.layer.grid, index)}
        for name, heat in heats.items():
            empty = not heat.any()
            tally.setdefault(name, []).append((energy(heat, corners), not empty and metrics.points_into(heat, corners), empty))
    if not areas:
        raise BadInput("There are no photos with a box here. Please name a zip or folder with photos and their Pascal VOC files.")
    return {
        "n": len(areas), "model": question.subject.title, "pixels": question.subject.size, "layer": question.layer.name, "asked_about": asked,
        "boxes_cover": float(np.mean(areas)), "methods": {name: _summary(rows) for name, rows in tally.items()},
    }  # fmt: skip


def _summary(rows):
    inside, hits, empty = (np.array(column, float) for column in zip(*rows, strict=True))
    return {"energy_in_box": float(inside.mean()), "pointing_accuracy": float(hits.mean()),
            "pointing_interval": wilson(int(hits.sum()), len(hits)), "empty": int(empty.sum())}  # fmt: skip


def verdicts(source, methods, model=None, label=None, count=None, size=None):
    """The report of `verdicts`: how often each method's map got each verdict, and beat each map that knows nothing."""
    out, n = {name: {"good": 0, "mixed": 0, "bad": 0, "unknown": 0} | {f"beats {ruler}": 0 for ruler in predict.RULERS} for name in methods}, 0
    for photo in itertools.islice(read(source, longest=None), count):
        question, n = predict.ask(photo.image, model, label, size=size), n + 1
        for name, row in out.items():
            verdict = predict.finish(predict.judge(question, predict.finish(predict.draw(question, name))))
            row[verdict.kind] += 1
            for ruler, *_, won in verdict.rows[1:]:
                row[f"beats {ruler}"] += won >= 2
    if not n:
        raise BadInput("There are no photos here. Please name a zip or folder of photos.")
    return {"n": n, "model": question.subject.title, "layer": question.layer.name, "methods": out}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.explain.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, standard in (("boxes", QUICK), ("verdicts", ("gradcam",))):
        command = commands.add_parser(name)
        command.add_argument("source", help="zip or folder")
        command.add_argument("--model", default="backbone" if name == "boxes" and "backbone" in catalog.ENTRIES else None)
        command.add_argument("--label", help="class to ask about (default: each photo's likeliest)")
        command.add_argument("--methods", default=",".join(standard), help='names, or "all"')
        command.add_argument("--size", type=int, help="px the model is shown (default: what it was trained with)")
        command.add_argument("--count", type=int, help="photos to take (default: all)")
        command.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    methods = list(predict.METHODS) if args.methods == "all" else args.methods.split(",")
    start = time.perf_counter()
    try:
        report = {"boxes": boxes, "verdicts": verdicts}[args.command](args.source, methods, args.model, args.label, args.count, args.size)
    except StudioError as error:
        sys.exit(str(error))
    print(json.dumps(report | {"seconds": round(time.perf_counter() - start, 1)}, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
