"""Teach a small network what a frozen ImageNet teacher sees in the same pictures.

"Patient and consistent" distillation (Beyer et al. 2022, arXiv:2106.05237): teacher and student look at the same
strongly augmented view. What makes it work with 2,600 photos and two CPU cores is where the student listens:

apart   each block learns by itself to do with the teacher's map what the teacher's own block does with it (blockwise
        distillation: Wang et al. 2018, "Progressive Blockwise Knowledge Distillation"; Li et al. 2020,
        arXiv:1911.13053, eq. 2). A view is then not one example but as many as its maps have cells, no block waits
        for the ones before it, and a few thousand steps do.
whole   the blocks are put together, their normalisation is folded away, and the network learns end to end: the same
        maps, now from its own, and the target probabilities that the task makes of what the teacher says.
"""

import importlib.util
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from core import runtime, weights
from core.vision.model import LAST, STAGES, STEM, Classifier, fold

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
    check:  (model, size) -> JSON-ready dict, a quick look at the validation photos
    """

    classes: tuple
    images: list
    shares: np.ndarray
    aim: Callable
    mix: float
    check: Callable


def load_teacher(folder):
    """The frozen network of `folder`/mobilenet_v2.py: (B, 3, H, W) in [0, 1] -> logits (B, 1000), features."""
    spec = importlib.util.spec_from_file_location("teacher", Path(folder) / "mobilenet_v2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    teacher = module.load_teacher()
    teacher.table = module.STAGES
    return teacher


def batch_of(arrays, device):
    """List of (H, W, 3) uint8 -> (B, 3, H, W) float in [0, 1]."""
    x = torch.from_numpy(np.stack(arrays)).to(device).permute(0, 3, 1, 2)
    return x.float().div_(255).contiguous(memory_format=torch.channels_last)


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


def random_view(image, rng, scale=(0.2, 1.0), side=TEACHER_SIZE):
    """A random part of the picture, maybe mirrored and recoloured, as (side, side, 3) uint8.

    Random resized crop (Szegedy et al. 2015, arXiv:1409.4842) in PIL, small parts as often as large ones, then
    brightness, contrast and saturation; now and then grey or washed out, so that colour alone never makes a bear.
    """
    width, height = image.size
    area, ratio = width * height * math.exp(rng.uniform(*np.log(scale))), math.exp(rng.uniform(-0.4, 0.4))
    w, h = min(width, math.sqrt(area * ratio)), min(height, math.sqrt(area / ratio))
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    view = image.resize((side, side), Image.Resampling.BILINEAR, box=(x, y, x + w, y + h), reducing_gap=2.0)
    a = np.asarray(view, dtype=np.float32)
    if rng.random() < 0.5:
        a = a[:, ::-1]
    if rng.random() < 0.8:
        grey = a @ np.float32([0.299, 0.587, 0.114])
        colour = 0.0 if rng.random() < 0.08 else rng.uniform(0.5, 1.4)
        a = grey[..., None] * (1 - colour) + a * colour
        a = (a - a.mean()) * rng.uniform(0.6, 1.4) + a.mean() * rng.uniform(0.6, 1.35)
        a = a * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    return a.clip(0, 255).astype(np.uint8)


def mixed(a, b, rng):
    """Two views (S, S, 3) uint8 -> one that shows both: blended, or a box of the second pasted into the first.

    Zhang et al. 2018 (mixup, arXiv:1710.09412); Yun et al. 2019 (CutMix, arXiv:1905.04899). The teacher is asked what
    it sees in the mixture, so no label has to be mixed.
    """
    if rng.random() < 0.5:
        keep = rng.uniform(0.5, 0.8)
        return (a * keep + b * (1 - keep)).astype(np.uint8)
    side = len(a)
    h, w = (int(side * rng.uniform(0.35, 0.75)) for _ in range(2))
    y, x = int(rng.integers(0, side - h + 1)), int(rng.integers(0, side - w + 1))
    out = a.copy()
    out[y : y + h, x : x + w] = b[y : y + h, x : x + w]
    return out


def views(task, count, side, rng, scale):
    """`count` fresh views, list of (side, side, 3) uint8, and the places of their photos in task.images."""
    picks = rng.choice(len(task.images), size=count, p=task.shares).tolist()
    seeds = rng.integers(0, 2**63, count)

    def view(k):
        own = np.random.default_rng(seeds[k])
        array = random_view(task.images[picks[k]], own, scale, side)
        if own.random() < task.mix:
            other = task.images[own.choice(len(task.images), p=task.shares)]
            array = mixed(array, random_view(other, own, scale, side), own)
        return array

    return [view(k) for k in range(count)], picks


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


def save_state(path, model, average, optimiser, progress):
    """Write everything a resumed run needs as one safetensors file: no pickle, and never half a file."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()} | {f"average.{k}": v for k, v in average.items()}
    weights.save(path, tensors | weights.optimiser_tensors(optimiser, "optimiser"), {"progress": json.dumps(progress)})


def load_state(path, classes, args, device):
    """A saved run -> model, average, optimiser, progress, as they were."""
    tensors, metadata = weights.read(path)
    progress = json.loads(metadata["progress"])
    model = Classifier(classes, **SHAPE, folded=not progress["apart"])
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    model.to(device, memory_format=torch.channels_last)
    optimiser = optimiser_of(model, args, progress["apart"])
    weights.restore_optimiser(optimiser, tensors, "optimiser")
    return model, {k.removeprefix("average."): v.to(device) for k, v in tensors.items() if k.startswith("average.")}, optimiser, progress


def begin(path, classes):
    """The network of an earlier run or of the bundled weights, whole, with a new head unless the classes are the same -> model, progress."""
    tensors, metadata = weights.read(path)
    shape = json.loads(metadata["shape"])
    model = Classifier(**shape | {"classes": classes})
    same = shape["classes"] == list(classes)
    model.load_state_dict({k: v for k, v in tensors.items() if k.startswith("backbone.") or (same and k.startswith("head."))}, strict=same)
    return model, {"views": int(metadata["views"]), "seconds": float(metadata["seconds"])}


def optimiser_of(model, args, apart):
    """AdamW over the model. Blocks that learn apart are normalised and shallow, so they bear long steps; the head never does."""
    head = list(model.head.parameters())
    groups = [{"params": list(model.backbone.parameters()), "peak": args.lr_apart if apart else args.lr}, {"params": head, "peak": args.lr}]
    return torch.optim.AdamW(groups, lr=args.lr, weight_decay=0.0, betas=(0.9, 0.99))


def hardware(device):
    """What trained it, for the card."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU cores ({platform.machine()}), {runtime.fast_dtype(device) or torch.float32}".replace("torch.", "")


def learning_rate(step, steps):
    """Share of the peak: warm-up over 50 steps or a tenth, level until half, then straight down to nothing.

    The trapezoid of Zhai et al. 2022 (arXiv:2106.04560, sec. 3.5).
    """
    return min(1.0, (step + 1) / min(50, 1 + steps // 10), 2 * (1 - step / steps) + 1e-3)


def write_weights(path, average, classes, folded, progress, args, device):
    """The averaged network, folded and in half precision, with the numbers that release.py needs; returns it in full."""
    model = Classifier(classes, **SHAPE, folded=folded)
    model.load_state_dict(average)
    shown = model.eval() if folded else fold(model)
    about = {"shape": json.dumps(shown.shape), "views": str(progress["views"]), "seconds": f"{progress['seconds']:.0f}"}
    about |= {"seed": str(args.seed), "hardware": hardware(device), "before": json.dumps(progress["before"])}
    weights.save(path, {key: t.half() for key, t in shown.state_dict().items()}, about)
    return shown.to(device, memory_format=torch.channels_last)


def start(args, classes, device):
    """What a run begins with: where it stopped, an earlier network (`--begin`), or random numbers -> model, average, optimiser, progress."""
    state = Path(args.run) / "state.safetensors"
    if state.exists():
        found = load_state(state, classes, args, device)
        print(f"resumed at {found[3]['views']} of {args.views} views", flush=True)
        return found
    progress = {"step": 0, "views": 0, "seconds": 0.0, "before": None, "apart": args.begin is None}
    if args.begin:
        model, progress["before"] = begin(args.begin, classes)
        print(f"began with the backbone of {args.begin}", flush=True)
    else:
        model = Classifier(classes, **SHAPE)
    model = model.to(device, memory_format=torch.channels_last)
    return model, copy_of(model), optimiser_of(model, args, progress["apart"]), progress


def copy_of(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def distil(task, teacher, args, name, device):
    """Train, with a checkpoint every two minutes, and write `args.run`/NAME.safetensors (folded, half precision)."""
    dtype, run = runtime.fast_dtype(device), Path(args.run)
    model, average, optimiser, progress = start(args, task.classes, device)
    earlier, started, saved = progress["seconds"], time.time(), time.time()
    first = progress["views"]
    while progress["views"] < args.views:
        apart, step = progress["apart"], progress["step"]
        count, goal = (args.batch // 2, args.apart) if apart else (args.batch, args.views - (0 if args.begin else args.apart))
        steps = max(1, goal // count)
        if apart and step >= steps:  # put the blocks together
            model = fold(model.eval()).to(device, memory_format=torch.channels_last)
            average, optimiser = copy_of(model), optimiser_of(model, args, False)
            progress |= {"apart": False, "step": 0}
            continue
        model.train()
        side = args.small if apart or step <= args.small_until * steps else args.size
        # The views alone seed what is drawn, so that a resumed run goes on as if it had not stopped.
        arrays, picks = views(task, count, side, np.random.default_rng([args.seed, progress["views"]]), (args.smallest, 1.0))
        images = batch_of(arrays, device)
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * learning_rate(step, steps)
        with torch.autocast(device, dtype, enabled=dtype is not None):
            maps, probabilities = lessons(teacher, images)
            apart_by, last = differences(model, images, maps, apart)
            logits = model.head(last.float().mean((2, 3)))
        target = task.aim(maps[-1].float().mean((2, 3)), probabilities.float(), picks)
        kl = F.kl_div(logits.float().log_softmax(1), target, reduction="batchmean")
        loss = sum(apart_by) + args.answers * kl
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if not apart:
            nn.utils.clip_grad_norm_(model.parameters(), 20.0)
        optimiser.step()
        follow(average, model, fade=0.0 if apart else min(0.998, step / (step + 20)))
        progress |= {"step": step + 1, "views": progress["views"] + count, "seconds": earlier + time.time() - started}
        done, over = progress["step"], progress["views"] >= args.views
        if done % 100 == 0:
            rate = (progress["views"] - first) / (time.time() - started)
            told = " ".join(f"{d.item():.2f}" for d in apart_by)
            print(f"{progress['views']}/{args.views} {'apart' if apart else 'whole'} kl {kl.item():.3f} maps {told} {rate:.0f} views/s, "
                  f"{(args.views - progress['views']) / rate / 60:.0f} min left", flush=True)  # fmt: skip
        if time.time() - saved > 120 or over:
            save_state(run / "state.safetensors", model, average, optimiser, progress)
            saved = time.time()
        if done % args.check == 0 or over:
            judged = write_weights(run / f"{name}.safetensors", average, task.classes, not apart, progress, args, device)
            report = {size: task.check(judged, size) for size in (args.size, args.size * 7 // 6)}
            print(f"{progress['views']}/{args.views} val {json.dumps(report)}", flush=True)


def follow(average, model, fade):
    """Move the running average of all weights towards the model's. Polyak and Juditsky 1992; Tarvainen and Valpola 2017."""
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value, 1 - fade)
        else:
            average[key].copy_(value)
