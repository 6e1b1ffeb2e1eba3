"""The classic deepfake: one encoder that both people share, and a decoder for each.

What the encoder learns is what both faces have in common (pose, expression, light); what a decoder adds is whose face it
is. Asked to decode one person's code with the other's decoder, it gives the other person in the first one's expression.
"""

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, CODE = 32, 256


class Down(nn.Module):
    """Half the size. (B, C, H, W) -> (B, D, H / 2, W / 2)"""

    def __init__(self, inside, outside):
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 5, 2, 2)

    def forward(self, x):
        return F.leaky_relu(self.conv(x), 0.1)


class Up(nn.Module):
    """Twice the size, by shuffling channels into pixels (Shi et al. 2016, arXiv:1609.05158). (B, C, H, W) -> (B, D, 2H, 2W)"""

    def __init__(self, inside, outside):
        super().__init__()
        self.conv = nn.Conv2d(inside, 4 * outside, 3, 1, 1)
        self.smooth = nn.Conv2d(outside, outside, 3, 1, 1)

    def forward(self, x):
        x = F.leaky_relu(F.pixel_shuffle(self.conv(x), 2), 0.1)
        return x + F.leaky_relu(self.smooth(x), 0.1)


class Encoder(nn.Module):
    """(B, 3, S, S) float in [-1, 1] -> (B, 4 * WIDTH, S / 8, S / 8), through a code of CODE numbers."""

    def __init__(self, side):
        super().__init__()
        self.downs = nn.Sequential(Down(3, WIDTH), Down(WIDTH, 2 * WIDTH), Down(2 * WIDTH, 4 * WIDTH), Down(4 * WIDTH, 8 * WIDTH))
        self.cells = side // 16
        self.narrow = nn.Linear(8 * WIDTH * self.cells**2, CODE)
        self.widen = nn.Linear(CODE, 8 * WIDTH * self.cells**2)
        self.up = Up(8 * WIDTH, 4 * WIDTH)

    def forward(self, x):
        code = self.narrow(self.downs(x).flatten(1))
        return self.up(self.widen(code).view(len(x), 8 * WIDTH, self.cells, self.cells))


class Decoder(nn.Module):
    """(B, 4 * WIDTH, S / 8, S / 8) -> (B, 3, S, S) float in [-1, 1]"""

    def __init__(self):
        super().__init__()
        self.ups = nn.Sequential(Up(4 * WIDTH, 2 * WIDTH), Up(2 * WIDTH, WIDTH), Up(WIDTH, WIDTH // 2))
        self.paint = nn.Conv2d(WIDTH // 2, 3, 5, 1, 2)

    def forward(self, x):
        return torch.tanh(self.paint(self.ups(x)))


class Pair(nn.Module):
    """side: px of the square faces, a multiple of 16."""

    def __init__(self, side=64):
        super().__init__()
        self.side = side
        self.encoder = Encoder(side)
        self.decoders = nn.ModuleList([Decoder(), Decoder()])

    def forward(self, x, person):
        """(B, 3, S, S), 0 or 1 -> (B, 3, S, S): the faces of x as that person's."""
        return self.decoders[person](self.encoder(x))


def loss(painted, wanted):
    """Mean absolute error of the pixels and of their differences to the right and below, which keeps edges sharp. -> ()"""
    right, below = (lambda x: x[..., 1:] - x[..., :-1]), (lambda x: x[..., 1:, :] - x[..., :-1, :])
    return sum((part(painted) - part(wanted)).abs().mean() for part in (lambda x: x, right, below))
