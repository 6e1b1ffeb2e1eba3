"""The menu of models: bundled ones, a visitor's own file, torchvision's, and what is said when one cannot be had."""

import functools
import hashlib
import http.server
import json
import threading

import pytest

from core import catalog, runtime, weights
from core.errors import BadInput, Unavailable, WeightsError
from core.explain import layers, models
from core.vision import own
from core.vision.model import Classifier
from tests.explain import helpers
from tests.explain.helpers import torch


def own_file(path, seed=0, **changes):
    """A file as "train your own" gives it, with a small network of random weights inside."""
    torch.manual_seed(seed)
    net = Classifier(["red", "green", own.NONE], helpers.STAGES, stem=8, last=16, folded=True)
    metadata = (
        {"format": own.FORMAT, "shape": json.dumps(net.shape), "size": "64", "temperature": "1.5"} | {"figures": json.dumps({"right": 9, "n": 10})} | changes
    )
    weights.save(path, net.state_dict(), metadata)
    return path


def test_the_menu_has_what_the_catalogue_has(monkeypatch):
    assert models.choices()[0] == ("Bear detector", "bears") and models.default() == "bears"
    keys = [key for _, key in models.choices()]
    assert {"own", "resnet18", "vit_b_16", "swin_t"} <= set(keys) and ("backbone" in keys) == ("backbone" in catalog.ENTRIES)


@pytest.mark.parametrize("name", [name for name in models.BUNDLED if name in catalog.ENTRIES])
def test_bundled_models_load_once(name):
    one = models.load(name)
    assert one is models.load(name) and one.key == name and one.size == int(weights.load(name)[1]["size"])
    assert one.logits(torch.rand(2, 3, one.size, one.size)).shape == (2, len(one.names))
    assert not any(p.requires_grad for p in one.net.parameters())


def test_a_classifier_of_one_s_own(tmp_path):
    path = own_file(tmp_path / "mine.safetensors")
    one = models.load("own", path)
    assert one.names == ("red", "green", own.NONE) and one.temperature == 1.5 and "mine.safetensors" in one.title
    assert models.load(str(path)) is one  # by its path too, and not loaded twice
    x = torch.rand(1, 3, 64, 64)
    assert torch.allclose(one.net(x), own.open_classifier(path).model(x), atol=1e-5)
    assert models.load("own", own_file(tmp_path / "other.safetensors", seed=5)) is not one


def test_files_that_are_none_are_refused_in_words(tmp_path):
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"nothing of the kind")
    for path in (noise, own_file(tmp_path / "odd.safetensors", shape="not json")):
        with pytest.raises(BadInput, match="not a classifier that was saved here"):
            models.load("own", path)
    with pytest.raises(BadInput, match="no file gone.safetensors"):
        models.load("gone.safetensors")
    with pytest.raises(BadInput, match="Please add the file"):
        models.load("own")


def test_unknown_names_get_the_closest_ones():
    with pytest.raises(BadInput, match="resnet18"):
        models.load("resnet-18")
    subject = helpers.subject(helpers.plain())
    assert subject.class_of("Green") == 1 and subject.class_of("2") == 2
    with pytest.raises(BadInput, match="green"):
        subject.class_of("greem")


def test_torchvision_models_speak_the_same_language():
    one = models.torchvision("resnet18", pretrained=False)
    assert len(one.names) == 1000 and one.size == 224 and "tench" in one.names
    assert layers.candidates(one.net, 224)[0].name == "net.layer4"
    grey = torch.full((1, 3, 64, 64), 0.5)
    assert torch.allclose(one.logits(grey), one.net.net((grey - one.net.mean) / one.net.std), atol=1e-5)


class Choice:
    """What torchvision's weights enumerations offer of a member."""

    def __init__(self, url):
        self.url = url

    def get_state_dict(self, **options):
        return torch.hub.load_state_dict_from_url(self.url, check_hash=True, **options)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """(folder, address) of a loopback web server that stands for the address torchvision names; the cache is empty."""
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "shop"
    folder.mkdir()
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def wares(folder, name="tiny"):
    path = folder / "wares.pth"
    torch.save(helpers.plain().state_dict(), path)
    return path.rename(folder / f"{name}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth").name


def test_weights_are_fetched_once_checked_and_kept_as_safetensors(shop, tmp_path):
    folder, address = shop
    name, told = wares(folder), []
    fetched = weights.fetch_torchvision("tiny", Choice(f"{address}/{name}"), lambda *figures: told.append(figures))
    assert all(torch.equal(fetched[k], v) for k, v in helpers.plain().state_dict().items())
    assert told[-1][0] == told[-1][1] == (folder / name).stat().st_size
    assert [p.suffix for p in (tmp_path / "cache" / "torchvision").iterdir()] == [".safetensors"]
    (folder / name).unlink()
    assert weights.fetch_torchvision("tiny", Choice(f"{address}/{name}")).keys() == fetched.keys()


def test_damaged_weights_are_refused_and_not_kept(shop, tmp_path):
    folder, address = shop
    name = wares(folder)
    (folder / name).write_bytes(b"something else")
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        weights.fetch_torchvision("tiny", Choice(f"{address}/{name}"))
    evil = folder / "evil.pth"
    torch.save({"x": object.__reduce__}, evil)  # names a function: nothing of the kind may be unpickled
    renamed = evil.rename(folder / f"evil-{hashlib.sha256(evil.read_bytes()).hexdigest()[:8]}.pth").name
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.fetch_torchvision("evil", Choice(f"{address}/{renamed}"))
    assert list((tmp_path / "cache" / "torchvision").iterdir()) == []


def test_offline_is_one_sentence(shop, monkeypatch):
    with pytest.raises(Unavailable, match="cannot be fetched now. Please connect"):
        weights.fetch_torchvision("tiny", Choice(f"{shop[1]}/gone-12345678.pth"))
    monkeypatch.setattr("urllib.request.urlopen", _no_network)
    runtime.models().clear()
    with pytest.raises(Unavailable) as caught:
        models.load("resnet18")
    assert "resnet18 are not on this machine" in str(caught.value) and "\n" not in str(caught.value)


def _no_network(*args, **options):
    raise OSError("no network")
