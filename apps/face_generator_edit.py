"""The face generator's picked face: closer, with sliders, mixed with another."""

import gradio as gr

from apps import registry, ui
from core.gan import predict

APP = registry.find("face-generator")
NONE = "Pick a face on the first tab."
SLIDERS = APP.read_card()["sliders"]
FACE = dict(format="webp", interactive=False, buttons=["download", "fullscreen"], height=300)


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


def fresh(sample):
    """The picked face or None as it is: nothing moved, its picture, a note where its generator has no sliders, every slider at 0."""
    fits = sample is None or bool(predict.sliders(sample.generator))
    note = gr.Markdown("" if fits else "The sliders were found for the first generator only. Mixing and walking work for this one too.", visible=not fits)
    return None, predict.portrait(sample) if sample else None, note, *[gr.Slider(value=0, interactive=fits)] * len(SLIDERS)


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
        return mixed, predict.labelled(predict.sheet([sample, mixed, other], 3), sample.generator)


def tab(picked, truncation, private):
    """Draw the tab "Edit". picked: gr.State with a Sample; truncation: the first tab's slider; private: options of events."""
    with gr.Tab("Edit"):
        moved = gr.State(None, time_to_live=ui.KEEP_FOR)
        with gr.Row():
            edited = gr.Image(label="Edited", **FACE)
            with gr.Column():
                note = gr.Markdown(visible=False)
                sliders = [gr.Slider(-3, 3, 0, step=0.25, label=f"{s['name']}: {s['low']} to {s['high']}", info=s["figure"]) for s in SLIDERS]
                with gr.Row():
                    keep, reset = gr.Button("Keep this face"), gr.Button("Reset")
        for slider in sliders:
            gr.on(ui.moved(slider), shape, [picked, *sliders], [moved, edited], show_progress="hidden", trigger_mode="always_last", **private)
        gr.on([picked.change, reset.click], fresh, picked, [moved, edited, note, *sliders], show_progress="hidden", **private)
        keep.click(lambda new, old: new or old, [moved, picked], picked, **private)
        with gr.Accordion("Mix with another seed", open=False):
            with gr.Row():
                seed = gr.Number(2, label="Seed", precision=0, minimum=0)
                amount = gr.Slider(0, 1, 0.5, step=0.05, label="How much of it")
                part = gr.Radio(list(predict.RANGES), value="All of it", label="What to take from it", visible=False)
            both, mixed = gr.Image(label="The picked face, the mixture, the other", **FACE), gr.State(None, time_to_live=ui.KEEP_FOR)
            take = gr.Button("Keep the mixture")
            asked = [picked, seed, amount, part, truncation]
            gr.on([seed.change, part.change, *ui.moved(amount)], mix, asked, [mixed, both], show_progress="hidden", **private)
            # Only a generator with a style for each layer can take the pose of one face and the colours of another.
            picked.change(lambda s: gr.Radio(visible=s is not None and len(s.style) > 1, value="All of it"), picked, part, show_progress="hidden", **private)
            take.click(lambda new, old: new or old, [mixed, picked], picked, **private)
