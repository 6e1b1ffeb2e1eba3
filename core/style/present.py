"""What pages need of a painting besides the picture: downloads, marked regions, looks at work in progress, tables."""

import io
import json
import time
import zipfile
from dataclasses import dataclass

from core.errors import BadInput
from core.images import open_image, shrink
from core.style import wishes

MARKING = 640  # px of the longer side of a photo that a visitor marks a region in


def save_zip(named, path):
    """[(name, Painting)] -> a zip at `path` with each picture as PNG and its replay file."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, (name, painted) in enumerate(named):
            stem = f"{index + 1:02d}-{name.rpartition('.')[0] or name}" if len(named) > 1 else name
            data = io.BytesIO()
            painted.picture.save(data, "PNG")
            archive.writestr(f"{stem}.png", data.getvalue())
            archive.writestr(f"{stem}.json", json.dumps(painted.replay, indent=1))


def for_marking(photo):
    """A photo at the size a visitor marks a region in, PIL RGB."""
    if photo is None:
        raise BadInput("Please add a photo first.")
    return shrink(open_image(photo), MARKING)


def mask_of_layers(drawing):
    """What an image editor gives, {"layers": [RGBA]} or None -> mask, white where something was drawn; None where nothing was."""
    from PIL import ImageChops

    mask = None
    for layer in (drawing or {}).get("layers") or []:
        drawn = layer.convert("RGBA").getchannel("A")
        mask = drawn if mask is None else ImageChops.lighter(mask, drawn)
    return mask if mask is not None and mask.getextrema()[1] > 127 else None


@dataclass(frozen=True)
class Look:
    """A glance at a job: steps done and in all, the picture so far (PIL RGB), and words with the time left."""

    done: int
    total: int
    picture: object
    words: str


def looks(job, every=2.0):
    """Run a Job, yielding a Look after its first step and then every so many seconds."""
    last = 0.0
    for done, total in job.run():
        if time.perf_counter() - last >= every:
            last = time.perf_counter()
            left = job.sitting.left() if job.sitting else None
            style, content, _ = job.sitting.losses[-1] if job.sitting else (0, 0, 0)
            words = f"Step {done} of {total}; style distance {style:.2f}, content {content:.2f}"
            yield Look(done, total, job.painting().picture, words + ("" if left is None else f"; about {in_seconds(left)} left") + ".")


def in_seconds(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def race_table(runs):
    """predict.race's result -> Markdown."""
    lines = [f"| {name} | {painted.seconds:.1f} | {apart['content']:.3f} | {apart['style']:.3f} |" for name, painted, apart in runs]
    return "\n".join(["| way | seconds | content distance | style distance |", "|---|---|---|---|", *lines])


def forecasts(photo, size):
    """What each way will take for this photo -> one line."""
    width, height = open_image(photo).size
    parts = []
    for mode in wishes.MODES:
        wanted = wishes.wish(mode=mode, size=size)
        parts.append(f"{wishes.NAMES[mode]} {wishes.in_words(*wishes.estimate(wanted, width, height))}")
    w, h = wishes.painted_size(width, height, int(size))
    return f"At {w} x {h} px: {', '.join(parts)}."
