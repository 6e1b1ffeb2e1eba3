"""Train the bear detector from random initialisation. One script for CPU and GPU; the same command resumes.

    python -m core.vision.train bears --data ../shared/data --teachers ../shared/teachers

A small network learns to say of a picture what a frozen ImageNet teacher says of the same picture ("patient and
consistent" distillation, Beyer et al. 2022, arXiv:2106.05237). The targets of each augmented view are the
teacher's pooled features and a linear probe on them, fitted to the labels of the training photos. Photos whose
label the cross-fitted probe finds very unlikely are left out (confident learning, Northcutt et al. 2021,
arXiv:1911.00068), because image search mislabels some.

Views are drawn into a ring buffer and each is used `--reuse` times: with a CPU the teacher at 224 px would
otherwise cost more than the student. On a GPU use `--reuse 1`.
"""

import argparse
import importlib.util
import json
import math
import platform
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from core import runtime, weights
from core.images import squash, to_array
from core.vision import photos
from core.vision.evaluate import auroc
from core.vision.model import Classifier, fold
from core.vision.photos import OTHER

WIDTHS, DEPTHS = (32, 64, 128, 256, 384), (1, 2, 2, 3, 2)
TEACHER_SIZE = 224
# ImageNet classes that are animals easily taken for one of our bears: ice bear, lesser panda, giant panda.
NEAR_BEARS = (296, 387, 388)


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
    """(B, 3, H, W) -> pooled features (B, 1280), probability that it is a near-bear (B,)."""
    logits, maps = teacher(images)
    return maps.mean((2, 3)), logits.softmax(1)[:, list(NEAR_BEARS)].sum(1)


class Probe:
    """Multinomial logistic regression on standardised features, by L-BFGS."""

    def __init__(self, features, labels, decay=1e-2):
        classes = len(photos.CLASSES)
        self.mean, self.std = features.mean(0), features.std(0) + 1e-3
        z = self.standardise(features)
        self.weight = torch.zeros(classes, z.shape[1], device=z.device, requires_grad=True)
        self.bias = torch.zeros(classes, device=z.device, requires_grad=True)
        solver = torch.optim.LBFGS([self.weight, self.bias], max_iter=60, line_search_fn="strong_wolfe")

        def loss():
            solver.zero_grad()
            value = F.cross_entropy(z @ self.weight.T + self.bias, labels, label_smoothing=0.02)
            value = value + decay * self.weight.square().sum()
            value.backward()
            return value

        solver.step(loss)
        self.weight, self.bias = self.weight.detach(), self.bias.detach()

    def standardise(self, features):
        return (features - self.mean) / self.std

    def __call__(self, features):
        """(B, D) -> (B, K) probabilities."""
        return (self.standardise(features) @ self.weight.T + self.bias).softmax(1)


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


def flat_pictures(count, rng):
    """Pictures of nothing: plain colours, gradients, stripes and noise, each (256, 256) RGB. No bears either."""
    out = []
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    for index in range(count):
        a, b = rng.uniform(0, 255, (2, 3)).astype(np.float32)
        kind = index % 4
        if kind == 0:
            t = np.zeros((256, 256), np.float32)
        elif kind == 1:
            t = np.add.outer(ramp * rng.uniform(-1, 1), ramp * rng.uniform(-1, 1))
        elif kind == 2:
            t = (np.add.outer(ramp, ramp * rng.uniform(-1, 1)) * rng.integers(3, 40)) % 1.0
        else:
            grain = int(rng.choice([4, 16, 64, 256]))
            noise = Image.fromarray(rng.integers(0, 256, (grain, grain), dtype=np.uint8)).resize((256, 256))
            t = np.asarray(noise, dtype=np.float32) / 255
        out.append(Image.fromarray((a + (b - a) * t[..., None]).clip(0, 255).astype(np.uint8)))
    return out


class Views:
    """A ring buffer of augmented views with what the teacher says of each."""

    def __init__(self, images, labels, teacher, probe, device, size, capacity):
        self.images, self.labels, self.teacher, self.probe = images, np.asarray(labels), teacher, probe
        self.device, self.size, self.capacity, self.made = device, size, capacity, 0
        self.bears, self.others = np.flatnonzero(self.labels != OTHER), np.flatnonzero(self.labels == OTHER)
        self.pixels = torch.zeros(capacity, 3, size, size, dtype=torch.uint8)
        self.features = torch.zeros(capacity, 1280)
        self.targets = torch.zeros(capacity, len(photos.CLASSES))

    def add(self, count, rng):
        """Draw `count` fresh views, half of them from bear photos."""
        while count > 64:  # what the teacher looks at in one go
            self.add(64, rng)
            count -= 64
        picks = [int(rng.choice(self.bears if rng.random() < 0.5 else self.others)) for _ in range(count)]
        arrays = [random_view(self.images[i], rng) for i in picks]
        batch = batch_of(arrays, self.device)
        features, near = teach(self.teacher, batch)
        said = self.probe(features)
        # A crop of a grizzly photo shows the grizzly or it shows no bear; it is never a teddy. So the photo's label
        # picks which two of the probe's answers count. Polar bears and pandas, as the teacher sees them, are no bear.
        own = torch.as_tensor(self.labels[picks], device=said.device)
        allowed = F.one_hot(own, said.shape[1]).float()
        allowed[:, OTHER] = 1.0
        target = said * allowed
        target = target / target.sum(1, keepdim=True)
        none = F.one_hot(torch.full_like(own, OTHER), said.shape[1]).float()
        near = torch.where(own == photos.CLASSES.index("teddy"), torch.zeros_like(near), near)[:, None]
        target = target * (1 - near) + none * near
        where = (torch.arange(count) + self.made) % self.capacity
        small = F.interpolate(batch, size=(self.size,) * 2, mode="bilinear", antialias=True)
        self.pixels[where] = small.mul(255).round().clamp(0, 255).byte().cpu()
        self.features[where] = self.probe.standardise(features).cpu()
        self.targets[where] = target.cpu()
        self.made += count

    def draw(self, count, size, generator):
        """(B, 3, size, size) in [0, 1], targets (B, 4), features (B, 1280); mirrored at random, one in three mixed.

        mixup: Zhang et al. 2018, arXiv:1710.09412.
        """
        pick = torch.randint(min(self.made, self.capacity), (count,), generator=generator)
        x = self.pixels[pick].to(self.device).float().div_(255)
        y, f = self.targets[pick].to(self.device), self.features[pick].to(self.device)
        flip = torch.rand(count, generator=generator) < 0.5
        x[flip] = x[flip].flip(3)
        if size != self.size:
            x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
        if torch.rand((), generator=generator) < 1 / 3:
            keep = 0.5 + 0.5 * float(torch.rand((), generator=generator))
            x, y, f = (keep * t + (1 - keep) * t.roll(1, 0) for t in (x, y, f))
        return x.contiguous(memory_format=torch.channels_last), y, f


def clean(features, labels, doubt=0.08):
    """Which photos to keep: those whose label a probe fitted without them gives more than `doubt`. -> (N,) bool."""
    keep = torch.ones(len(labels), dtype=torch.bool)
    fold_of = torch.arange(len(labels)) % 5
    for k in range(5):
        here = fold_of == k
        said = Probe(features[~here], labels[~here])(features[here])
        keep[here] = said.gather(1, labels[here, None]).squeeze(1).cpu() > doubt
    return keep


def save_state(path, model, projector, average, optimiser, progress):
    """Write everything a resumed run needs as one safetensors file: no pickle, and never half a file."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"projector.{k}": v for k, v in projector.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": v for k, v in state.items()}
    weights.save(path, tensors, {"progress": json.dumps(progress)})


def load_state(path, model, projector, average, optimiser):
    """Put a saved run back; returns its progress: {"step": steps done, "seconds": time they took}."""
    tensors, metadata = weights.read(path)

    def part(prefix):
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    model.load_state_dict(part("model."))
    projector.load_state_dict(part("projector."))
    for key, value in part("average.").items():
        average[key].copy_(value)
    state = optimiser.state_dict()
    for key, value in part("optimiser.").items():
        index, name = key.split(".")
        state["state"].setdefault(int(index), {})[name] = value
    optimiser.load_state_dict(state)
    return json.loads(metadata["progress"])


def prepare(args, device):
    """Read the photos, ask the teacher, drop doubtful labels -> (Views, val photos, val labels)."""
    corpus, labels, parts = photos.bear_corpus(args.data)
    train, val = ([i for i, part in enumerate(parts) if part == name] for name in ("train", "val"))
    print(f"{len(corpus)} photos; train {len(train)}, val {len(val)}, test {parts.count('test')}", flush=True)
    teacher = load_teacher(args.teachers).to(device).to(memory_format=torch.channels_last)
    rng = np.random.default_rng(args.seed)
    # The probe sees every training photo twice, whole and as a crop, because crops are what it will be asked about.
    looks = [to_array(squash(corpus[i].image, TEACHER_SIZE)) for i in train]
    looks += [random_view(corpus[i].image, rng, (0.3, 1.0)) for i in train]
    features = torch.cat([teach(teacher, batch_of(looks[k : k + 64], device))[0] for k in range(0, len(looks), 64)])
    y = torch.tensor([labels[i] for i in train], device=device)
    keep = clean(features[: len(train)], y) | (y == OTHER).cpu()
    probe = Probe(features[keep.repeat(2)], y.repeat(2)[keep.repeat(2)])
    kept = [i for i, k in zip(train, keep.tolist(), strict=True) if k]
    dropped = sorted(set(train) - set(kept))
    print(f"left out {len(dropped)} doubtful labels: {' '.join(corpus[i].key for i in dropped)}", flush=True)
    flat = flat_pictures(80, rng)
    images = [corpus[i].image for i in kept] + flat
    views = Views(images, [labels[i] for i in kept] + [OTHER] * len(flat), teacher, probe, device, args.size, args.ring)
    return views, [corpus[i].image for i in val], torch.tensor([labels[i] for i in val])


@torch.no_grad()
def quick_check(model, images, labels, size, device):
    """Accuracy of naming the bear, and AUROC of bear against none, on whole photos."""
    arrays = [to_array(squash(image, size)) for image in images]
    said = torch.cat([model(batch_of(arrays[k : k + 64], device)).softmax(1).cpu() for k in range(0, len(arrays), 64)])
    bear = labels != OTHER
    right = (said[bear, :OTHER].argmax(1) == labels[bear]).float().mean()
    return {"accuracy": round(float(right), 4), "auroc": round(auroc(1 - said[:, OTHER], bear), 4)}


def hardware(device):
    """What trained it, for the card."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU cores ({platform.machine()}), {runtime.fast_dtype(device) or torch.float32}".replace("torch.", "")


def learning_rate(step, steps, peak):
    """Linear warm-up over 300 steps or the first tenth, then half a cosine down to nothing. Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5."""
    return peak * min(1, (step + 1) / min(300, 1 + steps // 10), 1e-3 + 0.5 * (1 + math.cos(math.pi * step / steps)))


def loss_of(model, projector, batch, weight, dtype):
    """What a batch of views costs: (whole loss, KL to the probe's answer, 1 - cosine to the teacher's features)."""
    x, target, features = batch
    with torch.autocast(x.device.type, dtype, enabled=dtype is not None):
        pooled = model.backbone(x)
        logits, imitation = model.head(pooled), projector(pooled)
    kl = F.kl_div(logits.float().log_softmax(1), target, reduction="batchmean")
    apart = (1 - F.cosine_similarity(imitation.float(), features)).mean()
    return kl + weight * apart, kl, apart


def write_weights(path, average, step, seconds, args, device):
    """The averaged network, folded and in half precision, with the numbers that release.py needs; returns it unfolded."""
    model = Classifier(WIDTHS, DEPTHS, photos.CLASSES)
    model.load_state_dict(average)
    folded = fold(model.eval())
    about = {"shape": json.dumps(folded.shape), "views": str(step * args.batch), "seconds": f"{seconds:.0f}"}
    about |= {"seed": str(args.seed), "hardware": hardware(device)}
    weights.save(path, {key: t.half() for key, t in folded.state_dict().items()}, about)
    return model.to(device)


def train_bears(args):
    """Train, with a checkpoint every two minutes, and write `RUN/bears.safetensors` (folded, half precision)."""
    device = runtime.device()
    dtype = runtime.fast_dtype(device)
    torch.manual_seed(args.seed)
    run = Path(args.run)
    state = run / "state.safetensors"
    views, val_images, val_labels = prepare(args, device)
    model = Classifier(WIDTHS, DEPTHS, photos.CLASSES).to(device).to(memory_format=torch.channels_last)
    projector = nn.Linear(model.backbone.width, 1280).to(device)
    average = {key: value.clone() for key, value in model.state_dict().items()}
    parameters = [*model.parameters(), *projector.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=args.lr, weight_decay=args.decay, betas=(0.9, 0.99))
    steps, progress = args.views // args.batch, {"step": 0, "seconds": 0.0}
    if state.exists():
        progress = load_state(state, model, projector, average, optimiser)
        print(f"resumed at step {progress['step']} of {steps}", flush=True)
    first = progress["step"]
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
        seconds = progress["seconds"] + time.time() - started
        if done % 100 == 0:
            rate = (done - first) / (time.time() - started)
            left = (steps - done) / rate / 60
            print(f"{done}/{steps} kl {kl:.3f} features {apart:.3f} {rate * args.batch:.0f} views/s, {left:.0f} min left", flush=True)
        if time.time() - saved > 120 or done == steps:
            save_state(state, model, projector, average, optimiser, {"step": done, "seconds": seconds})
            saved = time.time()
        if done % args.check == 0 or done == steps:
            judged = write_weights(run / "bears.safetensors", average, done, seconds, args, device)
            report = {side: quick_check(judged, val_images, val_labels, side, device) for side in (args.size, args.size * 5 // 4)}
            print(f"{done}/{steps} val {json.dumps(report)}", flush=True)


def follow(average, model, fade):
    """Move the running average of all weights towards the model's. Polyak and Juditsky 1992; Tarvainen and Valpola 2017."""
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value, 1 - fade)
        else:
            average[key].copy_(value)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.vision.train", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    bears = commands.add_parser("bears", help="the bear detector")
    bears.add_argument("--data", default="../shared/data", help="folder with the photo zips")
    bears.add_argument("--teachers", default="../shared/teachers", help="folder with the frozen teacher")
    bears.add_argument("--run", default="runs/bears", help="folder for checkpoints")
    bears.add_argument("--views", type=int, default=360_000, help="augmented views to learn from")
    bears.add_argument("--batch", type=int, default=64)
    bears.add_argument("--reuse", type=int, default=4, help="times each view is used")
    bears.add_argument("--ring", type=int, default=24_576, help="views kept")
    bears.add_argument("--warm-ring", type=int, default=2_048, help="views drawn before the first step")
    bears.add_argument("--small", type=int, default=96, help="px of the first part of the run")
    bears.add_argument("--size", type=int, default=128, help="px of the last part")
    bears.add_argument("--small-until", type=float, default=0.85, help="share of the run in small pictures")
    bears.add_argument("--lr", type=float, default=1.5e-3)
    bears.add_argument("--decay", type=float, default=0.05)
    bears.add_argument("--features", type=float, default=1.5, help="weight of the feature loss")
    bears.add_argument("--check", type=int, default=500, help="steps between looks at the validation photos")
    bears.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    train_bears(args)


if __name__ == "__main__":
    main()
