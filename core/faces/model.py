"""The face network: 29 convolutions that turn an aligned face into 128 numbers; near numbers, same person.

Davis King's dlib network (dlib.net, "High Quality Face Recognition with Deep Metric Learning", 2017): a ResNet-34
of He et al. 2015 (arXiv:1512.03385) with a few layers less and half the filters, batch normalisation folded into a
scale and a shift per channel. Written in torch because the wheel of dlib computes it without the CPU's vector units.
"""

import torch
from torch import nn
from torch.nn import functional as F

SIDE, LENGTH = 150, 128  # px of an aligned face, numbers of its vector
MEAN = (122.782, 117.001, 104.298)  # of the training photos, RGB in 0..255
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))  # channels, blocks, halves first


def grow(x, like):
    """x with zeros to the right, below and in further channels until it is as large as `like`. (B, C, H, W)"""
    _, channels, height, width = like.shape
    pad = (0, max(0, width - x.shape[3]), 0, max(0, height - x.shape[2]), 0, max(0, channels - x.shape[1]))
    return F.pad(x, pad) if any(pad) else x


class Block(nn.Module):
    """relu(x + conv(relu(conv(x)))); where it halves, x is averaged 2 x 2 and the smaller side is padded with zeros."""

    def __init__(self, inside, outside, halve):
        super().__init__()
        self.halve = halve
        self.first = nn.Conv2d(inside, outside, 3, 2 if halve else 1, 0 if halve else 1)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1)

    def forward(self, x):
        y = self.second(F.relu(self.first(x)))
        if self.halve:
            x = F.avg_pool2d(x, 2)
        return F.relu(grow(x, y) + grow(y, x))


class FaceNet(nn.Module):
    """(B, 3, 150, 150) float RGB in [0, 255] -> (B, 128) float, one vector a face; Euclidean distance compares them."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2)
        blocks, inside = [], 32
        for channels, count, halves in STAGES:
            for i in range(count):
                blocks.append(Block(inside, channels, halves and i == 0))
                inside = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inside, LENGTH, bias=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem((x - self.mean) / 256)), 3, 2)
        return self.head(self.blocks(x).mean((2, 3)))

    def convolutions(self):
        """Every convolution in the order the signal passes them."""
        return [self.stem] + [conv for block in self.blocks for conv in (block.first, block.second)]
