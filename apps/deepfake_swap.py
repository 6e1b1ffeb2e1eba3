"""The face swap's page: photo to photo; see also swap_photos.py, and swap_tabs.py for the other tabs."""

import gradio as gr

from apps import registry, swap_photos, swap_tabs, swap_train, ui
from core.errors import BadInput, StudioError
from core.swap import predict

APP = registry.find("deepfake-swap")
WAITING = ui.panel("none", "Whose face, and where?", "Add two photos, choose a face in each, and say that you may.")
TWO_PHOTOS = "Please add two photos first: the face to take, and the photo it is put into."
PRIVATE = dict(api_visibility="private")
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


def swap(source, target, face=1, onto="all", strength=1, feather=0.28, shape=0.15, consent=False, label=None):
    """Put a face of one photo into another. The result carries a label, a mark in its pixels and a signed manifest.

    Args:
        source: photo whose face is taken
        target: photo it is put into
        face: number of the source's face, largest first, from 1
        onto: numbers of the target's faces, such as "1" or "1,2", or "all"
        strength: how much of the swap is seen, 0 to 1
        feather: width of the soft border, in eye distances, 0 to 1
        shape: how much of the source's proportions is kept, 0 to 1
        consent: true says that you have the right to use both faces and the people shown agree; without it nothing is made
        label: what the visible label says; empty for the usual

    Returns:
        meters of each face and the manifest, and the picture as PNG
    """
    if not source or not target:
        raise BadInput(TWO_PHOTOS)
    path = ui.download_path("swap.png")
    said = predict.run([source, target], path, "yes" if consent else "no", face, onto, strength, feather, shape, label=label or None)
    return said, str(path)


def make(source, target, a, b, one, other, everyone, consent, feather, strength, shape, hair, form):
    """Two photos, their Scenes as far as they are looked at -> (picture, panel, manifest, downloads)."""
    try:
        if not source or not target:
            raise BadInput(TWO_PHOTOS)
        if not consent:
            raise BadInput(predict.NO_CONSENT)
        options = predict.Options(feather, strength, shape, hair)
        (a, one), (b, other) = swap_photos.seen(source, a, one, "source"), swap_photos.seen(target, b, other, "target")
        made = predict.swap(a, b, one[0], None if everyone else other, options, predict.CONSENT, form=form)
    except StudioError as error:
        return None, ui.panel("error", "Not yet", str(error)), None, gr.DownloadButton(interactive=False)
    path = ui.download_path(f"swap{FORMATS[form]}")
    path.write_bytes(made.sealed.data)
    words = ui.panel("done", "Swapped, labelled, marked and signed", f"{made.as_dict()['sentence']} Took {made.seconds:.1f} s.")
    return str(path), words, made.sealed.manifest, gr.DownloadButton(value=str(path), interactive=True)


def build():
    with ui.page(APP) as blocks:
        examples = [str(path) for path, _ in APP.examples]
        with gr.Tab("Photo"):
            with gr.Row():
                source, a, one = swap_photos.photo_of("source", "Take the face from")
                target, b, other = swap_photos.photo_of("target", "Put it into")
            consent = gr.Checkbox(label=predict.CONSENT)
            with gr.Row():
                go = gr.Button("Swap", variant="primary", min_width=90)
                back = gr.Button("The other way round", min_width=90)
            with gr.Accordion("Finer", open=False):
                feather = gr.Slider(0, 1, 0.28, step=0.02, label="Soft border")
                strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
                shape = gr.Slider(0, 1, 0.15, step=0.05, label="Keep the source's proportions")
                everyone = gr.Checkbox(label="Into every face of the photo")
                hair = gr.Checkbox(True, label="Keep hair and things before the face")
                form = gr.Radio(list(FORMATS), value="PNG", label="Save as")
            panel = gr.HTML(WAITING)
            picture = gr.Image(label="The swap", type="filepath", interactive=False, buttons=["fullscreen"])
            save = gr.DownloadButton("Download, sealed", interactive=False)
            with gr.Accordion("What its manifest says", open=False):
                said = gr.JSON(show_label=False)
            gr.Examples([examples[:2], examples[1::-1]], [source, target], label="Examples: two portraits in the public domain")
        swap_tabs.video_tab(source, a)
        swap_train.tab()
        swap_tabs.verify_tab()
        asked = [source, target, a, b, one, other, everyone, consent, feather, strength, shape, hair, form]
        go.click(make, asked, [picture, panel, said, save], **PRIVATE)
        back.click(lambda x, y: (y, x), [source, target], [source, target], **PRIVATE)
        answers, made, any_file = gr.JSON(visible=False), gr.Image(visible=False, type="filepath"), gr.File(visible=False)
        number, text = gr.Number(1, visible=False), gr.Textbox("all", visible=False)
        knobs = [source, target, number, text, strength, feather, shape, consent, gr.Textbox(visible=False)]
        gr.Button(visible=False).click(ui.endpoint(swap), knobs, [answers, made], api_name="swap")
        gr.Button(visible=False).click(ui.endpoint(swap_tabs.verify), any_file, answers, api_name="verify")
    return blocks
