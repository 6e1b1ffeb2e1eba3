"""The style transfer's tabs for any painting and for patience; the others are in style_more.py."""

import gradio as gr

from apps import registry, style_more, ui
from core.errors import BadInput
from core.style import eyes, predict, present, wishes

PATIENT = "The picture itself is optimised, coarse to fine. Stop keeps what there is; Go on takes it up again. Without a painting it uses the bundled style."


def thumbnails():
    """[(path, style's name)]: a cup of coffee, painted by the network in each style."""
    folder = registry.ROOT / "assets" / "examples" / "style-transfer" / "styles"
    return [(str(folder / f"{name.lower().replace(' ', '-')}.webp"), name) for name in wishes.STYLES]


def chosen(event: gr.SelectData):
    return wishes.STYLES[event.index]


def given(painting):
    if painting is None:
        raise BadInput("Please add a painting first.")
    return painting


def full_size(painted):
    """Write the picture and its replay file in a zip; the next click on the same button downloads it."""
    if painted is None:
        raise gr.Error("Please paint a picture first.", print_exception=False)
    width, height = painted.picture.size
    path = ui.download_path("painting.zip")
    present.save_zip([("painting", painted)], path)
    return gr.DownloadButton(f"Download {width} x {height} px, with its replay file", value=str(path))


def paint_any(photo, first, second, share, strength, strokes, keep, region, size, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """-> (before, after), words, Painting"""
    with ui.sentences():
        paintings = [given(first)] + ([second] if second else [])
        weights = (1 - share, share) if second else ()
        wanted = wishes.wish(mode="any", weights=weights, strength=strength, strokes=strokes, keep_colours=keep, size=size)
        job = predict.begin(photo, wanted, paintings, present.mask_of_layers(region))
        yield from ui.steps(job.run(), progress, "Painting")
    painted = job.painting()
    yield (painted.photo, painted.picture), painted.sentence, painted


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
    """Draw the tabs. photo, size: the page's inputs; private: options of its events."""
    with gr.Tab("Any"):
        any_tab(photo, size, private)
    with gr.Tab("Patient"):
        patient_tab(photo, size, private)
    style_more.build(photo, size, private)


def any_tab(photo, size, private):
    result = gr.State(None, time_to_live=ui.KEEP_FOR)
    slider = gr.ImageSlider(label="Before and after", interactive=False, max_height=460, buttons=["fullscreen"])
    words = gr.Markdown("Add a painting, or any picture, to paint like.")
    with gr.Row():
        first, second = ui.photo_input(label="Painting", height=200), ui.photo_input(label="Second painting (optional)", height=200)
    share = gr.Slider(0, 1, 0.5, step=0.05, label="How much of the second")
    with gr.Row():
        strength, strokes = gr.Slider(0, 1, 1, step=0.05, label="Strength"), gr.Slider(0.5, 2, 0.7, step=0.1, label="Stroke size")
    keep = gr.Checkbox(label="Keep the photo's colours")
    with gr.Accordion("Paint only a region", open=False):
        take = gr.Button("Take the photo here, then mark the region with the brush")
        region = gr.ImageEditor(type="pil", label="Region", sources=(), transforms=(), brush=gr.Brush(default_size=40, colors=["#0f766e"]), layers=False)
        take.click(ui.endpoint(present.for_marking), photo, region, **private)
    with gr.Row():
        go, stop, full = gr.Button("Paint", variant="primary"), gr.Button("Stop"), gr.DownloadButton("Full-size picture")
    asked = [photo, first, second, share, strength, strokes, keep, region, size]
    work = go.click(paint_any, asked, [slider, words, result], show_progress_on=slider, **private)
    stop.click(None, cancels=[work])
    full.click(full_size, result, full, **private)


def patient_tab(photo, size, private):
    gr.Markdown(PATIENT)
    job, result = gr.State(None, time_to_live=ui.KEEP_FOR), gr.State(None, time_to_live=ui.KEEP_FOR)
    slider = gr.ImageSlider(label="Before and after", interactive=False, max_height=460, buttons=["fullscreen"])
    words = gr.Markdown()
    with gr.Row():
        go, stop, more, full = gr.Button("Paint", variant="primary"), gr.Button("Stop"), gr.Button("Go on"), gr.DownloadButton("Full-size picture")
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
            eye = gr.Dropdown([(words_of, key) for key, words_of in eyes.EYES.items()], value="backbone", label="Feature network")
            seed = gr.Number(0, precision=0, label="Seed")
    asked = [photo, painting, style, steps, weight, smooth, loss, optimiser, start, eye, seed, size]
    go.click(paint_patiently, asked, [job, slider, words, result], show_progress_on=words, **private)
    more.click(go_on, job, [job, slider, words, result], show_progress_on=words, **private)
    stop.click(halt, job, None, show_progress="hidden", **private)
    full.click(full_size, result, full, **private)
