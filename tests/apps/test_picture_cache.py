"""A picture that is drawn again while it is sent arrives whole."""

import os
import threading
from pathlib import Path

import gradio as gr
from PIL import Image

from apps import gradio_server  # noqa: F401  (it has Gradio write pictures in one piece)


def test_a_picture_drawn_again_is_whole_at_every_moment(tmp_path):
    picture = Image.frombytes("RGB", (600, 400), os.urandom(600 * 400 * 3))
    shown = gr.Image(format="png")
    shown.GRADIO_CACHE = str(tmp_path)
    path, ended, sizes = Path(shown.postprocess(picture).path), threading.Event(), set()

    def send():
        while not ended.is_set():
            sizes.add(path.stat().st_size)

    visitor = threading.Thread(target=send)
    visitor.start()
    again = {shown.postprocess(picture).path for _ in range(20)}
    ended.set()
    visitor.join()
    assert again == {str(path)} and sizes == {path.stat().st_size}
    assert [f.name for f in tmp_path.rglob("*") if f.is_file()] == [path.name] and len(list(tmp_path.iterdir())) == 1
    with Image.open(path) as sent:
        assert sent.tobytes() == picture.tobytes()
