"""Turn a training run into bundled weights: calibrate, measure, write weights and card.

    python -m core.vision.release backbone
    python -m core.vision.release bears --run runs/bears-a runs/bears-b
    python -m core.vision.release bears --measure      the bundled weights again; only their card is written

Picture size, temperature and threshold are chosen on the validation photos; every figure on the card is measured
on the test photos, once, afterwards. Prints the line that core/catalog.py needs.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from core import catalog, weights
from core.metrics import temperature_of
from core.vision.evaluate import held_out, held_out_imagenet, measure, measure_backbone, measure_own, said_of
from core.vision.network import Network
from core.vision.photos import OTHER, bear_corpus
from core.vision.predict import BearDetector
from core.vision.train import flat_pictures

SIZES = (128, 160, 192, 224)  # px to choose from
STRANGERS = 130  # photos of each set at most: their features travel with the weights, which stay below 10 MB

DATA = (
    "1,549 bear photos (MIT-licensed collections of image-search results) and 2,000 photos without a bear: an ImageNet "
    "sample, cats and dogs, everyday scenes, raccoons, paintings, faces (research use), besides plain colours, stripes and noise. "
    "3 in 4 were learned from; look-alikes on one side, and where that failed left out of what is measured. "
    "A frozen MobileNetV2 (Apache-2.0) gave the targets: its answers, and what each of its blocks does."
)
BACKBONE_WEAKNESSES = (
    "It learned from 2,600 photos in an hour and a half on two CPU cores, and is right less often than networks that saw a million.",
    "Small things, rooms and tools are confused most; animals that fill the picture least.",
    "ImageNet has no class for people: it says clothes, hats or sport instead.",
)
WEAKNESSES = (
    "It knows three kinds. A polar bear, a panda or a bear in a cartoon should get *no bear here*, and not every one does.",
    "Brown-phase black bears and dark grizzlies are mistaken for each other, as people do.",
    "Small, far-away or half-hidden bears are missed: the whole photo is looked at as one small square.",
    "The photos come from image search: zoos, wildlife photography and shop pictures. Trail cameras at night were not among them.",
    "It is a demonstration, not a safety device.",
)


def threshold_of(scores, bear):
    """The bear score that errs least often on both sides together: least miss rate + false-alarm rate.

    Between the best photo-to-photo thresholds the middle one is taken, so that one photo more does not move it far.
    """
    scores, bear = np.asarray(scores), np.asarray(bear)
    grid = np.linspace(0.05, 0.95, 181)
    cost = np.array([(scores[bear] < t).mean() + (scores[~bear] >= t).mean() for t in grid])
    return float(np.round(grid[cost <= cost.min() + 0.005].mean(), 3))


def choose(make, val, labels):
    """The picture size of SIZES and the temperature that suit the validation photos best.

    make: size -> Network; val: list of PIL; labels: (N,) -> (size, temperature, probabilities (N, K) before temperature)
    """
    tried = []
    for size in SIZES:
        said = make(size).probabilities(val)
        temperature, loss = temperature_of(said, labels)
        print(f"val {size} px: loss {loss(temperature):.4f} at T = {temperature:.2f}", flush=True)
        tried.append((loss(temperature), size, temperature))
    return min(tried)[1:]


def finished(name, runs):
    """(tensors, metadata) of a run, or of several from one beginning: the average of their weights, and all that was shown and spent.

    "Model soup" (Wortsman et al. 2022, arXiv:2203.05482): such runs end in one basin, and its middle is better than its edge.
    """
    made = [weights.read(Path(run) / f"{name}.safetensors") for run in runs or [f"runs/{name}"]]
    tensors = {key: sum(t[key] for t, _ in made) / len(made) for key in made[0][0]}
    return tensors, made[0][1] | {key: f"{sum(float(told[key]) for _, told in made):.0f}" for key in ("views", "seconds")}


def tuned_bears(args):
    """(tensors, metadata) of the runs, with what is chosen on the validation photos."""
    tensors, metadata = finished("bears", args.run)
    val, val_labels, _ = zip(*held_out(args.data, "val"), strict=True)
    size, temperature = choose(lambda size: Network(tensors, metadata | {"size": size}), list(val), val_labels)
    metadata |= {"size": str(size), "temperature": f"{temperature:.4f}"}
    said = BearDetector(tensors, metadata | {"threshold": 0}).probabilities(list(val))
    return tensors, metadata | {"threshold": str(threshold_of(1 - said[:, OTHER], np.array(val_labels) != OTHER))}


def bears(args):
    tensors, metadata = weights.read(Path(args.out) / "bears.safetensors") if args.measure else tuned_bears(args)
    detector = BearDetector(tensors, metadata)
    said, labels, keys = said_of(detector, held_out(args.data))
    quality = measure(said, labels, detector.threshold)
    checked = np.array([key.split("/")[-1].startswith("a_") for key in keys]) | (labels == OTHER)
    by_hand = measure(said[checked], labels[checked], detector.threshold)
    as_filed = measure(*said_of(detector, held_out(args.data, corrected=False))[:2], detector.threshold)
    for i in np.argsort(said[np.arange(len(labels)), labels])[: args.show]:
        print(f"worst: {keys[i]} {said[i].round(2)}")
    print(f"hand-checked bears: accuracy {by_hand['accuracy']:.4f} of {by_hand['n_bears']}, ECE {by_hand['ece']:.4f}")
    headline = (
        f"{quality['accuracy']:.1%} of {quality['n_bears']} unseen bears named right, "
        f"AUROC {quality['auroc_no_bear']:.4f} against {quality['n_other']} photos without one"
    )
    write("bears", tensors, metadata, args, "Bear detector", headline, WEAKNESSES,
          {"quality": quality, "quality_on_hand_checked_bears": by_hand, "quality_as_filed": as_filed})  # fmt: skip


def tuned_backbone(args):
    """As tuned_bears, and with the features of strangers."""
    tensors, metadata = finished("backbone", args.run)
    val, truth = zip(*held_out_imagenet(args.data, "val"), strict=True)
    size, temperature = choose(lambda size: Network(tensors, metadata | {"size": size}), list(val), truth)
    metadata |= {"size": str(size), "temperature": f"{temperature:.4f}"}
    return tensors | {"strangers": strangers(Network(tensors, metadata), args.data)}, metadata


def backbone(args):
    tensors, metadata = weights.read(Path(args.out) / "backbone.safetensors") if args.measure else tuned_backbone(args)
    eyes = Network(tensors, metadata)
    quality = measure_backbone(eyes, args.data, args.teachers)
    own = measure_own(eyes, data=args.data, photos=100, teachers=args.teachers)
    headline = "; ".join(headlines(quality)) + f"; {quality['n']} unseen ImageNet photos"
    write("backbone", tensors, metadata, args, "Backbone", headline, BACKBONE_WEAKNESSES,
          {"quality": quality, "train_your_own": own})  # fmt: skip


def headlines(quality):
    """Parts of the sentence that says how good a backbone is. quality: from `measure_backbone`."""
    groups = quality["groups"]
    if quality["classes"] == 1000:
        yield f"right one of 1000 classes first for {quality['top1']['share']:.0%}, among five for {quality['top5']['share']:.0%}"
    yield f"right one of {groups['count']} everyday groups first for {groups['top1']['share']:.0%}, among three for {groups['top3']['share']:.0%}"


def strangers(network, data):
    """(M, D) features of training photos of all sorts, bears apart, and of pictures of nothing."""
    photos, labels, parts = bear_corpus(data)
    images, taken = flat_pictures(40, np.random.default_rng(0)), {}
    for photo, label, part in zip(photos, labels, parts, strict=True):
        kind = photo.folder.partition("/")[0]
        if part == "train" and label == OTHER and taken.get(kind, 0) < STRANGERS:
            taken[kind] = taken.get(kind, 0) + 1
            images.append(photo.image)
    return network.features(images)


def centred(tensors):
    """The head's weights and biases less their mean over the classes: the same probabilities, but no part of a logit that all classes share.

    That part carries nothing, yet a heat map of one logit shows it: Grad-CAM came out empty where it was negative.
    """
    return tensors | {key: tensors[key] - tensors[key].mean(0, keepdim=True) for key in ("head.weight", "head.bias")}


def write(name, tensors, metadata, args, title, headline, weaknesses, quality):
    """Weights and card into `args.out`, or the card's figures alone; prints what the catalogue needs to know."""
    path = Path(args.out) / f"{name}.safetensors"
    if args.measure:
        return put(path, weights.card(name) | {"headline": headline, "data": DATA, "weaknesses": weaknesses} | quality)
    learned = sum(t.numel() for key, t in tensors.items() if key != "strangers")
    before = json.loads(metadata.get("before", "null"))
    weights.save(path, {key: t.half() for key, t in centred(tensors).items()}, metadata)
    card = {
        "title": title,
        "headline": headline,
        "network": f"residual network with linear bottlenecks, {learned / 1e6:.1f} M parameters, {metadata['size']} px",
        "data": DATA,
        "licence": catalog.ENTRIES[name].licence,
        "weaknesses": weaknesses,
        "views": int(metadata["views"]),
        "hours": round(float(metadata["seconds"]) / 3600, 2),
        "began_from": before and {"views": before["views"], "hours": round(before["seconds"] / 3600, 2)},
        "hardware": metadata["hardware"],
        "seed": int(metadata["seed"]),
        "measure": f"python -m core.vision.evaluate {name} --held-out ../shared/data --json",
        "note": args.note,
        "remake": catalog.ENTRIES[name].remake,
    } | quality
    put(path, card)
    print(f'for core/catalog.py: sha256="{weights.sha256(path)}", bytes={path.stat().st_size:_},')


def put(path, card):
    """Write the card beside its weights, and print its figures."""
    print(json.dumps(card["quality"], indent=1))
    path.with_suffix(".json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.vision.release", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("backbone", "bears"))
    parser.add_argument("--run", nargs="+", help="folder of the run, or of several whose weights are averaged; runs/WHAT if not given")
    parser.add_argument("--measure", action="store_true", help="measure the bundled weights again and write only their card")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--teachers", default="../shared/teachers", help="the teacher, to measure beside the backbone")
    parser.add_argument("--out", default=str(weights.BUNDLED))
    parser.add_argument("--note", default="", help="what a reader of the card should know of this run beyond its command")
    parser.add_argument("--show", type=int, default=20, help="how many of the worst test photos to name")
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    {"backbone": backbone, "bears": bears}[args.what](args)


if __name__ == "__main__":
    main()
