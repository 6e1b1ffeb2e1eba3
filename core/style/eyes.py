"""The networks that judge: the studio's own eye, or torchvision's VGG-19 where the visitor allows the download."""

import re

from core import runtime, weights
from core.errors import BadInput

EYES = {"studio": "the studio's own", "vgg19": "VGG-19 from torchvision (548 MB, fetched once)"}
# conv1_2, conv2_2, conv3_4 and conv4_1 end the four stages: the positions of each stage's convolutions in torchvision's vgg19().features.
VGG19 = ((0, 2), (5, 7), (10, 12, 14, 16), (19,))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels, by which both networks scale a picture


def open_eye(name="studio", progress=None):
    """An Eye by its key in EYES, loaded once. progress: called with (bytes so far, bytes in all) during a download."""
    if name not in EYES:
        raise BadInput(f"There is no feature network called {name!r}. The ones there are: {', '.join(EYES)}.")
    make = studio if name == "studio" else lambda: vgg19(progress)
    return runtime.models().get(f"style:eye:{name}", make, lambda eye: 4 * sum(p.numel() for p in eye.parameters()))


def studio():
    """The eye that the painter learned with, from the same weights file."""
    return eye_of(weights.load("style")[0])


def eye_of(tensors):
    """The tensors "eye.stageS.K.weight" and ".bias" of a weights file -> Eye."""
    torch = runtime.prepare_torch()
    from core.style.model import STAGES, Eye

    stages = {name: [] for name in STAGES}
    for key in sorted(key for key in tensors if re.fullmatch(r"eye\.\w+\.\d+\.weight", key)):
        _, stage, number, _ = key.split(".")
        stages[stage].append((tensors[key], tensors[f"eye.{stage}.{number}.bias"]))
    return Eye(list(stages.values()), MEAN, STD).to(runtime.device(), memory_format=torch.channels_last)


def vgg19(progress=None):
    """The network of Gatys et al. 2016; raises Unavailable when it is not here and cannot be fetched."""
    torch = runtime.prepare_torch()
    from torchvision.models import VGG19_Weights

    from core.style.model import Eye

    tensors = weights.fetch_torchvision("VGG-19", VGG19_Weights.IMAGENET1K_V1, progress)
    convolutions = [[(tensors[f"features.{k}.weight"], tensors[f"features.{k}.bias"]) for k in stage] for stage in VGG19]
    return Eye(convolutions, MEAN, STD).to(runtime.device(), memory_format=torch.channels_last)
