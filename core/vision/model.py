"""The network that sees: a plain convolutional classifier with features from every stage by name.

Stages of 3x3 convolution, batch normalisation and ReLU with 2x2 max pooling between them, in the manner of
VGG (Simonyan and Zisserman 2014, arXiv:1409.1556) with batch normalisation (Ioffe and Szegedy 2015,
arXiv:1502.03167), a stride-2 stem, and global average pooling instead of VGG's dense layers (Lin et al. 2013,
arXiv:1312.4400). Normalisation folds into the convolutions for shipping (`fold`).
"""

import math

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# ImageNet's usual channel statistics: only a fixed scaling, no data set is needed for it.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Block(nn.Module):
    """3x3 convolution -> normalisation -> ReLU. (B, I, H, W) -> (B, O, H / stride, W / stride), range [0, inf)."""

    def __init__(self, inputs, outputs, stride=1, folded=False):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=folded)
        self.norm = nn.Identity() if folded else nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        # He et al. 2015 (arXiv:1502.01852), eq. 10: keeps the variance of ReLU activations from layer to layer.
        nn.init.normal_(self.conv.weight, std=math.sqrt(2 / (9 * outputs)))

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)))


class Backbone(nn.Module):
    """Stages `stage1`, `stage2`, ...; each halves the picture, stage1 by its stride, the others by max pooling.

    widths: channels of each stage; depths: convolutions in each stage
    """

    def __init__(self, widths, depths, folded=False):
        super().__init__()
        self.stages = nn.ModuleDict()
        inputs = 3
        for index, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            pool = [nn.MaxPool2d(2)] if index else []
            blocks = []
            for k in range(depth):
                blocks.append(Block(inputs, width, stride=2 if index == 0 and k == 0 else 1, folded=folded))
                inputs = width
            self.stages[f"stage{index + 1}"] = nn.Sequential(*pool, *blocks)
        self.width = inputs
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def features(self, images):
        """(B, 3, H, W) RGB in [0, 1] -> {stage name: (B, C, H / 2^k, W / 2^k)} in order, k the stage's number."""
        x, out = (images - self.mean) / self.std, {}
        for name, stage in self.stages.items():
            x = stage(x)
            out[name] = x
        return out

    def forward(self, images):
        """(B, 3, H, W) RGB in [0, 1] -> (B, width) mean of the last stage over the picture."""
        return list(self.features(images).values())[-1].mean((2, 3))


class Classifier(nn.Module):
    """A backbone and a linear head. (B, 3, H, W) RGB in [0, 1] -> (B, K) logits before temperature."""

    def __init__(self, widths, depths, classes, folded=False):
        super().__init__()
        self.shape = {"widths": list(widths), "depths": list(depths), "classes": list(classes), "folded": folded}
        self.backbone = Backbone(widths, depths, folded)
        self.head = nn.Linear(self.backbone.width, len(classes))

    def forward(self, images):
        return self.head(self.backbone(images))


def fold(model):
    """A copy of an evaluated Classifier with every batch normalisation folded into its convolution, same outputs."""
    folded = Classifier(**{**model.shape, "folded": True})
    folded.head.load_state_dict(model.head.state_dict())
    for ours, theirs in zip(_blocks(folded), _blocks(model), strict=True):
        ours.conv.load_state_dict(fuse_conv_bn_eval(theirs.conv.eval(), theirs.norm.eval()).state_dict())
    return folded.eval()


def _blocks(model):
    return [module for module in model.modules() if isinstance(module, Block)]
