"""The Grad-CAM viewer for programs."""

import gradio as gr

from apps import ui
from core.errors import BadInput
from core.explain import predict


def explain(photo, model=None, method="gradcam", label=None, against=None, layer=None, opacity=predict.OPACITY):
    """Draw where in a photo a model finds the evidence for a class.

    Args:
        photo: picture file (JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF; at most 25 MB and 64 megapixels)
        model: a key of the page's menu, such as "bears", or the name of a torchvision classifier; empty for the first of the menu
        method: gradcam, gradcam++, hirescam, layercam, eigencam, ablationcam, scorecam, occlusion or guided
        label: class name or number; empty for the likeliest
        against: a class to hold it against (why this and not that?); empty for none
        layer: name of a module; empty for the one that suits the model
        opacity: of the map's hottest place, 0 to 1

    Returns:
        what was found (classes, layer, hottest place, note), and the photo under its map at the photo's own resolution
    """
    question, heat = _answer(photo, model, method, label, against, layer)
    return predict.describe(question, heat), predict.overlay(question, heat, predict.opacity_of(opacity), full=True)


def judge(photo, model=None, method="gradcam", label=None, against=None, layer=None):
    """Say whether a map beats a random map, an edge detector and a blob in the middle, by deletion, insertion and ROAD.

    Args:
        photo: picture file
        model, method, label, against, layer: as for /explain

    Returns:
        verdict ("good", "mixed", "bad" or "unknown"), sentence, and the scores of this map and of the others
    """
    return predict.finish(predict.judge(*_answer(photo, model, method, label, against, layer))).as_dict()


def _answer(photo, model, method, label, against, layer):
    if photo is None:
        raise BadInput("Please add a photo first.")
    if model == "own" or str(model).endswith(".safetensors"):
        raise BadInput("A classifier of your own can be looked into on the page and on the command line, not here.")
    question = predict.ask(photo, model, label, against, layer)
    return question, predict.finish(predict.draw(question, method or "gradcam"))


def endpoints(photo):
    """Both as API endpoints. photo: the page's photo input."""
    texts = [gr.Textbox(text, visible=False) for text in ("", "gradcam", "", "", "")]
    number, data, picture = gr.Number(predict.OPACITY, visible=False), gr.JSON(visible=False), gr.Image(visible=False, format="png")
    gr.Button(visible=False).click(ui.endpoint(explain), [photo, *texts, number], [data, picture], api_name="explain")
    gr.Button(visible=False).click(ui.endpoint(judge), [photo, *texts], data, api_name="judge")
