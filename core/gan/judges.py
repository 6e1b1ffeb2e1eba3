"""Judges that go by what the studio's backbone sees in a picture, beside the discriminator that goes by its pixels.

After Sauer et al. 2021, "Projected GANs Converge Faster" (arXiv:2111.01007): the features of a frozen network are mixed at
random across channels and scales, so that no judge can rest on a few of them, and a small head learns on each scale. Of
the backbone only the coarse stages are asked: judged by the fine ones alone, pictures keep a checkerboard that a stem of
stride 2 does not see, and the discriminator of the pixels does.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

STAGES, MIXED = ("stage3", "stage4", "stage5"), (96, 128, 128)
WIDE = 128  # channels inside a head


def backbone(device):
    """The studio's vision backbone, frozen."""
    from core.vision.network import backbone

    return backbone().model.backbone.requires_grad_(False).to(device)


def _head(inputs, side):
    """(B, inputs, side, side) -> logits (B, 1, 1, 1)."""
    steps, narrow = [], inputs
    while side > 4:
        steps += [spectral_norm(nn.Conv2d(narrow, WIDE, 4, 2, 1, bias=False)), nn.BatchNorm2d(WIDE), nn.LeakyReLU(0.2)]
        narrow, side = WIDE, side // 2
    if not steps:
        steps += [spectral_norm(nn.Conv2d(narrow, WIDE, 1, bias=False)), nn.BatchNorm2d(WIDE), nn.LeakyReLU(0.2)]
    return nn.Sequential(*steps, spectral_norm(nn.Conv2d(WIDE, 1, side)))


class Judges(nn.Module):
    """eyes: a Backbone whose features it goes by; side: of the pictures, 64 px or more. Mixing is fixed (buffers), the heads learn."""

    def __init__(self, eyes, side):
        super().__init__()
        widths = dict(zip(eyes.stages, eyes.widths, strict=True))
        for k, (stage, outputs) in enumerate(zip(STAGES, MIXED, strict=True)):
            inputs = widths[stage]
            self.register_buffer(f"across{k}", torch.randn(outputs, inputs, 1, 1) / math.sqrt(inputs))
            if k:
                self.register_buffer(f"down{k}", torch.randn(MIXED[k - 1], outputs, 3, 3) / math.sqrt(9 * outputs))
        self.register_buffer("level", torch.zeros(len(STAGES)))  # of each stage's features, from the first batch
        self.heads = nn.ModuleList(_head(width, side >> (3 + k)) for k, width in enumerate(MIXED))

    def mix(self, eyes, pictures):
        """What is judged: pictures (B, 3, side, side) in [-1, 1], seen by the backbone -> one map for each head, finest first."""
        seen = eyes.features((pictures + 1) / 2)
        maps = [seen[name] for name in STAGES]
        if not self.level.any():
            self.level.copy_(torch.stack([m.detach().square().mean().sqrt() for m in maps]))
        maps = [F.conv2d(m / level, getattr(self, f"across{k}")) for k, (m, level) in enumerate(zip(maps, self.level, strict=True))]
        out = [maps[-1]]
        for k in range(len(maps) - 1, 0, -1):
            coarse = F.conv2d(F.interpolate(out[0], scale_factor=2, mode="nearest"), getattr(self, f"down{k}"), padding=1)
            out.insert(0, (maps[k - 1] + coarse) * math.sqrt(0.5))
        return out

    def forward(self, maps):
        """-> one logit (B,) for each head: how real it looks."""
        return [head(m).flatten() for head, m in zip(self.heads, maps, strict=True)]
