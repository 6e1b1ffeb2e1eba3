"""How long a warm answer takes, beside what a user would otherwise pick.

    python benchmarks/vision.py [--photo FILE] [--json]

The others are ResNet-18 of torchvision in plain torch and, where fastai is installed (`pip install fastai`), its
`learner.predict` with the same network. All get the same photo, already opened, and the same threads, in turns in one
process; medians are compared, so a noisy machine disturbs all alike. The random weights of the ResNets change their
answers, not their times.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
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

    found = {"vitrine bear detector": predict.detector(), "torchvision resnet18": plain}
    return found | ({"fastai learner.predict": learner_predict()} if importlib.util.find_spec("fastai") else {})


def learner_predict():
    """fastai's usual recipe on a folder with a few pictures, untrained: image -> answer."""
    import numpy as np
    from fastai.vision.all import ImageDataLoaders, PILImage, Resize, vision_learner
    from torchvision.models import resnet18

    folder = Path(tempfile.mkdtemp())
    for name in ("grizzly", "black", "teddy"):
        (folder / name).mkdir()
        for k in range(4):
            PILImage.create(np.full((64, 64, 3), 60 * k, np.uint8)).save(folder / name / f"{k}.png")
    data = ImageDataLoaders.from_folder(folder, valid_pct=0.3, seed=0, item_tfms=Resize(224), bs=4, num_workers=0)
    learner = vision_learner(data, resnet18, pretrained=False)

    def answer(image):
        with learner.no_bar():  # its progress bar costs time that a script would not spend
            return learner.predict(PILImage(image))

    return answer


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
    medians = {name: statistics.median(t) for name, t in times.items()}
    ours = medians.pop("vitrine bear detector")
    report = {"photo": list(image.size), "threads": runtime.threads(), "rounds": args.rounds,
              "milliseconds": {name: round(statistics.median(t) * 1000, 1) for name, t in times.items()},
              "times_faster_than": {name: round(t / ours, 2) for name, t in medians.items()}}  # fmt: skip
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
