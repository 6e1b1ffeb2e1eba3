"""Small networks with random weights, dressed as models to explain: no file is read, and every pass takes milliseconds."""

from core import runtime

torch = runtime.prepare_torch()  # before the first import of torchvision

import torchvision  # noqa: E402
from torch import nn  # noqa: E402

from core.explain import models  # noqa: E402
from core.vision.model import Classifier  # noqa: E402

NAMES = ("red", "green", "blue", "none")
STAGES = [[["fused", 2, 8]], [["fused", 2, 16]], [["depthwise", 2, 16]]]


def subject(net, size=64, names=NAMES):
    return models.Subject("tiny", "Tiny", net.eval().requires_grad_(False), tuple(names), size)


def resnet18():
    return torchvision.models.resnet18(num_classes=4, weights=None)


def plain(seed=0):
    """The studio's own kind of network, folded, with in-place ReLU6s."""
    torch.manual_seed(seed)
    return Classifier(NAMES, STAGES, stem=8, last=16, folded=True)


def vit(seed=0):
    torch.manual_seed(seed)
    net = torchvision.models.VisionTransformer(image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=4)
    nn.init.normal_(net.heads.head.weight)  # zeros, as torchvision makes it, would leave nothing to explain
    return net


def swin(seed=0):
    torch.manual_seed(seed)
    return torchvision.models.SwinTransformer(patch_size=[4, 4], embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=[4, 4], num_classes=4)


class LooksLeft(nn.Module):
    """Answers by the brightness of the picture's left half alone: what a true map of it must show is known."""

    def __init__(self):
        super().__init__()
        self.see = nn.Conv2d(3, 8, 1)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AvgPool2d(8)
        with torch.no_grad():
            self.see.weight.fill_(1 / 3)
            self.see.bias.zero_()

    def forward(self, x):
        cells = self.relu(self.pool(self.see(x)))
        left = cells[..., : cells.shape[-1] // 2].mean((1, 2, 3))
        return torch.stack([8 * left, 4 + 0 * left], 1)
