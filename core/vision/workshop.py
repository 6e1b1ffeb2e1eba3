"""A visitor's photos in, a classifier with honest figures out: what "Train your own" does.

Every photo goes once through the backbone; what is trained is a linear head on those features, in moments. How good
it is comes from cross-validation: each photo is judged by a head that saw neither it nor its look-alikes. Besides
the visitor's classes every head learns "none of these", from the backbone's store of strangers: photos of all sorts.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from core.errors import BadInput
from core.images import open_image, shrink
from core.metrics import ece, temperature_of, wilson
from core.photos import LONGEST, listing, read
from core.vision import network
from core.vision.network import BATCH
from core.vision.own import NONE, OwnClassifier
from core.vision.photos import clusters, fingerprint

MIN_PHOTOS, MIN_CLASSES, MAX_CLASSES, MAX_PHOTOS = 5, 2, 12, 1000
FOLDS, SHOWN, THUMB, MAX_NAME = 5, 24, 200, 40
LIMITS = f"From {MIN_CLASSES} to {MAX_CLASSES} classes, at least {MIN_PHOTOS} different photos each, {MAX_PHOTOS} in all"


@dataclass(frozen=True)
class Sample:
    """A visitor's photo: a thumbnail to show and the backbone's features; the photo itself is not kept."""

    id: int
    name: str
    label: str
    thumb: Image.Image
    features: object  # (D,) float32 tensor
    print: int


@dataclass(frozen=True)
class Mistake:
    """A photo the held-out heads get wrong or nearly so: how likely they find its own class, and what they say instead."""

    sample: Sample
    said: str
    own: float

    def caption(self):
        return f"{self.sample.label}, called {self.said}" if self.said != self.sample.label else f"{self.said}, barely"


@dataclass(frozen=True)
class Trained:
    """A classifier and how good it measured, every photo held out once. Shares and probabilities in [0, 1]."""

    classifier: OwnClassifier
    classes: list
    n: int
    right: int
    accuracy: float
    interval: list  # 95 %, Wilson
    ece: float
    confusion: list  # (K, K + 1) counts: rows what it is, columns what was said, "none of these" last
    bins: list  # reliability: (mean probability said, share right, photos) of each tenth that has any
    worst: list = field(repr=False)  # Mistake, the worst first
    seconds: float  # folds and final head together

    def figures(self):
        """JSON-ready, without pictures."""
        keys = ("classes", "n", "right", "accuracy", "interval", "ece", "confusion", "bins", "seconds")
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True)
class Judged:
    """What heads that never saw a photo say of it."""

    classes: list
    labels: np.ndarray  # (N,) index into classes
    said: np.ndarray  # (N, K + 1) calibrated probabilities; the last is "none of these"
    temperature: float


class Workshop:
    """One visitor's classes and photos, in memory only.

    eyes: what gives features; the shared backbone if None
    """

    def __init__(self, eyes=None):
        self.samples, self.refused, self._next, self._eyes = [], [], 0, eyes

    def counts(self):
        """{class: photos}, in the order the classes were begun."""
        out = {}
        for sample in self.samples:
            out[sample.label] = out.get(sample.label, 0) + 1
        return out

    def add(self, label, files):
        """Add photos to a class, yielding (done, total) as it goes on; what is refused stands in `refused`, a sentence each.

        files: paths or PIL pictures
        """
        files = list(files or [])
        if not files:
            raise BadInput("Please choose photos for this class first.")
        label = self.check_name(label)
        yield from self._look(((label, file, None) for file in files), len(files))

    def add_source(self, path, limit=None):
        """Add a zip or folder with a folder of photos for each class, at most `limit` of each; yields (done, total)."""
        taken, found = {}, []
        for folder, name in listing(path):
            taken[folder] = taken.get(folder, 0) + 1
            if folder and taken[folder] <= (limit or MAX_PHOTOS):
                found.append((folder, name))
        names, wanted = {folder for folder, _ in found}, set(found)
        if not names:
            raise BadInput(f"{Path(path).name} holds no folders with photos. Please pack one folder for each class, named after it.")
        if len(found) + len(self.samples) > MAX_PHOTOS:
            raise BadInput(f"{len(found)} photos are too many; the limit is {MAX_PHOTOS} in all. Please take fewer of each class.")
        if len(names | set(self.counts())) > MAX_CLASSES:
            raise BadInput(f"{len(names)} classes are too many; the limit is {MAX_CLASSES} in all. Please pack fewer folders.")
        unread = []
        items = ((self.check_name(p.folder), p.image, p.name) for p in read(path, on_error=unread.append) if (p.folder, p.name) in wanted)
        yield from self._look(items, len(found))
        self.refused += unread

    def check_name(self, label):
        """A class's name, tidied; raises BadInput if it cannot be one."""
        label = " ".join((label or "").split())
        if not label:
            raise BadInput("Please give the class a name first.")
        if len(label) > MAX_NAME:
            raise BadInput(f"The name of the class is {len(label)} letters long; the limit is {MAX_NAME}.")
        if label not in self.counts() and len(self.counts()) >= MAX_CLASSES:
            raise BadInput(f"There are {MAX_CLASSES} classes already, which is the limit.")
        return label

    def _look(self, items, total):
        self.refused, waiting = [], []
        seen = {sample.thumb.tobytes(): sample.label for sample in self.samples}

        def flush():
            for (label, image, name, thumb), row in zip(waiting, self.eyes.features([w[1] for w in waiting]), strict=True):
                self.samples.append(Sample(self._next, name, label, thumb, row, fingerprint(image)))
                self._next += 1
            waiting.clear()

        for done, (label, file, name) in enumerate(items, 1):
            try:
                name = name or (Path(file).name if isinstance(file, str | Path) else "webcam photo")
                image = shrink(open_image(file, name), LONGEST)
                thumb = shrink(image, THUMB)
                if thumb.tobytes() in seen:
                    raise BadInput(f"{name} is already in the class {seen[thumb.tobytes()]}.")
                if len(self.samples) + len(waiting) >= MAX_PHOTOS:
                    raise BadInput(f"{name} was left out: {MAX_PHOTOS} photos are the limit.")
                seen[thumb.tobytes()] = label
                waiting.append((label, image, name, thumb))
            except BadInput as error:
                self.refused.append(str(error))
            if len(waiting) == BATCH:
                flush()
                yield done, total
        if waiting:
            flush()
        yield total, total

    def add_crops(self, sources, each=8):
        """Begin with `each` random parts of one picture a class, {class: path}: something to try the tab with."""
        rng = np.random.default_rng(0)
        crops = [(label, part_of(open_image(path), rng), f"{label} {k + 1}") for label, path in sources.items() for k in range(each)]
        yield from self._look(crops, len(crops))

    def delete(self, ids):
        self.samples = [sample for sample in self.samples if sample.id not in set(ids)]

    def move(self, ids, label):
        """Put photos into another class, which may be new."""
        label = self.check_name(label)
        self.samples = [Sample(**{**vars(s), "label": label}) if s.id in set(ids) else s for s in self.samples]

    def clear(self):
        self.samples = []

    def judge(self):
        """Cross-validate and calibrate -> Judged. Raises BadInput if the photos do not suffice."""
        classes, groups = list(self.counts()), clusters([s.print for s in self.samples])
        self._check(classes, groups)
        features, labels = self._tensors(classes)
        folds = fold_of(labels.numpy(), np.array(groups))
        said = held_out_answers(features, labels, folds, len(classes), self.eyes.strangers)
        temperature, _ = temperature_of(said, labels)
        logits = np.log(np.maximum(said, 1e-12)) / temperature
        said = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return Judged(classes, labels.numpy(), said, temperature)

    def train(self):
        """Judge, then fit the final head to all photos -> Trained. Raises BadInput if the photos do not suffice."""
        start = time.perf_counter()
        judged = self.judge()
        head = fit(*self._tensors(judged.classes), len(judged.classes), self.eyes.strangers)
        return self._report(OwnClassifier.build(self.eyes, head, judged.classes, judged.temperature), judged, time.perf_counter() - start)

    @property
    def eyes(self):
        return self._eyes or network.backbone()

    def _tensors(self, classes):
        import torch

        return torch.stack([s.features for s in self.samples]), torch.tensor([classes.index(s.label) for s in self.samples])

    def _check(self, classes, groups):
        if len(classes) < MIN_CLASSES:
            raise BadInput("A classifier needs at least two classes. Please add photos of something else too.")
        for name in classes:
            own = [g for g, s in zip(groups, self.samples, strict=True) if s.label == name]
            if len(own) < MIN_PHOTOS:
                raise BadInput(f"The class {name} has {len(own)} photos; at least {MIN_PHOTOS} are needed. Please add some.")
            if len(set(own)) < MIN_PHOTOS:
                raise BadInput(
                    f"The class {name} has {len(own)} photos, but only {len(set(own))} that really differ; at least {MIN_PHOTOS} are needed. "
                    "Please add some from other sides, or of another one of its kind."
                )

    def _report(self, classifier, judged, seconds):
        said, labels, classes = judged.said, judged.labels, judged.classes
        top, own = said.argmax(1), said[np.arange(len(labels)), labels]
        right = top == labels
        confusion = np.zeros((len(classes), len(classes) + 1), int)
        np.add.at(confusion, (labels, top), 1)
        trained = Trained(
            classifier=classifier,
            classes=classes,
            n=len(labels),
            right=int(right.sum()),
            accuracy=float(right.mean()),
            interval=wilson(int(right.sum()), len(labels)),
            ece=ece(said.max(1), right),
            confusion=confusion.tolist(),
            bins=reliability(said.max(1), right),
            worst=[Mistake(self.samples[i], [*classes, NONE][top[i]], float(own[i])) for i in np.argsort(own)[:SHOWN] if own[i] < 0.7],
            seconds=seconds,
        )
        classifier.metadata["figures"] = json.dumps(trained.figures())
        return trained


def part_of(image, rng):
    """A random part of a picture, 45 to 90 % of each side, maybe mirrored."""
    w, h = (int(side * rng.uniform(0.45, 0.9)) for side in image.size)
    x, y = int(rng.integers(0, image.width - w + 1)), int(rng.integers(0, image.height - h + 1))
    part = image.crop((x, y, x + w, y + h))
    return ImageOps.mirror(part) if rng.random() < 0.5 else part


def fold_of(labels, groups):
    """(N,) labels, (N,) cluster of look-alikes -> (N,) fold in [0, FOLDS): a cluster is never split, every class is in every fold."""
    rng, folds = np.random.default_rng(0), np.zeros(len(labels), int)
    for label in np.unique(labels):
        own = rng.permutation(np.unique(groups[labels == label]))
        for place, group in enumerate(own):
            # A cluster that two classes share goes where the first of them put it.
            first = labels[groups == group].min()
            if first == label:
                folds[groups == group] = place % FOLDS
    return folds


def fit(features, labels, classes, strangers):
    """(N, D), (N,) in [0, classes), (M, D) or None -> LogisticRegression with `classes` + 1 answers, the last "none of these".

    The strangers together weigh as much as one class. Those that are like a class are left out: a visitor who teaches
    it two breeds must not be told that every other dog is nothing it knows.
    """
    import torch

    from core.vision.head import LogisticRegression

    if strangers is None:
        return LogisticRegression(features, labels, classes + 1)
    far = strangers[unlike(strangers, features, labels, classes)]
    shares = [1.0] * len(features) + [len(features) / classes / max(1, len(far))] * len(far)
    return LogisticRegression(torch.cat([features, far]), torch.cat([labels, labels.new_full((len(far),), classes)]), classes + 1, shares)


def unlike(strangers, features, labels, classes):
    """(M,) bool: less like every class's centre, by the cosine of standardised features, than nine in ten of that class's own photos."""
    import torch

    mean, std = strangers.mean(0), strangers.std(0) + 1e-3
    own, others = (features - mean) / std, (strangers - mean) / std
    far = torch.ones(len(strangers), dtype=torch.bool)
    for k in range(classes):
        centre = own[labels == k].mean(0, keepdim=True)
        mark = torch.nn.functional.cosine_similarity(own[labels == k], centre).quantile(0.1)
        far &= torch.nn.functional.cosine_similarity(others, centre) < mark
    return far


def held_out_answers(features, labels, folds, classes, strangers):
    """(N, K + 1) numpy probabilities, each photo by a head that never saw its fold."""
    import torch

    said = np.zeros((len(labels), classes + 1))
    for k in np.unique(folds):
        here = torch.from_numpy(folds == k)
        said[here.numpy()] = fit(features[~here], labels[~here], classes, strangers)(features[here]).double().numpy()
    return said


def reliability(confidence, right, bins=10):
    """[(mean probability said, share right, photos)] of each tenth of [0, 1] that has any."""
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    return [(float(confidence[where == b].mean()), float(right[where == b].mean()), int((where == b).sum())) for b in range(bins) if (where == b).any()]
