"""The face generator's other tabs: closer, edit, mix, walk, find me; and their API. Training is in face_generator_train.py."""

import gradio as gr

from apps import registry, ui
from core.gan import find, predict

APP = registry.find("face-generator")
NONE = "Pick a face on the first tab."
SLIDERS = APP.read_card()["sliders"]
FACE = dict(format="webp", interactive=False, buttons=["download", "fullscreen"], height=384)


def closer(picked, private):
    """The picked one large, with what is known of it and a signed download."""
    picture, note = gr.Image(label="Closer", **FACE), gr.Markdown(NONE)
    save = gr.DownloadButton("Prepare PNG")
    picked.change(look, picked, [picture, note, save], show_progress="hidden", **private)
    save.click(prepare, picked, save, **private)


def look(sample):
    """Sample or None -> picture, words, button."""
    if sample is None:
        return None, NONE, gr.DownloadButton("Prepare PNG", value=None)
    said = predict.told(sample)
    return predict.portrait(sample), f"**{sample.origin.capitalize()}.** {said['sentence']}", gr.DownloadButton("Prepare PNG", value=None)


def prepare(sample):
    """Write the signed PNG; the next click on the same button downloads it."""
    if sample is None:
        raise gr.Error(NONE, print_exception=False)
    path = ui.download_path("nobody.png")
    with ui.sentences():
        predict.save(sample, path)
    return gr.DownloadButton("Download PNG", value=str(path))


def shape(sample, *amounts):
    """The picked face with its sliders moved -> the new sample, its picture."""
    if sample is None:
        raise gr.Error(NONE, print_exception=False)
    with ui.sentences():
        moved = predict.shape(sample, dict(zip([s["name"] for s in SLIDERS], amounts, strict=True)))
        return moved, predict.portrait(moved)


def mix(sample, seed, amount, part, truncation):
    """The picked face and a seed's -> their picture side by side with what comes of it."""
    if sample is None:
        raise gr.Error(NONE, print_exception=False)
    with ui.sentences():
        other = predict.wall(seed, 1, truncation, sample.generator)[0]
        mixed = predict.mix(sample, other, amount, part)
        return mixed, predict.labelled(predict.sheet([sample, mixed, other], 3))


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
    with gr.Tab("Edit"):
        moved = gr.State(None, time_to_live=ui.KEEP_FOR)
        with gr.Row():
            edited = gr.Image(label="Edited", **FACE)
            with gr.Column():
                sliders = [gr.Slider(-3, 3, 0, step=0.25, label=f"{s['name']}: {s['low']} to {s['high']}", info=s["figure"]) for s in SLIDERS]
                with gr.Row():
                    keep, reset = gr.Button("Keep this face"), gr.Button("Reset")
        for slider in sliders:
            slider.release(shape, [picked, *sliders], [moved, edited], show_progress="hidden", trigger_mode="always_last", **private)
        picked.change(lambda s: (None, predict.portrait(s) if s else None, *[0] * len(sliders)), picked, [moved, edited, *sliders], show_progress="hidden", **private)
        reset.click(lambda s: (None, predict.portrait(s) if s else None, *[0] * len(sliders)), picked, [moved, edited, *sliders], **private)
        keep.click(lambda new, old: new or old, [moved, picked], picked, **private)
        with gr.Accordion("Mix with another seed", open=False):
            with gr.Row():
                seed = gr.Number(2, label="Seed", precision=0, minimum=0)
                amount = gr.Slider(0, 1, 0.5, step=0.05, label="How much of it")
                part = gr.Radio(list(predict.RANGES), value="All of it", label="What to take from it")
            both, mixed = gr.Image(label="The picked face, the mixture, the other", **FACE), gr.State(None, time_to_live=ui.KEEP_FOR)
            take = gr.Button("Keep the mixture")
            asked = [picked, seed, amount, part, truncation]
            gr.on([seed.change, amount.release, part.change], mix, asked, [mixed, both], show_progress="hidden", **private)
            take.click(lambda new, old: new or old, [mixed, picked], picked, **private)
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
    with gr.Tab("Find me"):
        with gr.Row():
            photo = ui.photo_input(label="Your photo", height=300)
            with gr.Column():
                with gr.Row():
                    target, nearest = gr.Image(label="Your face, framed", **FACE | {"height": 240}), gr.Image(label="Nearest face it can make", **FACE | {"height": 240})
                words, found = gr.Markdown("The photo stays on this machine and is deleted after an hour."), gr.State(None, time_to_live=ui.KEEP_FOR)
                with gr.Row():
                    go, stop, take = gr.Button("Find me", variant="primary"), gr.Button("Stop"), gr.Button("Edit it")
        gr.Examples([[str(path)] for path, _ in APP.examples], photo, label="Examples")
        work = go.click(search, photo, [target, nearest, words, found], show_progress_on=nearest, **private)
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
    gr.Button(visible=False).click(ui.endpoint(nearest_face), photo, [data, picture], api_name="find")
