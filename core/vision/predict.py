"""A photo in, a verdict out: grizzly, black or teddy bear, or no bear at all.

The network gives four calibrated probabilities that sum to 1: three bears and "other". The bear score is the sum
of the first three. Below the threshold, chosen on validation photos and stored with the weights, the verdict is
"none", whatever the three say among themselves.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core import runtime, tables, weights
from core.errors import BadInput, StudioError
from core.images import open_image
from core.metrics import percent
from core.vision.network import Network

NAMES = {"grizzly": "grizzly bear", "black": "black bear", "teddy": "teddy bear", "none": "no bear here"}
MAX_BATCH = 200


@dataclass(frozen=True)
class Verdict:
    """What the detector says of one photo. Probabilities are in [0, 1]; `seconds` is the network's share only."""

    label: str  # "grizzly", "black", "teddy" or "none"
    sure: bool  # whether the label is more likely than everything else together
    sentence: str
    probabilities: dict  # grizzly, black, teddy, none; sums to 1
    bear: float  # grizzly + black + teddy
    threshold: float  # below it, "none"
    width: int
    height: int
    seconds: float

    def as_dict(self):
        return asdict(self)


class BearDetector(Network):
    """The bundled network: probabilities of grizzly, black, teddy and other, and the threshold of the bear score."""

    def __init__(self, tensors, metadata):
        super().__init__(tensors, metadata)
        self.threshold = float(metadata["threshold"])

    def __call__(self, image):
        """PIL RGB of any size -> Verdict."""
        start = time.perf_counter()
        grizzly, black, teddy, none = map(float, self.probabilities([image])[0])
        seconds = time.perf_counter() - start
        said = {"grizzly": grizzly, "black": black, "teddy": teddy}
        bear, best = sum(said.values()), max(said, key=said.get)
        label = best if bear >= self.threshold else "none"
        probabilities = said | {"none": none}
        sure = probabilities[label] > 0.5
        if label == "none":
            sentence = f"No bear here: the bear score is {percent(bear)}, below the threshold of {self.threshold:.0%}."
        elif sure:
            sentence = f"This is a {NAMES[label]}, with a probability of {percent(said[label])}."
        else:
            sentence = f"Perhaps a {NAMES[label]}: {percent(said[label])} likely, and {percent(none)} that there is no bear at all."
        return Verdict(label, sure, sentence, probabilities, bear, self.threshold, *image.size, seconds)


def detector():
    """The shared BearDetector, loaded at first use."""
    return runtime.models().get("bears", lambda: BearDetector(*weights.load("bears")), BearDetector.bytes)


@runtime.accelerated(seconds=15)
def detect(source, name=None):
    """Path, bytes, file object or PIL picture -> Verdict. Raises BadInput with one sentence."""
    return detector()(open_image(source, name))


@dataclass(frozen=True)
class Row:
    """One photo of a batch: its file name and either a verdict or the sentence that says why there is none."""

    file: str
    verdict: Verdict | None
    error: str = ""


def detect_each(paths):
    """Look at up to MAX_BATCH photos, yielding a Row for each; one that cannot be read stops nothing."""
    paths = list(paths or [])
    if not paths:
        raise BadInput("Please add at least one photo.")
    if len(paths) > MAX_BATCH:
        raise BadInput(f"{len(paths)} photos are too many at once; the limit is {MAX_BATCH}. Please send them in parts.")
    for path in paths:
        try:
            yield Row(Path(path).name, detect(path))
        except BadInput as error:
            yield Row(Path(path).name, None, str(error))


COLUMNS = ("file", "verdict", "grizzly", "black", "teddy", "no bear", "note")


def table(rows):
    """Rows -> list of lists under COLUMNS, probabilities with three decimals."""
    out = []
    for row in rows:
        if row.verdict is None:
            out.append([row.file, "not read", "", "", "", "", row.error])
        else:
            p = row.verdict.probabilities
            out.append([row.file, NAMES[row.verdict.label], *(f"{p[k]:.3f}" for k in ("grizzly", "black", "teddy", "none")), ""])
    return out


def to_csv(rows):
    """Rows -> CSV text with a header line. A name that a spreadsheet would run as a formula is quoted with '."""
    return tables.to_csv(COLUMNS, table(rows))


def as_dict(rows):
    """Rows -> a JSON-ready list, one dict a photo: its file name and its verdict or its error."""
    return [{"file": row.file} | (row.verdict.as_dict() if row.verdict else {"error": row.error}) for row in rows]


def run(inputs, out=None, model=None):
    """The command line's way in: photos -> a JSON-ready dict, and a CSV at `out` if that is given.

    model: path of a classifier of the visitor's own (core/vision/own.py) to look with instead; then there is no CSV
    One photo gives its verdict, several give {"photos": [...]}. Raises BadInput when no photo could be read.
    """
    if model:
        return run_own(inputs, out, model)
    rows = list(detect_each(inputs))
    if all(row.verdict is None for row in rows):
        raise BadInput(" ".join(row.error for row in rows))
    if out:
        Path(out).write_text(to_csv(rows), encoding="utf-8")
    said = as_dict(rows)
    return said[0] if len(said) == 1 else {"photos": said}


def run_own(inputs, out, model):
    """`run` with the visitor's own classifier."""
    from core.vision.own import open_classifier

    if out:
        raise BadInput("A CSV is written for bears only. Please leave out -o, or --model.")
    classifier = open_classifier(model)
    said = [{"file": Path(path).name} | classifier.look(path).as_dict() for path in inputs]
    return said[0] if len(said) == 1 else {"photos": said}


def ready():
    """Load the weights and answer once; raises StudioError if that fails. What /readyz waits for."""
    from PIL import Image

    verdict = detector()(Image.new("RGB", (64, 64), "white"))
    if abs(sum(verdict.probabilities.values()) - 1) > 1e-6:
        raise StudioError("The bear detector does not answer as it should.")
