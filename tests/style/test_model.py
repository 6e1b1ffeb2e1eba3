import pytest
import torch
import torch.nn.functional as F

from core.style.look import mirror
from core.style.model import Atelier, Eye, Painter, Reader, adain, measure, spread
from tests.style.helpers import tiny_eye


def random(*size, seed=0):
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def test_adain_identities():
    x, style = random(2, 4, 9, 11), 3 * random(2, 4, 5, 6, seed=1) + 1
    assert torch.allclose(adain(x, x), x, atol=1e-5)
    for ours, theirs in zip(spread(adain(x, style)), spread(style), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    assert torch.isfinite(adain(torch.ones(1, 4, 3, 3), style[:1])).all(), "a flat picture"


def test_painter_norms_are_adain_when_the_style_says_so():
    """Scale and shift of a normalisation are the deviation and mean of what comes out: the painter is AdaIN with learned targets."""
    from core.style.model import _normalise

    x, scale, shift = random(1, 4, 8, 8), random(1, 4, 1, 1, seed=2) + 0.5, random(1, 4, 1, 1, seed=3)
    mean, deviation = spread(_normalise(x, (scale, shift), None))
    assert torch.allclose(mean, shift, atol=1e-5) and torch.allclose(deviation, scale, atol=1e-3)


@pytest.mark.parametrize("size", [(8, 8), (16, 40), (4, 64)])
def test_painter_keeps_the_size_and_the_range(size):
    painter = Painter(8, 1)
    out = painter(random(2, 3, *size), torch.randn(2, painter.style_size))
    assert out.shape == (2, 3, *size) and 0 <= out.min() and out.max() <= 1


def test_gradients_reach_every_parameter():
    painter = Painter(8, 1)
    atelier = Atelier(painter, Reader(6, painter.style_size, 4), ["a", "b"])
    style = atelier.styles(torch.tensor([0, 1, 5]), random(3, 6))
    atelier.painter(random(3, 3, 16, 16), style).pow(2).sum().backward()
    assert [name for name, p in atelier.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []


def test_frozen_statistics_of_the_picture_itself_change_nothing_and_those_of_another_do():
    painter, x = Painter(8, 1).eval(), random(1, 3, 32, 32)
    style = 0.3 * torch.randn(1, painter.style_size)
    with torch.no_grad():
        assert torch.allclose(painter(x, style, painter.statistics(x, style)), painter(x, style), atol=1e-6)
        assert not torch.allclose(painter(x, style, painter.statistics(x**2, style)), painter(x, style), atol=1e-4)


def test_eye_is_levelled_by_a_factor_for_each_stage_and_mirrors_the_border():
    eye, x = tiny_eye(), random(1, 3, 32, 32)
    before = eye(x)
    after = eye.level([stage.mean() for stage in before])(x)
    for a, b in zip(after, before, strict=True):
        assert a.mean() == pytest.approx(1, abs=1e-4) and torch.allclose(a * b.mean(), b, atol=1e-5)
    flat = tiny_eye()(torch.full((1, 3, 32, 32), 0.3))
    assert all(stage.std((2, 3)).max() < 1e-5 for stage in flat), "a flat picture has no frame"


def test_eye_stops_where_it_is_told_and_takes_pictures_of_one_pixel():
    eye = tiny_eye()
    assert len(eye(random(1, 3, 16, 16), upto=2)) == 2 and isinstance(eye, Eye)
    assert eye(random(1, 3, 1, 9), upto=1)[0].shape == (1, 4, 1, 9)


@pytest.mark.parametrize("size", [(2, 3, 33, 18), (1, 3, 16, 16), (1, 3, 8, 17)])
@pytest.mark.parametrize("stages", [(0, 1, 2, 3), (2,), (0, 3)])
def test_the_eyes_gradient_is_the_one_autograd_finds(size, stages):
    def plain(eye, images):
        x, out, at = (images - eye.mean) / eye.std, [], 0
        for index, depth in enumerate(eye.depths):
            x = F.avg_pool2d(x, 2) if index else x
            for _ in range(depth):
                x, at = F.relu(F.conv2d(mirror(x, 1), eye.weights[at], eye.biases[at])), at + 1
            out.append(x)
        return out

    eye, x = tiny_eye().double(), random(*size).double().requires_grad_()
    ours, theirs = (torch.autograd.grad(sum((k + 1) * features[k].pow(2).sum() for k in stages), x)[0] for features in (eye(x), plain(eye, x)))
    assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-9) and theirs.abs().max() > 1


def test_measures_do_not_depend_on_where_things_are():
    x = random(1, 3, 32, 32)
    features = tiny_eye()(x)
    ours = measure(x, features)
    assert ours.shape == (1, 2 * (4 + 6 + 8 + 10) + 3 + 9)
    turned = measure(x.flip(3), [f.flip(3) for f in features])
    assert torch.allclose(ours, turned, atol=1e-5)
