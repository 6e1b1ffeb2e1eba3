"""The tab "Train" of the face swap's page: two people's photos, a pair of networks, and what it makes of a photo."""

import gradio as gr

from apps import ui
from core.errors import BadInput, StudioError
from core.swap import predict, train

PRIVATE = dict(api_visibility="private")
SHOWN = 24
HELP = (
    f"The classic deepfake: one network learns both faces, then paints one with the other's expression. Add {train.LEAST} to {train.MOST} photos "
    "of each person, a zip of them, or a film. Pause and go on as you like. Twenty minutes on a laptop give something worth a look; an hour is better."
)
WAITING = ui.panel("none", "Two people first", "Add photos or a film of each, then let their faces be found.")


def find(first, second, side, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """Files of two people -> (Trainer, aligned faces, those left out, panel)."""
    try:
        if not first or not second:
            raise BadInput("Please add photos or a film of both people first.")
        found = []
        for name, files in (("first", first), ("second", second)):
            found.append((yield from ui.steps(train.gather(files, int(side)), progress, f"Looking at the {name} person")))
        trainer = train.Trainer(found[0].faces, found[1].faces, int(side))
        shown = [face for crops in found for face in train.thumbs(crops, SHOWN // 2)]
        refused = [sentence for crops in found for sentence in crops.refused]
        left = f"Left out: {len(refused)}. " + " ".join(refused[:8]) if refused else "None was left out."
        yield trainer, gr.Gallery(shown, visible=True), left, ui.panel("none", "Ready to train", " and ".join(f"{len(c.faces)} faces" for c in found) + ".")
    except StudioError as error:
        yield None, gr.Gallery([], visible=False), "", ui.panel("error", "Not yet", str(error))


def learn(trainer, minutes):
    """Train for so many minutes, showing the grid and the curve every few seconds; the Trainer itself stays in the page's State."""
    if trainer is None:
        yield None, None, ui.panel("error", "Not yet", "Please let the faces be found first."), None
        return
    end = trainer.seconds + 60 * minutes
    for _ in train.minutes_of(trainer, minutes, 4):
        left = max(0.0, end - trainer.seconds)
        said = f"{trainer.steps} steps, loss {trainer.figures()['loss']:.3f}, {left / 60:.1f} min to go."
        yield trainer.grid(), trainer.curve(), ui.panel("none", "Training", said), trainer
    yield trainer.grid(), trainer.curve(), ui.panel("done", "Trained", f"{trainer.steps} steps. Go on, take it home, or use it below."), trainer


def export(trainer):
    if trainer is None or not trainer.steps:
        raise gr.Error("Please train a pair first.", print_exception=False)
    return gr.DownloadButton("Download the pair", value=str(trainer.export(ui.download_path("pair.safetensors"))))


def use(trainer, earlier, photo, person, consent):
    """A pair, in training or saved earlier, and a photo -> (sealed picture, panel)."""
    try:
        if photo is None or (earlier is None and (trainer is None or not trainer.steps)):
            raise BadInput("Please train a pair, or add one saved earlier, and a photo of one of its two people.")
        path = earlier or trainer.export(ui.download_path("pair.safetensors"))
        made = predict.swap_pair(predict.open_pair(path, int(person) - 1), predict.look(photo), consent=predict.CONSENT if consent else "")
    except StudioError as error:
        return None, ui.panel("error", "Not yet", str(error))
    out = ui.download_path("swap.png")
    out.write_bytes(made.sealed.data)
    return str(out), ui.panel("done", "Swapped, labelled, marked and signed", made.as_dict()["sentence"])


def tab():
    with gr.Tab("Train"):
        trainer = gr.State(None, time_to_live=ui.KEEP_FOR)
        gr.Markdown(HELP)
        with gr.Row():
            first = gr.File(label="First person", file_count="multiple", height=140)
            second = gr.File(label="Second person", file_count="multiple", height=140)
        with gr.Row():
            side = gr.Radio([str(size) for size in train.SIDES], value="64", label="Face size, px")
            minutes = gr.Number(20, label="Minutes", minimum=0.1, maximum=600)
        with gr.Row():
            look, go = gr.Button("Find faces", min_width=80), gr.Button("Train", variant="primary", min_width=80)
            stop, save = gr.Button("Pause", min_width=80), gr.DownloadButton("Prepare the file", min_width=80)
        panel, left = gr.HTML(WAITING), gr.Markdown()
        faces = gr.Gallery(label="Aligned faces", columns=8, height=200, visible=False, allow_preview=False)
        grid = gr.Image(label="Face, painted again, as the other", interactive=False, buttons=["fullscreen"])
        curve = gr.Image(label="Loss", interactive=False, height=180)
        with gr.Accordion("Use it on a photo", open=False):
            earlier = gr.File(label="A saved pair, else the above", file_types=[".safetensors"], height=100)
            photo = ui.photo_input(label="Photo of one of the two", height=240)
            person, consent = gr.Radio(["1", "2"], value="2", label="Paint this person"), gr.Checkbox(label=predict.CONSENT)
            swap = gr.Button("Swap with the pair", variant="primary")
            said, result = gr.HTML(), gr.Image(label="The swap", type="filepath", interactive=False)
    work = [look.click(find, [first, second, side], [trainer, faces, left, panel], **PRIVATE)]
    work.append(go.click(learn, [trainer, minutes], [grid, curve, panel, trainer], **PRIVATE))
    stop.click(None, cancels=work)
    save.click(export, trainer, save, **PRIVATE)
    swap.click(use, [trainer, earlier, photo, person, consent], [result, said], **PRIVATE)
