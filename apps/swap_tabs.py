"""The tabs "Video" and "Verify" of the face swap's page."""

import gradio as gr

from apps import registry, ui
from core.errors import BadInput, StudioError
from core.provenance import predict as provenance
from core.swap import predict, video

APP = registry.find("deepfake-swap")
PRIVATE = dict(api_visibility="private")
UNSEEN = ui.panel("none", "Was it made here?", "Add a picture or a film. Its signature and the mark in its pixels are read.")


def preview(path, photo, scene, pair, person, start, length, consent):
    """A film, and a photo with its Scene or a saved pair -> (preview frame, film, panel)."""
    try:
        return (
            video.preview(path, _source(path, photo, scene, pair, person), start),
            None,
            ui.panel("none", "One frame", "If this looks right, swap the whole film."),
        )
    except StudioError as error:
        return None, None, ui.panel("error", "Not this film", str(error))


def film(path, photo, scene, pair, person, start, length, consent, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """A film, and a photo with its Scene or a saved pair -> (preview frame, film, panel), with progress."""
    try:
        source = _source(path, photo, scene, pair, person)
        out, consent = ui.download_path("swap.mp4"), predict.CONSENT if consent else ""
        made = yield from ui.steps(video.swap(path, source, out, 0, None, consent, None, start, start + length), progress, "Swapping")
        yield gr.skip(), made.path, ui.panel("done", "Swapped, labelled, marked and signed", made.as_dict()["sentence"])
    except StudioError as error:
        yield None, None, ui.panel("error", "Not this film", str(error))


def _source(path, photo, scene, pair, person):
    """What paints the faces: the pair where one is given, else the first photo's face."""
    if not path or not (photo or pair):
        raise BadInput("Please add a film here, and the photo with the face to take in the tab Photo.")
    return predict.open_pair(pair, int(person) - 1) if pair else predict.look_once(photo, scene, "the source photo")


def verify(file):
    """Tell whether a picture or a film was made here: swapped or generated, when, by which model.

    Args:
        file: picture or video

    Returns:
        status ("made here", "marked", "damaged", "other" or "none"), sentence, kind, model, time and manifest
    """
    if not file:
        raise BadInput("Please add a picture or a film first.")
    return predict.run([file])


def check(path):
    if not path:
        return UNSEEN, None
    try:
        said = verify(path)
    except StudioError as error:
        return ui.panel("error", "Not this file", str(error)), None
    return ui.panel(said["status"].replace(" ", "-"), said["title"], said["sentence"]), said["manifest"]


def video_tab(photo, scene):
    """Draw the tab; photo: the first tab's, whose face is taken; scene: the page's State with its Scene."""
    with gr.Tab("Video"):
        gr.Markdown("The face is the largest of the first photo in the tab *Photo*. At most a minute; MP4 out, with the sound of the original.")
        with gr.Row():
            clip = gr.Video(label="Film", height=280)
            result = gr.Video(label="The swap", height=280, interactive=False)
        with gr.Row():
            start = gr.Number(0, label="From, seconds", minimum=0)
            length = gr.Number(10, label="Length, seconds", minimum=0.1, maximum=video.MOST_SECONDS)
        with gr.Accordion("Paint with a pair of the tab Train instead", open=False):
            pair = gr.File(label="The pair's file", file_types=[".safetensors"], height=100)
            person = gr.Radio(["1", "2"], value="2", label="Paint this person")
        consent = gr.Checkbox(label=predict.CONSENT)
        with gr.Row():
            one_frame, run = gr.Button("Preview", min_width=80), gr.Button("Swap the film", variant="primary", min_width=150)
            stop = gr.Button("Stop", min_width=80)
        words, still = gr.HTML(), gr.Image(label="One frame", interactive=False)
    asked, shown = [clip, photo, scene, pair, person, start, length, consent], [still, result, words]
    one_frame.click(preview, asked, shown, **PRIVATE)
    work = run.click(film, asked, shown, **PRIVATE)
    stop.click(None, cancels=[work])


def verify_tab():
    with gr.Tab("Verify"):
        file = gr.File(label="Picture or film", height=140)
        verdict, manifest = gr.HTML(UNSEEN), gr.JSON(label="Manifest")
        gr.Markdown(f"From {provenance.SMALLEST} px a side a picture can carry the mark. Measured: {APP.quality}.")
    file.change(check, file, [verdict, manifest], **PRIVATE)
