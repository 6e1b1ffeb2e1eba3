"""Whether generated pictures are as fine-grained as photos are: their mean power spectrum held against that of the photos.

Widening by transposed convolution leaves grain that discriminators of strided convolutions hardly see: judged by the
backbone besides, our faces had three times a photo's fine colour noise and too little of its detail. So the generator is
told directly. After Durall et al. 2020, "Watch your Up-Convolution" (arXiv:2003.01826), there with rings of frequencies;
here each frequency for itself, because a checkerboard sits in single ones, and brightness apart from colour, because
photos hold detail in the one and, as JPEG leaves them, little in the other.
"""

import torch

# Brightness, blue and red less brightness: ITU-R BT.601, what JPEG stores.
OPPONENT = ((0.299, 0.587, 0.114), (-0.1687, -0.3313, 0.5), (0.5, -0.4187, -0.0813))
ROUNDING = (1 / 127.5) ** 2 / 12  # variance that 8-bit pixels have from rounding, in [-1, 1]


class Spectrum:
    """pictures: (N, 3, S, S) uint8, what the spectrum should be like."""

    def __init__(self, pictures, device="cpu"):
        side = pictures.shape[-1]
        window = torch.hann_window(side, periodic=False)
        self.window = (window[:, None] * window).to(device)
        self.mix = torch.tensor(OPPONENT, device=device)
        self.floor = ROUNDING * self.window.square().sum()
        self.aim = (self.mean_power(pictures) + self.floor).log()

    def power(self, x):
        """(B, 3, S, S) in [-1, 1] -> (3, S, S/2 + 1): mean power at each frequency of brightness and two colours, their means taken out."""
        x = torch.einsum("oc,bchw->bohw", self.mix, x)
        x = (x - x.mean((2, 3), keepdim=True)) * self.window
        return torch.fft.rfft2(x).abs().square().mean(0)

    def mean_power(self, pictures):
        """The same of (N, 3, S, S) uint8; only some of them are in memory as floats."""
        return sum(self.power(part.to(self.window.device).float() / 127.5 - 1) * len(part) for part in pictures.split(256)) / len(pictures)

    def off(self, power):
        """How far a mean power is off: the mean squared difference of the logarithms."""
        return ((power + self.floor).log() - self.aim).square().mean()

    def __call__(self, x):
        """How far a batch in [-1, 1] is off, a scalar to be lowered."""
        return self.off(self.power(x))
