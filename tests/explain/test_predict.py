"""From a photo to a map, its verdict, its sanity check and its box; on networks whose truth is known, and on the bundled one."""

import json

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.explain import diagnosis, layers, metrics, models, paint, predict, verdict
from core.explain.predict import ask, draw, finish, forget, judge
from tests import hostile
from tests.conftest import EXAMPLES, run_python
from tests.explain import helpers

TEDDY = EXAMPLES / "teddy.jpg"


@pytest.fixture
def tiny(monkeypatch):
    """ask() looks into a small network with random weights; tests may put another one in its place."""
    held = {"subject": helpers.subject(helpers.plain())}
    monkeypatch.setattr(models, "load", lambda key=None, own=None, progress=None: held["subject"])
    return held


@pytest.fixture
def bright():
    """Left half bright, right half dark."""
    return Image.fromarray(np.repeat(np.where(np.arange(96) < 48, 250, 5)[None], 64, 0).astype(np.uint8)).convert("RGB")


def test_one_pass_gives_every_quick_map(tiny, photo, monkeypatch):
    question = ask(photo, label="green")
    passes = []
    monkeypatch.setattr(models.Subject, "logits", lambda *_: passes.append(1))
    for method in ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam"):
        heat = finish(draw(question, method))
        assert heat.heat.shape == (64, 64) and (heat.broken or heat.heat.max() == pytest.approx(1)) and heat.heat.min() >= 0
    assert passes == [] and question.name == "green"


@pytest.mark.parametrize("make", [helpers.plain, helpers.vit, helpers.swin])
def test_all_methods_work_on_all_kinds_of_networks(tiny, photo, make):
    tiny["subject"] = helpers.subject(make())
    question = ask(photo)
    for method in predict.METHODS:
        heat = finish(draw(question, method))
        said = predict.describe(question, heat)
        json.dumps(said)
        assert predict.overlay(question, heat).size == photo.size and said["label"] == question.name and said["method"] == method
    assert abs(sum(p for _, p in question.top()) - 1) < 1e-6


def test_a_map_of_a_network_that_looks_left_lies_left_and_deserves_belief(tiny, bright):
    tiny["subject"] = helpers.subject(helpers.LooksLeft(), names=("left", "dark"))
    question = ask(bright)
    assert question.name == "left"
    heat = finish(draw(question, "hirescam"))
    assert metrics.energy_in_box(heat.heat, (0, 0, 36, 64)) > 0.97
    said = finish(judge(question, heat))
    assert said.kind == "good" and [row[-1] >= 2 for row in said.rows[1:]] == [True] * 3, said
    json.dumps(said.as_dict())
    wrong = predict.replace(heat, heat=heat.heat[:, ::-1].copy())
    assert finish(judge(question, wrong)).kind == "bad"
    said = predict.point(question, heat, (0, 0, 48, 64))
    assert said["hottest_inside"] and said["energy"] > 0.95 and said["area"] == pytest.approx(0.5) and "in your box" in said["sentence"]


def test_luck_is_no_win(tiny, bright):
    """The verdict's rules on made-up figures: deletion, insertion, ROAD of the map, four random maps, edges, blob."""
    tiny["subject"] = helpers.subject(helpers.LooksLeft(), names=("left", "dark"))
    question, luck = ask(bright), [[0.5, 0.5, 0.0]] * 4
    assert verdict._verdict(question, np.array([[0.1, 0.9, 0.5], *luck, [0.5, 0.5, 0], [0.5, 0.5, 0]]), 0).kind == "good"
    mixed = verdict._verdict(question, np.array([[0.1, 0.9, 0.5], *luck, [0.05, 0.95, 0.6], [0.5, 0.5, 0]]), 0)
    assert mixed.kind == "mixed" and "an edge detector did as well" in mixed.sentence and "blob" not in mixed.sentence
    assert verdict._verdict(question, np.array([[0.495, 0.505, 0.005], *luck, [0.5, 0.5, 0], [0.5, 0.5, 0]]), 0).kind == "bad"
    spread = [[0.2, 0.8, 0.3], [0.8, 0.2, -0.3]] * 2  # random maps that differ among themselves: a small lead means nothing
    assert verdict._verdict(question, np.array([[0.4, 0.6, 0.1], *spread, [0.5, 0.5, 0], [0.5, 0.5, 0]]), 0).kind == "bad"


def test_a_class_the_model_does_not_see_cannot_be_judged(tiny, bright):
    tiny["subject"] = helpers.subject(helpers.LooksLeft(), names=("left", "dark"))
    question = ask(bright, label="dark")
    said = finish(judge(question, predict.replace(finish(draw(question, "eigencam")), broken=False)))
    assert said.kind == "unknown" and "hardly change" in said.sentence and predict.scores_table(said) == ""


def test_a_map_on_a_dead_layer_is_explained(tiny, photo):
    tiny["subject"] = helpers.subject(helpers.vit())
    question = ask(photo)
    dead = predict.layer_choices(question)[-1][1]
    question = ask(photo, layer=dead)
    heat = finish(draw(question, "gradcam"))
    assert heat.broken and "no gradient reaches this layer" in heat.note and "before its attention" in heat.note and not heat.heat.any()
    said = finish(judge(question, heat))
    assert said.kind == "unknown" and "no map to judge" in said.sentence
    assert finish(draw(question, "eigencam")).broken is False  # needs no gradient


def test_an_empty_a_saturated_and_a_boundless_map_are_explained(tiny, photo):
    question, best = ask(photo), layers.Layer("other", "another one", (8, 8))
    assert "speaks against" in diagnosis.diagnose(question, "gradcam", np.zeros((8, 8)), best)[0]
    assert "saturated" in diagnosis.diagnose(question, "gradcam", np.full((8, 8), 0.7), best)[0]
    assert diagnosis.diagnose(question, "gradcam", np.full((8, 8), np.inf), best)[1]
    silent = predict.replace(question, captured=predict.replace(question.captured, a=question.captured.a * 0))
    assert "silent" in diagnosis.diagnose(silent, "gradcam", np.zeros((8, 8)), best)[0]
    assert "any other" in diagnosis.diagnose(question, "eigencam", np.eye(8), best)[0]
    assert "rough direction" in diagnosis.diagnose(question, "gradcam", np.eye(4), best)[0]
    assert diagnosis.diagnose(ask(photo, label=question.name), "gradcam", np.eye(8), best) == ("", False)


def test_what_a_network_forgets_shows_in_its_map(tiny, photo):
    question = ask(photo)
    before = {k: v.clone() for k, v in question.subject.net.state_dict().items()}
    steps = finish(forget(question, "hirescam"))
    assert steps[0].correlation == 1 and steps[0].count == 0 and steps[-1].count == steps[-1].total == 10
    assert all(-1 <= s.correlation <= 1 for s in steps) and steps[-1].correlation < 0.9
    assert all((v == question.subject.net.state_dict()[k]).all() for k, v in before.items())
    fixed = [predict.replace(s, correlation=1.0) for s in steps]
    assert "depends on what" in predict.sanity_sentence([predict.replace(s, correlation=0.1) for s in steps], "gradcam")
    assert "shows the photo more than the model" in predict.sanity_sentence(fixed, "guided")
    assert "as they were trained" in predict.step_words(steps[0]) and "top layer is noise" in predict.step_words(steps[1])


def test_two_taps_make_a_box_and_a_third_begins_anew(tiny, photo):
    question = ask(photo)
    heat = finish(draw(question, "eigencam"))
    corners, picture, words = predict.tapped(question, heat, None, [10, 10])
    assert corners == [(10, 10)] and picture.size == photo.size and "opposite corner" in words
    corners, _, words = predict.tapped(question, heat, corners, [100, 80])
    assert corners is None and "of the map lies in your box" in words
    _, _, words = predict.tapped(question, heat, [(10, 10)], [10, 11])
    assert "too small" in words


def test_long_work_tells_how_far_it_is_and_can_be_left(tiny, bright):
    tiny["subject"] = helpers.subject(helpers.LooksLeft(), names=("left", "dark"))
    question = ask(bright)
    for work in (draw(question, "scorecam"), draw(question, "occlusion"), judge(question, finish(draw(question, "eigencam"))), forget(question)):
        done, total = next(work)
        assert 0 < done <= total
        work.close()
    assert finish(draw(question, "gradcam")).heat.shape == (64, 64)


def test_the_photo_keeps_its_own_resolution_in_the_full_picture(tiny):
    large = Image.effect_noise((1800, 1200), 80).convert("RGB")
    question = ask(large)
    heat = finish(draw(question, "eigencam"))
    assert predict.overlay(question, heat).size == (1280, 853) and predict.overlay(question, heat, full=True).size == (1800, 1200)
    assert np.array_equal(predict.overlay(question, heat, 0.0, full=True), large)


def test_colours_grow_lighter_with_the_heat():
    light = paint.colours(np.linspace(0, 1, 50)) @ [0.299, 0.587, 0.114]
    assert (np.diff(light) > 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "magic"}, "no method called 'magic'"),
        ({"label": "unicorn"}, "no class called 'unicorn'"),
        ({"label": "teddy", "against": "teddy"}, "Both classes are teddy"),
        ({"size": "large"}, "whole number of pixels"),
        ({"layer": "attic"}, "no layer called 'attic'"),
        ({"model": "renset18"}, "Did you mean"),
        ({"box": "1,2,3"}, "four numbers"),
        ({"box": "5,5,5,5"}, "too small"),
        ({"opacity": "much"}, "0 to 1"),
        ({"verdict": "perhaps"}, "yes or no"),
        ({"out": "map.txt"}, "kind of picture"),
        ({"out": "/nowhere/at/all/map.png"}, "cannot be written"),
    ],
)
def test_wrong_wishes_are_refused_in_one_sentence(options, words):
    with pytest.raises(BadInput, match=words) as caught:
        predict.run([str(TEDDY)], **options)
    assert "\n" not in str(caught.value)


def test_several_photos_are_refused():
    with pytest.raises(BadInput, match="one photo at a time"):
        predict.run([str(TEDDY)] * 2)


def test_hostile_files_get_a_map_or_a_sentence(tmp_path):
    for name, path in hostile.write_all(tmp_path).items():
        if name in hostile.GOOD:
            assert predict.run([str(path)])["width"] == hostile.GOOD[name][1][0]
        else:
            with pytest.raises(BadInput, match=hostile.BAD[name][1]):
                predict.run([str(path)])


def test_the_command_line_writes_the_picture(tmp_path):
    out = tmp_path / "map.png"
    done = run_python("-m", "apps", "try", "gradcam-viewer", TEDDY, "--method", "gradcam", "-o", out, "--box", "80,20,470,620", "--json")
    said = json.loads(done.stdout)
    assert said["label"] == "teddy" and said["cells"] == [7, 7] and said["note"] == "" and 0 < said["box"]["energy"] < 1
    assert Image.open(out).size == (said["width"], said["height"]) == (560, 640)
    here = predict.run([str(TEDDY)])
    assert here["hottest"] == said["hottest"] and here["classes"] == pytest.approx(said["classes"], abs=1e-4)


def test_a_sheet_of_every_method(tiny, tmp_path, monkeypatch):
    out = tmp_path / "sheet.webp"
    said = predict.run([str(TEDDY)], str(out), method="all", sanity="yes", verdict="yes")
    assert list(said["maps"]) == list(predict.METHODS) and said["method"] == "all" and "sanity" in said and "verdict" in said
    assert Image.open(out).width == 3 * 420


def test_ready_answers():
    predict.ready()
