"""The style transfer's tab for patience: a sitting that can be stopped, looked at and gone on with."""

import gradio as gr

from apps import ui
from apps.style_any import full_size
from core.style import eyes, predict, present, wishes

PATIENT = "The picture itself is optimised, coarse to fine. Stop keeps what there is; Go on takes it up again. Without a painting it uses the bundled style."


def paint_patiently(photo, painting, style, steps, style_weight, smooth, loss, optimiser, start, eye, seed, size, progress=gr.Progress()):  # noqa: B008
    """Begin a sitting -> Job, (before, after), words, Painting, again and again."""
    with ui.sentences():
        wanted = wishes.wish(mode="patient", style=style, steps=steps, style_weight=style_weight, smooth=smooth, loss=loss, optimiser=optimiser, start=start,
                             eye=eye, seed=seed, size=size)  # fmt: skip
        progress(0, desc="Looking at the style")
        job = predict.begin(photo, wanted, [painting] if painting else [])
    yield from go_on(job, progress)


def go_on(job, progress=gr.Progress()):  # noqa: B008
    """Take a sitting up again, with a look at the picture every two seconds."""
    if job is None:
        raise gr.Error("There is nothing to go on with. Please begin with Paint.", print_exception=False)
    yield job, gr.skip(), "Beginning ...", gr.skip()
    for look in present.looks(job, every=2.0):
        progress((look.done, look.total), desc=look.words)
        yield job, (job.photo, look.picture), look.words, gr.skip()
    painted = job.painting()
    more = " Go on takes it up again." if painted.unfinished else ""
    yield job, (painted.photo, painted.picture), painted.sentence + more, painted


def halt(job):
    """Stop: the sitting ends by itself after its step. Cancelled by Gradio, a Go on that follows at once might get no answer."""
    if job is not None:
        job.halt()


def build(photo, size, private):
    """Draw the tab, as style_any.build."""
    gr.Markdown(PATIENT)
    job, result = gr.State(None, time_to_live=ui.KEEP_FOR), gr.State(None, time_to_live=ui.KEEP_FOR)
    slider = gr.ImageSlider(label="Before and after", interactive=False, max_height=460, buttons=["fullscreen"])
    words = gr.Markdown()
    with gr.Row():
        go, stop = gr.Button("Paint", variant="primary", min_width=120), gr.Button("Stop", min_width=120)
        more, full = gr.Button("Go on", min_width=120), gr.DownloadButton("Full-size picture", min_width=120)
    with gr.Row():
        style, painting = gr.Dropdown(list(wishes.STYLES), label="Style"), ui.photo_input(label="Or a painting of yours", height=160)
    steps = gr.Slider(20, 500, wishes.Wish.steps, step=10, label="Steps")
    with gr.Accordion("Settings", open=False):
        with gr.Row():
            weight, smooth = gr.Slider(1, 500, 60, label="Style against content"), gr.Slider(0, 5, 0.2, step=0.1, label="Smoothness (total variation)")
        with gr.Row():
            loss = gr.Dropdown([("Gram matrices", "gram"), ("sliced Wasserstein", "sliced")], value="gram", label="Style loss")
            optimiser = gr.Dropdown([("L-BFGS", "lbfgs"), ("Adam", "adam")], value="lbfgs", label="Optimiser")
            start = gr.Dropdown([("the photo", "photo"), ("noise", "noise")], value="photo", label="Begin with")
        with gr.Row():
            eye = gr.Dropdown([(words_of, key) for key, words_of in eyes.EYES.items()], value="studio", label="Feature network")
            seed = gr.Number(0, precision=0, label="Seed")
    asked = [photo, painting, style, steps, weight, smooth, loss, optimiser, start, eye, seed, size]
    go.click(paint_patiently, asked, [job, slider, words, result], show_progress_on=words, **private)
    more.click(go_on, job, [job, slider, words, result], show_progress_on=words, **private)
    stop.click(halt, job, None, show_progress="hidden", **private)
    full.click(full_size, result, full, **private)
