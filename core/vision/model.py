"""The network that sees: a small residual convolutional classifier with features from every stage by name.

Blocks with linear bottlenecks, after MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, fig. 3): channels are widened,
filtered and narrowed again, and what comes out is added to what went in. Where few channels of a large picture are
widened a full 3x3 convolution does it and filters at once, after EfficientNetV2 (Tan and Le 2021, arXiv:2104.00298,
fig. 2), which is faster there than a depthwise one. Normalisation folds into the convolutions (`fold`) for the second half
of the training and for shipping.
"""

import json
import math

import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

FUSED, DEPTHWISE = "fused", "depthwise"
# (kind, expansion, width) of each block, stage by stage; a stage halves the picture, stage 1 by the stem.
STAGES = (
    ((DEPTHWISE, 1, 16),),
    ((FUSED, 6, 24), (DEPTHWISE, 6, 24)),
    ((DEPTHWISE, 6, 32),) * 3,
    ((DEPTHWISE, 6, 64),) * 4 + ((DEPTHWISE, 6, 96),) * 3,
    ((DEPTHWISE, 6, 160),) * 3 + ((DEPTHWISE, 6, 320),),
)
STEM, LAST = 32, 1280


class Conv(nn.Module):
    """Convolution -> normalisation -> ReLU6. (B, I, H, W) -> (B, O, H / stride, W / stride) rounded up, range [0, 6]; any range without ReLU6.

    At stride 2 the picture is padded as TensorFlow's SAME does, so that cells lie where those of networks trained there lie.
    """

    def __init__(self, inputs, outputs, side=1, stride=1, groups=1, relu=True, folded=False):
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(inputs, outputs, side, stride, padding=side // 2 if stride == 1 else 0, groups=groups, bias=folded)
        self.norm = nn.Identity() if folded else nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU6(inplace=True) if relu else nn.Identity()
        # He et al. 2015 (arXiv:1502.01852), eq. 10: keeps the variance of ReLU activations from layer to layer.
        nn.init.normal_(self.conv.weight, std=math.sqrt(2 * groups / (side * side * outputs)))

    def forward(self, x):
        return self.relu(self.norm(self.conv(same(x) if self.stride == 2 else x)))


def same(x):
    """Zeros around (B, C, H, W) for a 3x3 convolution of stride 2, TensorFlow's SAME: even sides get them right and below only."""
    return F.pad(x, (x.shape[3] % 2, 1, x.shape[2] % 2, 1))


class Block(nn.Module):
    """Widen, filter, narrow. (B, I, H, W) -> (B, O, H / stride, W / stride), any range; with O = I and stride 1 the input is added.

    kind: FUSED, one 3x3 convolution widens and filters; DEPTHWISE, a 1x1 widens (at expansion 1 it is left out) and a 3x3
    filters each channel by itself
    """

    def __init__(self, inputs, kind, expansion, outputs, stride=1, folded=False):
        super().__init__()
        wide = inputs * expansion
        if kind == FUSED:
            first = [Conv(inputs, wide, 3, stride, folded=folded)]
        elif kind == DEPTHWISE:
            widen = [Conv(inputs, wide, folded=folded)] if expansion > 1 else []
            first = [*widen, Conv(wide, wide, 3, stride, groups=wide, folded=folded)]
        else:
            raise ValueError(f"There is no block of kind {kind!r}.")
        self.layers = nn.Sequential(*first, Conv(wide, outputs, relu=False, folded=folded))
        self.adds = inputs == outputs and stride == 1

    def forward(self, x):
        return x + self.layers(x) if self.adds else self.layers(x)


class Backbone(nn.Module):
    """Stages `stage1`, `stage2`, ...; each halves the picture.

    stages: of each stage its blocks as (kind, expansion, width); stem: channels of the first convolution; last: channels
    of the closing 1x1 convolution, which belongs to the last stage
    """

    def __init__(self, stages=STAGES, stem=STEM, last=LAST, folded=False):
        super().__init__()
        self.stages, inputs = nn.ModuleDict(), stem
        for index, blocks in enumerate(stages):
            layers = [Conv(3, stem, 3, stride=2, folded=folded)] if index == 0 else []
            for k, (kind, expansion, width) in enumerate(blocks):
                layers.append(Block(inputs, kind, expansion, width, stride=2 if index and k == 0 else 1, folded=folded))
                inputs = width
            if index == len(stages) - 1:
                layers.append(Conv(inputs, last, folded=folded))
            self.stages[f"stage{index + 1}"] = nn.Sequential(*layers)
        self.widths, self.width = [*(blocks[-1][2] for blocks in stages[:-1]), last], last

    def steps(self):
        """The modules that a picture in [-1, 1] goes through, in order: the stem with the first block, each further block, the closing convolution."""
        stem, block, *others = [layer for stage in self.stages.values() for layer in stage]
        return [nn.Sequential(stem, block), *others]

    def features(self, images):
        """(B, 3, H, W) RGB in [0, 1] -> {stage name: (B, C, H / 2^k, W / 2^k) rounded up} in order, k the stage's number."""
        x, out = images * 2 - 1, {}
        for name, stage in self.stages.items():
            x = stage(x)
            out[name] = x
        return out

    def forward(self, images):
        """(B, 3, H, W) RGB in [0, 1] -> (B, width) mean of the last stage over the picture, in [0, 6]."""
        return list(self.features(images).values())[-1].mean((2, 3))


class Classifier(nn.Module):
    """A backbone and a linear head. (B, 3, H, W) RGB in [0, 1] -> (B, K) logits before temperature."""

    def __init__(self, classes, stages=STAGES, stem=STEM, last=LAST, folded=False):
        super().__init__()
        # Through JSON, so that a shape read from a file equals the one that was written.
        self.shape = json.loads(json.dumps({"classes": list(classes), "stages": stages, "stem": stem, "last": last, "folded": folded}))
        self.backbone = Backbone(stages, stem, last, folded)
        self.head = nn.Linear(last, len(classes))

    def forward(self, images):
        return self.head(self.backbone(images))


def fold(model):
    """A copy of an evaluated Classifier with every batch normalisation folded into its convolution, same outputs."""
    folded = Classifier(**{**model.shape, "folded": True})
    folded.head.load_state_dict(model.head.state_dict())
    for ours, theirs in zip(_convolutions(folded), _convolutions(model), strict=True):
        ours.conv.load_state_dict(fuse_conv_bn_eval(theirs.conv.eval(), theirs.norm.eval()).state_dict())
    return folded.eval()


def _convolutions(model):
    return [module for module in model.modules() if isinstance(module, Conv)]
