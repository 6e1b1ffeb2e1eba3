"""How long a warm answer takes, beside what a user would otherwise pick: ResNet-18 of torchvision in plain torch.

    python benchmarks/vision.py [--photo FILE] [--json]

Both get the same photo, already opened, and the same threads, in turns in one process; medians are compared, so a
noisy machine disturbs both alike. The random weights of the ResNet change its answer, not its time.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import runtime  # noqa: E402
from core.images import open_image  # noqa: E402
from core.vision import predict  # noqa: E402


def rivals():
    """{name: image -> answer}"""
    torch = runtime.prepare_torch()
    import torchvision
    from torchvision.transforms import v2

    resnet = torchvision.models.resnet18().eval()
    usual = v2.Compose(
        [v2.Resize(256), v2.CenterCrop(224), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    )

    def plain(image):
        with torch.inference_mode():
            return resnet(usual(image)[None]).softmax(1)

    return {"vitrine bear detector": predict.detector(), "torchvision resnet18": plain}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", default=ROOT / "assets" / "examples" / "bear-detector" / "grizzly.jpg")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    image, answers = open_image(args.photo), rivals()
    times = {name: [] for name in answers}
    for turn in range(args.rounds + 5):
        for name, answer in answers.items():
            start = time.perf_counter()
            answer(image)
            if turn >= 5:
                times[name].append(time.perf_counter() - start)
    ours, theirs = (statistics.median(t) * 1000 for t in times.values())
    report = {"photo": list(image.size), "threads": runtime.threads(), "rounds": args.rounds,
              "milliseconds": {name: round(statistics.median(t) * 1000, 1) for name, t in times.items()},
              "times_faster_than_resnet18": round(theirs / ours, 2)}  # fmt: skip
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
