"""Our face generator against the generator of PyTorch's DCGAN tutorial, at the same size, threads and machine.

    python benchmarks/gan.py [--json]
    python benchmarks/gan.py --training [--json]     what learning costs with judges and without, and so what each bundled network's took

Rounds alternate, so that both see the same noise; the median of the rounds counts. The tutorial's network is built
here from its table (100 numbers, 64 feature maps, transposed 4x4 convolutions, batch norm), as it would be used:
one batch, contiguous float32. Speed does not depend on what the weights are.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core import runtime

torch = runtime.prepare_torch()
from torch import nn  # noqa: E402

from core import weights  # noqa: E402
from core.gan import predict  # noqa: E402
from core.gan.maker import maker  # noqa: E402

COUNT, ROUNDS = 16, 15


def tutorial():
    """The tutorial's generator in evaluation mode."""
    steps, widths = [], (100, 512, 256, 128, 64)
    for k, (inside, outside) in enumerate(zip(widths, widths[1:], strict=False)):
        steps += [nn.ConvTranspose2d(inside, outside, 4, 1 if k == 0 else 2, 0 if k == 0 else 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(True)]
    return nn.Sequential(*steps, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()).eval()


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def training():
    """Seconds a step of DCGAN's training takes, alone and with judges, in turns -> what the bundled networks' pictures take at that speed."""
    from core.gan.train import EYES_WARM, Plan, Trainer

    pictures = torch.randint(0, 256, (256, 3, 64, 64), dtype=torch.uint8)
    runs = {name: Trainer(pictures, Plan(eyes=eyes), runtime.device()) for name, eyes in (("alone", False), ("with judges", True))}
    runs["with judges"].judged = EYES_WARM  # from here on the generator hears them
    for run in runs.values():
        run.step()
    rounds = [{name: seconds(run.step) for name, run in runs.items()} for _ in range(ROUNDS)]
    each = {name: statistics.median(r[name] for r in rounds) / run.plan.batch for name, run in runs.items()}
    report = {"pictures_per_second": {name: round(1 / s, 1) for name, s in each.items()}, "hours_at_this_speed": {}}
    for name in ("gan-faces", "gan-faces-dcgan"):
        told = weights.load(name)[1]
        judged = int(told.get("judged", 0))
        report["hours_at_this_speed"][name] = round((each["alone"] * (int(told["pictures"]) - judged) + each["with judges"] * judged) / 3600, 2)
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--training", action="store_true", help="time the training instead")
    args = parser.parse_args()
    if args.training:
        print(json.dumps(training(), indent=None if args.json else 1))
        return
    theirs, ours, noise = tutorial(), maker(), torch.randn(COUNT, 100, 1, 1)
    styles = torch.from_numpy(ours.styles(range(COUNT))).double()[:, None].expand(-1, ours.layers, -1)
    works = {
        "DCGAN tutorial, one batch": torch.inference_mode()(lambda: theirs(noise)),
        "ours, one batch": torch.inference_mode()(lambda: ours.model.synthesise(styles)),
        "ours, as the wall does it": lambda: predict.wall(1, COUNT),
    }
    for work in works.values():
        work()
    rounds = [{name: seconds(work) for name, work in works.items()} for _ in range(ROUNDS)]
    medians = {name: statistics.median(r[name] for r in rounds) for name in works}
    base = medians["DCGAN tutorial, one batch"]
    report = {
        name: {"seconds_for_16": round(s, 4), "pictures_per_second": round(COUNT / s, 1), "times_the_tutorial": round(base / s, 2)}
        for name, s in medians.items()
    }
    if args.json:
        print(json.dumps({"threads": runtime.threads(), "rounds": ROUNDS, "rows": report}))
    else:
        for name, row in report.items():
            times = f"{row['times_the_tutorial']:.2f} x the tutorial's speed"
            print(f"{name:<28} {row['seconds_for_16']:.3f} s for {COUNT}, {row['pictures_per_second']:.0f} a second, {times}")


if __name__ == "__main__":
    main()
