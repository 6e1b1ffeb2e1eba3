"""The face swap's page and API: nothing without consent, everything sealed, to each visitor their own."""

import json

import numpy as np
import pytest
from gradio_client import Client, handle_file

from apps import deepfake_swap, registry, swap_photos, swap_tabs
from core.provenance import predict as provenance
from core.swap import predict, train
from tests import hostile
from tests.swap.test_video import film, moving

APP = registry.find("deepfake-swap")
COLLINS, HOPPER = (str(path) for path, _ in APP.examples)


@pytest.fixture(scope="module", autouse=True)
def own_key(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_DATA", str(tmp_path_factory.getbasetemp() / "studio"))
        yield


@pytest.fixture(scope="module")
def scenes():
    return predict.look(COLLINS), predict.look(HOPPER)


@pytest.fixture(scope="module")
def client(hub):
    return Client(hub.url + "/deepfake-swap/", verbose=False, httpx_kwargs={"timeout": 120})


def make(a, b, photos=(COLLINS, HOPPER), **changes):
    given = dict(one=[0], other=[0], everyone=False, consent=True, feather=0.28, strength=1, shape=0.15, hair=True, form="PNG") | changes
    return deepfake_swap.make(*photos, a, b, **given)


def test_the_api_swaps_and_verifies(client):
    said, picture = client.predict(handle_file(COLLINS), handle_file(HOPPER), consent=True, api_name="/swap")
    assert said["faces"][0]["to_source"] < 0.5 and said["manifest"]["kind"] == "swapped"
    verdict = client.predict(handle_file(picture), api_name="/verify")
    assert (verdict["status"], verdict["signed"], verdict["mark"]) == ("made here", "whole", "read")
    assert client.predict(handle_file(HOPPER), api_name="/verify")["status"] == "none"


def test_the_api_refuses_in_a_sentence(client, tmp_path):
    with pytest.raises(Exception, match="confirm first"):
        client.predict(handle_file(COLLINS), handle_file(HOPPER), api_name="/swap")
    paths = hostile.write_all(tmp_path)
    with pytest.raises(Exception, match="not a picture|damaged"):
        client.predict(handle_file(paths["text.jpg"]), api_name="/verify")


def test_the_page_gives_a_file_that_verifies(scenes):
    path, words, manifest, _ = make(*scenes, form="JPEG")
    assert path.endswith(".jpg") and "marked and signed" in words and manifest["consent"] == predict.CONSENT
    verdict, shown = swap_tabs.check(path)
    assert "Made here" in verdict and shown == manifest


def test_what_is_not_looked_at_yet_is_looked_at_when_it_is_asked_for(scenes):
    both, early = make(*scenes), make(None, None, one=[2], other=[1])  # choices of photos that were there before
    other_photo = make(scenes[1], scenes[0])  # those Scenes are of other photos than those on the page
    assert early[2]["inputs"] == other_photo[2]["inputs"] == both[2]["inputs"]


@pytest.mark.parametrize(("changes", "words"), [({"consent": False}, "confirm first"), ({"one": [7]}, "no number 8")])
def test_the_page_says_what_is_missing(scenes, changes, words):
    path, panel, *_ = make(*scenes, **changes)
    assert path is None and words in panel


def test_no_photo_no_face_and_no_film():
    assert "two photos first" in make(None, None, (COLLINS, None))[1]
    scene, _, _, panel = swap_photos.look(str(registry.ROOT / "assets" / "examples" / "bear-detector" / "coffee.jpg"), "source")
    assert scene is None and "No face was found in the source photo" in panel
    assert "add a film" in swap_tabs.preview(None, None, None, None, "2", 0, 1, True)[2]
    assert swap_tabs.check(None)[0] == swap_tabs.UNSEEN


def test_the_manifest_carries_nothing_of_the_photos_but_hashes(scenes):
    manifest = make(*scenes)[2]
    assert set(manifest) == {"kind", "model", "made", "inputs", "consent", "mark", "label"} and "hopper" not in json.dumps(manifest)
    assert manifest["inputs"] == [provenance.sha256(COLLINS), provenance.sha256(HOPPER)]


def test_the_video_tab_takes_a_face_or_a_trained_pair(scenes, tmp_path):
    clip = film(tmp_path / "in.mp4", moving(3), [0, 40, 80])
    assert "Not this film" in swap_tabs.preview(None, COLLINS, scenes[0], None, "2", 0, 1, True)[2]
    assert "Not this film" in swap_tabs.preview(str(clip), None, None, None, "2", 0, 1, True)[2]
    by_photo = swap_tabs.preview(str(clip), COLLINS, scenes[0], None, "2", 0, 1, True)[0]
    faces = [np.stack([train.aligned(scene.array, scene.points[0], 64)] * 8) for scene in scenes]
    trainer = train.Trainer(*faces, side=64)
    trainer.step()
    by_pair = swap_tabs.preview(str(clip), None, None, str(trainer.export(tmp_path / "pair.safetensors")), "1", 0, 1, True)[0]
    assert by_photo.size == by_pair.size == (256, 256) and by_photo.tobytes() != by_pair.tobytes()
    (tmp_path / "no.safetensors").write_bytes(b"no pair")
    assert "Not this film" in swap_tabs.preview(str(clip), None, None, str(tmp_path / "no.safetensors"), "1", 0, 1, True)[2]
