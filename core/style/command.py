"""The command line's way in: `python -m apps try style-transfer PHOTO... [--painting PICTURE] [-o OUT]`."""

import json
from pathlib import Path

from core.errors import BadInput
from core.style import predict, wishes


def run(inputs, out=None, style=None, painting=None, mode=None, size=None, strength=None, strokes=None, other=None, share=None, weights=None, keep_colours=None,
        mask=None, steps=None, loss=None, optimiser=None, style_weight=None, style_scale=None, smooth=None, start=None, eye=None, seed=None, replay=None,
        race="no"):  # fmt: skip
    """Photos -> a JSON-ready dict; the painting at `out` with its replay file beside it, of several photos in the folder `out`.

    painting: a picture to paint like, or several with commas; mode: instant, any or patient; any where there is a painting
    mask: picture that is white where to paint; replay: a replay file to paint again; race: "yes" to compare the three ways
    The others are those of wishes.Wish.
    """
    paintings = [part for part in (painting or "").split(",") if part]
    if replay:
        return _again(inputs, out, paintings, mask, replay)
    wanted = wishes.wish(mode=mode or ("any" if paintings else "instant"), size=size, strength=strength, strokes=strokes, style=style, other=other, share=share,
                         weights=weights, keep_colours=keep_colours, steps=steps, loss=loss, optimiser=optimiser, style_weight=style_weight,
                         style_scale=style_scale, smooth=smooth, start=start, eye=eye, seed=seed)  # fmt: skip
    if str(race).lower() in ("yes", "true", "1"):
        return _race(inputs, out, wanted, paintings)
    if len(inputs) == 1:
        return _one(inputs[0], out, wanted, paintings, mask)
    rows = []
    for name, painted, sentence in predict.paint_each(inputs, wanted, paintings, mask):
        rows.append(_told(name, painted) if painted else {"file": name, "error": sentence})
        if painted and out:
            Path(out).mkdir(parents=True, exist_ok=True)
            predict.save(painted, Path(out) / f"{Path(name).stem}.png")
    if not any("sentence" in row for row in rows):
        raise BadInput(" ".join(row["error"] for row in rows))
    return {"photos": rows}


def _one(photo, out, wanted, paintings, mask):
    """One photo; Ctrl-C in the patient mode keeps the picture so far."""
    if Path(photo).suffix.lower() == ".gif" and wanted.mode == "instant":
        from core.style import moving

        return moving.run(photo, out, wanted)
    job = predict.begin(photo, wanted, paintings, mask)
    try:
        for _ in job.run():
            pass
    except KeyboardInterrupt:
        if not (job.sitting and job.sitting.done):
            raise
    painted = job.painting()
    if out:
        predict.save(painted, out)
    return _told(Path(photo).name, painted) | {"distances": job.distances(painted.picture)}


def _told(name, painted):
    return {"file": name, "sentence": painted.sentence, "seconds": painted.seconds, "size": list(painted.picture.size), "replay": painted.replay}


def _again(inputs, out, paintings, mask, path):
    if len(inputs) != 1:
        raise BadInput("Please name the one photo that the replay file was made with.")
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"{Path(path).name} cannot be read as a replay file. It is the .json beside a painting.") from None
    painted, same = predict.replay(record, inputs[0], paintings, mask)
    if out:
        predict.save(painted, out)
    return _told(Path(inputs[0]).name, painted) | {"sentence": f"{painted.sentence} {same}", "same": painted.replay["pixels"] == record["pixels"]}


def _race(inputs, out, wanted, paintings):
    from core.style.sheet import row_of

    if len(inputs) != 1:
        raise BadInput("Please name one photo for the race.")
    runs = predict.finished(predict.race(inputs[0], wanted, paintings))
    if out:
        row_of([painted.photo for _, painted, _ in runs[:1]] + [painted.picture for _, painted, _ in runs]).save(out)
    told = [{"mode": name, "seconds": painted.seconds} | apart for name, painted, apart in runs]
    words = "; ".join(f"{row['mode']} {row['seconds']:.1f} s, content {row['content']:.2f}, style {row['style']:.2f}" for row in told)
    return {"file": Path(inputs[0]).name, "sentence": f"{words}.", "race": told}


ready = predict.ready
