"""A generator of the visitor's own: pictures in, training with a live grid, a weights file out."""

import json
import time
import zipfile
from pathlib import Path

from core import runtime, weights
from core.errors import BadInput
from core.images import SUFFIXES

SIDE, SHOW_EVERY, MOST = 64, 5.0, 5000  # px; seconds between two grids; pictures
LIMITS = f"At least 20 pictures of one kind of thing, at most {MOST}; some hundreds make it worth while"


class Workshop:
    """One visitor's training: it can be stopped at any time and goes on where it was. Nothing is stored."""

    def __init__(self, files, seed=1):
        """files: paths of pictures, or of one zip of them; raises BadInput when they are too few, too many or no pictures."""
        runtime.prepare_torch()
        from core.gan import data
        from core.gan.train import Plan, Trainer

        pictures = data.squares(sources(files), SIDE)
        self.count = len(pictures)
        self.trainer = Trainer(pictures, Plan(side=SIDE, seed=seed, batch=min(32, len(pictures))), runtime.device())

    def train(self, minutes):
        """Generator of (seconds done, seconds in all, PIL grid of samples or None)."""
        from core.gan.train import grid_picture

        start, total, shown = time.monotonic(), max(0.05, float(minutes)) * 60, 0.0
        while (done := time.monotonic() - start) < total:
            self.trainer.step()
            grid = None
            if done - shown > SHOW_EVERY or not shown:
                samples = self.trainer.samples(24)
                self.trainer.check(samples)
                grid, shown = grid_picture(samples, 6), max(done, 1e-9)
            yield min(done, total), total, grid
        yield total, total, grid_picture(self.trainer.samples(24), 6)

    @property
    def sentence(self):
        t = self.trainer
        return f"{t.seen:,} looks at {self.count} pictures in {t.seconds / 60:.1f} minutes, {t.seen / max(t.seconds, 1e-9):.0f} a second."

    def save(self, path):
        """The averaged generator as a safetensors file that core.gan.maker.Maker reads."""
        t = self.trainer
        told = {"kind": t.plan.kind, "shape": json.dumps(t.generator.shape), "title": "Your own", "pictures": str(t.seen)}
        weights.save(path, {k: v.half() if v.is_floating_point() else v for k, v in t.average.items()}, told)
        return path


def sources(files):
    """Paths, or one zip -> what images.open_image takes, at most MOST."""
    files = [Path(f) for f in files or []]
    if len(files) == 1 and files[0].suffix.lower() == ".zip":
        return unpacked(files[0])
    if len(files) > MOST:
        raise BadInput(f"{len(files)} pictures are too many; please give at most {MOST}.")
    return files


def unpacked(path):
    """The pictures of a zip, as bytes; raises BadInput for a broken zip or one that is far too large."""
    from core.images import MAX_BYTES

    try:
        with zipfile.ZipFile(path) as file:
            rows = [i for i in file.infolist() if Path(i.filename).suffix.lower() in SUFFIXES and not i.filename.startswith("__MACOSX")]
            if len(rows) > MOST or any(i.file_size > MAX_BYTES for i in rows) or sum(i.file_size for i in rows) > 40 * MAX_BYTES:
                raise BadInput(f"{path.name} holds too much. Please give at most {MOST} pictures, 1 GB in all.")
            return [file.read(i) for i in rows]
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        raise BadInput(f"{path.name} is no readable zip file. Please pack the pictures again, without a password.") from None
