"""A photo and a style in, a painting out: what the page, the command line and the API all call.

`begin` opens and checks everything and gives a Job; `Job.run` paints and reports progress; `Job.painting` is the result,
also of a patient job that was stopped half-way. Every painting has a replay record, which `replay` paints again.
"""

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from core import runtime
from core.errors import BadInput, StudioError
from core.images import open_image
from core.style import wishes
from core.work import finish as finished

MAX_BATCH = 100


@dataclass(frozen=True)
class Painting:
    """A result. picture, photo: PIL RGB of one size; seconds: of painting; replay: JSON-ready; unfinished: stopped before its end"""

    picture: object
    photo: object
    wish: wishes.Wish
    name: str
    seconds: float
    replay: dict
    unfinished: bool = False

    @property
    def sentence(self):
        kept = f" Stopped after {self.replay['steps']} of {self.wish.steps} steps." if self.unfinished else ""
        width, height = self.picture.size
        return f"{wishes.NAMES[self.wish.mode]}, like {self.name}: {width} x {height} px in {self.seconds:.1f} s.{kept}"


class Job:
    """One photo to paint; may be stopped between two steps of `run`, and gone on with by another `run`."""

    def __init__(self, photo, models, wanted, mask=None):
        from core.style import networks
        from core.style.finish import mask_of

        self.original, self.models, self.wish = photo, models, wanted
        self.photo = photo.resize(size, reducing_gap=3.0) if (size := wishes.painted_size(*photo.size, wanted.size)) != photo.size else photo
        self.mask = mask and mask_of(mask, self.photo.size)
        self.networks = networks.load()
        self.painted, self.seconds = None, 0.0
        self.turn, self.lock = None, threading.Lock()
        self.sitting = self._sitting() if wanted.mode == "patient" else None

    @property
    def name(self):
        return " and ".join(model.name for model in self.models)

    def run(self):
        """A generator of (done, in all), each as soon as it is true. Of a sitting it ends early after `halt`, or when another `run` begins."""
        if self.sitting:
            self.turn = mine = object()
            work = self.sitting.run()
            while self.turn is mine:
                with self.lock:  # whoever goes on waits for the step that is being made
                    step = next(work, None)
                if step is None:
                    break
                yield step
            self.seconds = self.sitting.seconds
            if self.sitting.done == self.sitting.total:
                wishes.learn(self.wish.loss, self.seconds, sum(w * h * steps for w, h, steps in self.sitting.levels))
            return
        from core.style import networks, tiles

        started = time.perf_counter()
        instant = self.wish.mode == "instant"
        shares = (1 - self.wish.share, self.wish.share) if instant and len(self.models) == 2 else self.wish.weights
        vector = networks.mixed(self.models, shares, self.networks, corrected=instant)
        large = tiles.enlarged(self.photo, wishes.stroke_scale(self.wish, *self.photo.size))
        painted = yield from tiles.paint(self.networks.painter, large, vector)
        self.painted = tiles.enlarged(painted, 1, self.photo.size)
        self.seconds = time.perf_counter() - started
        wishes.learn("network", self.seconds, large.width * large.height)

    def halt(self):
        """Have a sitting's `run` end after the step that it is at."""
        self.turn = None

    def painting(self):
        """The Painting as far as it is; the photo itself before the first step."""
        from core.style.finish import finish

        wanted, sitting = self.wish, self.sitting
        painted = sitting.picture() if sitting else self.painted or self.photo
        picture = finish(self.photo, painted, wanted.strength, wanted.keep_colours, self.mask)
        unfinished = bool(sitting) and sitting.done < sitting.total
        return Painting(picture, self.photo, wanted, self.name, sitting.seconds if sitting else self.seconds, self._replay(picture), unfinished)

    def distances(self, picture=None):
        """{"content", "style"} of the result, or of `picture`, from the photo and the first of the models."""
        from core.style import networks

        shown, _ = networks.seen(self.photo, self.networks)
        return networks.distances(shown, self.models[0].grams(self.networks), networks.seen(picture or self.painting().picture, self.networks))

    def _sitting(self):
        from core.style import eyes, patient

        model, theirs = self.models[0], self.wish.eye != "studio"
        if model.picture is None and (theirs or self.wish.loss == "sliced"):
            raise BadInput("Of a bundled style only the Gram matrices are kept, no pixels. Please add a painting for this setting.")
        eye = eyes.open_eye(self.wish.eye) if theirs else self.networks.eye
        return patient.Sitting(self.photo, model.picture or model.grams(self.networks), self.wish, eye)

    def _replay(self, picture):
        import torch

        record = {"vitrine": "style-transfer", "wish": self.wish.as_dict(), "photo": digest(self.original), "size": list(picture.size)}
        record["paintings"] = [digest(model.picture) for model in self.models if model.picture]
        record["mask"] = digest(self.mask) if self.mask else None
        if self.sitting:
            record |= {"steps": self.sitting.done, "stops": list(self.sitting.stops)}
        return record | {"pixels": digest(picture), "torch": torch.__version__, "threads": runtime.threads()}


def digest(picture):
    """SHA-256 of a picture's size and pixels, the same whatever file it came in."""
    return hashlib.sha256(f"{picture.mode}{picture.size}".encode() + picture.tobytes()).hexdigest()


def begin(photo, wanted, paintings=(), mask=None):
    """Open and check everything, load the networks -> Job.

    photo, mask: path, bytes or PIL; paintings: of these, for the modes "any" and "patient"; none means wanted.style
    """
    from core.style import networks

    if photo is None:
        raise BadInput("Please add a photo first.")
    photo, opened = open_image(photo), [open_image(painting) for painting in paintings if painting]
    if wanted.mode == "instant":
        if opened:
            raise BadInput("The instant mode has styles of its own. Please choose the mode any or patient for a painting of yours.")
        models = [networks.bundled(wanted.style)] + ([networks.bundled(wanted.other)] if wanted.other and wanted.share else [])
    elif wanted.mode == "patient" and len(opened) > 1:
        raise BadInput("The patient mode paints like one painting at a time. Please add one, or choose the mode any to blend several.")
    else:
        called = ["your painting"] if len(opened) == 1 else [f"painting {k + 1}" for k in range(len(opened))]
        models = [networks.Model(name, picture) for name, picture in zip(called, opened, strict=True)] or [networks.bundled(wanted.style)]
    return Job(photo, models, wanted, mask and open_image(mask, "the mask"))


def paint(photo, wanted, paintings=(), mask=None):
    """`begin` and `run` in one go -> Painting."""
    job = begin(photo, wanted, paintings, mask)
    finished(job.run())
    return job.painting()


def paint_each(photos, wanted, paintings=(), mask=None):
    """Paint up to MAX_BATCH photos alike, yielding (file name, Painting or None, sentence); a bad one stops nothing."""
    photos = list(photos or [])
    if not photos:
        raise BadInput("Please add at least one photo.")
    if len(photos) > MAX_BATCH:
        raise BadInput(f"{len(photos)} photos are too many at once; the limit is {MAX_BATCH}. Please send them in parts.")
    for path in photos:
        try:
            painting = paint(path, wanted, paintings, mask)
            yield Path(path).name, painting, painting.sentence
        except BadInput as error:
            yield Path(path).name, None, str(error)


def race(photo, wanted, paintings=()):
    """A generator of (done, in all) that returns [(mode's name, Painting, {"content", "style"})]: the ways on one pair.

    With a painting of the visitor's there are two, since the instant mode knows its own styles only.
    """
    modes, out = [mode for mode in wishes.MODES if mode != "instant" or not any(paintings)], []
    for index, mode in enumerate(modes):
        job = begin(photo, wishes.wish(**wanted.as_dict() | {"mode": mode, "other": "", "weights": ()}), paintings)
        for done, total in job.run():
            yield index * 1000 + 1000 * done // total, 1000 * len(modes)
        painting = job.painting()
        out.append((wishes.NAMES[mode], painting, job.distances(painting.picture)))
    return out


def replay(record, photo, paintings=(), mask=None):
    """Paint a record again -> (Painting, sentence that says whether it is the same to the pixel)."""
    if not isinstance(record, dict) or record.get("vitrine") != "style-transfer":
        raise BadInput("This is no replay file of the style transfer. It is the .json beside a painting.")
    try:
        job = begin(photo, wishes.wish(**record["wish"]), paintings, mask)
        theirs, stops = [record["photo"], *record["paintings"]], [*record.get("stops", []), record.get("steps")]
    except (KeyError, TypeError, AttributeError):
        raise BadInput("The replay file is damaged. Please take the one that was written beside the painting.") from None
    if theirs != [digest(job.original), *(digest(model.picture) for model in job.models if model.picture)]:
        raise BadInput("The replay file belongs to another photo or painting. Please give the ones it was made with, in the same order.")
    for stop in stops:
        for done, _ in job.run():
            if done == stop:
                break
        if job.sitting is None:
            break
    painting = job.painting()
    if painting.replay["pixels"] == record["pixels"]:
        return painting, "The same to the pixel."
    return painting, "Not the same to the pixel: it was painted with another version of torch, the weights, or number of threads."


def save(painting, path):
    """Write the picture, and beside it the replay file of the same name ending in .json; -> the latter's path."""
    path = Path(path)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise BadInput(f"{path.name} is no picture's name. Please let it end in .png, .jpg or .webp; only .png keeps every pixel as it is.")
    painting.picture.save(path, quality=94)
    record = path.with_suffix(".json")
    record.write_text(json.dumps(painting.replay, indent=1) + "\n", encoding="utf-8")
    return record


def ready():
    """Load the networks and paint a small picture; raises StudioError if that fails. What /readyz waits for."""
    from PIL import Image

    if paint(Image.linear_gradient("L").convert("RGB"), wishes.Wish()).picture.size != (256, 256):
        raise StudioError("The style transfer does not answer as it should.")
