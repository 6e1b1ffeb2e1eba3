"""The style transfer's page: a photo on one side, the ways to paint it on the other, a tab each."""

import gradio as gr

from apps import registry, style_any, style_api, style_more, style_patient, ui
from apps.newest import Newest, wish
from core.errors import StudioError
from core.style import predict, present, wishes

APP = registry.find("style-transfer")
SIZES = [256, 512, 768, 1024, 2048, 4096]
PREPARE = "Full-size picture"
WAITING = "Add a photo, or pick an example below."
NEXT = {"api_visibility": "private", "concurrency_limit": 2}


def thumbnails():
    """[(path, style's name)]: a cup of coffee, painted by the network in each style."""
    folder = registry.ROOT / "assets" / "examples" / "style-transfer" / "styles"
    return [(str(folder / f"{name.lower().replace(' ', '-')}.webp"), name) for name in wishes.STYLES]


def chosen(event: gr.SelectData):
    return wishes.STYLES[event.index]


def show(photo, style, other, share, strength, keep_colours, size, strokes, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """The instant mode's event -> (before, after), words, Painting, button."""
    if photo is None:
        yield None, WAITING, None, gr.DownloadButton(PREPARE, value=None)
        return
    try:
        wanted = wishes.wish(style=style, other=other, share=share, strength=strength, keep_colours=keep_colours, size=size, strokes=strokes)
        job = predict.begin(photo, wanted)
        yield from ui.steps(job.run(), progress, "Painting")
    except StudioError as error:
        yield None, str(error), None, gr.DownloadButton(PREPARE, value=None)
        return
    painted = job.painting()
    yield (painted.photo, painted.picture), painted.sentence, painted, gr.DownloadButton(PREPARE, value=None)


def cost(photo, size):
    """What each way will take for this photo -> Markdown."""
    if photo is None:
        return ""
    try:
        return present.forecasts(photo, size)
    except StudioError:
        return ""


def build():
    with ui.page(APP) as blocks:
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                photo = ui.photo_input(label="Photo", height=300)
                size = gr.Dropdown(SIZES, value=512, label="Longer side, px")
                words_of_cost = gr.Markdown()
                gr.Examples([[str(path)] for path, _ in APP.examples], photo, label="Examples")
            # What one event sets off goes in turn: the forecast first, it takes no time.
            gr.on([photo.change, size.change], cost, [photo, size], words_of_cost, show_progress="hidden", **NEXT)
            with gr.Column(scale=3, min_width=300):
                with gr.Tab("Instant"):
                    instant_tab(photo, size)
                with gr.Tab("Any"):
                    style_any.build(photo, size, NEXT)
                with gr.Tab("Patient"):
                    style_patient.build(photo, size, NEXT)
                style_more.build(photo, size, NEXT)
        style_api.endpoints(photo)
    return blocks


def instant_tab(photo, size):
    result, newest = gr.State(None, time_to_live=ui.KEEP_FOR), gr.State(Newest())
    slider = gr.ImageSlider(label="Before and after", interactive=False, max_height=460, buttons=["fullscreen"])
    words = gr.Markdown(WAITING)
    look = dict(columns=4, height="max-content", object_fit="cover", allow_preview=False, buttons=[], elem_classes="choices")
    thumbs = gr.Gallery(thumbnails(), label="Styles", **look)
    style = gr.Dropdown(list(wishes.STYLES), label="Style")
    with gr.Row():
        strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
        strokes = gr.Slider(0.5, 2, 0.7, step=0.1, label="Stroke size")
    keep = gr.Checkbox(label="Keep the photo's colours")
    with gr.Row():
        other = gr.Dropdown([("(none)", ""), *wishes.STYLES], value="", label="Blend with")
        share = gr.Slider(0, 1, 0.5, step=0.05, label="How much of it")
    full = gr.DownloadButton(PREPARE)
    asked = [photo, style, other, share, strength, keep, size, strokes]
    thumbs.select(chosen, None, style, show_progress="hidden", **NEXT)
    chosen_anew = [photo.change, style.change, other.change, keep.change, size.change]
    for events, mode in ((chosen_anew, "multiple"), (ui.moved(share, strength, strokes), "always_last")):  # a slider moves in many small steps
        gr.on(events, wish(0, show), [newest, *asked], [slider, words, result, full], show_progress_on=slider, trigger_mode=mode, **NEXT)
    full.click(style_any.full_size, result, full, **NEXT)
