"""Train the painter and the reader of paintings, together, from random initialisation; the same command resumes.

    python -m core.style.train --data ../shared/data --run runs/style --minutes 65

Every picture of a batch is painted in its own style, half of them in one of the bundled ones, half in one the reader
has to make out from its measurements. Perceptual losses of Johnson et al. 2016 (arXiv:1603.08155) as an eye
of the studio's own sees them. A bundled style is what the reader says of the painting plus a correction of its own.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core import runtime, weights
from core.style import bank, eyes
from core.style.losses import content_distance, gram, gram_distance, total_variation
from core.style.model import CONTENT, STAGES, Atelier, Painter, Reader
from core.vision.views import batch_of

DEPTH = STAGES.index(CONTENT) + 1


class Styles:
    """Targets to paint towards: the bundled styles first, then a bank of random ones, each as the eye sees it."""

    def __init__(self, eye, content, args):
        rng = np.random.default_rng([args.seed, 7])
        works = bank.paintings(args.data)
        known = [image for name, image in works.items() if name not in bank.UNSEEN and name not in bank.SAME]
        others = content[::7]
        self.names = list(bank.STYLES)
        pictures = [bank.to_pixels(works[file]) for file in bank.STYLES.values()]
        pictures += [bank.random_style(known, others, rng) for _ in range(args.styles)]
        seen = [bank.seen_by(eye, picture) for picture in pictures]
        self.measures = torch.stack([measures for measures, _ in seen])
        self.grams = [torch.stack([grams[k] for _, grams in seen]).half() for k in range(len(STAGES))]

    def __len__(self):
        return len(self.measures)

    def draw(self, count, rng):
        """Indices of `count` styles: the first half bundled, the others from the bank."""
        bundled = rng.choice(len(self.names), count // 2, replace=False)
        return np.concatenate([bundled, rng.integers(len(self.names), len(self), count - count // 2)])


def loss_of(atelier, eye, photos, indices, styles, args):
    """(B, 3, S, S) photos painted in styles -> whole loss, mean style distance, mean content distance, the paintings."""
    painted = atelier.painter(photos, atelier.styles(torch.from_numpy(indices), styles.measures[indices]))
    features = eye(painted)
    with torch.no_grad():
        shown = eye(photos, upto=DEPTH)[-1]
    style = gram_distance([gram(f) for f in features], [g[indices].float() for g in styles.grams])
    content = content_distance(features[DEPTH - 1], shown)
    smooth = total_variation(painted)
    # Beyond 1 the distance counts by its logarithm: a style far from all photos must not drown the others.
    tamed = torch.where(style < 1, style, 1 + style.clamp(min=1).log())
    return (args.style * tamed + content + args.smooth * smooth).mean(), style.mean(), content.mean(), painted


def rate(done, peak):
    """Learning rate when `done` (0 to 1) of the time is over: a short warm-up, then half a cosine to a fiftieth."""
    return peak * min(1.0, 0.05 + done / 0.01) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def train(args):
    torch.manual_seed(args.seed)
    run = Path(args.run)
    run.mkdir(parents=True, exist_ok=True)
    content = bank.content_photos(args.data)
    rng = np.random.default_rng(args.seed)
    eye = eyes.studio()
    means = [float(stage.mean()) for stage in eye(batch_of([bank.view(content[int(i)], 160, rng) for i in rng.integers(0, len(content), 24)], "cpu"))]
    eye.level(means)
    print(f"{len(content)} photos; looking at the styles", flush=True)
    styles = Styles(eye, content, args)
    painter = Painter(args.width, args.blocks)
    atelier = Atelier(painter, Reader(styles.measures.shape[1], painter.style_size), styles.names)
    atelier.reader.mean.copy_(styles.measures.mean(0))
    atelier.reader.std.copy_(styles.measures.std(0) + 1e-3)
    atelier.to(memory_format=torch.channels_last)
    average = {key: value.clone() for key, value in atelier.state_dict().items()}
    optimiser = torch.optim.Adam([{"params": [*painter.parameters(), *atelier.reader.parameters()], "ratio": 1.0}, {"params": [atelier.table], "ratio": 5.0}])
    progress = {"step": 0, "seconds": 0.0}
    if (run / "state.safetensors").exists():
        progress = load_state(run / "state.safetensors", atelier, average, optimiser)
        print(f"resumed at step {progress['step']}", flush=True)
    earlier, started, saved, sums = progress["seconds"], time.time(), time.time(), []
    while progress["seconds"] < args.minutes * 60:
        step = progress["step"]
        rng = np.random.default_rng([args.seed, step])  # the step alone seeds what it draws, so a resumed run goes on alike
        photos = batch_of([bank.view(content[int(i)], args.size, rng) for i in rng.integers(0, len(content), args.batch)], "cpu")
        for group in optimiser.param_groups:
            group["lr"] = rate(progress["seconds"] / (args.minutes * 60), args.lr) * group["ratio"]
        loss, style, shown, painted = loss_of(atelier, eye, photos, styles.draw(args.batch, rng), styles, args)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(atelier.parameters(), 10.0)
        optimiser.step()
        for key, value in atelier.state_dict().items():
            average[key].lerp_(value, max(0.002, 1 / (step / 10 + 1)))
        sums.append((style.item(), shown.item()))
        progress = {"step": step + 1, "seconds": earlier + time.time() - started}
        if (step + 1) % 50 == 0:
            s, c = np.mean(sums, 0)
            print(f"{step + 1} style {s:.3f} content {c:.3f} {progress['seconds'] / (step + 1):.2f} s/step {progress['seconds'] / 60:.1f} min", flush=True)
            sums = []
        if time.time() - saved > 120:
            save(run, atelier, average, optimiser, progress, args, means)
            saved = time.time()
    save(run, atelier, average, optimiser, progress, args, means)


def save(run, atelier, average, optimiser, progress, args, means):
    """The run's state, for resuming, and style.safetensors: the averaged networks in half precision, ready to ship."""
    tensors = {f"model.{k}": v for k, v in atelier.state_dict().items()} | {f"average.{k}": v for k, v in average.items()}
    tensors |= weights.optimiser_tensors(optimiser, "optimiser")
    weights.save(run / "state.safetensors", tensors, {"progress": json.dumps(progress)})
    about = {"painter": json.dumps(atelier.painter.shape), "reader": json.dumps(atelier.reader.shape), "names": json.dumps(atelier.names)}
    about["means"] = json.dumps(means)
    about |= {k: str(v) for k, v in progress.items()} | {"batch": str(args.batch), "size": str(args.size), "seed": str(args.seed)}
    weights.save(run / "style.safetensors", {k: v.half() for k, v in average.items()}, about)


def load_state(path, atelier, average, optimiser):
    """Put a saved run back; returns its progress."""
    tensors, metadata = weights.read(path)
    atelier.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    for key in average:
        average[key].copy_(tensors[f"average.{key}"])
    weights.restore_optimiser(optimiser, tensors, "optimiser")
    return json.loads(metadata["progress"])


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.style.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="../shared/data", help="folder with the photo zips and paintings.zip")
    parser.add_argument("--run", default="runs/style", help="folder for checkpoints")
    parser.add_argument("--minutes", type=float, default=65, help="how long to train in all; a resumed run counts what it had")
    parser.add_argument("--size", type=int, default=128, help="px of the photos' crops")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--styles", type=int, default=320, help="random styles to practise, besides the bundled ones")
    parser.add_argument("--width", type=int, default=64, help="channels of the painter")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--style", type=float, default=8.0, help="weight of the style distance")
    parser.add_argument("--smooth", type=float, default=0.3, help="weight of the total variation")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    runtime.prepare_torch()
    train(parser.parse_args(argv))


if __name__ == "__main__":
    main()
