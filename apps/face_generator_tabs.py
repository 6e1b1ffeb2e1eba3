"""The face generator's tabs for a walk and for a visitor's photo, and the API beyond /generate."""

import gradio as gr

from apps import registry, ui
from apps.face_generator_edit import FACE
from core.gan import find, predict

APP = registry.find("face-generator")


def walk(sample, seeds, seconds, form, truncation, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """The picked face and the seeds after it, as a film -> its file."""
    path = ui.download_path(f"walk.{form.lower()}")
    with ui.sentences():
        samples = predict.stops(sample, seeds, truncation)
        yield from ui.steps(predict.save_walk(samples, path, seconds), progress, "Walking")
    yield gr.update(value=str(path), visible=form == "MP4"), gr.update(value=str(path), visible=form != "MP4"), str(path)


def search(photo, progress=gr.Progress()):  # noqa: B008
    """A photo -> the face as it is framed, the nearest face so far, words, the sample."""
    if photo is None:
        raise gr.Error("Please add a photo first.", print_exception=False)
    with ui.sentences():
        for done, total, found in find.find(photo):
            progress((done, total), desc="Looking for you")
            if found is None:
                yield (gr.skip(),) * 4
            else:
                yield predict.large(found.target), predict.portrait(found.sample), found.sentence, found.sample


def build(picked, truncation, private):
    """Draw the tabs. picked: gr.State with a Sample; truncation: the first tab's slider."""
    with gr.Tab("Walk"):
        with gr.Row():
            with gr.Column():
                seeds = gr.Textbox("11, 24, 35", label="Seeds to visit", info="The picked face comes first, if there is one; the walk ends where it began.")
                seconds = gr.Slider(2, 20, 6, step=1, label="Seconds")
                form = gr.Radio(["MP4", "GIF", "WebP"], value="MP4", label="Format")
                with gr.Row():
                    go, stop = gr.Button("Walk", variant="primary"), gr.Button("Stop")
                download = gr.DownloadButton("Download")
            with gr.Column():
                film = gr.Video(label="Nobody becomes nobody", autoplay=True, loop=True, height=384, buttons=[])
                moving = gr.Image(label="Nobody becomes nobody", type="filepath", visible=False, interactive=False, height=384, buttons=[])
        work = go.click(walk, [picked, seeds, seconds, form, truncation], [film, moving, download], show_progress_on=film, **private)
        stop.click(None, cancels=[work])
    with gr.Tab("Find"):
        with gr.Row():
            photo = ui.photo_input(label="Your photo", height=300)
            with gr.Column():
                with gr.Row():
                    target, nearest = (
                        gr.Image(label="Your face, framed", **FACE | {"height": 240}),
                        gr.Image(label="Nearest face", **FACE | {"height": 240}),
                    )
                words = gr.Markdown("The photo stays on this machine and is deleted after an hour.", min_height=80)
                found = gr.State(None, time_to_live=ui.KEEP_FOR)
                with gr.Row():
                    go, stop, take = gr.Button("Find me", variant="primary"), gr.Button("Stop"), gr.Button("Edit it")
        gr.Examples([[str(path)] for path, _ in APP.examples], photo, label="Examples")
        work = go.click(search, photo, [target, nearest, words, found], show_progress_on=words, **private)
        stop.click(None, cancels=[work])
        take.click(lambda new, old: new or old, [found, picked], picked, **private)


def endpoints():
    """The API beyond /generate."""

    def nearest_face(photo):
        """Find the nearest face that the generator can make.

        Args:
            photo: picture file with a face

        Returns:
            how near it comes (mean difference of a pixel, 0 to 255), and the face as a labelled picture
        """
        found = predict.last(find.find(photo))
        return {"gap": round(found.gap, 2), "sentence": found.sentence}, predict.portrait(found.sample)

    photo, data, picture = ui.photo_input(visible=False), gr.JSON(visible=False), gr.Image(visible=False, format="png")
    gr.Button(visible=False).click(ui.endpoint(nearest_face), photo, [data, picture], api_name="nearest_face")
