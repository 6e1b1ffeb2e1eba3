"""Turn a training run into the bundled bear detector: calibrate, measure, write weights and card.

    python -m core.vision.release --run runs/bears --data ../shared/data

Picture size, temperature and threshold are chosen on the validation photos; every figure on the card is measured
on the test photos, once, afterwards. Prints the line that core/catalog.py needs.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from core import catalog, weights
from core.vision.evaluate import held_out, measure, said_of
from core.vision.photos import OTHER
from core.vision.predict import BearDetector

SIZES = (128, 144, 160, 192)

DATA = (
    "1,549 bear photos (MIT-licensed collections of image-search results) and 2,000 photos without a bear: an ImageNet "
    "sample, cats and dogs, everyday scenes, raccoons, paintings, faces (research use), besides plain colours, stripes and noise. "
    "3 in 4 were learned from; look-alikes always on one side. A frozen MobileNetV2 (Apache-2.0) gave the targets."
)
WEAKNESSES = (
    "It knows three kinds. A polar bear, a panda or a bear in a cartoon should get *no bear here*, and not every one does.",
    "Brown-phase black bears and dark grizzlies are mistaken for each other, as people do.",
    "Small, far-away or half-hidden bears are missed: the whole photo is looked at as one small square.",
    "The photos come from image search: zoos, wildlife photography and shop pictures. Trail cameras at night were not among them.",
    "It is a demonstration, not a safety device.",
)


def temperature_of(probabilities, labels):
    """The T that minimises the negative log-likelihood of softmax(log p / T). Guo et al. 2017, arXiv:1706.04599, sec. 4.2."""
    logits, labels = np.log(np.maximum(probabilities, 1e-12)), np.asarray(labels)

    def loss(t):
        z = logits / t
        return -(z - np.logaddexp.reduce(z, axis=1, keepdims=True))[np.arange(len(labels)), labels].mean()

    return float(min(np.geomspace(0.25, 4, 200), key=loss)), loss


def threshold_of(scores, bear):
    """The bear score that errs least often on both sides together: least miss rate + false-alarm rate.

    Between the best photo-to-photo thresholds the middle one is taken, so that one photo more does not move it far.
    """
    scores, bear = np.asarray(scores), np.asarray(bear)
    grid = np.linspace(0.05, 0.95, 181)
    cost = np.array([(scores[bear] < t).mean() + (scores[~bear] >= t).mean() for t in grid])
    return float(np.round(grid[cost <= cost.min() + 0.005].mean(), 3))


def release(args):
    tensors, metadata = weights.read(Path(args.run) / "bears.safetensors")
    val = list(held_out(args.data, "val"))
    best = None
    for size in SIZES:
        detector = BearDetector(tensors, metadata | {"size": size, "temperature": 1, "threshold": 0.5})
        said, labels, _ = said_of(detector, val)
        temperature, loss = temperature_of(said, labels)
        print(f"val {size} px: loss {loss(temperature):.4f} at T = {temperature:.2f}", flush=True)
        if best is None or loss(temperature) < best[0]:
            best = loss(temperature), size, temperature
    _, size, temperature = best
    chosen = {"size": str(size), "temperature": f"{temperature:.4f}"}
    said, labels, _ = said_of(BearDetector(tensors, metadata | chosen | {"threshold": 0}), val)
    metadata = metadata | chosen | {"threshold": str(threshold_of(1 - said[:, OTHER], labels != OTHER))}
    detector = BearDetector(tensors, metadata)
    said, labels, keys = said_of(detector, held_out(args.data))
    quality = measure(said, labels, detector.threshold)
    checked = np.array([key.split("/")[-1].startswith("a_") for key in keys]) | (labels == OTHER)
    by_hand = measure(said[checked], labels[checked], detector.threshold)
    for i in np.argsort(said[np.arange(len(labels)), labels])[: args.show]:
        print(f"worst: {keys[i]} {said[i].round(2)}")
    path = Path(args.out) / "bears.safetensors"
    weights.save(path, {key: t.half() for key, t in tensors.items()}, metadata)
    card = {
        "title": "Bear detector",
        "headline": f"{quality['accuracy']:.1%} of {quality['n_bears']} unseen bears named right, "
        f"AUROC {quality['auroc_no_bear']:.3f} against {quality['n_other']} photos without one",
        "network": f"plain convolutional network, {sum(t.numel() for t in tensors.values()) / 1e6:.1f} M parameters, {size} px",
        "data": DATA,
        "licence": catalog.ENTRIES["bears"].licence,
        "weaknesses": WEAKNESSES,
        "views": int(metadata["views"]),
        "hours": round(float(metadata["seconds"]) / 3600, 2),
        "hardware": metadata["hardware"],
        "seed": int(metadata["seed"]),
        "measure": "python -m core.vision.evaluate bears --held-out ../shared/data --json",
        "note": args.note,
        "remake": catalog.ENTRIES["bears"].remake,
        "quality": quality,
        "quality_on_hand_checked_bears": by_hand,
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(quality, indent=1))
    print(f"hand-checked bears: accuracy {by_hand['accuracy']:.4f} of {by_hand['n_bears']}, ECE {by_hand['ece']:.4f}")
    print(f'for core/catalog.py: sha256="{weights.sha256(path)}", bytes={path.stat().st_size:_},')


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.vision.release", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="runs/bears")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--out", default=str(weights.BUNDLED))
    parser.add_argument("--note", default="", help="what a reader of the card should know of this run beyond its command")
    parser.add_argument("--show", type=int, default=20, help="how many of the worst test photos to name")
    torch.manual_seed(0)
    release(parser.parse_args(argv))


if __name__ == "__main__":
    main()
