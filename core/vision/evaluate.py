"""How good the bear detector is, on photos it never saw.

    python -m core.vision.evaluate bears ZIP_OR_DIR [--other ZIP_OR_DIR ...] [--json]
    python -m core.vision.evaluate bears --held-out ../shared/data [--as-filed] [--json]
    python -m core.vision.evaluate backbone --held-out ../shared/data [--teachers ../shared/teachers] [--json]
    python -m core.vision.evaluate own ZIP_OR_DIR [--photos 100] [--held-out ../shared/data] [--teachers ../shared/teachers] [--json]

A source holds a folder per class: grizzly, black, teddy (with or without "bear", any case); photos in any other
folder, or in a source given with --other, count as "no bear here". `--held-out` measures on the test part of the
photos the weights were made from, which training never touches. `own` does what the "Train your own" tab does.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

import numpy as np

from core.errors import BadInput, StudioError
from core.metrics import auroc, ece, fpr_at_recall, wilson
from core.vision.groups import class_of_file, group_matrix, group_of
from core.vision.photos import CLASSES, OTHER, bear_corpus, read

ALIASES = {"brown": "grizzly", "teddys": "teddy", "teddies": "teddy"}


def verdicts(probabilities, threshold):
    """(N, 4) probabilities -> (N,) index into CLASSES of what a visitor is told: the likeliest bear, or "other" below the threshold."""
    return np.where(1 - probabilities[:, OTHER] >= threshold, probabilities[:, :OTHER].argmax(1), OTHER)


def measure(probabilities, labels, threshold):
    """All figures of a labelled set, as a JSON-ready dict; what a set cannot show (no bears, say) is None.

    probabilities: (N, 4) grizzly, black, teddy, other; labels: (N,) int index into CLASSES

    accuracy          of naming the bear, on bear photos: the likeliest of the three names is the right one
    verdict_accuracy  of the verdict a visitor sees, on all photos: right name, or "no bear" where there is none
    ece               of the likeliest of the four answers, on all photos
    auroc_no_bear     of the bear score, bear photos against the others
    miss_rate, false_alarm_rate   at the shipped threshold
    """
    p, labels = np.asarray(probabilities, float), np.asarray(labels)
    bear, score = labels != OTHER, 1 - p[:, OTHER]
    named, verdict = p[:, :OTHER].argmax(1), verdicts(p, threshold)
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (labels, verdict), 1)
    right = int((named == labels)[bear].sum())
    report = {
        "n": len(labels),
        "n_bears": int(bear.sum()),
        "n_other": int((~bear).sum()),
        "accuracy": right / bear.sum() if bear.any() else float("nan"),
        "accuracy_interval": wilson(right, int(bear.sum())),
        "verdict_accuracy": float((verdict == labels).mean()),
        "ece": ece(p.max(1), p.argmax(1) == labels),
        "auroc_no_bear": auroc(score, bear),
        "fpr_at_95_recall": fpr_at_recall(score, bear),
        "threshold": threshold,
        "miss_rate": float((verdict[bear] == OTHER).mean()) if bear.any() else float("nan"),
        "false_alarm_rate": float((verdict[~bear] != OTHER).mean()) if (~bear).any() else float("nan"),
        "confusion": {CLASSES[i]: dict(zip((*CLASSES[:OTHER], "none"), map(int, row), strict=True)) for i, row in enumerate(confusion)},
    }
    return {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in report.items()}


def class_of(folder):
    """Folder name -> index into CLASSES; anything that is not one of the three bears is "other"."""
    word = re.sub(r"[^a-z]|bears?", "", folder.lower())
    word = ALIASES.get(word, word)
    return CLASSES.index(word) if word in CLASSES else OTHER


def collect(sources, others, on_error):
    """Sources with a folder per class, and sources of no-bear photos: yields (picture, label, folder), one at a time."""
    for is_other, source in [(False, s) for s in sources] + [(True, s) for s in others]:
        # Whole photos, as a visitor's: a shrunk copy would not be quite the picture that the page is asked about.
        for photo in read(source, longest=None, on_error=on_error):
            yield photo.image, OTHER if is_other else class_of(photo.folder), photo.folder


def held_out(data, part="test", corrected=True):
    """The photos of `data` that training never touches: yields (picture, label, folder/name). corrected: as of `bear_corpus`"""
    for photo, label, where in zip(*bear_corpus(data, corrected), strict=True):
        if where == part:
            yield photo.image, label, photo.key


def said_of(detector, photos, batch=32):
    """BearDetector, (picture, label, key) triples -> probabilities (N, 4), labels (N,), keys; only a batch is in memory."""
    said, labels, keys, waiting = [], [], [], []

    def answer():
        if waiting:
            said.append(detector.probabilities(waiting))
            waiting.clear()

    for image, label, key in photos:
        waiting.append(image)
        labels.append(label)
        keys.append(key)
        if len(waiting) == batch:
            answer()
    answer()
    return np.concatenate(said) if said else np.zeros((0, len(CLASSES))), np.array(labels, int), keys


def by_folder(probabilities, labels, folders, threshold):
    """{folder: {"taken_as": class, "n": photos, "right": verdicts that are right}}, so that a misread folder shows."""
    out = {}
    for label, said, folder in zip(labels, verdicts(probabilities, threshold), folders, strict=True):
        row = out.setdefault(folder, {"taken_as": CLASSES[label], "n": 0, "right": 0})
        row["n"] += 1
        row["right"] += int(said == label)
    return out


def bears(args):
    from core.vision.predict import detector

    skipped, model, start = [], detector(), time.perf_counter()
    photos = held_out(args.held_out, corrected=not args.as_filed) if args.held_out else collect(args.sources, args.other, skipped.append)
    said, labels, keys = said_of(model, photos)
    if not len(labels):
        raise BadInput("There are no photos to measure on. Please name a zip or folder with a folder per class.")
    report = measure(said, labels, model.threshold)
    folders = [key.rpartition("/")[0] for key in keys] if args.held_out else keys
    report["folders"] = by_folder(said, labels, folders, model.threshold)
    return report | {"seconds": round(time.perf_counter() - start, 1), "skipped": skipped}


def held_out_imagenet(data, part="test"):
    """The ImageNet photos of `data` that training never touches: yields (picture, its class's place in ImageNet-1k's order)."""
    for image, _, key in held_out(data, part):
        if key.startswith("imagenet"):
            yield image, class_of_file(key.rpartition("/")[2])


def measure_backbone(model, data, teachers=None):
    """The backbone as a Network -> how often it names the true class, and the true group of classes, of held-out ImageNet photos.

    With the folder `teachers`, the same of the teacher (whole photo, 224 px), and how often the two agree on the first.
    """
    images, truth = zip(*held_out_imagenet(data), strict=True)
    said = model.probabilities(list(images))
    report = top_of(said, truth)
    if teachers:
        theirs = teacher_probabilities(list(images), teachers)
        report["teacher"] = top_of(theirs, truth)
        theirs = theirs if said.shape[1] == theirs.shape[1] else grouped(theirs)
        report["agreement_with_teacher"] = float((theirs.argmax(1) == said.argmax(1)).mean())
    return report


def grouped(said):
    """(N, 1000) probabilities -> (N, G) of the groups of core/vision/groups.py; those of groups as they are."""
    return said @ group_matrix().double().numpy() if said.shape[1] == 1000 else said


def top_of(said, truth):
    """(N, K) probabilities of the 1000 classes or the groups, (N,) true classes -> a JSON-ready dict.

    {"n", "ece", "groups": {"count", "top1", "top3"}} and of the classes "top1", "top5"; a Wilson interval beside each share
    """
    said, truth = np.asarray(said), np.array(truth)
    mine = truth if said.shape[1] == 1000 else np.array(group_of())[truth]
    report = {"n": len(truth), "classes": said.shape[1], "ece": ece(said.max(1), said.argmax(1) == mine)}
    if said.shape[1] == 1000:
        report |= {"top1": among(said, truth, 1), "top5": among(said, truth, 5)}
    everyday, group = grouped(said), np.array(group_of())[truth]
    return report | {"groups": {"count": everyday.shape[1], "top1": among(everyday, group, 1), "top3": among(everyday, group, 3)}}


def among(said, truth, count):
    """How often (N, K) has the truth (N,) among its first `count` -> {"share", "interval"} (95 %, Wilson)."""
    right = int((np.argsort(-said, axis=1)[:, :count] == truth[:, None]).any(1).sum())
    return {"share": right / len(truth), "interval": wilson(right, len(truth))}


def teacher_probabilities(images, teachers):
    """PIL RGB list -> (N, 1000) numpy: the frozen teacher's probabilities of whole photos."""
    from core.vision.distil import load_teacher, looks_at, pooled

    _, said = pooled(load_teacher(teachers), looks_at(images), "cpu")
    return said.double().numpy()


def backbone(args):
    from core.vision import network

    start = time.perf_counter()
    report = measure_backbone(network.backbone(), args.held_out, args.teachers)
    return report | {"seconds": round(time.perf_counter() - start, 1)}


class TeachersEyes:
    """The frozen teacher in the backbone's place."""

    strangers = None

    def __init__(self, teachers):
        from core.vision.distil import load_teacher

        self.teacher = load_teacher(teachers)

    def features(self, images):
        from core.vision.distil import looks_at, pooled

        return pooled(self.teacher, looks_at(images), "cpu")[0]


def own(args):
    """Train a classifier from photos with a class each, as the page does, and say how long what took and how good it is."""
    from core.vision import network

    if not args.held_out and not args.source:
        raise BadInput("Please name a zip or folder with a folder per class, or use --held-out.")
    return measure_own(network.backbone(), args.source, args.held_out, args.photos, args.teachers)


def measure_own(eyes, source=None, data=None, photos=None, teachers=None):
    """JSON-ready figures of a classifier trained on a source, or on the bear photos of `data` that the backbone never saw.

    eyes: the backbone as a Network; photos: at most so many of each class
    `naming_accuracy` sets "none of these" aside, which the same head on the teacher's features does not know
    """
    from core.vision.workshop import Workshop

    start, shop = time.perf_counter(), Workshop(eyes)
    fill(shop, source, data, photos)
    looked, trained = time.perf_counter(), shop.train()
    report = trained.figures() | {"seconds_looking": looked - start, "seconds_in_all": time.perf_counter() - start, "refused": shop.refused}
    report["naming_accuracy"] = naming_accuracy(shop.judge())
    if data:
        others = [image for image, label, _ in held_out(data) if label == OTHER]
        said = trained.classifier.probabilities(others).argmax(1)
        report |= {"n_strangers": len(others), "strangers_told": float((said == len(trained.classes)).mean())}
    if teachers:
        beside = Workshop(TeachersEyes(teachers))
        fill(beside, source, data, photos)
        report["teacher_naming_accuracy"] = naming_accuracy(beside.judge())
    return report


def naming_accuracy(judged):
    """Share of held-out photos whose own class is the likeliest of the visitor's classes, "none of these" set aside."""
    return float((judged.said[:, :-1].argmax(1) == judged.labels).mean())


def fill(shop, source, data, photos):
    """Put photos into a workshop: a source's, or the held-out bears of `data`."""
    if not data:
        return list(shop.add_source(source, photos))
    bears = [(image, label) for image, label, _ in held_out(data) if label != OTHER]
    for label, name in enumerate(CLASSES[:OTHER]):
        list(shop.add(name, [image for image, own in bears if own == label][:photos]))


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.vision.evaluate", description="How good is it, measured.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("bears", help="the bear detector")
    command.set_defaults(measure=bears)
    command.add_argument("sources", nargs="*", type=Path, help="zips or folders with a folder per class")
    command.add_argument("--other", action="append", default=[], type=Path, help="zip or folder of photos without a bear; may be repeated")
    command.add_argument("--held-out", type=Path, metavar="DATA", help="measure on the test part of the photos the weights were made from")
    command.add_argument("--as-filed", action="store_true", help="with --held-out: take the labels of bears.zip as they came, wrong ones too")
    command = commands.add_parser("backbone", help="the backbone: ImageNet's classes, and everyday groups of them")
    command.set_defaults(measure=backbone)
    command.add_argument("--held-out", type=Path, metavar="DATA", required=True, help="the photos the weights were made from")
    command.add_argument("--teachers", type=Path, help="folder with the frozen teacher, to measure beside it")
    command = commands.add_parser("own", help="a classifier trained as in the tab Train your own")
    command.set_defaults(measure=own)
    command.add_argument("source", nargs="?", type=Path, help="zip or folder with a folder per class")
    command.add_argument("--held-out", type=Path, metavar="DATA", help="use the bears that the backbone never saw instead")
    command.add_argument("--photos", type=int, help="take at most so many of each class")
    command.add_argument("--teachers", type=Path, help="folder with the frozen teacher: the same head on its features beside it")
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    try:
        report = args.measure(args)
    except StudioError as error:
        sys.exit(str(error))
    if args.json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key:>24}  {value:.4f}" if isinstance(value, float) else f"{key:>24}  {value}")


if __name__ == "__main__":
    main()
