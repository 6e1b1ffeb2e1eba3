import pytest
import torch

from core.style import losses


def features(seed=0, size=(2, 5, 9, 7)):
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def test_gram_is_symmetric_positive_semi_definite_and_counts_no_pixels():
    g = losses.gram(features())
    assert g.shape == (2, 5, 5) and torch.allclose(g, g.transpose(1, 2))
    assert torch.linalg.eigvalsh(g.double()).min() >= -1e-9
    assert torch.allclose(losses.gram(features().repeat(1, 1, 3, 2)), g, atol=1e-6), "a repeated picture has the same style"


def test_grams_gradient_is_right():
    assert torch.autograd.gradcheck(losses.gram, features(size=(2, 3, 4, 5)).double().requires_grad_())


def test_gram_by_hand():
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    assert losses.gram(x).tolist() == [[[2.5, 1.5], [1.5, 4.5]]]


def test_distances_are_zero_for_the_same_and_one_for_nothing():
    x = features()
    assert losses.content_distance(x, x).tolist() == [0, 0]
    assert torch.allclose(losses.content_distance(torch.zeros_like(x), x), torch.ones(2), atol=1e-4)
    assert losses.gram_distance([losses.gram(x)], [losses.gram(x)]).tolist() == [0, 0]
    assert torch.isfinite(losses.gram_distance([losses.gram(x)], [torch.zeros(2, 5, 5)])).all(), "a flat style divides by nothing"


def test_sliced_wasserstein_knows_sets_not_places():
    x, along = features(size=(1, 5, 9, 7)), losses.directions(5, 16, torch.Generator().manual_seed(1))
    assert along.norm(dim=1) == pytest.approx(torch.ones(16), abs=1e-6)
    assert float(losses.sliced(x, x, along)) == 0
    shuffled = x.flatten(2)[..., torch.randperm(63)].view_as(x)
    assert float(losses.sliced(shuffled, x, along)) == pytest.approx(0, abs=1e-10)
    assert float(losses.sliced(x.repeat(1, 1, 2, 3), x, along)) < 1e-3, "the same set with more samples"
    assert float(losses.sliced(x + 1, x, along)) > 0.1


def test_sliced_wasserstein_of_one_line_is_the_known_one():
    a, b = torch.tensor([0.0, 1.0, 4.0]).view(1, 1, 1, 3), torch.tensor([3.0, 1.0, 2.0]).view(1, 1, 1, 3)
    along = torch.ones(1, 1)
    assert float(losses.sliced(a, b, along)) == pytest.approx((1 + 1 + 1) / 3 / (14 / 3), rel=1e-5)


def test_total_variation_by_hand():
    step = torch.zeros(1, 3, 4, 4)
    step[..., 2:] = 1
    assert float(losses.total_variation(step)) == pytest.approx(12 / 48) and float(losses.total_variation(torch.ones(1, 3, 4, 4))) == 0
