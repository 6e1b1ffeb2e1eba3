"""The mean power spectrum, on pictures whose spectrum is known."""

import math

import pytest
import torch

from core.gan.spectrum import Spectrum

SIDE = 32
NUMBERS = torch.Generator().manual_seed(0)


def grey(count, deviation=20):
    """Grey noise, the same in the three colours -> (N, 3, SIDE, SIDE) uint8."""
    return (128 + deviation * torch.randn(count, 1, SIDE, SIDE, generator=NUMBERS)).clamp(0, 255).byte().expand(-1, 3, -1, -1).contiguous()


def signed(pictures):
    return pictures.float() / 127.5 - 1


@pytest.fixture(scope="module")
def spectrum():
    return Spectrum(grey(2000))


def test_other_pictures_of_the_same_kind_are_off_by_their_own_scatter_alone(spectrum):
    """The logarithm of a mean of n exponential powers has a variance of about 1 / n, Hann windows or not."""
    assert spectrum(signed(grey(500))).item() < 3 / 500


def test_twice_the_contrast_is_off_by_the_logarithm_of_four(spectrum):
    """Brightness alone is off; of colour there is only what rounding leaves, in both."""
    assert spectrum(signed(grey(500, 40))).item() == pytest.approx(math.log(4) ** 2 / 3, rel=0.1)


@pytest.mark.parametrize("fault", ["checkerboard", "colour", "blur"])
def test_what_a_generator_gets_wrong_is_seen(spectrum, fault):
    x = signed(grey(500))
    good = spectrum(x).item()
    if fault == "checkerboard":
        place = torch.arange(SIDE)
        x = x + 0.1 * (1 - 2 * ((place[:, None] + place) % 2))
    elif fault == "colour":
        x = x + 0.03 * torch.randn(x.shape, generator=NUMBERS)
    else:
        x = torch.nn.functional.avg_pool2d(x, 3, 1, 1)
    assert spectrum(x).item() > 10 * good


def test_pictures_can_be_led_to_it(spectrum):
    x = signed(grey(64, 5)).requires_grad_()
    before = spectrum(x).item()
    improve = torch.optim.Adam([x], lr=0.01)
    for _ in range(30):
        improve.zero_grad()
        spectrum(x).backward()
        improve.step()
    assert spectrum(x).item() < before / 4
