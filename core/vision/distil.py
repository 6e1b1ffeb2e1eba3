"""Teach a small network what a frozen ImageNet teacher says of the same pictures.

"Patient and consistent" distillation (Beyer et al. 2022, arXiv:2106.05237): teacher and student look at the same
strongly augmented view, over a long schedule. The targets of a view are class probabilities, made from what the
teacher says by the task's own rule, and the teacher's features: pooled over the view, and in a grid of cells.

Views are drawn into a ring buffer and each is used `reuse` times: with a CPU the teacher at 224 px would otherwise
cost more than the student. On a GPU reuse 1 is right.
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
from core.vision.model import Classifier, fold

WIDTHS, DEPTHS = (32, 64, 128, 256, 384), (1, 2, 2, 3, 2)
TEACHER_SIZE, TEACHER_WIDTH = 224, 1280
CELLS = 4  # the teacher's feature map is pooled to this many cells a side


@dataclass
class Task:
    """What a run is to learn.

    images: list of PIL RGB, the photos that views are drawn from
    shares: (N,) float that sum to 1, how often each photo is looked at
    aim:    (pooled features (B, 1280), probabilities (B, 1000), picks (B,) list) -> target probabilities (B, K)
    mean, std: (1280,) of the teacher's pooled features, which are standardised before they become targets
    mix:    share of views that show two photos at once
    check:  (model, size) -> JSON-ready dict, a quick look at the validation photos
    """

    classes: tuple
    images: list
    shares: np.ndarray
    aim: Callable
    mean: torch.Tensor
    std: torch.Tensor
    mix: float
    check: Callable


def load_teacher(folder):
    """The frozen network of `folder`/mobilenet_v2.py: (B, 3, H, W) in [0, 1] -> logits (B, 1000), features."""
    spec = importlib.util.spec_from_file_location("teacher", Path(folder) / "mobilenet_v2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load_teacher()


def batch_of(arrays, device):
    """List of (H, W, 3) uint8 -> (B, 3, H, W) float in [0, 1]."""
    x = torch.from_numpy(np.stack(arrays)).to(device).permute(0, 3, 1, 2)
    return x.float().div_(255).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def teach(teacher, images):
    """(B, 3, H, W) -> feature maps (B, 1280, h, w), probabilities (B, 1000)."""
    logits, maps = teacher(images)
    return maps, logits.softmax(1)


@torch.no_grad()
def pooled(teacher, arrays, device, batch=64):
    """List of (H, W, 3) uint8 -> (N, 1280) pooled features, (N, 1000) probabilities."""
    said = [teach(teacher, batch_of(arrays[k : k + batch], device)) for k in range(0, len(arrays), batch)]
    return torch.cat([maps.mean((2, 3)) for maps, _ in said]), torch.cat([p for _, p in said])


def random_view(image, rng, scale=(0.2, 1.0)):
    """A random part of the picture, maybe mirrored and recoloured, as (224, 224, 3) uint8.

    Random resized crop (Szegedy et al. 2015, arXiv:1409.4842) in PIL, then brightness, contrast and saturation;
    now and then grey or washed out, so that colour alone never makes a bear.
    """
    width, height = image.size
    area, ratio = width * height * rng.uniform(*scale), math.exp(rng.uniform(-0.5, 0.5))
    w, h = min(width, math.sqrt(area * ratio)), min(height, math.sqrt(area / ratio))
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    view = image.resize((TEACHER_SIZE,) * 2, Image.Resampling.BILINEAR, box=(x, y, x + w, y + h), reducing_gap=2.0)
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


class Views:
    """A ring buffer of augmented views with what the teacher says of each."""

    def __init__(self, task, teacher, device, size, capacity, scale):
        self.task, self.teacher, self.device, self.size, self.capacity, self.scale = task, teacher, device, size, capacity, scale
        self.made = 0
        self.pixels = torch.zeros(capacity, 3, size, size, dtype=torch.uint8)
        self.cells = torch.zeros(capacity, TEACHER_WIDTH, CELLS, CELLS, dtype=torch.float16)
        self.targets = torch.zeros(capacity, len(task.classes))

    def add(self, count, rng):
        """Draw `count` fresh views."""
        while count > 64:  # what the teacher looks at in one go
            self.add(64, rng)
            count -= 64
        picks = rng.choice(len(self.task.images), size=count, p=self.task.shares).tolist()
        arrays = [random_view(self.task.images[i], rng, self.scale) for i in picks]
        for k in np.flatnonzero(rng.random(count) < self.task.mix):
            other = int(rng.choice(len(self.task.images), p=self.task.shares))
            arrays[k] = mixed(arrays[k], random_view(self.task.images[other], rng, self.scale), rng)
        batch = batch_of(arrays, self.device)
        maps, probabilities = teach(self.teacher, batch)
        where = (torch.arange(count) + self.made) % self.capacity
        small = F.interpolate(batch, size=(self.size,) * 2, mode="bilinear", antialias=True)
        self.pixels[where] = small.mul(255).round().clamp(0, 255).byte().cpu()
        standard = (maps - self.task.mean.view(1, -1, 1, 1)) / self.task.std.view(1, -1, 1, 1)
        self.cells[where] = F.adaptive_avg_pool2d(standard, CELLS).half().cpu()
        self.targets[where] = self.task.aim(maps.mean((2, 3)), probabilities, picks).cpu()
        self.made += count

    def draw(self, count, size, generator):
        """(B, 3, size, size) in [0, 1], targets (B, K), cells (B, 1280, CELLS, CELLS); mirrored at random, one in three blended."""
        pick = torch.randint(min(self.made, self.capacity), (count,), generator=generator)
        x = self.pixels[pick].to(self.device).float().div_(255)
        y, cells = self.targets[pick].to(self.device), self.cells[pick].to(self.device).float()
        flip = torch.rand(count, generator=generator) < 0.5
        x[flip], cells[flip] = x[flip].flip(3), cells[flip].flip(3)
        if size != self.size:
            x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
        if torch.rand((), generator=generator) < 1 / 3:
            keep = 0.5 + 0.5 * float(torch.rand((), generator=generator))
            x, y, cells = (keep * t + (1 - keep) * t.roll(1, 0) for t in (x, y, cells))
        return x.contiguous(memory_format=torch.channels_last), y, cells


def save_state(path, model, projector, average, optimiser, progress):
    """Write everything a resumed run needs as one safetensors file: no pickle, and never half a file."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"projector.{k}": v for k, v in projector.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.items()}
    tensors |= weights.optimiser_tensors(optimiser, "optimiser")
    weights.save(path, tensors, {"progress": json.dumps(progress)})


def load_state(path, model, projector, average, optimiser):
    """Put a saved run back; returns its progress: steps done, views seen and the seconds they took."""
    tensors, metadata = weights.read(path)

    def part(prefix):
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    model.load_state_dict(part("model."))
    projector.load_state_dict(part("projector."))
    for key, value in part("average.").items():
        average[key].copy_(value)
    weights.restore_optimiser(optimiser, tensors, "optimiser")
    return json.loads(metadata["progress"])


def begin(path, model, projector):
    """Start from the averaged backbone of an earlier run of ours; returns that run's progress."""
    tensors, metadata = weights.read(path)
    backbone = {k.removeprefix("average.backbone."): v for k, v in tensors.items() if k.startswith("average.backbone.")}
    model.backbone.load_state_dict(backbone)
    projector.load_state_dict({k.removeprefix("projector."): v for k, v in tensors.items() if k.startswith("projector.")})
    return json.loads(metadata["progress"])


def hardware(device):
    """What trained it, for the card."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU cores ({platform.machine()}), {runtime.fast_dtype(device) or torch.float32}".replace("torch.", "")


def learning_rate(step, steps, peak):
    """Linear warm-up over 300 steps or the first tenth, then half a cosine down to nothing. Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5."""
    return peak * min(1, (step + 1) / min(300, 1 + steps // 10), 1e-3 + 0.5 * (1 + math.cos(math.pi * step / steps)))


def loss_of(model, projector, batch, weight, dtype):
    """What a batch of views costs: (whole loss, KL to the targets, 1 - cosine to the teacher's features).

    The linear projector sees the student's last map in the teacher's grid; the mean of what it says is the pooled
    feature, and both must point where the teacher's do.
    """
    x, target, cells = batch
    with torch.autocast(x.device.type, dtype, enabled=dtype is not None):
        last = list(model.backbone.features(x).values())[-1]
        logits = model.head(last.mean((2, 3)))
        grid = F.adaptive_avg_pool2d(last, CELLS).flatten(2).transpose(1, 2)  # (B, cells, width)
        imitation, whole = projector(grid), projector(last.mean((2, 3)))
    theirs = cells.flatten(2).transpose(1, 2)
    kl = F.kl_div(logits.float().log_softmax(1), target, reduction="batchmean")
    apart = (1 - F.cosine_similarity(whole.float(), theirs.mean(1))).mean()
    local = (1 - F.cosine_similarity(imitation.float(), theirs, dim=2)).mean()
    return kl + weight * (apart + 0.5 * local), kl, apart


def write_weights(path, average, classes, progress, args, device):
    """The averaged network, folded and in half precision, with the numbers that release.py needs; returns it unfolded."""
    model = Classifier(WIDTHS, DEPTHS, classes)
    model.load_state_dict(average)
    folded = fold(model.eval())
    about = {"shape": json.dumps(folded.shape), "views": str(progress["views"]), "seconds": f"{progress['seconds']:.0f}"}
    about |= {"seed": str(args.seed), "hardware": hardware(device), "before": json.dumps(progress["before"])}
    weights.save(path, {key: t.half() for key, t in folded.state_dict().items()}, about)
    return model.to(device)


def distil(task, teacher, args, name, device):
    """Train, with a checkpoint every two minutes, and write `args.run`/NAME.safetensors (folded, half precision)."""
    dtype = runtime.fast_dtype(device)
    run = Path(args.run)
    state = run / "state.safetensors"
    views = Views(task, teacher, device, args.size, args.ring, (args.smallest, 1.0))
    model = Classifier(WIDTHS, DEPTHS, task.classes).to(device).to(memory_format=torch.channels_last)
    projector = nn.Linear(model.backbone.width, TEACHER_WIDTH).to(device)
    steps, progress = args.views // args.batch, {"step": 0, "views": 0, "seconds": 0.0, "before": None}
    if args.begin and not state.exists():
        progress["before"] = begin(args.begin, model, projector)
        print(f"began with the backbone of {args.begin}", flush=True)
    average = {key: value.clone() for key, value in model.state_dict().items()}
    parameters = [*model.parameters(), *projector.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=args.lr, weight_decay=args.decay, betas=(0.9, 0.99))
    if state.exists():
        progress = load_state(state, model, projector, average, optimiser)
        print(f"resumed at step {progress['step']} of {steps}", flush=True)
    first, earlier = progress["step"], progress["seconds"]
    if first < steps:
        views.add(args.warm_ring, np.random.default_rng([args.seed, first]))
    started = saved = time.time()
    model.train()
    for step in range(first, steps):
        # The step alone seeds what it draws, so that a resumed run goes on as if it had not stopped.
        views.add(max(1, args.batch // args.reuse), np.random.default_rng([args.seed, step, 1]))
        size = args.size if step > args.small_until * steps else args.small
        batch = views.draw(args.batch, size, torch.Generator().manual_seed(args.seed * 10**9 + step))
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, args.lr)
        loss, kl, apart = loss_of(model, projector, batch, args.features, dtype)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimiser.step()
        done = step + 1
        follow(average, model, fade=min(0.999, done / (done + 50)))
        progress |= {"step": done, "views": done * args.batch, "seconds": earlier + time.time() - started}
        if done % 100 == 0:
            rate = (done - first) / (time.time() - started)
            left = (steps - done) / rate / 60
            print(f"{done}/{steps} kl {kl:.3f} features {apart:.3f} {rate * args.batch:.0f} views/s, {left:.0f} min left", flush=True)
        if time.time() - saved > 120 or done == steps:
            save_state(state, model, projector, average, optimiser, progress)
            saved = time.time()
        if done % args.check == 0 or done == steps:
            judged = write_weights(run / f"{name}.safetensors", average, task.classes, progress, args, device)
            report = {side: task.check(judged, side) for side in (args.size, args.size * 5 // 4)}
            print(f"{done}/{steps} val {json.dumps(report)}", flush=True)


def follow(average, model, fade):
    """Move the running average of all weights towards the model's. Polyak and Juditsky 1992; Tarvainen and Valpola 2017."""
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value, 1 - fade)
        else:
            average[key].copy_(value)
