"""The face generator's page: a wall of faces that do not exist, and the tabs that work on a picked one; see also face_generator_tabs.py."""

import random

import gradio as gr

from apps import cards, face_generator_edit, face_generator_train, registry, ui
from apps import face_generator_tabs as tabs
from core.gan import predict

APP = registry.find("face-generator")
COLUMNS, COUNT = 4, 16
INTRO = "Nobody here exists. **Tap a picture** to look at it closer and to work on it in the other tabs."


def generate(seed, count=1, truncation=predict.TRUNCATION, generator=None):
    """Make pictures of faces that do not exist.

    Args:
        seed: whole number; the same seed makes the same picture everywhere
        count: pictures, of this seed and those after it, 1 to 64
        truncation: 0 (the mean face) to 1 (as it learned) to 1.5
        generator: "gan-faces", "gan-faces-dcgan", "gan-faces-style" or "gan-digits"; empty for the first

    Returns:
        one entry a picture (seed, SHA-256 of its pixels, how near it is to a training picture), and all of them as one labelled picture
    """
    samples = predict.wall(seed, count or 1, predict.TRUNCATION if truncation is None else truncation, generator)
    return [predict.told(sample) for sample in samples], predict.labelled(predict.sheet(samples), generator)


def wall(seed, truncation, generator):
    """-> samples, picture of the wall, choices by keyboard, panel of the picked one cleared."""
    with ui.sentences():
        samples = predict.wall(seed, COUNT, truncation, generator)
        picture = predict.labelled(predict.sheet(samples, COLUMNS), generator)
    return samples, picture, gr.Dropdown([s.origin for s in samples], value=None), samples[0]


def anew(truncation, generator):
    """A wall from a seed nobody chose -> seed, and the wall."""
    seed = random.randrange(10**6)
    return seed, *wall(seed, truncation, generator)


def tapped(samples, event: gr.SelectData):
    """Where the wall was tapped -> the sample there."""
    x, y = event.index
    at = y // predict.TILE * COLUMNS + x // predict.TILE
    return samples[min(at, len(samples) - 1)].origin if samples else None


def pick(samples, origin):
    """The sample of an origin, or the one before."""
    return next((s for s in samples or () if s.origin == origin), gr.skip())


def build():
    with ui.page(APP) as blocks:
        samples, picked = (gr.State(None, time_to_live=ui.KEEP_FOR) for _ in range(2))
        private = dict(api_visibility="private", concurrency_limit=4)
        with gr.Tab("Wall"):
            gr.Markdown(INTRO)
            with gr.Row():
                with gr.Column(scale=3):
                    shown = gr.Image(show_label=False, format="webp", interactive=False, buttons=["download", "fullscreen"])
                with gr.Column(scale=2):
                    with gr.Row():
                        new = gr.Button("New faces", variant="primary")
                        again = gr.Button("This seed")
                    with gr.Row():
                        seed = gr.Number(1, label="Seed", precision=0, minimum=0)
                        menu = gr.Dropdown([(name, key) for key, name in predict.available()], label="Generator")
                    truncation = gr.Slider(
                        0, 1.5, predict.TRUNCATION, step=0.05, label="Truncation", info="Less: likelier to look right, and more alike. 1: as it learned."
                    )
                    choice = gr.Dropdown([], label="Picked")
                    face_generator_edit.closer(picked, private)
            made = [samples, shown, choice, picked]
            asked = [seed, truncation, menu]
            blocks.load(wall, asked, made, show_progress_on=shown, **private)
            new.click(anew, asked[1:], [seed, *made], show_progress_on=shown, **private)
            gr.on(
                [again.click, seed.submit, menu.input, *ui.moved(truncation)], wall, asked, made, show_progress_on=shown, trigger_mode="always_last", **private
            )
            shown.select(tapped, samples, choice, show_progress="hidden", **private)
            choice.change(pick, [samples, choice], picked, show_progress="hidden", **private)
            with gr.Accordion("How good is it?", open=False):
                gr.HTML(predict.copies_chart(APP.read_card()["quality"]["copies"]))
                gr.Markdown(quality_page())
        face_generator_edit.tab(picked, truncation, private)
        tabs.build(picked, truncation, private)
        with gr.Tab("Train"):
            face_generator_train.tab(private)
        data, picture = gr.JSON(visible=False), gr.Image(visible=False, format="png")
        numbers = [gr.Number(visible=False), gr.Number(1, visible=False), gr.Number(predict.TRUNCATION, visible=False), gr.Textbox(visible=False)]
        gr.Button(visible=False).click(ui.endpoint(generate), numbers, [data, picture], api_name="generate")
        tabs.endpoints()
    return blocks


def quality_page():
    """The table of the card, and what else it says."""
    card = APP.read_card()
    q, names, lines = card["quality"], dict(predict.available()), []
    for key, row in q["rows"].items():
        kid, fid, faces = (f"{row[k]:.4g} ({row[k + '_interval'][0]:.4g} to {row[k + '_interval'][1]:.4g})" for k in ("kid", "fid", "fid_faces"))
        name = names.get(key, key)
        learned = f"{row['pictures']:,} in {row['hours']:.1f} h" if "pictures" in row else ""
        lines.append(f"| {name} | {learned} | {kid} | {fid} | {faces} | {row['precision']:.2f} | {row['recall']:.2f} | {row['one_face']:.1%} |")
    return f"""
| {row["n"]} pictures each, against {q["held_out"]} unseen photos | pictures shown | KID | FID | FID of faces | precision | recall | exactly one face found |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Measured on the features of {q["features"]}, *FID of faces* on those of dlib's face network; 95 % intervals.
Not to be held against published figures, which use another network.

{cards.about(card)}"""
