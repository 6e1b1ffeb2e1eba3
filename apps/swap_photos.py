"""The two photos of the face swap's page: what is found in each, and which face is meant."""

import gradio as gr

from apps import ui
from core.errors import StudioError
from core.swap import predict

PRIVATE = dict(api_visibility="private")


def look(path, which):
    """A photo -> (Scene, its faces for the gallery, chosen positions, what is said below it)."""
    if not path:
        return None, gr.Gallery([], visible=False), [0], ""
    try:
        scene = predict.look(path, f"the {which} photo")
    except StudioError as error:
        return None, gr.Gallery([], visible=False), [0], ui.panel("error", "Not this photo", str(error))
    shown = gr.Gallery([(thumb, f"{k + 1}") for k, thumb in enumerate(scene.thumbs())], visible=len(scene.found) > 1, selected_index=0)
    words = f"{len(scene.found)} face{'s' * (len(scene.found) > 1)} found in the {which} photo."
    return scene, shown, [0], f'<span role="status">{words}</span>'


def seen(path, scene, chosen, which):
    """-> (Scene, chosen positions) of a photo as it is now; where it is not looked at yet, that is done, and its largest face taken."""
    now = predict.look_once(path, scene, f"the {which} photo")
    return now, chosen if now is scene else [0]


def choose(event: gr.SelectData):
    return [event.index]


def photo_of(which, label):
    """Draw a photo, what is found in it and the choice of a face -> (photo, State with its Scene, State with chosen positions)."""
    scene, chosen = gr.State(None, time_to_live=ui.KEEP_FOR), gr.State([0])
    with gr.Column():
        photo, below = ui.photo_input(label=label, height=240), gr.HTML()
        faces = gr.Gallery(label="Which face?", columns=5, height=120, visible=False, allow_preview=False)
    photo.change(lambda path: look(path, which), photo, [scene, faces, chosen, below], **PRIVATE)
    faces.select(choose, None, chosen, **PRIVATE)
    return photo, scene, chosen
