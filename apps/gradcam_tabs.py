"""The Grad-CAM viewer's other tabs: all methods side by side, the sanity check, how good it is; and its API."""

import gradio as gr

from apps import registry, ui
from apps.newest import Newest, wish
from core.explain import predict

SANITY = """A map worth having changes when the model forgets what it learned. Here its layers turn to noise one by one, from the top
(Adebayo et al. 2018), and the map of the first tab's method is drawn again each time."""


def gallery(question, opacity, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """Every method's map, one after another; what takes longest comes last."""
    _ask_for_a_photo(question)
    shown, words = [], []
    for key, (name, sentence) in predict.METHODS.items():
        heat = yield from ui.steps(predict.draw(question, key), progress, name)
        shown.append((predict.overlay(question, heat, opacity), name))
        words.append(f"- **{name}**: {sentence}. {heat.note}")
        yield shown, "\n".join(words)


def forget(question, method, opacity, progress=gr.Progress()):  # noqa: B008
    """The map while the model forgets -> list of steps, slider, picture, words, verdict."""
    _ask_for_a_photo(question)
    steps = yield from ui.steps(predict.forget(question, method), progress, "Forgetting")
    slider = gr.Slider(maximum=len(steps) - 1, value=1, interactive=True)
    yield steps, slider, *step(question, steps, 1, opacity), predict.sanity_sentence(steps, method)


def step(question, steps, index, opacity):
    """The slider's place -> picture, words."""
    if not steps or question is None:
        return None, ""
    one = steps[min(int(index), len(steps) - 1)]
    return predict.overlay(question, one.heat, opacity), predict.step_words(one)


def _ask_for_a_photo(question):
    if question is None:
        raise gr.Error("Please add a photo on the first tab.", print_exception=False)


def clear(*at_work):
    """For another question: end the tabs' work -> maps, words, steps, slider, picture, words, verdict, all empty."""
    for newest in at_work:
        newest.stop()
    return None, "", None, gr.Slider(value=0, interactive=False), None, "", ""


def build(question, method, opacity, private):
    """Draw the tabs. question: gr.State of the page; method, opacity: its controls; private: options of its events."""
    drawing, forgetting, every = gr.State(Newest()), gr.State(Newest()), dict(trigger_mode="multiple", **private)
    with gr.Tab("All"):
        with gr.Row():
            go, stop = gr.Button("Draw all nine", variant="primary"), gr.Button("Stop")
        maps = gr.Gallery(label="Nine answers to one question", columns=3, height="max-content", format="webp", object_fit="contain")
        words = gr.Markdown()
        go.click(wish(0, gallery), [drawing, question, opacity], [maps, words], show_progress_on=maps, **every)
        stop.click(Newest.stop, drawing, None, show_progress="hidden", **private)
    with gr.Tab("Sanity"):
        gr.Markdown(SANITY)
        steps, begin, verdict = gr.State(None, time_to_live=ui.KEEP_FOR), gr.Button("Let it forget", variant="primary"), gr.Markdown()
        slider = gr.Slider(0, 8, 0, step=1, label="How far it has forgotten", interactive=False)
        told, picture = gr.Markdown(), gr.Image(label="Its map then", format="webp", interactive=False, height=420, buttons=["fullscreen"])
        shown = [steps, slider, picture, told, verdict]
        begin.click(wish(0, forget), [forgetting, question, method, opacity], shown, show_progress_on=verdict, **every)
        gr.on(ui.moved(slider), step, [question, steps, slider, opacity], [picture, told], show_progress="hidden", trigger_mode="always_last", **private)
    question.change(clear, [drawing, forgetting], [maps, words, *shown], show_progress="hidden", **every)
    with gr.Tab("Quality"):
        gr.Markdown(quality_page())


def quality_page():
    card = registry.find("gradcam-viewer").read_card()
    agreement, speed, boxes = (card["quality"][key] for key in ("agreement", "speed", "boxes"))
    names = {key: name for key, (name, _) in predict.METHODS.items()}
    rows = [f"| {names.get(name, name)} | {row['energy_in_box']:.3f} | {row['pointing_accuracy']:.0%} |" for name, row in boxes["methods"].items()]
    least = "\n".join(f"| {names[name]} | {row['least']:.4f} | {row['n']} |" for name, row in agreement["correlation"].items())
    faster = "; ".join(f"{names.get(name, name)} {ratio:.1f} times as fast" for name, ratio in speed["times_faster"].items())
    weak = "\n".join(f"- {line}" for line in card["weaknesses"])
    return f"""
**Are they the maps they claim to be?** Least correlation with the library {agreement["library"]}, same network, photos and layer
({agreement["model"]}, {agreement["pixels"]} px):

| method | least correlation | photos |
|---|---|---|
{least}

In the same run: {faster}.

**Do they point?** {boxes["n"]} photos of raccoons with a box, the {boxes["model"].lower()} asked about its likeliest class. The boxes cover
{boxes["boxes_cover"]:.0%} of the photos.

| map | share of its energy in the box | hottest place in the box |
|---|---|---|
{chr(10).join(rows)}

**Known weaknesses**

{weak}

**Measure it** `{card["measure"]}`

{card["note"]}
"""
