"""Turn a training run into bundled weights: complete the bundled styles, measure, write weights and card.

    python -m core.style.release

In training a bundled style is what the reader says of its painting plus a correction; here the sum is taken, and what
the other two ways need of the painting is added: the reader's measures and the Gram matrices, no pixel.
"""

import argparse
import json
from pathlib import Path

import torch

from core import catalog, runtime, weights
from core.style import bank, evaluate, eyes, tiles, wishes
from core.style.losses import gram
from core.style.model import STAGES, Reader, measure

DATA = (
    "2,240 photos to paint: an ImageNet sample, cats and dogs, everyday scenes, faces, raccoons, bears (research use). Styles: 15 public-domain paintings, "
    "their recoloured parts, photos and made-up patterns; four paintings were kept back for measuring. "
    "From random initialisation; an eye of the studio's own judged. The eye, a plain convolutional network of 1.7 M parameters, was distilled before "
    "from the same photos, from random initialisation too (490,000 views; core/vision/train.py as of commit 62d6eb0)."
)
PATIENT, STEPS = 16, 100  # pairs that the patient mode is measured on, and its steps
WEAKNESSES = (
    "One network of 0.4 M parameters paints all eight styles, after an hour and a half on one CPU core: strokes are finer and styles closer to each other "
    "than in networks trained for days on one style each.",
    "The any-painting mode learned from 15 paintings: it brings over colours and the kind of stroke, not shapes. "
    "Paintings it never saw come out farther from their model.",
    "Flat areas are hatched, most of all at full size with broad strokes; finer strokes hide it.",
    "The patient mode takes minutes, and with few steps it only begins to paint.",
    "Strokes keep their size in pixels: at 4096 px they are fine, at 256 px broad.",
)


def complete(tensors, metadata, data):
    """The run's tensors with whole styles, measures and Gram matrices, and the eye that judged."""
    means = json.loads(metadata["means"])
    eye = eyes.studio().level(means)
    works = bank.paintings(data)
    reader = Reader(**json.loads(metadata["reader"]))
    reader.load_state_dict({k.removeprefix("reader."): v for k, v in tensors.items() if k.startswith("reader.")})
    pictures = [tiles.pixels(bank.to_pixels(works[bank.STYLES[name]])) for name in wishes.STYLES]
    with torch.no_grad():
        seen = [(x, eye(x)) for x in pictures]
        measures = torch.cat([measure(x, features) for x, features in seen])
        tensors = tensors | {k: v for k, v in weights.load("style")[0].items() if k.startswith("eye.")}
        tensors |= {"table": tensors["table"] + reader(measures), "measures": measures}
        return tensors | {f"grams.{stage}": torch.cat([gram(features[k]) for _, features in seen]) for k, stage in enumerate(STAGES)}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.style.release", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="runs/style")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--out", default=str(weights.BUNDLED))
    parser.add_argument("--measure", action="store_true", help="measure the weights that are there, and write the card only")
    parser.add_argument("--pairs", type=int, default=0, help="measure on so many pairs only; 0 for all")
    parser.add_argument("--note", default="", help="what a reader of the card should know beyond the command")
    args = parser.parse_args(argv)
    path = Path(args.out) / "style.safetensors"
    if not args.measure:
        tensors, metadata = weights.read(Path(args.run) / "style.safetensors")
        assert json.loads(metadata["names"]) == list(wishes.STYLES)
        weights.save(path, {k: v.half() for k, v in complete(tensors, metadata, args.data).items()}, metadata)
        print(f'for core/catalog.py: sha256="{weights.sha256(path)}", bytes={path.stat().st_size:_},\nthen: python -m core.style.release --measure')
        return
    _, metadata = weights.read(path)
    quality = {mode: evaluate.measure(args.data, mode, 256, STEPS, args.pairs) for mode in ("instant", "any")}
    quality["patient"] = evaluate.measure(args.data, "patient", 256, STEPS, min(args.pairs, PATIENT) or PATIENT) | {"size": 256, "steps": STEPS}
    write_card(path, metadata, quality, args.note)


def write_card(path, metadata, quality, note):
    """The card beside the weights; what benchmarks/style.py wrote into the old one stays."""
    target = path.with_suffix(".json")
    before = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    entry = catalog.ENTRIES["style"]
    steps, batch = int(metadata["step"]), int(metadata["batch"])
    card = {
        "title": "Painter",
        "headline": headline(quality),
        "network": "one conditional feed-forward network for all styles, 0.4 M parameters, with a reader of paintings of 0.3 M and the eye that judged, 1.7 M",
        "data": DATA,
        "licence": entry.licence,
        "weaknesses": list(WEAKNESSES),
        "views": steps * batch,
        "hours": round(float(metadata["seconds"]) / 3600, 2),
        "hardware": f"1 CPU core, shared, {runtime.device()}, float32",
        "seed": int(metadata["seed"]),
        "measure": "python -m core.style.evaluate ../shared/data --json",
        "note": note or before.get("note", ""),
        "remake": entry.remake,
        "quality": quality,
        "speed": before.get("speed", {}),
    }
    target.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(quality, indent=1))


def headline(quality):
    """What the hub and the README's table say."""
    instant, any_, patient = (quality[mode] for mode in wishes.MODES)
    return (
        f"distance to the painting's style {instant['style']:.2f} instant ({instant['n']} pairs), {any_['unseen']['style']:.2f} like paintings it never saw "
        f"({any_['unseen']['n']}), {patient['style']:.2f} patient ({patient['n']}, {patient['steps']} steps); untouched photos {any_['photo_style']:.2f}"
    )


if __name__ == "__main__":
    main()
