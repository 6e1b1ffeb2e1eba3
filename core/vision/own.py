"""A visitor's own classifier: the backbone with another head, and the one file that it is saved in.

It is a Classifier like the bundled ones, calibrated, whose last class is "none of these". How it is made:
core/vision/workshop.py.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core import weights
from core.errors import BadInput, WeightsError
from core.images import open_image
from core.metrics import percent
from core.vision.network import Network

MAX_FILE = 20 * 2**20
FORMAT, EARLIER = "vitrine classifier 2", "vitrine classifier 1"  # the earlier one had other eyes
NONE = "none of these"


@dataclass(frozen=True)
class Opinion:
    """What a visitor's classifier says of a photo. Probabilities are in [0, 1] and sum to 1."""

    label: str  # one of the visitor's classes, or NONE
    sure: bool  # whether the label is more likely than everything else together
    sentence: str
    probabilities: dict
    seconds: float

    def as_dict(self):
        return asdict(self)


class OwnClassifier(Network):
    """A visitor's classifier: the backbone with a head of its own."""

    def __init__(self, tensors, metadata):
        super().__init__(tensors, metadata)
        self.metadata = dict(metadata)

    @classmethod
    def build(cls, eyes, head, classes, temperature):
        """A backbone (Network) with a fitted LogisticRegression for `classes` and NONE."""
        weight, bias = head.linear()
        tensors = {key: t.cpu() for key, t in eyes.model.state_dict().items()} | {"head.weight": weight, "head.bias": bias}
        shape = eyes.shape | {"classes": [*classes, NONE]}
        return cls(tensors, {"format": FORMAT, "shape": json.dumps(shape), "size": str(eyes.size), "temperature": repr(temperature)})

    def __call__(self, image):
        """PIL RGB of any size -> Opinion."""
        start = time.perf_counter()
        probabilities = dict(zip(self.classes, self.probabilities([image])[0].tolist(), strict=True))
        label = max(probabilities, key=probabilities.get)
        p, nearest = probabilities[label], max(self.classes[:-1], key=probabilities.get)
        if label == NONE:
            sentence = f"This looks like nothing it was shown; the nearest is {nearest}, with {percent(probabilities[nearest])}."
        elif p > 0.5:
            sentence = f"This looks like {label}, with a probability of {percent(p)}."
        else:
            sentence = f"Perhaps {label}: {percent(p)} likely, and the others together more."
        return Opinion(label, p > 0.5, sentence, probabilities, time.perf_counter() - start)

    def look(self, source):
        """Path, bytes, file object or PIL picture -> Opinion; raises BadInput for what is no picture."""
        return self(open_image(source))

    def describe(self):
        """A sentence about its classes and how good it measured, from its header."""
        figures = json.loads(self.metadata["figures"])
        names = ", ".join(self.classes[:-1])
        return f"It tells {names} apart; {figures['right']} of {figures['n']} held-out photos were right when it was trained."

    def save(self, path):
        """Write the one file a visitor takes home: half precision, figures in the header."""
        weights.save(path, {key: t.half().cpu() for key, t in self.model.state_dict().items()}, self.metadata)
        return path


def open_classifier(path):
    """A file that `OwnClassifier.save` wrote -> OwnClassifier; raises BadInput with one sentence for anything else."""
    try:
        if Path(path).stat().st_size > MAX_FILE:
            raise ValueError("too large")
        tensors, metadata = weights.read(path)
        if metadata.get("format") == EARLIER:
            raise BadInput(f"{Path(path).name} was saved by an earlier version of the studio, which saw with another network. Please train it again.")
        _check(tensors, metadata)
        classifier = OwnClassifier(tensors, metadata)
        classifier.describe()
    except (OSError, WeightsError, KeyError, TypeError, ValueError, RuntimeError, AttributeError):
        raise BadInput(f"{Path(path).name} is not a classifier that was saved here. Please choose the file that “Download the classifier” gave you.") from None
    return classifier


def _check(tensors, metadata):
    """Raise ValueError or KeyError unless the header fits the tensors: a network is made only after this."""
    shape = json.loads(metadata["shape"])
    stages, classes = shape["stages"], shape["classes"]
    if metadata["format"] != FORMAT or classes[-1] != NONE or not 3 <= len(classes) <= 100:
        raise ValueError("format")
    blocks = [block for stage in stages for block in stage]
    widths = [shape["stem"], shape["last"], *(width for _, _, width in blocks)]
    inputs = [shape["stem"], *(width for _, _, width in blocks)]
    wide = [width * expansion for width, (_, expansion, _) in zip(inputs, blocks, strict=False)]
    if not all(isinstance(n, int) and 0 < n <= 4096 for n in (*widths, *wide)) or len(blocks) > 64:
        raise ValueError("shape")
    # Widths are what memory goes by, so the widest must be there as a tensor.
    if max(widths + wide) != max(t.shape[0] for t in tensors.values()) or not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise ValueError("tensors")
    if not (32 <= int(metadata["size"]) <= 512 and 0 < float(metadata["temperature"]) < 100):
        raise ValueError("numbers")


def classify(photo, path):
    """Photo (path, bytes, file object or PIL picture) and a saved classifier's path -> Opinion."""
    return open_classifier(path).look(photo)
