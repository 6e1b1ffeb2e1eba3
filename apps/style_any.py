"""The style transfer's tab for any painting."""

import gradio as gr

from apps import ui
from core.errors import BadInput
from core.style import predict, present, wishes


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


def build(photo, size, private):
    """Draw the tab. photo, size: the page's inputs; private: options of its events."""
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
