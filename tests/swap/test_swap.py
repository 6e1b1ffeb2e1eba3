"""A swap looks like the source in the target's pose, hides nothing of what it is, and touches nothing but the face."""

import json

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.provenance import predict as provenance
from core.swap import blend, evaluate, geometry, predict
from tests.conftest import ROOT, run_python, zip_photos

FACES = ROOT / "assets" / "examples" / "deepfake-swap"
COLLINS, HOPPER = FACES / "collins.jpg", FACES / "hopper.jpg"


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path_factory.getbasetemp() / "studio"))


@pytest.fixture(scope="module")
def collins():
    return predict.look(COLLINS)


@pytest.fixture(scope="module")
def hopper():
    return predict.look(HOPPER)


def test_it_looks_like_the_source_in_the_target_s_pose(collins, hopper):
    made = predict.swap(collins, hopper, consent=predict.CONSENT)
    (meter,) = made.meters
    assert meter.to_source < 0.5 < meter.to_target and meter.landmark_error < 5 and "like the source" in meter.words
    assert made.sealed.picture.size == hopper.image.size and json.dumps(made.as_dict())
    verdict = provenance.verify(made.sealed.data)
    assert verdict.status == "made here" and verdict.kind == "swapped" and verdict.manifest["inputs"] == [collins.digest, hopper.digest]
    assert verdict.manifest["consent"] == predict.CONSENT


def test_it_beats_the_plain_recipe_on_the_same_pair(collins, hopper):
    rows, sheet = evaluate.judge([(collins.image, hopper.image), (hopper.image, collins.image)])
    ours, plain = (evaluate.report(rows[name]) for name in evaluate.METHODS)
    assert ours["nearest_is_the_source"] == 1 and ours["to_source_median"] < plain["to_source_median"] and ours["failed"] == 0
    assert evaluate.draw_sheet(sheet).size == (4 * 200, 2 * 200)


def test_nothing_outside_the_face_is_touched(collins, hopper):
    made = predict.put(hopper.array, hopper.points[0], collins.array, collins.points[0])
    region = geometry.region_of(hopper.points[0], hopper.image.size)
    changed = (made != hopper.array).any(2)
    changed[region.slices] = False
    assert not changed.any() and made is not hopper.array


def test_strength_none_changes_nothing_and_the_target_s_tone_stays(collins, hopper):
    assert np.array_equal(predict.put(hopper.array, hopper.points[0], collins.array, collins.points[0], blend.Options(strength=0)), hopper.array)
    made = predict.put(hopper.array, hopper.points[0], collins.array, collins.points[0])
    face = geometry.filled(geometry.outline(hopper.points[0]), geometry.Region(0, 0, *hopper.image.size)) > 0.5
    assert np.abs(made[face].mean(0) - hopper.array[face].mean(0)).max() < 18 < np.abs(collins.array.mean((0, 1)) - hopper.array[face].mean(0)).max()


@pytest.mark.parametrize("picture", ["black", "cut off"])
def test_hard_targets_do_not_break_it(collins, picture):
    array = np.zeros_like(collins.array) if picture == "black" else collins.array
    points = collins.points[0] - (0 if picture == "black" else collins.points[0].min(0) + 20)
    made = predict.put(array, points.astype(np.float32), collins.array, collins.points[0], blend.Options(poisson=True))
    assert made.shape == array.shape and made.dtype == np.uint8


def test_without_consent_nothing_is_made(collins, hopper):
    with pytest.raises(BadInput, match="confirm first"):
        predict.swap(collins, hopper)
    with pytest.raises(BadInput, match="--consent yes"):
        predict.run([COLLINS, HOPPER])


def test_faces_that_are_not_there_and_photos_without_one(collins, hopper):
    with pytest.raises(BadInput, match="no number 4"):
        predict.swap(collins, hopper, 3, consent=predict.CONSENT)
    with pytest.raises(BadInput, match="at least one face"):
        predict.swap(collins, hopper, 0, [], consent=predict.CONSENT)
    with pytest.raises(BadInput, match="No face was found in sky.png"):
        predict.look(Image.new("RGB", (300, 300), "skyblue"), "sky.png")


def test_several_faces_at_once(collins):
    both = predict.look(ROOT / "assets" / "examples" / "attendance" / "both.jpg")
    made = predict.swap(collins, both, consent=predict.CONSENT)
    assert len(made.meters) == 2 and all(meter.to_source < 0.6 for meter in made.meters) and len(both.thumbs()) == 2


def test_the_warp_lays_landmarks_where_they_belong(collins, hopper):
    region = geometry.region_of(hopper.points[0], hopper.image.size)
    dots = np.zeros_like(collins.array)
    x, y = np.rint(collins.points[0][30]).astype(int)  # the tip of the nose
    dots[y - 3 : y + 4, x - 3 : x + 4] = 255
    warp = geometry.lay_over(dots, collins.points[0], hopper.points[0], region)
    found = np.argwhere(warp.image[..., 0] > 100).mean(0)[::-1] + region.corner
    assert np.abs(found - hopper.points[0][30]).max() < 3


def test_mirrors_and_shapes(collins):
    array, points = geometry.mirror(collins.array, collins.points[0])
    assert geometry.turn(points) == pytest.approx(-geometry.turn(collins.points[0]), abs=0.02) and array.shape == collins.array.shape
    again = geometry.mirror(array, points)
    assert np.array_equal(again[0], collins.array) and np.allclose(again[1], collins.points[0])
    turned = collins.points[0] @ np.array([[0, 1], [-1, 0]]) * 2 + 7
    assert np.abs(geometry.similar(turned, collins.points[0]) - collins.points[0]).max() < 0.1


def test_hair_is_kept_and_skin_is_not():
    skin = np.full((200, 200, 3), (200, 150, 120), np.uint8) + np.random.default_rng(0).integers(0, 6, (200, 200, 3), np.uint8)
    skin[:60, :90] = (30, 25, 20)
    face, core = np.zeros((200, 200), np.float32), np.zeros((200, 200), np.float32)
    face[20:180, 20:180], core[100:150, 60:140] = 1, 1
    hidden = blend.strangers(skin, core, face, np.zeros_like(face), 60)
    assert hidden[40, 50] > 0.9 and hidden[130, 100] == 0 and hidden[40, 150] < 0.05


def test_the_measuring_command(tmp_path, collins, hopper):
    path = tmp_path / "people.zip"
    path.write_bytes(zip_photos([("a", "1.png", collins.image), ("b", "1.png", hopper.image)]))
    pairs = evaluate.choose_pairs(evaluate.gather([path]), 3)
    assert len(pairs) == 3 and all(a is not b for a, b in pairs)
    with pytest.raises(SystemExit, match="two people"):
        one = tmp_path / "one.zip"
        one.write_bytes(zip_photos([("a", "1.png", collins.image)]))
        evaluate.main(["pairs", str(one)])


def test_on_the_command_line(tmp_path):
    out = tmp_path / "out.jpg"
    said = run_python("-m", "apps", "try", "deepfake-swap", COLLINS, HOPPER, "--consent", "yes", "--both", "yes", "-o", out, "--json")
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout)
    assert answer["faces"][0]["to_source"] < 0.5 and (tmp_path / answer["back"]).exists()
    assert predict.run([out])["status"] == "made here"
    for options, words in (({"face": "x"}, "number of a face"), ({"strength": "9"}, "from 0 to 1"), ({"out": "x.gif"}, "written as")):
        with pytest.raises(BadInput, match=words):
            predict.run([COLLINS, HOPPER], consent="yes", **options)
