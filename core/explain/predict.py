"""A photo and a model in, heat maps out: which class, where the evidence for it lies, and whether to believe the map.

`ask` puts the question (photo, model, class, layer) and runs the model once; `draw` answers it with one method,
`judge` says whether that map beats maps that know nothing, `forget` whether it depends on what the model learned,
`point` how much of it lies in a box. What takes long is a generator: see core.explain.cam.
"""

import time
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import BadInput, StudioError
from core.explain import models
from core.explain.diagnosis import diagnose
from core.explain.verdict import RULERS, judge, scores_table
from core.explain.words import capital, share
from core.images import open_image, shrink
from core.work import finish

PREVIEW = 1280  # px, longer side of what a page shows
OPACITY = 0.65
__all__ = ["RULERS", "ask", "choices", "describe", "draw", "finish", "forget", "judge", "overlay", "point", "ready", "run", "scores_table"]
METHODS = {  # key: (name, in one sentence)
    "gradcam": ("Grad-CAM", "channels weighted by their mean gradient: where to begin"),
    "gradcam++": ("Grad-CAM++", "counts every place of a thing that appears more than once"),
    "hirescam": ("HiRes-CAM", "each place with its own gradient: shows nothing the model did not use"),
    "layercam": ("Layer-CAM", "only positive gradients, each in its place: sharp at early layers"),
    "eigencam": ("Eigen-CAM", "the strongest pattern in the layer, whatever the class"),
    "ablationcam": ("Ablation-CAM", "switches every channel off once; needs no gradient"),
    "scorecam": ("Score-CAM", "looks at the photo through every channel; needs no gradient, takes its time"),
    "occlusion": ("Occlusion", "slides a grey square over the photo; needs no layer"),
    "guided": ("Guided back-propagation", "pixels with a positive path to the class: sharp, but near to an edge detector"),
}
LOOKS = 5  # seeds tried for a noise that leaves a map


@dataclass(frozen=True, eq=False)
class Question:
    """Why does this model see this class in this photo? Holds the one pass through the model that most methods live on."""

    photo: object = field(repr=False)  # PIL RGB, at most PREVIEW px
    source: object = field(repr=False)  # what `open_image` made it from, for the full size
    subject: models.Subject
    layer: object  # layers.Layer
    label: int
    against: int | None
    picture: object = field(repr=False)  # (1, 3, S, S)
    captured: object = field(repr=False)  # cam.Captured
    width: int
    height: int
    seconds: float  # of the pass

    @property
    def name(self):
        return self.subject.names[self.label]

    @property
    def topic(self):
        """What the map is about: "teddy", or "teddy and not black"."""
        return self.name if self.against is None else f"{self.name} and not {self.subject.names[self.against]}"

    @property
    def probabilities(self):
        """(K,) numpy, of all classes."""
        return (self.captured.logits[0].double() / self.subject.temperature).softmax(0).cpu().numpy()

    def top(self, count=8):
        """[(class, probability)], likeliest first; the class in question is always among them."""
        p = self.probabilities
        order = [int(k) for k in p.argsort()[::-1][:count]]
        return [(self.subject.names[k], float(p[k])) for k in (order if self.label in order else [*order, self.label])]

    @property
    def direction(self):
        import torch

        out = torch.zeros(len(self.subject.names))
        out[self.label] = 1
        if self.against is not None:
            out[self.against] = -1
        return out

    def score(self, pictures):
        """(N, 3, S, S) tensor -> (N,) the logit, or the difference of two logits."""
        from core.explain import cam

        return cam.scores(self.subject.logits(pictures), self.direction)

    def chance(self, pictures):
        """(N, 3, S, S) numpy -> (N,) numpy: the class's probability; with another class, that it is this one of the two."""
        import torch

        x = torch.from_numpy(pictures).to(self.picture.device)
        logits = torch.cat([self.subject.logits(part) for part in x.split(16)]).double() / self.subject.temperature
        if self.against is not None:
            logits = logits[:, [self.label, self.against]]
            return logits.softmax(1)[:, 0].cpu().numpy()
        return logits.softmax(1)[:, self.label].cpu().numpy()


def choices():
    """[(title, key)] of the models to choose from."""
    return models.choices()


def layer_choices(question):
    """[(plain words, name)] of the question's model."""
    return [(layer.words, layer.name) for layer in _layers(question.subject)]


_known = weakref.WeakKeyDictionary()  # network -> {size: its layers}; goes when the network goes


def _layers(subject):
    from core.explain import layers

    found = _known.setdefault(subject.net, {})
    if subject.size not in found:
        found[subject.size] = layers.candidates(subject.net, subject.size)
    return found[subject.size]


def ask(photo, model=None, label=None, against=None, layer=None, own=None, progress=None, size=None):
    """Photo (path, bytes or PIL picture), a model's key -> Question. One forward and one short backward pass.

    label:    class name or number; None for the likeliest
    against:  a class to hold it against: why this and not that?
    layer:    name of a module; None for the one that suits the model
    own:      path of the visitor's weights file, for model "own"
    progress: called with (bytes so far, bytes in all) while weights are fetched
    size:     px the model is shown; None for what it was trained with
    """
    image = open_image(photo)
    subject = models.load(model, own, progress).at(size)
    from core.explain import cam
    from core.explain.layers import Layer

    chosen = subject.class_of(label) if label not in (None, "") else None
    other = subject.class_of(against) if against not in (None, "") else None
    known = _layers(subject)
    where = known[0] if layer in (None, "") else next((one for one in known if one.name == layer), Layer(layer, layer, ()))
    picture, start = subject.picture(image), time.perf_counter()
    if chosen is None:
        chosen = int(subject.logits(picture)[0].argmax())
    if chosen == other:
        raise BadInput(f"Both classes are {subject.names[other]}. Please choose another one to hold it against.")
    question = Question(shrink(image, PREVIEW), photo, subject, where, chosen, other, picture, None, *image.size, 0.0)
    captured = cam.capture(subject.net, where.name, picture, question.direction)
    return replace(question, captured=captured, seconds=time.perf_counter() - start)


@dataclass(frozen=True, eq=False)
class Heat:
    """One method's answer. `heat` is (S, S) numpy in [0, 1], its hottest place at 1, unless the map is zero everywhere."""

    method: str
    heat: object = field(repr=False)
    grid: tuple  # cells (rows, columns) it was computed on
    note: str  # what is wrong with the map, or what to know when reading it; "" if nothing
    broken: bool  # whether the map says nothing at all
    seconds: float

    @property
    def title(self):
        return METHODS[self.method][0]


def draw(question, method="gradcam"):
    """Question -> Heat; a generator that yields (done, in all) on the way."""
    if method not in METHODS:
        raise BadInput(f"There is no method called {method!r}. The methods: {', '.join(METHODS)}.")
    from core.explain import cam, metrics

    start, subject, a, g = time.perf_counter(), question.subject, question.captured.a, question.captured.g
    if method == "scorecam":
        raw = yield from cam.scorecam(a, question.picture, question.score)
    elif method == "ablationcam":
        raw = yield from cam.ablationcam(a, rescore(question))
    elif method == "occlusion":
        window = max(1, subject.size // 5)
        fill = question.picture.mean((2, 3), keepdim=True)
        raw = yield from cam.occlusion(question.picture, question.score, window, max(1, window // 2), fill)
    elif method == "guided":
        raw = cam.guided_backprop(subject.net, question.picture, question.direction).abs().amax(1)
    else:
        quick = {"gradcam": cam.gradcam, "gradcam++": cam.gradcam_plus_plus, "hirescam": cam.hirescam, "layercam": cam.layercam, "eigencam": cam.eigencam}
        raw = quick[method](a, g)
    raw = raw[0].detach().float().cpu().numpy()
    note, broken = diagnose(question, method, raw, _layers(subject)[0])
    flat = broken or not raw.max() > 0
    heat = metrics.enlarge(raw * 0 if flat else raw / raw.max(), (subject.size, subject.size))
    if heat.max() > 0:
        heat = heat / heat.max()
    return Heat(method, heat, raw.shape, note, broken, time.perf_counter() - start)


def rescore(question):
    from core.explain import cam

    def without(factors):
        logits = cam.with_channels(question.subject.net, question.layer.name, question.picture, factors.to(question.picture))
        return cam.scores(logits, question.direction)

    return without


def overlay(question, heat, opacity=OPACITY, full=False):
    """The photo under its heat map -> PIL RGB. opacity: of the hottest place, in [0, 1]; full: at the photo's own size."""
    from core.explain import paint

    photo = open_image(question.source) if full else question.photo
    return paint.overlay(photo, heat.heat, opacity)


@dataclass(frozen=True, eq=False)
class Forgotten:
    """The map after some of the model's layers, from the top, lost what they had learned."""

    count: int  # layers that hold noise
    total: int
    heat: Heat
    correlation: float  # Spearman's, with the map of the intact model


def forget(question, method="gradcam"):
    """Question -> list of Forgotten, from the intact model to one of noise (Adebayo et al. 2018); a generator."""
    from core.explain import metrics, sanity

    subject = question.subject
    total = len(sanity.layers_with_weights(subject.net))
    counts, out = sanity.steps(total), [Forgotten(0, total, finish(draw(question, method)), 1.0)]
    # Noise at the top often turns all evidence against the class; an empty map has no ranks to compare, so other noise is tried.
    seed = next((k for k in range(LOOKS) if not _forgetful(question, method, 1, k).broken), 0)
    for k, count in enumerate(counts[1:]):
        yield k + 1, len(counts)
        heat = _forgetful(question, method, count, seed)
        out.append(Forgotten(count, total, heat, metrics.rank_correlation(out[0].heat.heat, heat.heat)))
    return out


def _forgetful(question, method, count, seed):
    """The Heat of the same question, put to the model with its last `count` layers turned to noise."""
    from core.explain import cam, sanity

    net = sanity.forgetful(question.subject.net, count, seed)
    captured = cam.capture(net, question.layer.name, question.picture, question.direction)
    return finish(draw(replace(question, subject=replace(question.subject, net=net), captured=captured), method))


def sanity_sentence(steps, method):
    """list of Forgotten -> one sentence on whether the map depends on the weights."""
    name = METHODS[method][0]
    if steps[0].heat.broken:
        return "There is no map to begin with. " + steps[0].heat.note
    top, all_gone = steps[1].correlation, steps[-1].correlation
    figures = f"rank correlation {top:+.2f} after the top layer, {all_gone:+.2f} after all {steps[-1].total}"
    worst = max(abs(s.correlation) for s in steps[len(steps) // 2 :])
    if worst < 0.5:
        return f"This {name} map depends on what the model learned: it changes as the model forgets ({figures})."
    return f"Careful: half and more of the model is noise, and this {name} map still looks much the same ({figures}). It shows the photo more than the model."


def point(question, heat, box):
    """How much of the map lies in a box that says what it should look at. box: two corners, x0, y0, x1, y1 in the photo's px -> dict."""
    from core.explain import metrics

    x0, x1 = sorted(min(max(float(v), 0), question.width) for v in (box[0], box[2]))
    y0, y1 = sorted(min(max(float(v), 0), question.height) for v in (box[1], box[3]))
    size = question.subject.size
    left, right = round(x0 / question.width * size), round(x1 / question.width * size)
    top, bottom = round(y0 / question.height * size), round(y1 / question.height * size)
    if right - left < 2 or bottom - top < 2:
        raise BadInput("This box is too small to measure in. Please mark two corners farther apart.")
    inside = (left, top, right, bottom)
    blob = metrics.blob((size, size))
    share = metrics.energy_in_box(heat.heat, inside)
    found = {
        "box": [round(x0), round(y0), round(x1), round(y1)],
        "energy": None if share != share else share,
        "area": (right - left) * (bottom - top) / size**2,
        "blob_energy": metrics.energy_in_box(blob, inside),
        "hottest_inside": not heat.broken and metrics.points_into(heat.heat, [inside]),
    }
    return found | {"sentence": _box_sentence(found)}


def _box_sentence(said):
    if said["energy"] is None:
        return "The map is empty, so none of it lies in the box."
    share_of = {key: share(said[key]) for key in ("energy", "area", "blob_energy")}
    return (
        f"{share_of['energy']} of the map lies in your box, which covers {share_of['area']} of the photo (of a blob in the middle: {share_of['blob_energy']}). "
        f"The hottest place is {'inside' if said['hottest_inside'] else 'outside'} it."
    )


def save(picture, path):
    """Write what `overlay` gave."""
    from core.explain import paint

    paint.save(picture, path)


def headline(question):
    """Question -> (title, sentence) for the top of a page."""
    p = share(float(question.probabilities[question.label]))
    return capital(question.topic), f"{question.subject.title} sees {question.name} with {p}. The map shows where it finds that."


def step_words(one):
    """Forgotten -> what the slider's place means."""
    if not one.count:
        return f"All {one.total} layers as they were trained."
    layers = "The top layer is" if one.count == 1 else f"The top {one.count} of {one.total} layers are"
    look = "the map is empty" if one.heat.broken else f"rank correlation with the first map {one.correlation:+.2f}"
    return f"{layers} noise now: {look}."


def tapped(question, heat, corners, at, opacity=OPACITY):
    """A tap on the picture that `overlay` gave -> (corners so far, picture with them, sentence). The second tap closes the box.

    corners: what the last tap returned, or None; at: [x, y] in the picture's px
    """
    from core.explain import paint

    corners = [*(corners or []), tuple(at)][:2]
    picture = paint.boxed(overlay(question, heat, opacity), corners)
    if len(corners) == 1:
        return corners, picture, "Now tap the opposite corner."
    scale = question.width / question.photo.width
    try:
        return None, picture, point(question, heat, [scale * v for corner in corners for v in corner])["sentence"]
    except BadInput as error:
        return None, overlay(question, heat, opacity), str(error)


def describe(question, heat):
    """What was asked and found -> a JSON-ready dict."""
    from core.explain import metrics

    row, column = metrics.hottest(heat.heat)
    scale = (question.width / question.subject.size, question.height / question.subject.size)
    p = float(question.probabilities[question.label])
    return {
        "model": question.subject.title, "label": question.name, "probability": p,
        "against": None if question.against is None else question.subject.names[question.against],
        "classes": dict(question.top()), "method": heat.method, "layer": question.layer.name, "cells": list(map(int, heat.grid)),
        "hottest": None if heat.broken else [round((column + 0.5) * scale[0]), round((row + 0.5) * scale[1])],
        "note": heat.note, "width": question.width, "height": question.height, "seconds": question.seconds + heat.seconds,
        "sentence": f"{question.subject.title} sees {question.name} ({share(p)}). {heat.title}, {question.layer.words}. {heat.note}".strip(),
    }  # fmt: skip


def run(inputs, out=None, method="gradcam", model=None, label=None, against=None, layer=None, verdict="no", sanity="no", box=None, opacity=OPACITY, size=None):
    """The command line's way in: one photo -> a JSON-ready dict, and the picture at `out` if that is given.

    method: a key of METHODS, or "all", which makes `out` a sheet of every map; model: a menu key, a torchvision name, or the path of a
    .safetensors file; verdict, sanity: "yes" to judge the map; box: "x0,y0,x1,y1" in px, to say how much of the map lies in it; size: px the model is shown
    """
    from core.explain import paint

    if len(inputs) != 1:
        raise BadInput("Please name one photo at a time.")
    opacity, corners = opacity_of(opacity), _corners(box)
    if out:
        paint.check_name(out)
    question = ask(inputs[0], model, label, against, layer, size=size)
    heats = [finish(draw(question, one)) for one in (METHODS if method == "all" else [method])]
    said = {"file": Path(inputs[0]).name} | describe(question, heats[0])
    if method == "all":
        said = said | {"method": "all", "maps": {heat.method: describe(question, heat) for heat in heats}}
    if _yes(verdict, "verdict"):
        said["verdict"] = finish(judge(question, heats[0])).as_dict()
    if _yes(sanity, "sanity"):
        steps = finish(forget(question, heats[0].method))
        said["sanity"] = {"sentence": sanity_sentence(steps, heats[0].method), "steps": [{"layers": s.count, "correlation": s.correlation} for s in steps]}
    if corners:
        said["box"] = point(question, heats[0], corners)
    said["sentence"] = " ".join([said["sentence"], *(said[key]["sentence"] for key in ("verdict", "sanity", "box") if key in said)])
    if out:
        pictures = [overlay(question, heat, opacity, full=method != "all") for heat in heats]
        paint.save(paint.sheet(pictures, [heat.title for heat in heats]) if method == "all" else pictures[0], out)
    return said


def _yes(text, name):
    if str(text).lower() not in ("yes", "no", "true", "false", "1", "0"):
        raise BadInput(f"--{name} is yes or no, not {text!r}.")
    return str(text).lower() in ("yes", "true", "1")


def opacity_of(text):
    """A number or its text -> float in [0, 1]; raises BadInput."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = -1
    if not 0 <= value <= 1:
        raise BadInput(f"The opacity is a number from 0 to 1, not {text!r}.")
    return value


def _corners(text):
    if text in (None, ""):
        return None
    try:
        corners = [float(part) for part in str(text).split(",")]
        if len(corners) == 4 and all(abs(c) < 1e9 for c in corners):
            return corners
    except ValueError:
        pass
    raise BadInput(f"A box is four numbers, x0,y0,x1,y1 in pixels of the photo, not {text!r}.")


def ready():
    """Load the default model and draw one map; raises StudioError if that fails. What /readyz waits for."""
    from PIL import Image

    question = ask(Image.linear_gradient("L").convert("RGB"))
    if finish(draw(question)).heat.shape != (question.subject.size, question.subject.size):
        raise StudioError("The Grad-CAM viewer does not answer as it should.")
