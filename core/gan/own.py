"""A generator of the visitor's own: pictures in, training with a live grid, a weights file out."""

import json
import time
from pathlib import Path

from core import photos, runtime, weights
from core.errors import BadInput
from core.images import MAX_BYTES

SIDE, SHOW_EVERY, MOST = 64, 5.0, 5000  # px; seconds between two grids; pictures
HEAVIEST = 40 * MAX_BYTES  # of a zip once unpacked
LIMITS = f"At least 20 pictures of one kind of thing, at most {MOST}; some hundreds make it worth while"


class Workshop:
    """One visitor's training: it can be stopped at any time and goes on where it was. Nothing is stored."""

    def __init__(self, files, seed=1):
        """files: paths of pictures, or of one zip of them; raises BadInput when they are too few, too many or no pictures."""
        runtime.prepare_torch()
        from core.gan import data
        from core.gan.train import Plan, Trainer

        files = [Path(f) for f in files or []]
        packed = len(files) == 1 and files[0].suffix.lower() == ".zip"
        if packed and photos.unpacked_bytes(files[0]) > HEAVIEST:
            raise BadInput(f"{files[0].name} holds too much. Please give at most {MOST} pictures, 1 GB in all.")
        pictures = data.folder(files[0], SIDE, MOST) if packed else data.squares(files, SIDE, MOST)
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
        weights.save(path, weights.halved(t.finished(512)), told)
        return path
