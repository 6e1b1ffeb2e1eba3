"""Train a generator against a discriminator.

    python -m core.gan.train faces --no-eyes --pictures 281600           the face generator: alone at first,
    python -m core.gan.train faces --pictures 700000 --fall 60000        then with judges, its rates falling at the end
    python -m core.gan.train faces --kind style --run runs/gan-style     the style-based one, on the same pictures
    python -m core.gan.train digits
    python -m core.gan.train my_folder --side 64

One script for CPU and GPU. It writes `state.safetensors` every two minutes, a grid of samples beside it, and goes on
where it stopped when the same command is given again.

DCGAN learns as in its paper, and an average of its weights (EMA) is what draws. Batch norm takes out what all fakes of a
batch share, which is why it gets so far in an hour of one CPU core. With `--eyes` it learns from judges.py as well, by the
hinge loss (Lim and Ye 2017, arXiv:1705.02894), and from spectrum.py, and every player sees pictures changed a little
(`augment`), or its discriminator gets to know 8,000 photos by heart. With judges from the first picture on, faces come
sooner and all look alike; so they join later.

The style generator learns with the non-saturating loss (Goodfellow et al. 2014), the R1 penalty (Mescheder et al. 2018,
arXiv:1801.04406, eq. 9) every `LAZY` steps, the same average, and augmentation whose strength follows how sure the
discriminator is of its training pictures (ADA, Karras et al. 2020, arXiv:2006.06676).
"""

import argparse
import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image

from core import runtime, weights
from core.errors import BadInput, StudioError
from core.gan import data, judges, model, spectrum

FASTER = 4  # times the generator's rate that the discriminator learns at, or what all fakes share swings (Heusel et al. 2017, sec. 2)
LAZY = 8  # steps between two R1 penalties
TARGET = 0.6  # ADA: the share of training pictures, less the share of mistakes, that the discriminator may be sure of
SAVE = 120  # seconds between checkpoints
REST = 300  # steps that a generator which begins trained waits for its new discriminator
EYES_RATE, EYES_AUGMENT, EYES_WARM = 0.0002, 0.3, 60  # the judges' learning rate; strength of `augment`; steps before the generator hears them
SPECTRUM = 3.0  # weight of spectrum.py in what the generator hears; at 1 its colours keep half as much noise again as photos have


@dataclass
class Plan:
    """What shapes a run. `lr` is the generator's; `gamma` weighs R1; `average` is the half-life of the EMA in pictures.

    `eyes`: DCGAN has the backbone's judges too; 3 channels, 64 px or more
    """

    kind: str = "dcgan"
    side: int = 64
    channels: int = 3
    batch: int = 32
    lr: float = 0.0002
    gamma: float = 2.0
    average: int = 10_000
    augment: bool = True
    flip: bool = True
    seed: int = 1
    eyes: bool = False


def networks(plan):
    """(generator, discriminator) for a plan; small pictures have fewer steps."""
    steps = int(math.log2(plan.side)) - 2
    if plan.kind == "dcgan":
        wide = [512, 256, 128, 64, 32][-steps:] if steps > 4 else [512, 256, 128, 64][-steps:]
        return model.DCGAN(wide, channels=plan.channels), model.DCDiscriminator(wide[::-1], channels=plan.channels)
    wide = ([256, 192, 96, 64] if steps <= 4 else [256, 256, 192, 96, 64])[:steps]
    return model.StyleGenerator(wide, channels=plan.channels), model.Discriminator(wide[::-1], channels=plan.channels)


@torch.no_grad()
def settle(generator, draws=4096):
    """Give batch norm the statistics of what this generator makes. After it the generator is in evaluation mode.

    An average of weights makes other pictures than the weights do whose statistics were averaged with them: greyer ones,
    until they are taken anew (Izmailov et al. 2018, arXiv:1803.05407, sec. 3.1). Without batch norm nothing changes.
    """
    norms = [part for part in generator.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    generator.train()
    numbers = torch.Generator().manual_seed(0)
    for _ in range(draws // 64 if norms else 0):
        generator(torch.randn(64, generator.latent, generator=numbers).to(next(generator.parameters()).device))
    generator.eval()


class Collapse(StudioError):
    """The generator makes one picture only, or numbers that are none."""


class Trainer:
    """One run: `step()` shows both players one batch. Pictures: (N, C, side, side) uint8."""

    def __init__(self, pictures, plan, device="cpu"):
        torch.manual_seed(plan.seed)
        self.pictures, self.plan, self.device = pictures, plan, device
        self.generator, self.discriminator = (n.to(device).to(memory_format=torch.channels_last) for n in networks(plan))
        self.average = {k: v.clone() for k, v in self.generator.state_dict().items()}
        betas = (0.5, 0.999) if plan.kind == "dcgan" else (0.0, 0.99)
        rates = (plan.lr, plan.lr * (1 if plan.kind == "dcgan" else FASTER))
        players = (self.generator, self.discriminator)
        self.optimisers = [torch.optim.Adam(n.parameters(), lr=rate, betas=betas) for n, rate in zip(players, rates, strict=True)]
        if plan.eyes:
            self.eyes = judges.backbone(device)
            self.judges = judges.Judges(self.eyes, plan.side).to(device).to(memory_format=torch.channels_last)
            self.spectrum = spectrum.Spectrum(pictures, device)
            self.optimisers.append(torch.optim.Adam(self.judges.parameters(), lr=EYES_RATE, betas=(0.0, 0.99)))
        self.rates = [optimiser.param_groups[0]["lr"] for optimiser in self.optimisers]
        self.fall = None  # (from, to): pictures between which the learning rates fall to nothing
        self.steps, self.judged, self.rest, self.seconds, self.strength = 0, 0, 0, 0.0, 0.0
        self.spread = None  # of the pictures, to tell a collapse

    @property
    def seen(self):
        """Training pictures shown so far, repeats counted."""
        return self.steps * self.plan.batch

    def step(self):
        """One batch for both players -> dict of floats for a log."""
        started = time.monotonic()
        torch.manual_seed(self.plan.seed * 10**9 + self.steps)  # the step alone seeds what it draws
        if self.fall:
            left = min(1.0, max(0.0, (self.fall[1] - self.seen) / max(1, self.fall[1] - self.fall[0])))
            for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
                optimiser.param_groups[0]["lr"] = rate * left
        told = self._classic() if self.plan.kind == "dcgan" else self._style()
        self.steps += 1
        fade = 0.5 ** (self.plan.batch / max(1, min(self.plan.average, 0.15 * self.seen)))
        for key, value in self.generator.state_dict().items():
            self.average[key].lerp_(value, 1 - fade) if value.is_floating_point() else self.average[key].copy_(value)
        self.seconds += time.monotonic() - started
        if not all(math.isfinite(v) for v in told.values()):
            raise Collapse("The training has run away: its numbers are no longer finite. Please start again with a smaller learning rate.")
        return told

    def real(self):
        """A random batch of training pictures (B, C, side, side) in [-1, 1]."""
        pick = torch.randint(len(self.pictures), (self.plan.batch,))
        x = self.pictures[pick].to(self.device).float() / 127.5 - 1
        if self.plan.flip:
            mirrored = torch.rand(len(x)) < 0.5
            x[mirrored] = x[mirrored].flip(3)
        return x.contiguous(memory_format=torch.channels_last)

    def _style(self):
        """Both players from one look at the fakes.

        The gradients of both losses with respect to D(fake) differ by a factor for each picture, and D treats pictures
        one by one. So one backward pass of the discriminator's loss is enough: scaled picture by picture, the gradient
        that arrives at the fakes is the generator's. A quarter of the work is saved.
        """
        plan, (improve_g, improve_d) = self.plan, self.optimisers
        improve_g.zero_grad(set_to_none=True)
        improve_d.zero_grad(set_to_none=True)
        fake = self.generator(torch.randn(plan.batch, self.generator.latent, device=self.device))
        shown = fake.detach().requires_grad_()
        verdict = self.discriminator(augment(shown, self.strength))
        loss_fake = F.softplus(verdict).mean()
        loss_fake.backward()
        # d softplus(v) = sigmoid(v); the generator wants d softplus(-v) = -sigmoid(-v). Their ratio is -exp(-v).
        fake.backward(shown.grad * -torch.exp(-verdict.detach().clamp(-12, 12))[:, None, None, None])
        real = self.real()
        penalise = self.steps % LAZY == 0
        if penalise:
            real.requires_grad_()
        opinion = self.discriminator(augment(real, self.strength))
        loss_real = F.softplus(-opinion).mean()
        penalty = torch.zeros(())
        if penalise:
            (slope,) = torch.autograd.grad(opinion.sum(), real, create_graph=True)
            penalty = slope.square().sum((1, 2, 3)).mean()
        (loss_real + penalty * (plan.gamma / 2 * LAZY)).backward()
        if self.steps >= self.rest:
            improve_g.step()
        improve_d.step()
        sure = opinion.detach().sign().mean().item()
        if plan.augment:  # a full turn of the strength takes 100,000 pictures
            self.strength = min(0.8, max(0.0, self.strength + math.copysign(plan.batch / 100_000, sure - TARGET)))
        return {"real": loss_real.item(), "fake": loss_fake.item(), "sure": sure, "strength": self.strength}

    def _look(self, network, *shown):
        """What a network makes of what it is shown, in the width that this machine multiplies fastest."""
        with runtime.fast(self.device):
            return network(*shown)

    def _verdict(self, pictures):
        """What the discriminator says of (B, C, side, side), as float32."""
        return self._look(self.discriminator, pictures).float()

    def _classic(self):
        """DCGAN's step: the discriminator on both kinds, then the generator through the new discriminator."""
        improve_g, improve_d = self.optimisers[:2]
        fake = self._look(self.generator, torch.randn(self.plan.batch, self.generator.latent, device=self.device)).float()
        drawn, real = fake, self.real()
        if self.plan.eyes:
            fake, real = augment(fake, EYES_AUGMENT), augment(real, EYES_AUGMENT)
        improve_d.zero_grad(set_to_none=True)
        loss_real = F.softplus(-self._verdict(real)).mean()
        loss_fake = F.softplus(self._verdict(fake.detach())).mean()
        (loss_real + loss_fake).backward()
        improve_d.step()
        improve_g.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)  # its weights need no gradient of the generator's loss
        loss = F.softplus(-self._verdict(fake)).mean()
        told = {"real": loss_real.item(), "fake": loss_fake.item()}
        if self.plan.eyes:
            judged, told["judges"] = self._judge(fake, real)
            off = self.spectrum(drawn)
            loss, told["spectrum"] = loss + judged + SPECTRUM * off, off.item()
        if self.steps >= self.rest:
            loss.backward()
            improve_g.step()
        self.discriminator.requires_grad_(True)
        return told

    def _judge(self, fake, real):
        """The judges learn from one batch -> (what they ask of the generator, their own loss per judge)."""
        seen = self._look(self.judges.mix, self.eyes, fake)
        with torch.no_grad():
            known = self._look(self.judges.mix, self.eyes, real)
        improve = self.optimisers[2]
        improve.zero_grad(set_to_none=True)
        fakes, reals = self._look(self.judges, [m.detach() for m in seen]), self._look(self.judges, known)
        loss = sum(F.relu(1 + v.float()).mean() for v in fakes) + sum(F.relu(1 - v.float()).mean() for v in reals)
        loss.backward()
        improve.step()
        self.judged += 1
        if self.judged <= EYES_WARM:
            return 0, loss.item() / len(fakes)
        self.judges.requires_grad_(False)
        asked = -sum(v.float().mean() for v in self._look(self.judges, seen))
        self.judges.requires_grad_(True)
        return asked, loss.item() / len(fakes)

    @torch.no_grad()
    def samples(self, count, seed=0):
        """(count, C, side, side) in [-1, 1], of the averaged generator, untruncated. Batch norm goes by these pictures alone: see `settle`."""
        kept = {k: v.clone() for k, v in self.generator.state_dict().items()}
        self.generator.load_state_dict(self.average)
        z = torch.randn(count, self.generator.latent, generator=torch.Generator().manual_seed(seed)).to(self.device)
        out = self.generator(z).clamp(-1, 1).cpu()
        self.generator.load_state_dict(kept)
        return out

    def finished(self, draws=4096):
        """The averaged generator's weights, settled; the run can go on as it was."""
        generator = copy.deepcopy(self.generator)
        generator.load_state_dict(self.average)
        settle(generator, draws)
        return generator.state_dict()

    def check(self, samples):
        """Raise Collapse when samples differ from each other ten times less than the training pictures do."""
        if self.spread is None:
            self.spread = (self.pictures[:256].float() / 127.5).std(0).mean().item()
        if self.seen > 20_000 and samples.std(0).mean().item() < self.spread / 10:
            raise Collapse("The generator has collapsed: all its pictures look the same. Please give more pictures, or start again with another seed.")

    def save(self, path):
        """All that a resumed run needs, in one safetensors file."""
        tensors = {f"average.{k}": v for k, v in self.average.items()}
        for name, network, optimiser in self._players():
            tensors |= {f"{name}.{k}": v for k, v in network.state_dict().items()}
            tensors |= weights.optimiser_tensors(optimiser, f"{name}-adam")
        about = {"steps": self.steps, "judged": self.judged, "rest": self.rest, "seconds": self.seconds, "strength": self.strength, "plan": asdict(self.plan)}
        about["hardware"] = runtime.hardware(runtime.fast_dtype(self.device) if self.plan.kind == "dcgan" else None)
        weights.save(path, tensors, {"run": json.dumps(about)})

    def load(self, path):
        """Go on from a saved run; raises BadInput when it is of another plan."""
        tensors, metadata = weights.read(path)
        about = json.loads(metadata["run"])
        if about["plan"]["kind"] != self.plan.kind or about["plan"]["side"] != self.plan.side:
            raise BadInput(f"{path} is a run of another network. Please give another --run folder.")

        def part(prefix):
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        self.average = {k: v.to(self.device).clone() for k, v in part("average.").items()}
        for name, network, optimiser in self._players():
            if known := part(f"{name}."):  # judges may join a run that began without them
                network.load_state_dict(known)
                weights.restore_optimiser(optimiser, tensors, f"{name}-adam")
        self.steps, self.judged, self.rest = about["steps"], about.get("judged", 0), about.get("rest", 0)
        self.seconds, self.strength = about["seconds"], about["strength"]

    def begin(self, path):
        """Go on from bundled weights, of which only the generator is kept: it waits until a new discriminator has learned to judge it."""
        tensors, told = weights.read(path)
        if told["kind"] != self.plan.kind or json.loads(told["shape"]) != self.generator.shape:
            raise BadInput(f"{path} is another network. Please begin with weights of the same kind and side.")
        self.generator.load_state_dict(tensors)
        self.average = {k: v.to(self.device).clone() for k, v in self.generator.state_dict().items()}
        self.steps, self.judged = (int(told.get(key, 0)) // self.plan.batch for key in ("pictures", "judged"))
        self.rest, self.seconds = self.steps + REST, float(told["seconds"])

    def _players(self):
        players = {"generator": self.generator, "discriminator": self.discriminator} | ({"judges": self.judges} if self.plan.eyes else {})
        return zip(players, players.values(), self.optimisers, strict=True)


def generator_of(run, part="average"):
    """A run's folder -> (its generator, settled, {"steps", "seconds", "plan"}); part: "average", or "generator" for its last weights."""
    tensors, metadata = weights.read(Path(run) / "state.safetensors")
    about = json.loads(metadata["run"])
    generator, _ = networks(Plan(**about["plan"]))
    generator.load_state_dict({key.removeprefix(f"{part}."): value for key, value in tensors.items() if key.startswith(f"{part}.")})
    settle(generator)
    return generator, about


def augment(x, strength):
    """Each picture, with probability `strength` for each of three changes: moved by up to an eighth, recoloured, a part cut out.

    After Zhao et al. 2020 (DiffAugment, arXiv:2006.10738); differentiable, and what leaves the frame is mirrored in.
    x: (B, C, H, W) in [-1, 1]
    """
    if strength <= 0:
        return x
    count, side = len(x), x.shape[2]
    chosen = (torch.rand(3, count) < strength).to(x.device)
    shift = (torch.rand(count, 2, device=x.device) * 0.5 - 0.25) * chosen[0][:, None]  # in units of half a side
    shift = (shift * side / 2).round() * 2 / side
    theta = torch.eye(2, 3, device=x.device).repeat(count, 1, 1)
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    x = F.grid_sample(x, grid, mode="nearest", padding_mode="reflection", align_corners=False)
    draw = torch.rand(3, count, 1, 1, 1, device=x.device)
    on = chosen[1][:, None, None, None].float()
    grey = x.mean(1, keepdim=True)
    x = x + on * (draw[0] - 0.5) * 0.8 + on * (draw[1] - 0.5) * (x - grey)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = middle + (x - middle) * (1 + on * (draw[2] - 0.5))
    corner = (torch.rand(count, 2, device=x.device) * 1.5 - 0.5) * side  # a box of half the side, perhaps partly outside
    place = torch.arange(side, device=x.device)
    inside = (place >= corner[:, :, None]) & (place < corner[:, :, None] + side / 2)  # (B, 2, side)
    hole = inside[:, 0, :, None] & inside[:, 1, None, :] & chosen[2][:, None, None]
    return x.masked_fill(hole[:, None], 0)


def grid_picture(samples, columns=8):
    """(N, C, S, S) in [-1, 1] -> one PIL picture of them all."""
    count, channels, side, _ = samples.shape
    rows = math.ceil(count / columns)
    sheet = torch.full((channels, rows * side, columns * side), 255, dtype=torch.uint8)
    for k, sample in enumerate(samples.add(1).mul(127.5).round().clamp(0, 255).byte()):
        y, x = k // columns * side, k % columns * side
        sheet[:, y : y + side, x : x + side] = sample
    array = sheet.permute(1, 2, 0).numpy()
    return Image.fromarray(array[:, :, 0] if channels == 1 else array)


def read(name, side, folder):
    """(pictures, side, channels) of a named set or a folder."""
    if name in data.SETS:
        reader, usual, channels = data.SETS[name]
        return reader(folder, side or usual), side or usual, channels
    return data.folder(name, side or 64), side or 64, 3


def main():
    runtime.prepare_torch()
    parser = argparse.ArgumentParser(prog="python -m core.gan.train", description="Train a generator of pictures.")
    parser.add_argument("what", help=f"{', '.join(data.SETS)}, or a folder of pictures")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--kind", choices=sorted(model.KINDS), default="dcgan")
    parser.add_argument("--run", help="folder of the run (runs/gan-WHAT)")
    parser.add_argument("--begin", help="weights of ours to go on from, where no run is left to resume: assets/weights/gan-faces.safetensors")
    parser.add_argument("--side", type=int, choices=(32, 64, 128))
    parser.add_argument("--pictures", type=int, default=2_000_000, help="stop after so many were shown")
    parser.add_argument("--fall", type=int, default=0, help="over so many of the last of them the learning rates fall to nothing")
    parser.add_argument("--minutes", type=float, default=math.inf, help="or after so many minutes of training in all")
    parser.add_argument("--gamma", type=float, default=Plan.gamma)
    parser.add_argument("--lr", type=float, default=Plan.lr)
    parser.add_argument("--eyes", action=argparse.BooleanOptionalAction, help="judged by the backbone too (faces: yes; only for dcgan of 64 px or more)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    run = Path(args.run or f"runs/gan-{Path(args.what).name}")
    pictures, side, channels = read(args.what, args.side, args.data)
    able = args.kind == "dcgan" and channels == 3 and side >= 64
    if args.eyes and not able:
        parser.error("--eyes goes with --kind dcgan, colour and 64 px or more")
    eyes = able and (args.what in data.JUDGED if args.eyes is None else args.eyes)
    plan = Plan(args.kind, side, channels, lr=args.lr, gamma=args.gamma, flip=args.what != "digits", seed=args.seed, eyes=eyes)
    device = runtime.device()
    trainer = Trainer(data.split(pictures)[0], plan, device)
    state = run / "state.safetensors"
    if state.exists():
        trainer.load(state)
        print(f"resumed at {trainer.seen} pictures", flush=True)
    elif args.begin:
        trainer.begin(args.begin)
        print(f"began with {args.begin}, {trainer.seen} pictures", flush=True)
    trainer.fall = (args.pictures - args.fall, args.pictures) if args.fall else None
    saved = time.monotonic()
    before, clock = trainer.seen, time.monotonic()
    while trainer.seen < args.pictures and trainer.seconds < args.minutes * 60:
        told = trainer.step()
        if trainer.steps % 100 == 0:
            rate = (trainer.seen - before) / (time.monotonic() - clock)
            print(f"{trainer.seen} pictures, {rate:.0f}/s, " + " ".join(f"{k} {v:.3f}" for k, v in told.items()), flush=True)
            before, clock = trainer.seen, time.monotonic()
        if time.monotonic() - saved > SAVE:
            samples = trainer.samples(48)
            trainer.check(samples)
            trainer.save(state)
            grid_picture(samples).save(run / f"{trainer.seen:08d}.png")
            saved = time.monotonic()
    trainer.save(state)
    grid_picture(trainer.samples(48)).save(run / "last.png")


if __name__ == "__main__":
    main()
