"""The style transfer's tabs for the race, for several photos and animations, and for how good it is."""

import gradio as gr

from apps import cards, registry, ui
from core.errors import BadInput
from core.style import moving, predict, present, wishes

RACE = "The same photo and style, painted in each way: what the seconds buy. Distances are to what the photo shows and to how the painting is painted."


def run_race(photo, style, painting, size, progress=gr.Progress()):  # noqa: B008
    """-> gallery of the results, table."""
    with ui.sentences():
        wanted = wishes.wish(style=style, size=min(int(size), 384), steps=100)
        runs = yield from ui.steps(predict.race(photo, wanted, [painting] if painting else []), progress, "Racing")
    pictures = [(runs[0][1].photo, "Photo"), *((painted.picture, f"{name}, {painted.seconds:.1f} s") for name, painted, _ in runs)]
    yield pictures, present.race_table(runs)


def paint_many(photos, style, strength, keep, size, progress=gr.Progress()):  # noqa: B008
    """-> gallery, words, download: filled in while the work goes on."""
    done, words = [], []
    with ui.sentences():
        wanted = wishes.wish(style=style, strength=strength, keep_colours=keep, size=size)
        for name, painted, sentence in progress.tqdm(predict.paint_each(photos, wanted), total=len(photos or []), desc="Painting", unit="photos"):
            done += [(name, painted)] if painted else []
            words.append(f"- {name}: {sentence}")
            yield [(painted.picture, name) for name, painted in done], "\n".join(words), gr.skip()
        path = ui.download_path("paintings.zip")
        present.save_zip(done, path)
    yield gr.skip(), gr.skip(), gr.DownloadButton(value=str(path), interactive=True)


def animate(clip, style, strength, keep):
    """An animated picture -> the same painted, and words."""
    path = ui.download_path("painted.webp")
    with ui.sentences():
        said = moving.run(given_clip(clip), path, wishes.wish(style=style, strength=strength, keep_colours=keep, size=384))["sentence"]
    return str(path), said


def given_clip(clip):
    if clip is None:
        raise BadInput("Please add an animated GIF or WebP first.")
    return clip


def build(photo, size, private):
    """Draw the tabs. photo, size: the page's inputs; private: options of its events."""
    with gr.Tab("Race"):
        gr.Markdown(RACE)
        style, painting = gr.Dropdown(list(wishes.STYLES), label="Style"), ui.photo_input(label="Or a painting of yours", height=160)
        with gr.Row():
            go, stop = gr.Button("Race", variant="primary"), gr.Button("Stop")
        gallery, table = gr.Gallery(label="The ways", columns=2, height="max-content", object_fit="contain", buttons=["fullscreen"]), gr.Markdown()
        work = go.click(run_race, [photo, style, painting, size], [gallery, table], show_progress_on=gallery, **private)
        stop.click(None, cancels=[work])
    with gr.Tab("Several"):
        several_tab(size, private)
    with gr.Tab("Quality"):
        gr.Markdown(quality_page())


def several_tab(size, private):
    style = gr.Dropdown(list(wishes.STYLES), label="Style")
    with gr.Row():
        strength, keep = gr.Slider(0, 1, 1, step=0.05, label="Strength"), gr.Checkbox(label="Keep the photos' colours")
    photos = gr.File(label="Photos", file_count="multiple", file_types=["image"], height=140)
    with gr.Row():
        go, stop, save = gr.Button("Paint all of them", variant="primary"), gr.Button("Stop"), gr.DownloadButton("Download as zip", interactive=False)
    gallery, words = gr.Gallery(label="Paintings", columns=3, height="max-content", object_fit="contain", buttons=["fullscreen"]), gr.Markdown()
    work = go.click(paint_many, [photos, style, strength, keep, size], [gallery, words, save], show_progress_on=gallery, **private)
    stop.click(None, cancels=[work])
    gr.Markdown("Or a short animation: every frame is painted with the first one's statistics, so that it does not flicker.")
    clip = gr.File(label="Animated GIF or WebP", file_types=[".gif", ".webp"], height=100)
    move, moved = gr.Button("Paint the animation"), gr.Image(label="Painted", interactive=False, buttons=["download"])
    move.click(animate, [clip, style, strength, keep], [moved, words], **private)


def quality_page():
    card = registry.find("style-transfer").read_card()
    q = card["quality"]
    rows = {"instant": q["instant"], "any, known painting": q["any"]["seen"], "any, unseen painting": q["any"]["unseen"], "patient": q["patient"]}
    lines = [f"| {name} | {r['content']:.3f} | {r['style']:.3f} | {r['photo_style']:.3f} | {r['seconds']:.2f} | {r['n']} |" for name, r in rows.items()]
    table = "\n".join(lines)
    return f"""
Distances at 256 px, relative to the target, as the studio's eye sees them: 0 is the photo's content, or the painting's way of painting.

| way | content | style | untouched photo's style | seconds | pairs |
|---|---|---|---|---|---|
{table}
{cards.about(card)}"""
