"""Is the instant mode faster than the classic transformer network, and the patient mode than the classic procedure?

    python benchmarks/style.py [--sizes 256 512 1024] [--patient 192] [--write] [--json]

Instant: against the network of Johnson et al. 2016 (arXiv:1603.08155; the table of its supplement, with the instance
normalisation and enlarging convolutions of the usual PyTorch example), random weights: only time is compared. Same
picture, same threads, channels last for both, in turns; median of the runs.
Patient: against the procedure of PyTorch's tutorial (L-BFGS at full size from the photo, one optimiser step of 20
evaluations at a time), with the same eye and the same loss: after how many seconds does each first reach the loss that
the tutorial's procedure ends with? --write puts the figures on the card.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import runtime, weights  # noqa: E402

torch = runtime.prepare_torch()

from torch import nn  # noqa: E402

from core.style import networks, patient, sheet, tiles, wishes  # noqa: E402


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


def tutorial(sitting, steps):
    """The tutorial's procedure at full size -> [(seconds, loss at full size)] of every step of up to 20 evaluations."""
    width, height, _ = sitting.levels[-1]
    x = patient._pixels(sitting.photo, width, height).requires_grad_()
    cost, found = sitting._cost(width, height), []
    optimiser = torch.optim.LBFGS([x])
    started = time.perf_counter()

    def closure():
        optimiser.zero_grad()
        total = cost(x, 0)[2]
        total.backward()
        found.append((time.perf_counter() - started, total.item()))
        return total

    while len(found) < steps:
        optimiser.step(closure)
    return found


def coarse_to_fine(sitting):
    """[(seconds, loss)] of every step of ours; a loss only counts at full size."""
    found, started = [], time.perf_counter()
    for _ in sitting.run():
        full = sitting.state.level == len(sitting.levels) - 1
        found.append((time.perf_counter() - started, sitting.losses[-1][2] if full else float("inf")))
    return found


def patient_mode(size, evaluations):
    """Seconds to the tutorial's best loss, of both -> dict."""
    nets = networks.load()
    picture, style = photo(size), sheet.example_photos()[2]  # the cup's colours and blur, as any picture can be a style
    theirs = tutorial(patient.Sitting(picture, style, wishes.wish(mode="patient"), nets.eye), evaluations)
    aim = min(loss for _, loss in theirs)
    ours = coarse_to_fine(patient.Sitting(picture, style, wishes.wish(mode="patient", steps=evaluations), nets.eye))
    reached = {name: next((seconds for seconds, loss in found if loss <= aim), None) for name, found in (("ours", ours), ("tutorial", theirs))}
    ratio = reached["tutorial"] / reached["ours"] if reached["ours"] else None
    return {"size": size, "evaluations": evaluations, "loss": aim, **reached, "our_last_loss": ours[-1][1], "times_faster": ratio}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 512, 1024])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--patient", type=int, default=128, help="px of the patient mode's comparison; 0 for none")
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--write", action="store_true", help="put the figures on the card")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    parameters = sum(p.numel() for p in johnson().parameters())
    report = {"threads": runtime.threads(), "johnson_parameters": parameters, "instant": instant(args.sizes, args.runs)}
    if args.patient:
        report["patient"] = patient_mode(args.patient, args.evaluations)
    if args.write:
        path = weights.BUNDLED / "style.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"speed": report}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
