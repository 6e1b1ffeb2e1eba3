"""The networks of style transfer: the eye that judges, the painter that paints, the reader of paintings.

Eye      a frozen plain network, whose stages tell what is shown and how it is painted (Gatys et al. 2016).
Painter  one feed-forward network for all styles: a style is a set of scales and shifts after its normalisations
         (Dumoulin et al. 2017, arXiv:1610.07629), in the shape of Johnson et al. 2016 (arXiv:1603.08155) at a third of the work.
Reader   predicts those scales and shifts for a painting it never saw (Ghiasi et al. 2017, arXiv:1705.06830).
"""

import torch
import torch.nn.functional as F
from torch import nn

from core.style.look import Look, mirror

STAGES = ("stage1", "stage2", "stage3", "stage4")  # of the studio's eye: 32, 64, 128 and 256 channels
CONTENT = "stage3"
STYLE_PX = 288  # side of the square that has as many pixels as a painting when its style is measured
EPS = 1e-5


def adain(content, style):
    """Adaptive instance normalisation (Huang and Belongie 2017, arXiv:1703.06868, eq. 8).

    content: (B, C, H, W), style: (B, C, H', W') -> content with the mean and deviation of each of style's channels
    """
    mean, deviation = spread(content)
    wanted, width = spread(style)
    return (content - mean) * (width / deviation.clamp(min=EPS)) + wanted


def spread(x):
    """(B, C, H, W) -> mean and deviation of each channel over the picture, 2 x (B, C, 1, 1)."""
    flat = x.flatten(2)
    variance, mean = torch.var_mean(flat, 2, correction=0)
    return mean[..., None, None], variance.sqrt()[..., None, None]


class Eye(nn.Module):
    """A frozen VGG-like network as a measure of pictures. (B, 3, H, W) RGB in [0, 1] -> list of (B, C, h, w) in [0, inf).

    convolutions: per stage, a list of (weight, bias); a stage after the first begins with 2x2 average pooling, which
    optimises to smoother pictures than max pooling (Gatys et al. 2016, section 2). Padding mirrors the picture, so no
    frame is learned at the border. The studio's eye learned with a stem of stride 2 and keeps every pixel here: else strokes come out as grit.
    mean, std: of the pictures the network was trained on
    """

    def __init__(self, convolutions, mean, std):
        super().__init__()
        self.depths = [len(stage) for stage in convolutions]
        flat = [pair for stage in convolutions for pair in stage]
        self.weights = nn.ParameterList([nn.Parameter(w.clone(), requires_grad=False) for w, _ in flat])
        self.biases = nn.ParameterList([nn.Parameter(b.clone(), requires_grad=False) for _, b in flat])
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, images, upto=None):
        return list(Look.apply((images - self.mean) / self.std, list(self.weights), list(self.biases), self.depths[:upto]))

    @torch.no_grad()
    def level(self, means):
        """Divide every stage's output by its number of `means`; what a stage tells stays the same.

        Gatys et al. 2016 (section 2) gave all stages of VGG a mean of 1 so; ReLU and pooling let a positive factor through.
        """
        before, at = 1.0, 0
        for mean, depth in zip(means, self.depths, strict=True):
            for k in range(depth):
                after = 1 / max(float(mean), EPS) if k == depth - 1 else before
                self.weights[at] *= after / before
                self.biases[at] *= after
                before, at = after, at + 1
        return self


class Painter(nn.Module):
    """(B, 3, H, W) RGB in [0, 1] and (B, P) style -> (B, 3, H, W) in [0, 1]; H and W multiples of 4, at least 8.

    width: channels at a quarter of the picture's size; blocks: residual blocks there
    A style also has a 3x3 matrix that takes the photo's colours to the painting's ground, on which the network paints: what
    normalisation forgets, the light and dark of large areas, comes through it.
    Enlarging is nearest neighbour and convolution, which leaves no checkerboard (Odena et al. 2016).
    """

    def __init__(self, width=64, blocks=5):
        super().__init__()
        self.shape = {"width": width, "blocks": blocks}
        half, full = width // 2, width // 4
        pairs = [(12, half, 1), (half, width, 2), *[(width, width, 1)] * (2 * blocks), (width, half, 1), (half, full, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, stride, bias=False) for i, o, stride in pairs)
        self.last = nn.Conv2d(full, 3, 3)
        self.sizes = [conv.out_channels for conv in self.convs]

    @property
    def style_size(self):
        """P: a scale and a shift for every normalised channel, and the colours' matrix."""
        return 2 * sum(self.sizes) + 9

    def forward(self, images, style, frozen=None):
        """frozen: what `statistics` gave, so that each tile or frame is painted the same; None measures the picture itself."""
        norms = iter(zip(self._affine(style), frozen or [None] * len(self.sizes), strict=True))
        strokes = self._run(images * 2 - 1, lambda x: _normalise(x, *next(norms)))
        matrix = style[:, -9:].view(-1, 3, 3) + 1.5 * torch.eye(3, device=style.device)
        ground = torch.einsum("boi,bihw->bohw", matrix, images * 2 - 1)
        return torch.sigmoid(strokes + ground)

    @torch.no_grad()
    def statistics(self, images, style):
        """The mean and deviation at every normalisation, [(mean, deviation)] of (B, C, 1, 1), for `frozen`."""
        seen, affine = [], iter(self._affine(style))

        def record(x):
            seen.append(_moments(x))
            return _normalise(x, next(affine), seen[-1])

        self._run(images * 2 - 1, record)
        return seen

    def _run(self, x, norm):
        convs = iter(self.convs)

        def step(x):
            return norm(next(convs)(mirror(x, 1)))

        x = F.relu(step(F.pixel_unshuffle(x, 2)))
        x = F.relu(step(x))
        for _ in range(self.shape["blocks"]):
            x = x + step(F.relu(step(x)))
        for _ in range(2):
            x = F.relu(step(F.interpolate(x, scale_factor=2, mode="nearest")))
        return self.last(mirror(x, 1))

    def _affine(self, style):
        """(B, P) -> [(scale, shift)] of (B, C, 1, 1); a style of zeros leaves the normalised channels as they are."""
        scale, shift = style[:, :-9, None, None].chunk(2, 1)
        return list(zip((scale + 1).split(self.sizes, 1), shift.split(self.sizes, 1), strict=True))


def _moments(x):
    # Over (H * W) rows of channels: the layout that channels-last pictures already have.
    variance, mean = torch.var_mean(x.permute(0, 2, 3, 1).flatten(1, 2), 1, correction=0)
    return mean[..., None, None], (variance + EPS).sqrt()[..., None, None]


def _normalise(x, affine, moments):
    """Instance normalisation with a scale and a shift, as one multiplication and one addition per value."""
    mean, deviation = moments or _moments(x)
    scale = affine[0] / deviation
    return torch.addcmul(affine[1] - mean * scale, x, scale)


class Reader(nn.Module):
    """What an eye measured of a painting -> a style for the painter: (B, D) -> (B, P).

    mean, std: (D,) of the measurements over the paintings it learned from, which standardise them
    """

    def __init__(self, measures, styles, code=128):
        super().__init__()
        self.shape = {"measures": measures, "styles": styles, "code": code}
        self.register_buffer("mean", torch.zeros(measures))
        self.register_buffer("std", torch.ones(measures))
        self.first = nn.Linear(measures, code)
        self.second = nn.Linear(code, styles)
        nn.init.normal_(self.second.weight, std=0.01)
        nn.init.zeros_(self.second.bias)

    def forward(self, measures):
        x = ((measures - self.mean) / self.std).clamp(-4, 4)
        return self.second(F.leaky_relu(self.first(x), 0.2))


class Atelier(nn.Module):
    """Painter, reader and the bundled styles: what is trained together and shipped as one file.

    names: of the bundled styles; `table` holds for each what is added to what the reader says of its painting
    """

    def __init__(self, painter, reader, names):
        super().__init__()
        self.painter, self.reader = painter, reader
        self.names = list(names)
        self.table = nn.Parameter(torch.zeros(len(self.names), painter.style_size))

    def styles(self, indices, measures):
        """(B,) int64 indices, (B, D) measures -> (B, P); an index beyond the bundled styles gets no correction."""
        own = (indices < len(self.names))[:, None]
        correction = self.table[indices.clamp(max=len(self.names) - 1)]
        return self.reader(measures) + torch.where(own, correction, 0.0)


def measure(images, features):
    """What the Reader sees: each stage's channel means and deviations, and the covariance of the colours. -> (B, D)"""
    parts = [part.flatten(1) for stage in features for part in spread(stage)]
    colours = images.flatten(2)
    mean = colours.mean(2)
    covariance = (colours - mean[..., None]) @ (colours - mean[..., None]).transpose(1, 2) / colours.shape[2]
    return torch.cat([*parts, mean, covariance.flatten(1)], 1)
