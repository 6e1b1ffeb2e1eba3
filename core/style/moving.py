"""Animations: every frame painted alike, so that it does not flicker."""

from pathlib import Path

from core.errors import BadInput
from core.images import open_frames
from core.style import networks, predict, tiles, wishes
from core.style.finish import finish

MOST_FRAMES = 150


def paint(clip, wanted):
    """A generator of (done, in all) that returns ([PIL RGB], [milliseconds]).

    Instance normalisation would follow every change of a frame's brightness; the first frame's statistics are kept for all
    (Painter.statistics), so a pixel that does not change is painted the same.
    """
    frames, times = open_frames(clip, MOST_FRAMES)
    if len(frames) < 2:
        raise BadInput("This picture does not move. Please add an animated GIF or WebP, or paint it as a photo.")
    nets, size = networks.load(), wishes.painted_size(*frames[0].size, wanted.size)
    models = [networks.bundled(wanted.style)] + ([networks.bundled(wanted.other)] if wanted.other and wanted.share else [])
    vector = networks.mixed(models, (1 - wanted.share, wanted.share) if len(models) == 2 else (), nets, corrected=True)
    out, frozen = [], None
    for index, frame in enumerate(frames):
        yield index, len(frames)
        frame = tiles.enlarged(frame, 1, size)
        large = tiles.enlarged(frame, wishes.stroke_scale(wanted, *size))
        frozen = frozen or tiles.measure(nets.painter, large, vector)
        painted = tiles.enlarged(predict.finished(tiles.paint(nets.painter, large, vector, statistics=frozen)), 1, size)
        out.append(finish(frame, painted, wanted.strength, wanted.keep_colours))
    return out, times


def save(frames, times, path):
    """Write an animated GIF or WebP, by the name's ending."""
    path = Path(path)
    if path.suffix.lower() not in (".gif", ".webp"):
        raise BadInput(f"{path.name} cannot hold an animation. Please let the name end in .gif or .webp.")
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0)


def flicker(before, after):
    """Mean change from frame to frame of what does not change in the original (less than 2 of 255 levels), in levels; None if all moves."""
    import numpy as np

    total, count = 0.0, 0
    for (a, b), (p, q) in zip(zip(before, before[1:], strict=False), zip(after, after[1:], strict=False), strict=True):
        still = np.abs(np.asarray(a, int) - np.asarray(b, int)).max(2) < 2
        total += np.abs(np.asarray(p, int) - np.asarray(q, int)).mean(2)[still].sum()
        count += int(still.sum())
    return total / count if count else None


def run(clip, out, wanted):
    """The command line's and the page's way in -> JSON-ready dict, the animation at `out`."""
    import time

    started = time.perf_counter()
    frames, times = predict.finished(paint(clip, wanted))
    if out:
        save(frames, times, out)
    seconds = time.perf_counter() - started
    width, height = frames[0].size
    return {"file": Path(clip).name, "frames": len(frames), "seconds": seconds, "size": [width, height],
            "sentence": f"{len(frames)} frames of {width} x {height} px in {seconds:.1f} s, like {wanted.style}."}  # fmt: skip
