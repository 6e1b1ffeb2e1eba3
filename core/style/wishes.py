"""What a visitor can ask for, checked, and what it will cost. No torch here: the page reads this before any model loads."""

import math
import threading
from dataclasses import asdict, dataclass, fields

from core.errors import BadInput

MODES = ("instant", "any", "patient")
NAMES = {"instant": "Instant", "any": "Any painting", "patient": "Patient"}
MOST = 4096  # px of the longer side that is painted at most; panoramas may be longer, with as many pixels
COARSEST = 400  # px of the shorter side, at most, that the patient mode begins with
LEAST_SIDE = 64  # px that the shorter side of a long picture keeps, if it had them
STYLES = ("Starry night", "The wave", "The scream", "Udnie", "Composition VII", "Water lilies", "Woman with a hat", "Houses at Auvers")
RANGES = {
    "size": (32, MOST), "strength": (0, 1), "share": (0, 1), "steps": (1, 1000), "style_weight": (0.01, 10_000), "smooth": (0, 100), "seed": (0, 2**31 - 1),
    "style_scale": (0.25, 2), "strokes": (0.5, 2),
}  # fmt: skip
CHOICES = {"mode": MODES, "loss": ("gram", "sliced"), "optimiser": ("lbfgs", "adam"), "start": ("photo", "noise"), "eye": ("studio", "vgg19")}


@dataclass(frozen=True)
class Wish:
    """One painting's settings; all of them go into its replay file.

    size:   px of the longer side, of photos that have as many
    style, other, share: instant mode: a bundled style, another one, and how much of the other is blended in
    weights: any mode: one number for each painting
    strength: 0 gives the photo back, 1 the painting
    strokes: size of the strokes in the modes instant and any, 1 as they were learned; finer ones are painted larger and reduced
    style_scale, style_weight, smooth, loss, optimiser, start, steps, seed, eye: patient mode (core/style/patient.py)
    """

    mode: str = "instant"
    size: int = 512
    style: str = STYLES[0]
    other: str = ""
    share: float = 0.0
    weights: tuple = ()
    strength: float = 1.0
    strokes: float = 0.7
    keep_colours: bool = False
    steps: int = 100
    style_weight: float = 60.0
    style_scale: float = 1.0
    smooth: float = 0.2
    loss: str = "gram"
    optimiser: str = "lbfgs"
    start: str = "photo"
    eye: str = "studio"
    seed: int = 0

    def as_dict(self):
        return asdict(self)


def wish(**given):
    """A Wish from numbers or their texts; raises BadInput with one sentence. None means the default."""
    kinds = {field.name: type(field.default) for field in fields(Wish)}
    unknown = set(given) - set(kinds)
    if unknown:
        raise BadInput(f"There is no setting called {min(unknown)}. The settings: {', '.join(kinds)}.")
    return Wish(**{name: _checked(name, kinds[name], value) for name, value in given.items() if value is not None})


def _checked(name, kind, value):
    if name == "weights":
        return _weights(value)
    if name in ("style", "other"):
        return _style(value, optional=name == "other")
    if kind is bool:
        if str(value).lower() not in ("yes", "no", "true", "false", "1", "0"):
            raise BadInput(f"{name} is yes or no, not {value!r}.")
        return str(value).lower() in ("yes", "true", "1")
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise BadInput(f"{name} is one of {', '.join(CHOICES[name])}, not {value!r}.")
        return value
    low, high = RANGES[name]
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high or (kind is int and number != int(number)):
        raise BadInput(f"{name} is a {'whole ' if kind is int else ''}number from {low:g} to {high:g}, not {value!r}.")
    return kind(number)


def _weights(value):
    parts = [part for part in value.split(",") if part.strip()] if isinstance(value, str) else list(value)
    try:
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        numbers = (-1.0,)
    if any(not 0 <= number < 1e6 for number in numbers) or (numbers and not sum(numbers)):
        raise BadInput(f"The weights are numbers of at least 0, with commas, not all of them 0; not {value!r}.")
    return numbers


def _style(value, optional):
    if optional and not value:
        return ""
    matches = [name for name in STYLES if str(value).strip().lower().replace("-", " ") == name.lower()]
    if not matches:
        raise BadInput(f"There is no style called {value!r}. The styles: {', '.join(STYLES)}. A painting of yours is added as a second picture.")
    return matches[0]


def painted_size(width, height, size):
    """(width, height) in px that a photo is painted at: `size` px for the longer side, never enlarged.

    A panorama keeps a shorter side of LEAST_SIDE px as long as it has no more pixels than the largest square.
    """
    scale = min(1.0, max(size / max(width, height), LEAST_SIDE / min(width, height)))
    scale = min(scale, MOST / math.sqrt(width * height))
    return max(1, round(width * scale)), max(1, round(height * scale))


# Seconds for a million pixels (patient: for a step on a million) and bytes for a pixel, first as measured on two cores of
# a 2.5 GHz Xeon, then as measured here: every picture that is painted corrects them.
_SECONDS = {"network": 1.6, "gram": 3.0, "sliced": 8.0}
_BYTES = {"instant": 700, "any": 900, "patient": 1100}
_BASE = 350e6  # torch and the networks
_TILED = 700e6  # at most, beyond one tile
HISTORY = 300e6  # bytes of past steps that L-BFGS may keep
_lock = threading.Lock()


def stroke_scale(wanted, width, height):
    """How many times larger than the result a picture of this size is painted, for strokes of the wanted size."""
    return min(1 / wanted.strokes, max(1.0, MOST / math.sqrt(width * height)))


def history(pixels):
    """How many past steps L-BFGS keeps of a picture: a step is the picture and its slope, 12 bytes a pixel each."""
    return max(10, min(100, int(HISTORY / (24 * pixels))))


def estimate(wanted, width, height):
    """(seconds, bytes) that a photo of this size will take: before it is begun, from what pictures took on this machine so far."""
    w, h = painted_size(width, height, wanted.size)
    millions = w * h / 1e6
    if wanted.mode != "patient":
        millions *= stroke_scale(wanted, w, h) ** 2
        return 0.1 + (0.3 if wanted.mode == "any" else 0) + _SECONDS["network"] * millions, _BASE + min(_TILED, _BYTES[wanted.mode] * millions * 1e6)
    factor = 6.0 if wanted.eye == "vgg19" else 1.0
    kept = 24 * w * h * min(wanted.steps, history(w * h)) if wanted.optimiser == "lbfgs" else 0
    seconds = 1 + factor * _SECONDS[wanted.loss] * sum(steps * a * b for a, b, steps in levels(wanted, w, h)) / 1e6
    return seconds, _BASE + factor * _BYTES["patient"] * w * h + kept


def learn(kind, seconds, pixels):
    """Correct the estimates by what a picture of at least 10,000 px took; kind: a key of the rates."""
    if pixels >= 1e4:
        with _lock:
            _SECONDS[kind] = 0.5 * _SECONDS[kind] + 0.5 * seconds / pixels * 1e6


def levels(wanted, width, height):
    """[(width, height, steps)] of the patient mode, coarse to fine: halves until the shorter side has 400 px, at most three sizes.

    Below that the coarse waves form as fast at full size (patient.Waves), and halves cost more than they save. Most
    steps are taken where they are cheap: each finer size gets 0.6 times as many.
    """
    count = 1
    while count < 3 and min(width, height) / 2 ** (count - 1) > COARSEST:
        count += 1
    share = [0.6**k for k in range(count)]
    steps = [max(1, round(wanted.steps * s / sum(share))) for s in share]
    return [(max(1, round(width / 2**k)), max(1, round(height / 2**k)), steps[count - 1 - k]) for k in reversed(range(count))]


def in_words(seconds, memory):
    """For example: about 40 s and 0.9 GB."""
    time = f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
    return f"about {time} and {memory / 1e9:.1f} GB"
