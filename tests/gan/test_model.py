"""The networks, in sizes that cost nothing."""

import argparse
import json

import numpy as np
import pytest
import torch

from core import weights
from core.errors import BadInput
from core.gan import judges, model, release
from core.gan.train import Collapse, Plan, Trainer, augment, generator_of, networks

SMALL = dict(widths=(16, 12, 8), latent=8, style=10)


def pictures(count=64, side=32):
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(count, 3, 1, 1, generator=generator) * 255).byte().expand(-1, -1, side, side).contiguous()


@pytest.mark.parametrize("network", [model.StyleGenerator(**SMALL), model.DCGAN((16, 12, 8), latent=8)])
def test_shapes(network):
    out = network(torch.randn(3, 8))
    assert out.shape == (3, 3, 32, 32) and network.side == 32


def test_gradients_reach_every_parameter():
    for players in (networks(Plan(kind="style", side=32)), networks(Plan(kind="dcgan", side=32))):
        generator, discriminator = players
        discriminator(generator(torch.randn(4, generator.latent))).sum().backward()
        for name, parameter in [*generator.named_parameters(), *discriminator.named_parameters()]:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_demodulation_keeps_the_size_of_what_passes_through():
    """However a style scales the channels, independent inputs come out with about unit deviation before the bias."""
    layer = model.Styled(64, 64, 10, up=False)
    with torch.no_grad():
        loud = layer(torch.randn(2, 64, 16, 16), torch.randn(2, 10) * 5)
    assert 0.5 < loud.std() < 2


def test_a_style_acts_on_its_layer_alone():
    network = model.StyleGenerator(**SMALL)
    w = torch.randn(1, network.layers, 10)
    changed = w.clone()
    changed[:, -1] += 1
    with torch.no_grad():
        assert not torch.allclose(network.synthesise(w), network.synthesise(changed))
        assert torch.allclose(network(torch.ones(1, 8)), network.synthesise(network.mapping(torch.ones(1, 8))[:, None].expand(-1, network.layers, -1)))


def test_widening_leaves_no_checkerboard():
    """A flat input stays flat inside: the highest frequency is taken out."""
    x = torch.ones(1, 2, 8, 8)
    x[:, :, ::2, ::2] = -1
    x[:, :, 1::2, 1::2] = -1
    assert model.smooth(x)[:, :, 1:-1, 1:-1].abs().max() < 1e-6


def test_one_look_at_the_fakes_gives_both_players_their_own_gradient():
    """The shared backward pass against two separate ones, as the losses are written."""
    trainer = Trainer(pictures(), Plan(kind="style", side=32, batch=4, augment=False))
    z = torch.randn(4, trainer.generator.latent)
    shown = trainer.generator(z)
    leaf = shown.detach().requires_grad_()
    verdict = trainer.discriminator(leaf)
    torch.nn.functional.softplus(verdict).mean().backward()
    shown.backward(leaf.grad * -torch.exp(-verdict.detach())[:, None, None, None])
    shared = [p.grad.clone() for p in trainer.generator.parameters()]
    trainer.generator.zero_grad()
    torch.nn.functional.softplus(-trainer.discriminator(trainer.generator(z))).mean().backward()
    for a, b in zip(shared, trainer.generator.parameters(), strict=True):
        assert torch.allclose(a, b.grad, atol=1e-5, rtol=1e-3)


def test_augmentation_of_strength_nothing_is_nothing_and_gradients_pass_through_the_rest():
    x = torch.rand(6, 3, 32, 32) * 2 - 1
    assert augment(x, 0) is x
    x.requires_grad_()
    out = augment(x, 0.9)
    out.sum().backward()
    assert out.shape == x.shape and x.grad.abs().sum() > 0 and not torch.allclose(out, x)


PLANS = [Plan(kind="style", side=32, batch=4), Plan(kind="dcgan", side=32, batch=4), Plan(kind="dcgan", side=64, batch=4, eyes=True)]


@pytest.mark.parametrize("plan", PLANS, ids=["style", "dcgan", "eyes"])
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("core.gan.train.settle", lambda generator: None)  # thousands of pictures for statistics that are not asked about here
    shown = pictures(side=plan.side)
    whole = Trainer(shown, plan)
    for _ in range(4):
        whole.step()
    first = Trainer(shown, plan)
    for _ in range(2):
        first.step()
    first.save(tmp_path / "state.safetensors")
    generator, about = generator_of(tmp_path)
    kept, last = dict(generator.named_parameters()), dict(generator_of(tmp_path, "generator")[0].named_parameters())
    assert about["steps"] == 2 and all(torch.equal(value, first.average[key]) for key, value in kept.items())
    assert all(torch.equal(value, last[key]) for key, value in first.generator.named_parameters())
    second = Trainer(shown, plan)
    second.load(tmp_path / "state.safetensors")
    for _ in range(2):
        second.step()
    assert second.seen == whole.seen == 16
    for key, value in whole.average.items():
        assert torch.allclose(value, second.average[key], atol=1e-6), key


def test_judges_join_a_run_that_began_without_them(tmp_path, monkeypatch):
    """Until they have learned a little the generator does not hear them; then it does."""
    monkeypatch.setattr("core.gan.train.EYES_WARM", 1)
    monkeypatch.setattr("core.gan.train.EYES_AUGMENT", 0)  # so that nothing but the judges differs
    monkeypatch.setattr("core.gan.spectrum.Spectrum.__call__", lambda self, x: x.sum() * 0)
    begun = Trainer(pictures(side=64), Plan(side=64, batch=4))
    begun.step()
    begun.save(tmp_path / "state.safetensors")
    runs = [Trainer(pictures(side=64), Plan(side=64, batch=4, eyes=eyes)) for eyes in (False, True)]
    for run in runs:
        run.load(tmp_path / "state.safetensors")
    apart = []
    for _ in range(2):
        told = [run.step() for run in runs]
        apart.append(max((a - b).abs().max().item() for a, b in zip(*(run.generator.parameters() for run in runs), strict=True)))
    assert runs[1].seen == 12 and "judges" in told[1] and "judges" not in told[0]
    assert apart[0] == 0 < apart[1]


def test_a_run_with_judges_is_no_dcgan_as_in_its_paper(tmp_path, monkeypatch):
    monkeypatch.setattr("core.gan.train.settle", lambda generator: None)
    monkeypatch.setattr("core.weights.BUNDLED", tmp_path / "bundled")

    def released(run, last=True):
        release.export(argparse.Namespace(run=tmp_path / run, name="gan-faces-dcgan", last=last, note=""))
        return weights.read(tmp_path / "bundled" / "gan-faces-dcgan.safetensors")[0]["net.0.weight"]

    trainer = Trainer(pictures(side=64), Plan(side=64, batch=4))
    trainer.average["net.0.weight"].zero_()
    trainer.save(tmp_path / "plain" / "state.safetensors")
    assert released("plain").any() and not released("plain", last=False).any()
    trainer.judged = 3
    trainer.save(tmp_path / "without them" / "state.safetensors")
    Trainer(pictures(side=64), Plan(side=64, batch=4, eyes=True)).save(tmp_path / "with them" / "state.safetensors")
    for run in ("with them", "without them"):
        with pytest.raises(BadInput, match="--no-eyes"):
            released(run)


def test_a_run_begins_with_bundled_weights_and_the_generator_waits(tmp_path, monkeypatch):
    monkeypatch.setattr("core.gan.train.REST", 2)
    earlier = Trainer(pictures(), Plan(side=32, batch=4))
    earlier.step()
    told = {"kind": "dcgan", "shape": json.dumps(earlier.generator.shape), "pictures": "40", "seconds": "7"}
    weights.save(tmp_path / "g.safetensors", earlier.finished(64), told)
    run = Trainer(pictures(), Plan(side=32, batch=4, seed=9))
    run.begin(tmp_path / "g.safetensors")
    kept = weights.read(tmp_path / "g.safetensors")[0]
    moved = []
    for _ in range(3):
        run.step()
        moved.append(max((value - kept[key]).abs().max().item() for key, value in run.generator.named_parameters()))
    assert moved[0] == moved[1] == 0 < moved[2] and run.seen == 52 and run.seconds >= 7
    with pytest.raises(BadInput, match="another network"):
        Trainer(pictures(side=64), Plan(side=64, batch=4)).begin(tmp_path / "g.safetensors")


def test_learning_rates_fall_to_nothing_at_the_end():
    run = Trainer(pictures(), Plan(side=32, batch=4))
    run.fall = (4, 12)
    rates, moved = [], []
    for _ in range(4):
        before = [value.clone() for value in run.generator.parameters()]
        run.step()
        rates.append([optimiser.param_groups[0]["lr"] / run.plan.lr for optimiser in run.optimisers])
        moved.append(max((a - b).abs().max().item() for a, b in zip(before, run.generator.parameters(), strict=True)))
    assert rates == [[1, 1], [1, 1], [0.5, 0.5], [0, 0]]
    assert min(moved[:3]) > 0 == moved[3]


def test_judges_look_through_frozen_eyes():
    """Gradients reach the pictures and every head, and never the backbone; real pictures come to be told from noise."""
    eyes = judges.backbone("cpu")
    panel = judges.Judges(eyes, 64)
    real, noise = torch.ones(8, 3, 64, 64) * torch.linspace(-1, 1, 64), torch.rand(8, 3, 64, 64) * 2 - 1
    noise.requires_grad_()
    maps = panel.mix(eyes, noise)
    assert [m.shape[1:] for m in maps] == [(96, 8, 8), (128, 4, 4), (128, 2, 2)]
    sum(v.sum() for v in panel(maps)).backward()
    assert noise.grad.abs().sum() > 0 and all(p.grad.abs().sum() > 0 for p in panel.parameters())
    assert all(p.grad is None for p in eyes.parameters())
    improve = torch.optim.Adam(panel.parameters(), lr=1e-3, betas=(0.0, 0.99))
    with torch.no_grad():
        known, strange = panel.mix(eyes, real), panel.mix(eyes, noise)
    for _ in range(30):
        improve.zero_grad()
        sum(torch.relu(1 - v).mean() for v in panel(known)).add(sum(torch.relu(1 + v).mean() for v in panel(strange))).backward()
        improve.step()
    assert all(a.mean() > b.mean() + 0.5 for a, b in zip(panel(known), panel(strange), strict=True))


def test_training_moves_towards_the_pictures():
    """Bright pictures: after some steps the samples are brighter than they began."""
    bright = pictures() // 8 + 220
    trainer = Trainer(bright, Plan(kind="style", lr=0.0025, side=32, batch=8, augment=False, average=100))
    before = trainer.samples(8).mean()
    for _ in range(25):
        trainer.step()
    assert trainer.samples(8).mean() > before + 0.1


def test_an_average_gets_the_statistics_of_its_own_pictures():
    """Its weights are nobody's whose statistics it holds; settled, single pictures are what a large batch's own statistics make of them."""
    trainer = Trainer(pictures(), Plan(side=32, batch=4))
    trainer.step()
    stale = dict(trainer.average)
    for name in [n for n in stale if n.endswith("running_var")]:
        trainer.average[name] = stale[name] * 9  # as if other weights had made them
    generator, z = networks(trainer.plan)[0], torch.randn(512, 100)
    before = {name: tensor.clone() for name, tensor in trainer.generator.state_dict().items()}
    with torch.no_grad():
        generator.load_state_dict(trainer.average)
        wanted = generator.train()(z)
        generator.load_state_dict(trainer.average)
        off = (generator.eval()(z) - wanted).abs().mean()
        generator.load_state_dict(trainer.finished(1024))
        near = (generator.eval()(z) - wanted).abs().mean()
    assert near < off / 5
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.generator.state_dict().items()), "the run goes on as it was"
    style = Trainer(pictures(), Plan(kind="style", side=32, batch=4))
    assert all(torch.equal(tensor, style.average[name]) for name, tensor in style.finished().items())


def test_a_collapse_is_told():
    trainer = Trainer(pictures(), Plan(side=32, batch=4))
    trainer.steps = 10_000
    with pytest.raises(Collapse, match="look the same"):
        trainer.check(torch.zeros(8, 3, 32, 32))
    trainer.check(torch.from_numpy(np.random.default_rng(0).normal(size=(8, 3, 32, 32))))
