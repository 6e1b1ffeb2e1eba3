"""The bear detector's page: one photo, several photos, and how good it is."""

import gradio as gr

from apps import bear_api, cards, registry, train_your_own, ui
from core.errors import StudioError
from core.vision import predict

APP = registry.find("bear-detector")
BEARS, YOURS = "Bears", "Your own"
WIDTHS = ["150px", "120px", "80px", "80px", "80px", "80px", "280px"]


WAITING = ui.panel("none", "Which bear is it?", "Add a photo, or pick an example below.")


def show(photo, which, own):
    """Photo path or None, which eyes, the visitor's classifier or None -> (verdict as HTML, {name: probability}, timing line)."""
    if photo is None:
        return WAITING, None, ""
    try:
        if which == YOURS and own is not None:
            said = own.look(photo)
            timing = f"Answered in {said.seconds * 1000:.0f} ms by your own classifier."
            return ui.panel("own", said.label.capitalize(), said.sentence), said.probabilities, timing
        said = bear_api.detect(photo)
    except StudioError as error:
        return ui.panel("error", "Not this picture", str(error)), None, ""
    name = predict.NAMES[said["label"]]
    title = name.capitalize() if said["sure"] or said["label"] == "none" else f"Perhaps a {name}"
    verdict = ui.panel(said["label"], title, said["sentence"])
    bars = {predict.NAMES[key]: value for key, value in said["probabilities"].items()}
    return verdict, bars, f"{said['width']} x {said['height']} px, answered in {said['seconds'] * 1000:.0f} ms."


def show_many(photos, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """Photo paths -> (table rows, CSV download), filled in while the work goes on."""
    rows = []
    try:
        for row in progress.tqdm(predict.detect_each(photos), total=len(photos or []), desc="Looking", unit="photos"):
            rows.append(row)
            yield predict.table(rows), gr.skip()
    except StudioError as error:
        raise gr.Error(str(error), print_exception=False) from None
    yield predict.table(rows), gr.DownloadButton(value=ui.download(predict.to_csv(rows), "bears.csv"), interactive=True)


def build():
    with ui.page(APP) as blocks:
        own = gr.State(None, time_to_live=ui.KEEP_FOR)
        with gr.Tab("Photo"):
            which = gr.Radio([BEARS, YOURS], value=BEARS, label="Look for", visible=False)
            with gr.Row():
                photo = ui.photo_input(label="Photo", height=360)
                with gr.Column():
                    verdict = gr.HTML(WAITING)
                    bars = gr.Label(label="Probabilities", num_top_classes=4, show_heading=False)
                    timing = gr.Markdown()
            gr.Examples([[str(path)] for path, _ in APP.examples], photo, label="Examples: three bears we painted, and two photos")
            gr.Markdown(threshold_line())
            asked, shown = [photo, which, own], [verdict, bars, timing]
            gr.on([photo.change, which.change], show, asked, shown, api_visibility="private", show_progress="minimal")
        with gr.Tab("Several"):
            photos = gr.File(label="Photos", file_count="multiple", file_types=["image"], height=180)
            with gr.Row():
                go = gr.Button("Look at all of them", variant="primary")
                stop = gr.Button("Stop")
                csv = gr.DownloadButton("Download as CSV", interactive=False)
            rows = gr.Dataframe(headers=list(predict.COLUMNS), label="Verdicts", interactive=False, wrap=True, column_widths=WIDTHS)
            work = go.click(show_many, photos, [rows, csv], api_visibility="private")
            stop.click(None, cancels=[work])
        with gr.Tab("Train"):
            train_your_own.tab(own)
            own.change(lambda own: gr.Radio(value=YOURS if own else BEARS, visible=own is not None), own, which, api_visibility="private")
        with gr.Tab("Quality"):
            gr.Markdown(quality_page())
        bear_api.endpoints(photo, photos)
    return blocks


def threshold_line():
    q = APP.read_card()["quality"]
    return (
        f"Below a bear score of {q['threshold']:.0%} the answer is *no bear here*. At that threshold, on photos it never saw, "
        f"it misses {q['miss_rate']:.1%} of {q['n_bears']} bears and calls {q['false_alarm_rate']:.1%} of {q['n_other']} other photos a bear."
    )


def quality_page():
    card = APP.read_card()
    q, (low, high) = card["quality"], card["quality"]["accuracy_interval"]
    return f"""
| measured on photos it never saw | |
|---|---|
| names the bear right | {q["accuracy"]:.1%} of {q["n_bears"]} (95 % interval {low:.1%} to {high:.1%}) |
| bear or not, area under the ROC curve | {q["auroc_no_bear"]:.4f} ({q["n_bears"]} bears, {q["n_other"]} others) |
| others taken for a bear when 95 % of bears are found | {q["fpr_at_95_recall"]:.1%} |
| calibration error of the probability shown | {q["ece"]:.3f} |

What it said (columns) of what was there (rows), at the threshold of {q["threshold"]:.0%}:

{cards.matrix(q["confusion"])}
{cards.about(card)}"""
