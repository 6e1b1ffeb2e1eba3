"""Two generators and the discriminators they learn against; and the small network that frames the face of a photo.

`StyleGenerator` follows StyleGAN2 (Karras et al. 2020, arXiv:1912.04958): a mapping network turns the latent z into a
style w, and w scales the channels of every convolution, whose outputs are brought back to unit size ("demodulation").
What is left out, noise and progressive outputs, is what a 64 px picture on a CPU does not repay: the layers widen the
picture by transposed 4x4 convolutions, as in DCGAN, which cost 4 products where an enlarged 3x3 costs 9.

`DCGAN` is the network of Radford et al. 2016 (arXiv:1511.06434), and what draws by default: in the time a CPU has, its
averaged weights make better faces (README).

All weights start at N(0, 1) and are scaled in the forward pass by what He et al. 2015 would have started them with
("equalised learning rate", Karras et al. 2018), so that Adam moves every layer at one relative speed.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def he(weight, fan_in):
    """The weight, scaled to keep the deviation of what passes through: 1 / sqrt(fan_in)."""
    return weight * (1 / math.sqrt(fan_in))


def rise(x):
    """Leaky ReLU that keeps the second moment of a centred normal."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def smooth(x):
    """Each channel under the kernel (1, 2, 1) / 4 both ways, the picture's edge repeated: takes out the checkerboard that widening leaves."""
    kernel = x.new_tensor([0.25, 0.5, 0.25])
    kernel = (kernel[:, None] * kernel).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, groups=x.shape[1])


class Linear(nn.Module):
    """(B, inputs) -> (B, outputs), at an equalised learning rate, `rate` times the others'."""

    def __init__(self, inputs, outputs, bias=0.0, rate=1.0):
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))

    def forward(self, x):
        return F.linear(x, he(self.weight, self.weight.shape[1]) * self.rate, self.bias * self.rate)


class Mapping(nn.Module):
    """z (B, Z) -> w (B, W): where directions can mean one thing each, as z's round shape cannot."""

    def __init__(self, latent, width, depth=3):
        super().__init__()
        self.layers = nn.ModuleList(Linear(latent if k == 0 else width, width, rate=0.1) for k in range(depth))

    def forward(self, z):
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            x = rise(layer(x))
        return x


class Styled(nn.Module):
    """A convolution whose input channels a style scales: equations 1 to 3 of StyleGAN2.

    up: False for 3x3 at the same size, True for the transposed 4x4 that doubles it
    """

    def __init__(self, inputs, outputs, style, up):
        super().__init__()
        self.up, side = up, 4 if up else 3
        shape = (inputs, outputs, side, side) if up else (outputs, inputs, side, side)
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = Linear(style, inputs, bias=1)
        self.fan_in = inputs * (4 if up else 9)  # every output pixel of the transposed one sees 2x2 of its 4x4

    def forward(self, x, w):
        scale = self.scale(w)
        weight = he(self.weight, self.fan_in)
        power = weight.square().sum((2, 3))  # each pair of channels
        power = power / 4 if self.up else power.T
        size = (scale.square() @ power + 1e-8).rsqrt()
        x = x * scale[:, :, None, None]
        x = smooth(F.conv_transpose2d(x, weight, stride=2, padding=1)) if self.up else F.conv2d(x, weight, padding=1)
        return rise(x * size[:, :, None, None] + self.bias[:, None, None])


class StyleGenerator(nn.Module):
    """w (B, layers, W) or z (B, Z) -> pictures (B, C, side, side) in about [-1, 1].

    widths: channels at 4, 8, 16, ... px; the picture's side is 4 * 2 ** len(widths)
    """

    def __init__(self, widths=(256, 192, 96, 64), latent=128, style=192, channels=3):
        super().__init__()
        self.shape = {"widths": list(widths), "latent": latent, "style": style, "channels": channels}
        self.latent, self.style, self.side = latent, style, 4 * 2 ** len(widths)
        self.mapping = Mapping(latent, style)
        self.start = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        blocks = [Styled(widths[0], widths[0], style, up=False)]
        for narrow, wide in zip(widths[1:], widths, strict=False):
            blocks.append(Styled(wide, narrow, style, up=True))
            if len(blocks) < 6:  # a second look while the picture is small, where it costs little
                blocks.append(Styled(narrow, narrow, style, up=False))
        self.blocks = nn.ModuleList(blocks)
        self.paint = Styled(widths[-1], channels, style, up=True)
        self.layers = len(blocks) + 1

    def forward(self, z):
        return self.synthesise(self.mapping(z)[:, None].expand(-1, self.layers, -1))

    def synthesise(self, w):
        """Pictures of styles given layer by layer: w (B, layers, W)."""
        x = self.start.expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        for k, block in enumerate(self.blocks):
            x = block(x, w[:, k])
        paint, style = self.paint, w[:, -1]
        x = x * paint.scale(style)[:, :, None, None]
        return smooth(F.conv_transpose2d(x, he(paint.weight, paint.fan_in), paint.bias, stride=2, padding=1))


class DCGAN(nn.Module):
    """z (B, Z) -> pictures (B, C, side, side) in [-1, 1]: transposed convolutions, batch norm and ReLU, tanh at the end."""

    def __init__(self, widths=(512, 256, 128, 64), latent=100, channels=3):
        super().__init__()
        self.shape = {"widths": list(widths), "latent": latent, "channels": channels}
        self.latent, self.style, self.layers, self.side = latent, latent, 1, 4 * 2 ** len(widths)
        steps = [nn.ConvTranspose2d(latent, widths[0], 4, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for wide, narrow in zip(widths, widths[1:], strict=False):
            steps += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
        self.net = nn.Sequential(*steps, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh())
        self.apply(_small_start)

    def mapping(self, z):
        return z

    def forward(self, z):
        return self.net(z[:, :, None, None])

    def synthesise(self, w):
        return self(w[:, 0])


class Discriminator(nn.Module):
    """Pictures (B, C, side, side) -> how real they look (B,), a logit. Residual, after StyleGAN2.

    Nothing in it mixes the pictures of a batch, so that one backward pass serves both players (see train.py).
    """

    def __init__(self, widths=(64, 96, 192, 256), channels=3):
        super().__init__()
        pairs = list(zip((channels, *widths), widths, strict=False))
        self.down = nn.ParameterList(torch.randn(o, i, 4, 4) for i, o in pairs)
        self.bias = nn.ParameterList(torch.zeros(o) for _, o in pairs)
        self.skip = nn.ParameterList(torch.randn(o, i, 1, 1) for i, o in pairs)
        self.look = nn.Parameter(torch.randn(widths[-1], widths[-1], 3, 3))
        self.last = Linear(widths[-1] * 16, 128)
        self.say = Linear(128, 1)

    def forward(self, x):
        for down, bias, skip in zip(self.down, self.bias, self.skip, strict=True):
            short = F.conv2d(F.avg_pool2d(x, 2), he(skip, skip.shape[1]))
            x = rise(F.conv2d(x, he(down, down.shape[1] * 16), bias, stride=2, padding=1))
            x = (x + short) * math.sqrt(0.5)
        x = rise(F.conv2d(x, he(self.look, self.look.shape[1] * 9), padding=1))
        return self.say(rise(self.last(x.flatten(1)))).squeeze(1)


class DCDiscriminator(nn.Module):
    """DCGAN's discriminator: strided convolutions, batch norm, leaky ReLU. Pictures -> logit (B,)."""

    def __init__(self, widths=(64, 128, 256, 512), channels=3):
        super().__init__()
        steps = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for narrow, wide in zip(widths, widths[1:], strict=False):
            steps += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*steps, nn.Conv2d(widths[-1], 1, 4, bias=False))
        self.apply(_small_start)

    def forward(self, x):
        return self.net(x).flatten()


def _small_start(module):
    """DCGAN's initialisation: N(0, 0.02) for convolutions, N(1, 0.02) for batch norm."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


class Framer(nn.Module):
    """Windows (B, 3, 40, 40) in [0, 1] -> (B, 5): logit of a face, then where it is in the window: shift x, y, log scale, angle."""

    def __init__(self, widths=(16, 32, 64, 64)):
        super().__init__()
        steps = []
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            steps += [nn.Conv2d(inputs, outputs, 5 if inputs == 3 else 3, 2 if len(steps) < 9 else 1, 2 if inputs == 3 else 1, bias=False),
                      nn.BatchNorm2d(outputs), nn.ReLU()]  # fmt: skip
        self.see = nn.Sequential(*steps)
        self.say = nn.Sequential(nn.Flatten(), nn.Linear(widths[-1] * 25, 96), nn.ReLU(), nn.Linear(96, 5))

    def forward(self, x):
        x = x - x.mean((1, 2, 3), keepdim=True)
        return self.say(self.see(x / (x.std((1, 2, 3), keepdim=True) + 0.05)))


KINDS = {"style": StyleGenerator, "dcgan": DCGAN}
