"""Train the studio's eyes from random initialisation. One script for CPU and GPU; the same command resumes.

    python -m core.vision.train backbone --data ../shared/data --teachers ../shared/teachers
    python -m core.vision.train bears --begin assets/weights/backbone.safetensors
    python -m core.vision.train classifier DIR --out my-classifier.safetensors

`backbone` learns ImageNet's 1000 classes, or with `--vocabulary everyday` the groups of core/vision/groups.py: the
teacher's probabilities summed. `bears` learns three bears and "other" from a linear probe on the teacher's features, fitted to the labels of
the training photos. How both learn: core/vision/distil.py.
`classifier` is what the tab "Train" does (core/vision/workshop.py), on a zip or folder with a folder for each class.
"""

import argparse
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from core import runtime
from core.errors import StudioError
from core.metrics import auroc
from core.vision import photos
from core.vision.distil import TEACHER_SIZE, Task, distil, load_teacher, looks_at, pooled
from core.vision.evaluate import top_of
from core.vision.groups import GROUPS, class_names, class_of_file, group_matrix
from core.vision.head import LogisticRegression
from core.vision.photos import OTHER
from core.vision.views import batch_of, random_view, whole
from core.vision.workshop import Workshop

# ImageNet classes that are animals easily taken for one of our bears: ice bear, lesser panda, giant panda.
NEAR_BEARS = (296, 387, 388)


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


@torch.no_grad()
def answers(model, images, size, device):
    """PIL RGB list -> (N, K) probabilities of whole photos, on the CPU."""
    arrays = [whole(image, size) for image in images]
    return torch.cat([model(batch_of(arrays[k : k + 64], device)).softmax(1).cpu() for k in range(0, len(arrays), 64)])


def bears_task(args, teacher, device):
    """Read the photos, fit a probe to what the teacher sees in them -> Task."""
    corpus, labels, parts = photos.bear_corpus(args.data)
    train, val = ([i for i, part in enumerate(parts) if part == name] for name in ("train", "val"))
    print(f"{len(corpus)} photos; train {len(train)}, val {len(val)}, test {parts.count('test')}", flush=True)
    rng = np.random.default_rng(args.seed)
    # The probe sees every training photo twice, whole and as a crop, because crops are what it will be asked about.
    looks = looks_at([corpus[i].image for i in train]) + [random_view(corpus[i].image, rng, TEACHER_SIZE, (0.3, 1.0)) for i in train]
    features, _ = pooled(teacher, looks, device)
    y = torch.tensor([labels[i] for i in train], device=device)
    probe = LogisticRegression(features, y.repeat(2), len(photos.CLASSES))
    flat = flat_pictures(80, rng)
    own = torch.tensor([labels[i] for i in train] + [OTHER] * len(flat), device=device)
    bear = (own != OTHER).cpu().numpy()
    val_images, val_labels = [corpus[i].image for i in val], torch.tensor([labels[i] for i in val])

    def check(model, size):
        said, is_bear = answers(model, val_images, size, device), val_labels != OTHER
        right = (said[is_bear, :OTHER].argmax(1) == val_labels[is_bear]).float().mean()
        return {"accuracy": round(float(right), 4), "auroc": round(auroc(1 - said[:, OTHER], is_bear), 4)}

    return Task(
        classes=photos.CLASSES,
        images=[corpus[i].image for i in train] + flat,
        shares=np.where(bear, 0.5 / bear.sum(), 0.5 / (~bear).sum()),
        aim=lambda features, said, picks: bear_targets(probe(features), said, own[picks]),
        mix=0.0,
        coats=args.coats,
        check=check,
    )


def bear_targets(probed, said, own):
    """What a view should be called. probed: (B, 4); said: (B, 1000) by the teacher; own: (B,) label of its photo -> (B, 4).

    A crop of a grizzly photo shows the grizzly or it shows no bear; it is never a teddy. So the photo's label picks
    which two of the probe's answers count. Polar bears and pandas, as the teacher sees them, are no bear.
    """
    allowed = F.one_hot(own, probed.shape[1]).float()
    allowed[:, OTHER] = 1.0
    target = probed * allowed
    target = target / target.sum(1, keepdim=True)
    none = F.one_hot(torch.full_like(own, OTHER), probed.shape[1]).float()
    near = said[:, list(NEAR_BEARS)].sum(1)
    near = torch.where(own == photos.CLASSES.index("teddy"), torch.zeros_like(near), near)[:, None]
    return target * (1 - near) + none * near


def backbone_task(args, teacher, device):
    """All training photos, the ImageNet sample most often, because it alone shows every group -> Task."""
    corpus, labels, parts = photos.bear_corpus(args.data)
    train = [i for i, part in enumerate(parts) if part == "train"]
    val = [i for i, part in enumerate(parts) if part == "val" and corpus[i].folder.startswith("imagenet")]
    print(f"{len(corpus)} photos; train {len(train)}, val {len(val)} of ImageNet", flush=True)
    kind = np.array([0 if corpus[i].folder.startswith("imagenet") else 1 if labels[i] != OTHER else 2 for i in train])
    shares = np.array([0.6, 0.15, 0.25])[kind] / np.bincount(kind, minlength=3)[kind]
    everyday, matrix = args.vocabulary == "everyday", group_matrix().to(device)
    truth = [class_of_file(corpus[i].name) for i in val]
    val_images = [corpus[i].image for i in val]

    def check(model, size):
        found = top_of(answers(model, val_images, size, device).numpy(), truth)
        counts = {f"groups_{key}": found["groups"][key] for key in ("top1", "top3")} | {key: found[key] for key in ("top1", "top5") if key in found}
        return {key: round(told["share"], 4) for key, told in counts.items()}

    return Task(
        classes=tuple(GROUPS) if everyday else tuple(class_names()),
        images=[corpus[i].image for i in train],
        shares=shares / shares.sum(),
        aim=lambda features, said, picks: said @ matrix if everyday else said,
        mix=args.mix,
        coats=0.0,
        check=check,
    )


def classifier(args):
    """Train a classifier from a folder for each class and say how good it is."""
    shop = Workshop()
    try:
        for done, total in shop.add_source(args.source):
            print(f"\rlooked at {done} of {total}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        trained = shop.train()
    except StudioError as error:
        sys.exit(str(error))
    trained.classifier.save(args.out)
    for line in shop.refused:
        print(line, file=sys.stderr)
    figures = trained.figures() | {"file": args.out, "refused": shop.refused}
    if args.json:
        print(json.dumps(figures))
        return
    low, high = trained.interval
    print(f"{trained.right} of {trained.n} held-out photos right: {trained.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}), ECE {trained.ece:.3f}")
    width = max(map(len, trained.classes))
    for name, row in zip(trained.classes, trained.confusion, strict=True):
        print(f"  {name:>{width}}  {'  '.join(f'{count:>4}' for count in row)}")
    print(f"written to {args.out}; use it with: python -m apps try bear-detector PHOTO --model {args.out}")


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.vision.train", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, task, about, views, answers in (
        ("backbone", backbone_task, "the eyes of the studio", 210_000, 1.0),
        ("bears", bears_task, "the bear detector", 48_000, 3.0),
    ):
        command = commands.add_parser(name, help=about)
        command.set_defaults(task=task)
        command.add_argument("--data", default="../shared/data", help="folder with the photo zips")
        command.add_argument("--teachers", default="../shared/teachers", help="folder with the frozen teacher")
        command.add_argument("--run", default=f"runs/{name}", help="folder for checkpoints")
        command.add_argument("--begin", help="weights of ours to go on from, as a run or release wrote them; then no block learns apart")
        command.add_argument("--vocabulary", choices=("imagenet", "everyday"), default="imagenet", help="1000 classes or the groups of them (backbone)")
        command.add_argument("--views", type=int, default=views, help="augmented views to learn from")
        command.add_argument("--apart", type=int, default=60_000, help="of these, views from which each block learns by itself")
        command.add_argument("--batch", type=int, default=48, help="views a step; half as many while blocks learn apart")
        command.add_argument("--smallest", type=float, default=0.1, help="share of a photo that the smallest view shows")
        command.add_argument("--mix", type=float, default=0.3, help="share of views that show two photos (backbone)")
        command.add_argument("--coats", type=float, default=0.3, help="how far dark and warm tones are bent, that a coat's colour says less (bears)")
        command.add_argument("--small", type=int, default=128, help="px of the first part of the run")
        command.add_argument("--size", type=int, default=192, help="px of the last part")
        command.add_argument("--small-until", type=float, default=0.8, help="share of the steps in small pictures, once the blocks are together")
        command.add_argument("--lr-apart", type=float, default=2e-2, help="while blocks learn apart")
        command.add_argument("--lr", type=float, default=1.2e-4)
        command.add_argument("--answers", type=float, default=answers, help="weight of the answers beside the maps in the loss")
        command.add_argument("--check", type=int, default=500, help="steps between looks at the validation photos")
        command.add_argument("--seed", type=int, default=0)
    command = commands.add_parser("classifier", help="a head of your own on the backbone, from a folder for each class")
    command.add_argument("source", help="zip or folder with a folder of photos for each class")
    command.add_argument("--out", default="my-classifier.safetensors", help="file to write")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.command == "classifier":
        return classifier(args)
    device = runtime.device()
    torch.manual_seed(args.seed)
    teacher = load_teacher(args.teachers).to(device).to(memory_format=torch.channels_last)
    distil(args.task(args, teacher, device), teacher, args, args.command, device)


if __name__ == "__main__":
    main()
