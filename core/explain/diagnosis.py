"""What a reader of a heat map must know: that it is empty, saturated or dead by construction, and what to choose instead."""

from core.explain.words import share

NO_LAYER = ("occlusion", "guided")
NO_GRADIENT = ("eigencam", "ablationcam", "scorecam", "occlusion")


def diagnose(question, method, raw, best):
    """What a reader of this map must know: (sentences, whether the map says nothing at all).

    raw:  (h, w) numpy, the map before scaling
    best: Layer that suits the model, to be recommended
    """
    import numpy as np
    import torch

    a, g = question.captured.a, question.captured.g
    uses_layer, uses_gradient = method not in NO_LAYER, method not in NO_GRADIENT
    elsewhere = f'Choose the layer "{best.words}" instead.' if best.name != question.layer.name else "Choose another layer or method."
    if not np.isfinite(raw).all() or not (torch.isfinite(a).all() and torch.isfinite(g).all()):
        return f"The map is empty: this layer's numbers are beyond what float32 can hold. {elsewhere}", True
    if uses_layer and not a.any():
        return f"The map is empty: this layer is silent for this photo, all its values are zero. {elsewhere}", True
    if uses_layer and uses_gradient and not g.any():
        return (
            "The map is empty by construction: no gradient reaches this layer, because the answer does not read what it says here. "
            f"(After a transformer's last attention only the class token is read.) {elsewhere}"
        ), True
    if not raw.max() > 0:
        return (
            f"The map is empty: nothing the method finds here speaks for {question.topic}, all of its evidence speaks against. "
            "Choose a likelier class, or Layer-CAM, which keeps what little speaks for it."
        ), True
    notes = []
    if raw.min() > 0.9 * raw.max():
        notes.append(f"The map is saturated: its coolest place has {share(float(raw.min() / raw.max()))} of the hottest, so it points nowhere. {elsewhere}")
    p = float(question.probabilities[question.label])
    if p < 0.05 and question.against is None:
        notes.append(f"The model gives {question.name} only {share(p)}: the map shows what little speaks for it, not what the photo shows.")
    if uses_layer and raw.size <= 25:
        notes.append(f"This layer has only {raw.shape[0]} x {raw.shape[1]} cells: read the map as a rough direction.")
    if method == "eigencam":
        notes.append("Eigen-CAM does not look at the class: this map would be the same for any other.")
    if method == "guided" and not _has_relu(question.subject.net):
        notes.append("This model has no ReLU to guide: what you see is its plain gradient.")
    return " ".join(notes), False


def _has_relu(net):
    from core.explain.cam import RELUS

    return any(isinstance(module, RELUS) for module in net.modules())
