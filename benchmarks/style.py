"""Is the instant mode faster than the classic transformer network, and the patient mode than the classic procedure?

    python benchmarks/style.py [--sizes 256 512 1024] [--patient 256] [--write] [--json]

Instant: against the network of Johnson et al. 2016 (arXiv:1603.08155; the table of its supplement, with the instance
normalisation and enlarging convolutions of the usual PyTorch example), random weights: only time is compared. Same
picture, same threads, channels last for both, in turns; median of the runs.
Patient: against the procedure of PyTorch's tutorial (L-BFGS on the pixels from the photo, one optimiser step of 20
evaluations at a time, a network of plain modules), with the same convolutions and the same loss: after how many seconds
does each first reach the loss that the tutorial's procedure ends with? Three pairs.
Painted: seconds of a painting as a visitor gets it, warm, and the most memory that a fresh process takes for it.
--write puts the figures on the card.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import runtime, weights  # noqa: E402

torch = runtime.prepare_torch()

from torch import nn  # noqa: E402

from core.style import losses, networks, patient, sheet, tiles, wishes  # noqa: E402


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(*_conv(128, 128, 3), nn.ReLU(), *_conv(128, 128, 3))

    def forward(self, x):
        return x + self.body(x)


def _conv(inputs, outputs, size, stride=1, norm=True):
    layers = [nn.ReflectionPad2d(size // 2), nn.Conv2d(inputs, outputs, size, stride)]
    return [*layers, nn.InstanceNorm2d(outputs, affine=True)] if norm else layers


def johnson():
    """32, 64 and 128 channels down, five residual blocks, back up; 9x9 at both ends: 1.68 M parameters."""
    up = nn.Upsample(scale_factor=2, mode="nearest")
    return nn.Sequential(
        *_conv(3, 32, 9), nn.ReLU(), *_conv(32, 64, 3, 2), nn.ReLU(), *_conv(64, 128, 3, 2), nn.ReLU(), *[Residual() for _ in range(5)],
        up, *_conv(128, 64, 3), nn.ReLU(), up, *_conv(64, 32, 3), nn.ReLU(), *_conv(32, 3, 9, norm=False),
    )  # fmt: skip


def photo(side):
    """The astronaut at side x side px."""
    return sheet.example_photos()[0].resize((side, side))


@torch.inference_mode()
def instant(sizes, runs):
    """{size: {"ours": s, "johnson": s, "times_faster": ratio}}; the pictures stay whole, as the classic network takes them."""
    nets, theirs = networks.load(), johnson().eval().to(memory_format=torch.channels_last)
    style, out = networks.bundled("Udnie").vector(nets, corrected=True), {}
    for size in sizes:
        x = tiles.pixels(photo(size))
        sides = {"ours": lambda x=x: nets.painter(x, style), "johnson": lambda x=x: theirs(x)}
        times = {name: [] for name in sides}
        for run in range(runs + 1):
            for name, work in sides.items():
                started = time.perf_counter()
                work()
                times[name] += [time.perf_counter() - started] if run else []  # the first run only warms up
        seconds = {name: statistics.median(found) for name, found in times.items()}
        out[str(size)] = seconds | {"times_faster": seconds["johnson"] / seconds["ours"]}
    return out


class PlainEye(nn.Module):
    """The convolutions of an Eye as the modules one would write them with."""

    def __init__(self, eye):
        super().__init__()
        self.mean, self.std, convolutions = eye.mean, eye.std, iter(zip(eye.weights, eye.biases, strict=True))
        self.stages = nn.ModuleList(nn.Sequential(*self._stage(index, depth, convolutions)) for index, depth in enumerate(eye.depths))

    @staticmethod
    def _stage(index, depth, convolutions):
        yield nn.AvgPool2d(2) if index else nn.Identity()
        for _ in range(depth):
            weight, bias = next(convolutions)
            conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, padding_mode="reflect")
            conv.load_state_dict({"weight": weight.contiguous(), "bias": bias})
            yield from (conv.requires_grad_(False), nn.ReLU())

    def forward(self, images):
        x, out = (images - self.mean) / self.std, []
        for stage in self.stages:
            x = stage(x)
            out.append(x)
        return out


def plain_gram(features):
    """The tutorial's Gram matrix, (1, C, H, W) -> (C, C)."""
    x = features.view(features.shape[1], -1)
    return torch.mm(x, x.t()) / x.shape[1]


def tutorial(sitting, evaluations):
    """The tutorial's procedure -> [(seconds, loss)] of its evaluations."""
    width, height, _ = sitting.levels[-1]
    eye, wish, found = PlainEye(sitting.eye), sitting.wish, []
    x = patient._pixels(sitting.photo, width, height)
    with torch.no_grad():
        shown = eye(x)[patient.DEPTH]
        grams = [losses.gram(f)[0] for f in sitting._seen_style(width, height)]
    x.requires_grad_()
    optimiser = torch.optim.LBFGS([x])
    started = time.perf_counter()

    def closure():
        optimiser.zero_grad()
        features = eye(x)
        style = sum(nn.functional.mse_loss(plain_gram(f), g) / (g.pow(2).mean() + losses.TINY) for f, g in zip(features, grams, strict=True))
        content = nn.functional.mse_loss(features[patient.DEPTH], shown) / (shown.pow(2).mean() + losses.TINY)
        beyond = (x - x.clamp(0, 1)).pow(2).mean()
        total = wish.style_weight * style + content + wish.smooth * losses.total_variation(x)[0] + patient.OUTSIDE * beyond
        total.backward()
        found.append((time.perf_counter() - started, total.item()))
        return total

    while len(found) < evaluations:
        optimiser.step(closure)
    return found[:evaluations]


def ours(sitting):
    """[(seconds, loss)] of every step of ours; a loss only counts at full size."""
    found, started = [], time.perf_counter()
    for _ in sitting.run():
        full = sitting.state.level == len(sitting.levels) - 1
        found.append((time.perf_counter() - started, sitting.losses[-1][2] if full else float("inf")))
    return found


def patient_mode(size, evaluations):
    """Seconds and steps to the loss the tutorial's procedure ends with, of both, on three pairs -> dict."""
    nets, (person, animal, cup, *_), rows = networks.load(), sheet.example_photos(), []
    for picture, style in ((person, cup), (animal, cup), (cup, person)):  # any picture can be a style
        wish = wishes.wish(mode="patient", steps=evaluations)
        sittings = [patient.Sitting(picture.resize((size, size)), style, wish, nets.eye) for _ in range(2)]
        theirs, own = tutorial(sittings[0], evaluations), ours(sittings[1])
        assert abs(theirs[0][1] / own[0][1] - 1) < 1e-3, "both begin with the same loss"
        aim = min(loss for _, loss in theirs)
        at = {
            name: next(((seconds, k + 1) for k, (seconds, loss) in enumerate(found) if loss <= aim), None)
            for name, found in (("ours", own), ("tutorial", theirs))
        }
        reached = at["ours"] is not None
        rows.append({"loss": aim, **at, "times_faster": at["tutorial"][0] / at["ours"][0] if reached else None,
                     "times_faster_a_step": (theirs[-1][0] / len(theirs)) / (own[-1][0] / len(own))})  # fmt: skip
    ratios = [row["times_faster"] or 0 for row in rows]
    return {"size": size, "evaluations": evaluations, "times_faster": statistics.median(ratios), "pairs": rows}


PAINTED = (("instant", 512), ("any", 512), ("instant", 2048), ("instant", 4096))
ONCE = """
import json, sys
from benchmarks import style
from core.style import predict, wishes
mode, size = sys.argv[1], int(sys.argv[2])
given = [style.sheet.example_photos()[2]] if mode == "any" else []
seconds = [predict.paint(style.photo(size), wishes.wish(mode=mode, size=size), given).seconds for _ in range(3 if size < 1000 else 1)]
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": min(seconds[1:] or seconds), "peak_mb": int(peak.split()[1]) // 1024}))
"""


def painted():
    """{"instant 512": {"seconds", "peak_mb"}}, each in a process of its own; Linux only."""
    out = {}
    for mode, size in PAINTED:
        done = subprocess.run([sys.executable, "-c", ONCE, mode, str(size)], cwd=ROOT, capture_output=True, text=True, check=True)
        out[f"{mode} {size}"] = json.loads(done.stdout.splitlines()[-1])
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 512, 1024])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--patient", type=int, default=256, help="px of the patient mode's comparison; 0 for none")
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--write", action="store_true", help="put the figures on the card")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    parameters = sum(p.numel() for p in johnson().parameters())
    report = {"threads": runtime.threads(), "johnson_parameters": parameters}
    if args.sizes:
        report["instant"] = instant(args.sizes, args.runs)
    report["painted"] = painted()
    if args.patient:
        report["patient"] = patient_mode(args.patient, args.evaluations)
    if args.write:
        path = weights.BUNDLED / "style.json"
        card = json.loads(path.read_text(encoding="utf-8"))
        card["speed"] |= report  # what was not measured this time stays
        path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
