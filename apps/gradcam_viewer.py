"""The Grad-CAM viewer's page: why this class, with the verdict on the map; more in gradcam_tabs.py and gradcam_api.py."""

import gradio as gr

from apps import gradcam_api, gradcam_tabs, registry, ui
from apps.newest import Newest, wish
from core.errors import StudioError
from core.explain import predict

APP = registry.find("gradcam-viewer")
WAITING = ui.panel("none", "Why does it say so?", "Add a photo, or pick an example below. Then choose a class, to see where the evidence for it lies.")
PREPARE = "Full-size picture"
TAP = "Tap two opposite corners in the picture, around what the model should look at, to measure how much of the map lies there."
LOOK, DRAW, CHECK = range(3)  # stages: a newer look ends an older drawing and its check
NAMES = [(name, key) for key, (name, _) in predict.METHODS.items()]


def look(photo, model, own, label=None, against=None, layer=None, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """-> Question or None, classes, classes to hold against, layers, panel, whether a file is asked for."""
    asks = gr.update(visible=model == "own")
    if photo is None:
        return None, *[gr.update(choices=[], value=None)] * 3, WAITING, asks
    try:
        question = predict.ask(photo, model, label, against, layer, own, lambda done, total: progress((done, total), desc="Fetching weights", unit="bytes"))
    except StudioError as error:
        return None, *[gr.update()] * 3, ui.panel("error", "That did not work", str(error)), asks
    seen = [(f"{name}  {predict.share(p)}", name) for name, p in question.top()]
    others = [("(nothing)", ""), *(name for name, _ in question.top(1000) if name != question.name)]
    layers = gr.update(choices=predict.layer_choices(question), value=question.layer.name)
    return (question, gr.update(choices=seen, value=question.name), gr.update(choices=others, value=against or ""), layers,
            ui.panel("none", *predict.headline(question)), asks)  # fmt: skip


def again(photo, model, own, label, against, layer, progress=gr.Progress()):  # noqa: B008
    """The same photo and model, asked for another class or layer."""
    return look(photo, model, own, label, None if against == label else against, layer, progress)


def paint(question, method, opacity, progress=gr.Progress()):  # noqa: B008
    """Question -> (Heat, picture, note), with progress where a method takes its time."""
    heat = None
    if question is not None:
        yield None, *[gr.skip()] * 5  # until it is drawn, no map is this question's
        heat = yield from ui.steps(predict.draw(question, method), progress, "Drawing")
    shown = (heat, predict.overlay(question, heat, opacity), heat.note) if heat else (None, None, "")
    yield *shown, None, TAP, gr.DownloadButton(PREPARE, value=None)


def full_size(question, heat, opacity):
    """Write the picture at the photo's own resolution; the next click on the same button downloads it."""
    if heat is None:
        raise gr.Error("There is no map yet. Please add a photo, or wait until it is drawn.", print_exception=False)
    path = ui.download_path(f"{heat.method}.png")
    with ui.sentences():
        predict.save(predict.overlay(question, heat, opacity, full=True), path)
    return gr.DownloadButton(f"Download {question.width} x {question.height} px", value=str(path))


def check(question, heat, progress=gr.Progress()):  # noqa: B008
    """(Question, Heat) -> the verdict's panel and its table of scores."""
    if heat is None:
        yield ui.panel("none", *predict.headline(question)) if question else gr.skip(), ""
        return
    verdict = yield from ui.steps(predict.judge(question, heat), progress, "Is it to be believed?")
    yield ui.panel(verdict.kind, f"{predict.headline(question)[0]}: {verdict.title.lower()}", verdict.sentence), predict.scores_table(verdict)


def fade(question, heat, opacity):
    return predict.overlay(question, heat, opacity) if heat else gr.skip()


def halt(newest, question, heat):
    """End what is at work; a picture of an earlier wish does not stay in its place. -> picture, note"""
    newest.stop()
    return (None, "Stopped before it was drawn.") if question is not None and heat is None else (gr.skip(), gr.skip())


def tap(question, heat, corners, opacity, event: gr.SelectData):
    """Two taps on the picture are two corners of a box."""
    return predict.tapped(question, heat, corners, event.index, opacity) if heat else (None, gr.skip(), "")


def build():
    with ui.page(APP) as blocks:
        newest = gr.State(Newest())
        question, heat, corners = (gr.State(None, time_to_live=ui.KEEP_FOR) for _ in range(3))
        with gr.Tab("Why?"):
            with gr.Row():
                with gr.Column():
                    photo = ui.photo_input(label="Photo", height=300)
                    model = gr.Dropdown(predict.choices(), label="Model", allow_custom_value=True)
                    own = gr.File(label="Your own classifier (.safetensors)", file_types=[".safetensors"], height=100, visible=False)
                    label = gr.Radio([], label="What it sees: choose a class")
                    against = gr.Dropdown([], label="Why this and not ...")
                    method = gr.Dropdown(NAMES, label="Method")
                    layer = gr.Dropdown([], label="Layer", allow_custom_value=True)
                with gr.Column():
                    panel = gr.HTML(WAITING)
                    picture = gr.Image(label="The evidence", format="webp", interactive=False, buttons=["download", "fullscreen"])
                    opacity = gr.Slider(0, 1, predict.OPACITY, label="Opacity", step=0.05)
                    box, note, scores = gr.Markdown(TAP), gr.Markdown(), gr.Markdown()
                    with gr.Row():
                        full, stop = gr.DownloadButton(PREPARE), gr.Button("Stop")
            gr.Examples([[str(path)] for path, _ in APP.examples], photo, label="Examples")
            asked, shown = [photo, model, own, label, against, layer], [question, label, against, layer, panel, own]
            private = dict(api_visibility="private", concurrency_limit=4)
            every = dict(trigger_mode="multiple", **private)
            first = gr.on([photo.change, model.change, own.change], wish(LOOK, look), [newest, *asked[:3]], shown, show_progress_on=panel, **every)
            more = gr.on([label.input, against.input, layer.input], wish(LOOK, again), [newest, *asked], shown, show_progress="hidden", **every)
            for e in (first.then, more.then, method.input):
                drawn = e(wish(DRAW, paint), [newest, question, method, opacity], [heat, picture, note, corners, box, full], show_progress_on=picture, **every)
                drawn.then(wish(CHECK, check), [newest, question, heat], [panel, scores], show_progress_on=panel, **every)
            gr.on(ui.moved(opacity), fade, [question, heat, opacity], picture, show_progress="hidden", trigger_mode="always_last", **private)
            picture.select(tap, [question, heat, corners, opacity], [corners, picture, box], show_progress="hidden", **private)
            stop.click(halt, [newest, question, heat], [picture, note], show_progress="hidden", **private)
            full.click(full_size, [question, heat, opacity], full, **private)
        gradcam_tabs.build(question, method, opacity, private)
        gradcam_api.endpoints(photo)
    return blocks
