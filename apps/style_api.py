"""Style transfer for programs."""

import functools

import gradio as gr

from apps import style_any, ui
from core.style import predict, wishes


def instant(photo, style=wishes.STYLES[0], other="", share=0.0, strength=1.0, keep_colours=False, size=512, strokes=0.7):
    """Paint a photo in one of the bundled styles, or in a blend of two, with the fast network.

    Args:
        photo: picture file (JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF; at most 25 MB and 64 megapixels)
        style: "Starry night", "The wave", "The scream", "Udnie", "Composition VII", "Water lilies", "Woman with a hat" or "Houses at Auvers"
        other: another of them, to blend in; empty for none
        share: how much of the other, 0 to 1
        strength: 0 gives the photo back, 1 the painting
        keep_colours: keep the photo's colours
        size: px of the longer side, 32 to 4096; a photo is never enlarged
        strokes: their size, 0.5 (fine) to 2 (broad)

    Returns:
        the painting, and its replay record (settings, and what the inputs and the result hash to)
    """
    wanted = wishes.wish(style=style, other=other, share=share, strength=strength, keep_colours=keep_colours, size=size, strokes=strokes)
    painted = predict.paint(photo, wanted)
    return painted.picture, painted.replay


def any_painting(photo, painting, strength=1.0, keep_colours=False, size=512, strokes=0.7):
    """Paint a photo like any painting that is given.

    Args:
        photo: picture file
        painting: picture file, to paint like
        strength, keep_colours, size, strokes: as for /instant

    Returns:
        the painting, and its replay record
    """
    wanted = wishes.wish(mode="any", strength=strength, keep_colours=keep_colours, size=size, strokes=strokes)
    painted = predict.paint(photo, wanted, [style_any.given(painting)])
    return painted.picture, painted.replay


def patient(photo, painting=None, style=wishes.STYLES[0], steps=wishes.Wish.steps, size=384, seed=0):
    """Optimise the picture itself; takes minutes.

    Args:
        photo: picture file
        painting: picture file to paint like; empty for a bundled style
        style: as for /instant
        steps: 1 to 1000
        size: px of the longer side, 32 to 4096
        seed: whole number

    Returns:
        the painting, and its replay record
    """
    painted = predict.paint(photo, wishes.wish(mode="patient", style=style, steps=steps, size=size, seed=seed), [painting] if painting else [])
    return painted.picture, painted.replay


def endpoints(photo):
    """The three ways as API endpoints."""
    ui_text, ui_number = functools.partial(gr.Textbox, visible=False), functools.partial(gr.Number, visible=False)
    picture, data, painting = gr.Image(visible=False, format="png"), gr.JSON(visible=False), ui.photo_input(visible=False)
    style, other, keep = ui_text(wishes.STYLES[0]), ui_text(""), gr.Checkbox(visible=False)
    share, strength, size, steps, small, seed, strokes = (ui_number(value) for value in (0, 1, 512, wishes.Wish.steps, 384, 0, 0.7))
    hidden = functools.partial(gr.Button, visible=False)
    hidden().click(ui.endpoint(instant), [photo, style, other, share, strength, keep, size, strokes], [picture, data], api_name="instant")
    hidden().click(ui.endpoint(any_painting), [photo, painting, strength, keep, size, strokes], [picture, data], api_name="any_painting")
    hidden().click(ui.endpoint(patient), [photo, painting, style, steps, small, seed], [picture, data], api_name="patient")
