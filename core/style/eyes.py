"""The networks that judge: the studio's own backbone, or torchvision's VGG-19 where the visitor allows the download."""

import json

from core import runtime, weights
from core.errors import BadInput

EYES = {"backbone": "the studio's backbone", "vgg19": "VGG-19 from torchvision (548 MB, fetched once)"}
# conv1_2, conv2_2, conv3_4 and conv4_1 end the four stages: the positions of each stage's convolutions in torchvision's vgg19().features.
VGG19 = ((0, 2), (5, 7), (10, 12, 14, 16), (19,))


def open_eye(name="backbone", progress=None):
    """An Eye by its key in EYES, loaded once. progress: called with (bytes so far, bytes in all) during a download."""
    if name not in EYES:
        raise BadInput(f"There is no feature network called {name!r}. The ones there are: {', '.join(EYES)}.")
    make = backbone if name == "backbone" else lambda: vgg19(progress)
    return runtime.models().get(f"style:eye:{name}", make, lambda eye: 4 * sum(p.numel() for p in eye.parameters()))


def backbone():
    """The studio's vision backbone as an Eye (core/style/model.py)."""
    torch = runtime.prepare_torch()
    from core.style.model import STAGES, Eye
    from core.vision.model import Classifier

    tensors, metadata = weights.load("backbone")
    tensors.pop("strangers", None)
    model = Classifier(**json.loads(metadata["shape"]))
    model.load_state_dict(tensors)
    stages = [[block.conv for block in model.backbone.stages[name] if hasattr(block, "conv")] for name in STAGES]
    eye = Eye([[(c.weight, c.bias) for c in stage] for stage in stages], model.backbone.mean.flatten().tolist(), model.backbone.std.flatten().tolist())
    return eye.to(runtime.device(), memory_format=torch.channels_last)


def vgg19(progress=None):
    """The network of Gatys et al. 2016; raises Unavailable when it is not here and cannot be fetched."""
    torch = runtime.prepare_torch()
    from torchvision.models import VGG19_Weights

    from core.style.model import Eye
    from core.vision.model import MEAN, STD

    tensors = weights.fetch_torchvision("VGG-19", VGG19_Weights.IMAGENET1K_V1, progress)
    convolutions = [[(tensors[f"features.{k}.weight"], tensors[f"features.{k}.bias"]) for k in stage] for stage in VGG19]
    return Eye(convolutions, MEAN, STD).to(runtime.device(), memory_format=torch.channels_last)
