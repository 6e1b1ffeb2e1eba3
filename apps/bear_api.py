"""The bear detector for programs, and classifiers of one's own."""

from pathlib import Path

import gradio as gr

from apps import ui
from core.errors import BadInput
from core.vision import own, predict, workshop


def detect(photo):
    """Name the bear in a photo, or say that there is none.

    Args:
        photo: picture file (JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF; at most 25 MB and 64 megapixels)

    Returns:
        label ("grizzly", "black", "teddy" or "none"), whether it is sure, sentence, calibrated probabilities, bear score and threshold
    """
    if photo is None:
        raise BadInput("Please add a photo first.")
    return {"file": Path(photo).name} | predict.detect(photo).as_dict()


def detect_photos(photos):
    """Look at several photos at once.

    Args:
        photos: picture files, at most 200

    Returns:
        one entry a photo: its verdict, or "error" with the reason why it could not be read
    """
    return predict.as_dict(list(predict.detect_each(photos)))


def train_classifier(zipped):
    """Train a classifier from a zip with a folder of photos for each class.

    Args:
        zipped: zip file; 2 to 12 folders of at least 5 different photos, 1000 photos in all

    Returns:
        held-out figures (accuracy with its 95 % interval, confusion, reliability), and the classifier as a safetensors file
    """
    shop = workshop.Workshop()
    list(shop.add_source(zipped))
    trained = shop.train()
    return trained.figures() | {"refused": shop.refused}, str(trained.classifier.save(ui.download_path("classifier.safetensors")))


def classify(photo, classifier):
    """Ask a classifier that was trained here what a photo shows.

    Args:
        photo: picture file
        classifier: the safetensors file that training gave

    Returns:
        label ("none of these" if it is like nothing it was shown), whether it is sure, sentence and calibrated probabilities
    """
    return own.classify(photo, classifier).as_dict()


def endpoints(photo, photos):
    """All of them as API endpoints. photo, photos: the page's inputs"""
    data, path, packed = gr.JSON(visible=False), gr.File(visible=False), gr.File(visible=False)
    gr.Button(visible=False).click(ui.endpoint(detect), photo, data, api_name="detect")
    gr.Button(visible=False).click(ui.endpoint(detect_photos), photos, data, api_name="detect_photos")
    gr.Button(visible=False).click(ui.endpoint(train_classifier), packed, [data, path], api_name="train_classifier")
    gr.Button(visible=False).click(ui.endpoint(classify), [photo, packed], data, api_name="classify")
