"""Teach a small network what a frozen ImageNet teacher sees in the same pictures.

"Patient and consistent" distillation (Beyer et al. 2022, arXiv:2106.05237): teacher and student look at the same
strongly augmented view. What makes it work with 2,600 photos and two CPU cores is where the student listens:

apart   each block learns by itself to do with the teacher's map what the teacher's own block does with it (blockwise
        distillation: Wang et al. 2018, "Progressive Blockwise Knowledge Distillation"; Li et al. 2020,
        arXiv:1911.13053). A view is then not one example but as many as its maps have cells, no block waits
        for the ones before it, and a few thousand steps do.
whole   the blocks are put together, their normalisation is folded away, and the network learns end to end: the same
        maps, now from its own, and the target probabilities that the task makes of what the teacher says.
"""

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from core import runtime, weights
from core.vision.model import LAST, STAGES, STEM, Classifier, fold
from core.vision.views import batch_of, views, whole

SHAPE = {"stages": STAGES, "stem": STEM, "last": LAST}  # maps as wide as the teacher's, block for block
TEACHER_SIZE = 224
EARLY = 4  # steps of the network with large maps, which see a third of the views while the blocks learn apart


@dataclass
class Task:
    """What a run is to learn.

    classes: names of the K answers
    images: list of PIL RGB, the photos that views are drawn from
    shares: (N,) float that sum to 1, how often each photo is looked at
    aim:    (pooled features (B, D), probabilities (B, 1000), picks (B,) list) -> target probabilities (B, K)
    mix:    share of views that show two photos at once
    coats:  as of `views.random_view`
    check:  (model, size) -> JSON-ready dict, a quick look at the validation photos
    """

    classes: tuple
    images: list
    shares: np.ndarray
    aim: Callable
    mix: float
    coats: float
    check: Callable


def load_teacher(folder):
    """The frozen network of `folder`/mobilenet_v2.py: (B, 3, H, W) in [0, 1] -> logits (B, 1000), features."""
    spec = importlib.util.spec_from_file_location("teacher", Path(folder) / "mobilenet_v2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    teacher = module.load_teacher()
    teacher.table = module.STAGES
    return teacher


def looks_at(images):
    """PIL RGB list -> what the teacher is shown of whole photos: (224, 224, 3) uint8 each."""
    return [whole(image, TEACHER_SIZE) for image in images]


@torch.no_grad()
def pooled(teacher, arrays, device, batch=64):
    """List of (H, W, 3) uint8 -> (N, D) pooled features, (N, 1000) probabilities."""
    said = [teacher(batch_of(arrays[k : k + batch], device)) for k in range(0, len(arrays), batch)]
    return torch.cat([maps.mean((2, 3)) for _, maps in said]), torch.cat([logits.softmax(1) for logits, _ in said])


@torch.no_grad()
def lessons(teacher, images):
    """What each block of the teacher makes of (B, 3, H, W) in [0, 1] -> list of (B, C, h, w), the last its features; (B, 1000) probabilities.

    The way through MobileNetV2 (Sandler et al. 2018, table 2) that the teacher's `features` takes, block by block. The
    closing convolution counts as a block, so the list fits `Backbone.steps`.
    """
    x, number, maps = F.relu6(teacher._conv(images * 2 - 1, 0, stride=2)), 1, []
    for expansion, repeats, stride in teacher.table:
        for k in range(repeats):
            h = x
            if expansion != 1:
                h, number = F.relu6(teacher._conv(h, number)), number + 1
            h = F.relu6(teacher._conv(h, number, stride if k == 0 else 1, depthwise=True))
            h, number = teacher._conv(h, number + 1), number + 2
            x = x + h if k else h
            maps.append(x)
    maps.append(F.relu6(teacher._conv(x, number)))
    return maps, teacher._conv(maps[-1].mean((2, 3), keepdim=True), number + 1).flatten(1)[:, 1:].softmax(1)


def unlike(ours, theirs, before=None):
    """How far a map is from the teacher's: mean squared difference, each channel over its variance; 0 alike, 1 for a constant.

    ours, theirs: (B, C, h, w); before: the map that went in. Where it has the same shape the block adds to it, and only
    what is added counts.
    """
    theirs = theirs.float()
    told = theirs - before.float() if before is not None and before.shape == theirs.shape else theirs
    variance = told.var((0, 2, 3), correction=0)
    return ((ours.float() - theirs).square().mean((0, 2, 3)) / (variance + 0.05 * variance.mean() + 1e-8)).mean()


def differences(model, images, maps, apart):
    """How far every step of the backbone is from the teacher's, as a list, and the last map. maps: from `lessons`.

    apart: each step is shown the teacher's map and not its own predecessor's; then a third of the views do for the early ones
    """
    out, x = [], images * 2 - 1
    for k, (step, theirs) in enumerate(zip(model.backbone.steps(), maps, strict=True)):
        if apart:
            few = len(images) // 3 if k < EARLY else len(images)
            before = (maps[k - 1] if k else x)[:few]
            out.append(unlike(step(before), theirs[:few], before if k else None))
        else:
            x = step(x)
            out.append(unlike(x, theirs))
    return out, maps[-1] if apart else x


class Run:
    """A network that learns: the model, the average of its weights over time, the optimiser, and how far it is.

    progress: {"step": of this part of the run, "views", "seconds", "before": what `--begin` had learned from or None,
    "apart": whether blocks learn by themselves, "fresh": whether the head began with random numbers in this part}
    """

    def __init__(self, model, progress, args, device):
        self.model, self.progress, self.args = model.to(device, memory_format=torch.channels_last), progress, args
        self.average = {key: value.clone() for key, value in model.state_dict().items()}
        # Blocks that learn apart are normalised and shallow, so they bear long steps; a fresh head bears longer ones than the rest.
        rates = args.lr_apart if progress["apart"] else args.lr, args.lr * (4 if progress["fresh"] else 1)
        groups = [{"params": list(part.parameters()), "peak": rate} for part, rate in zip((model.backbone, model.head), rates, strict=True)]
        self.optimiser = torch.optim.AdamW(groups, lr=args.lr, weight_decay=0.0, betas=(0.9, 0.99))

    @property
    def batch(self):
        return self.args.batch // 2 if self.progress["apart"] else self.args.batch

    @property
    def steps(self):
        """Of this part of the run, in all."""
        views = self.args.apart if self.progress["apart"] else self.args.views - (0 if self.args.begin else self.args.apart)
        return max(1, views // self.batch)

    @property
    def side(self):
        """px of the views."""
        small = self.progress["apart"] or self.progress["step"] <= self.args.small_until * self.steps
        return self.args.small if small else self.args.size

    def together(self, device):
        """The blocks put together, their normalisation folded away -> the Run that goes on with them."""
        return Run(fold(self.model.eval()), self.progress | {"apart": False, "fresh": False, "step": 0}, self.args, device)

    def learn(self, loss):
        """One step down the slope of a loss; the average follows."""
        apart, step = self.progress["apart"], self.progress["step"]
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * learning_rate(step, self.steps)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if not apart:
            nn.utils.clip_grad_norm_(self.model.parameters(), 20.0)
        self.optimiser.step()
        follow(self.average, self.model, fade=0.0 if apart else min(0.998, step / (step + 20)))
        self.progress |= {"step": step + 1, "views": self.progress["views"] + self.batch}

    def save(self, path):
        """Everything a resumed run needs as one safetensors file: no pickle, and never half a file."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()} | {f"average.{k}": v for k, v in self.average.items()}
        weights.save(path, tensors | weights.optimiser_tensors(self.optimiser, "optimiser"), {"progress": json.dumps(self.progress)})

    @classmethod
    def load(cls, path, classes, args, device):
        """A saved run as it was."""
        tensors, metadata = weights.read(path)
        progress = json.loads(metadata["progress"])
        run = cls(Classifier(classes, **SHAPE, folded=not progress["apart"]), progress, args, device)
        run.model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
        run.average = {k.removeprefix("average."): v.to(device) for k, v in tensors.items() if k.startswith("average.")}
        weights.restore_optimiser(run.optimiser, tensors, "optimiser")
        return run


def begin(path, classes):
    """The network of an earlier run or of the bundled weights, whole, with a fresh head unless the classes are the same.

    -> model, what it learned from, whether the head is fresh
    """
    tensors, metadata = weights.read(path)
    shape = json.loads(metadata["shape"])
    model = Classifier(**shape | {"classes": classes})
    fresh = shape["classes"] != list(classes)
    model.load_state_dict({k: v for k, v in tensors.items() if k.startswith("backbone.") or (k.startswith("head.") and not fresh)}, strict=not fresh)
    return model, {"views": int(metadata["views"]), "seconds": float(metadata["seconds"])}, fresh


def start(args, classes, device):
    """What a run begins with: where it stopped, an earlier network (`--begin`), or random numbers."""
    state = Path(args.run) / "state.safetensors"
    if state.exists():
        run = Run.load(state, classes, args, device)
        print(f"resumed at {run.progress['views']} of {args.views} views", flush=True)
        return run
    progress = {"step": 0, "views": 0, "seconds": 0.0, "before": None, "apart": args.begin is None, "fresh": True}
    if not args.begin:
        return Run(Classifier(classes, **SHAPE), progress, args, device)
    model, progress["before"], progress["fresh"] = begin(args.begin, classes)
    print(f"began with the backbone of {args.begin}", flush=True)
    return Run(model, progress, args, device)


def learning_rate(step, steps):
    """Share of the peak: warm-up over 50 steps or a tenth, level until half, then straight down to nothing.

    The trapezoid of Zhai et al. 2022 (arXiv:2106.04560, sec. 3.5).
    """
    return min(1.0, (step + 1) / min(50, 1 + steps // 10), 2 * (1 - step / steps) + 1e-3)


def write_weights(path, run, classes, device):
    """The averaged network, folded and in half precision, with the numbers that release.py needs; returns it in full."""
    progress = run.progress
    model = Classifier(classes, **SHAPE, folded=not progress["apart"])
    model.load_state_dict(run.average)
    shown = fold(model.eval()) if progress["apart"] else model.eval()
    about = {"shape": json.dumps(shown.shape), "views": str(progress["views"]), "seconds": f"{progress['seconds']:.0f}"}
    about |= {"seed": str(run.args.seed), "hardware": runtime.hardware(runtime.fast_dtype(device)), "before": json.dumps(progress["before"])}
    weights.save(path, {key: t.half() for key, t in shown.state_dict().items()}, about)
    return shown.to(device, memory_format=torch.channels_last)


def loss_of(run, task, teacher, images, picks):
    """What a batch of views costs -> (whole loss, KL to the targets, distance of every map as a list).

    images: (B, 3, H, W) in [0, 1]; picks: (B,) places of their photos in task.images
    """
    device = images.device.type
    with runtime.fast(device):
        maps, probabilities = lessons(teacher, images)
        distances, last = differences(run.model, images, maps, run.progress["apart"])
        logits = run.model.head(last.float().mean((2, 3)))
    target = task.aim(maps[-1].float().mean((2, 3)), probabilities.float(), picks)
    kl = F.kl_div(logits.float().log_softmax(1), target, reduction="batchmean")
    return sum(distances) + run.args.answers * kl, kl, distances


def distil(task, teacher, args, name, device):
    """Train, with a checkpoint every two minutes, and write `args.run`/NAME.safetensors (folded, half precision)."""
    folder, run = Path(args.run), start(args, task.classes, device)
    began, first, earlier = time.time(), run.progress["views"], run.progress["seconds"]
    saved = began
    while run.progress["views"] < args.views:
        if run.progress["apart"] and run.progress["step"] >= run.steps:
            run = run.together(device)
        run.model.train()
        # The number of views alone seeds what is drawn, so that a resumed run goes on as if it had not stopped.
        rng = np.random.default_rng([args.seed, run.progress["views"]])
        arrays, picks = views(task, run.batch, run.side, rng, (args.smallest, 1.0))
        loss, kl, distances = loss_of(run, task, teacher, batch_of(arrays, device), picks)
        run.learn(loss)
        run.progress["seconds"] = earlier + time.time() - began
        done, over = run.progress["views"], run.progress["views"] >= args.views
        if run.progress["step"] % 100 == 0:
            rate = (done - first) / (time.time() - began)
            told = f"{'apart' if run.progress['apart'] else 'whole'} kl {kl.item():.3f} maps {' '.join(f'{d.item():.2f}' for d in distances)}"
            print(f"{done}/{args.views} {told} {rate:.0f} views/s, {(args.views - done) / rate / 60:.0f} min left", flush=True)
        if time.time() - saved > 120 or over:
            run.save(folder / "state.safetensors")
            saved = time.time()
        if run.progress["step"] % args.check == 0 or over:
            judged = write_weights(folder / f"{name}.safetensors", run, task.classes, device)
            report = {size: task.check(judged, size) for size in (args.size, args.size * 7 // 6)}
            print(f"{done}/{args.views} val {json.dumps(report)}", flush=True)


def follow(average, model, fade):
    """Move the running average of all weights towards the model's. Polyak and Juditsky 1992; Tarvainen and Valpola 2017."""
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value, 1 - fade)
        else:
            average[key].copy_(value)
