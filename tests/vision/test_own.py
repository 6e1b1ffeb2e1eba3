"""Train your own: figures that are honest, refusals that help, a file that comes back whole."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core import weights
from core.errors import BadInput
from core.vision import own, train, workshop
from core.vision.head import LogisticRegression
from core.vision.workshop import Workshop
from tests.conftest import EXAMPLES, run_python, zip_photos

SOURCES = {name: EXAMPLES / f"{file}.jpg" for name, file in (("mug", "coffee"), ("cat", "chelsea"), ("teddy", "teddy"))}


def crops(name, count, seed=0):
    rng = np.random.default_rng(seed)
    with Image.open(SOURCES[name]) as image:
        return [workshop.part_of(image.convert("RGB"), rng) for _ in range(count)]


@pytest.fixture(scope="module")
def shop():
    made = Workshop()
    assert list(made.add_crops(SOURCES))[-1] == (24, 24)
    return made


@pytest.fixture(scope="module")
def trained(shop):
    return shop.train()


def test_easy_classes_are_learned_and_the_figures_agree_with_each_other(trained):
    assert trained.classes == ["mug", "cat", "teddy"] and trained.n == 24
    counts = np.array(trained.confusion)
    assert counts.shape == (3, 4) and counts.sum() == 24 and np.trace(counts) == trained.right >= 20
    assert trained.interval[0] < trained.accuracy == trained.right / 24 <= trained.interval[1]
    assert sum(n for _, _, n in trained.bins) == 24
    json.dumps(trained.figures())


def test_new_photos_are_told_and_strangers_too(trained):
    said = [trained.classifier(image) for image in crops("mug", 3, seed=9) + crops("teddy", 3, seed=9)]
    assert [opinion.label for opinion in said].count("mug") == 3 and [opinion.label for opinion in said].count("teddy") == 3
    assert all(sum(opinion.probabilities.values()) == pytest.approx(1) for opinion in said)
    for nothing in (Image.new("RGB", (200, 200), "white"), Image.new("RGB", (200, 200), (20, 90, 40))):
        opinion = trained.classifier(nothing)
        assert opinion.label == own.NONE and "nothing it was shown" in opinion.sentence


def test_shuffled_labels_are_not_learned():
    """The figures could be too good only if a photo's own label leaked into its judge."""
    made = Workshop()
    for label, mixed in (("a", ("mug", "cat")), ("b", ("mug", "cat"))):
        pictures = [image for name in mixed for image in crops(name, 8, seed=ord(label))]
        list(made.add(label, pictures))
    assert made.train().accuracy <= 0.75


def test_look_alikes_stay_in_one_fold():
    groups = np.repeat(np.arange(12), 3)
    labels = np.repeat([0, 1], 18)
    folds = workshop.fold_of(labels, groups)
    assert all(len(set(folds[groups == g])) == 1 for g in range(12))
    assert all(set(folds[labels == k]) == set(range(workshop.FOLDS)) for k in (0, 1))


def test_saved_and_opened_again_it_says_the_same(trained, tmp_path):
    path = trained.classifier.save(tmp_path / "mine.safetensors")
    assert path.stat().st_size < 10e6
    again, photo = own.open_classifier(path), crops("cat", 1, seed=3)[0]
    before, after = trained.classifier(photo), again(photo)
    assert before.label == after.label and after.probabilities == pytest.approx(before.probabilities, abs=0.01)
    assert "24 held-out photos" in again.describe() and "none of these" not in again.describe()


def test_files_that_are_no_classifier_are_refused_in_one_sentence(trained, tmp_path):
    good = trained.classifier.save(tmp_path / "good.safetensors")
    tensors, metadata = weights.read(good)

    def saved(name, tensors=tensors, **changes):
        save_file(tensors, tmp_path / name, metadata=metadata | changes)
        return tmp_path / name

    shape = json.loads(metadata["shape"])
    (tmp_path / "text.safetensors").write_text("hello")
    bad = [
        tmp_path / "text.safetensors",
        tmp_path / "missing.safetensors",
        saved("format.safetensors", format="something else"),
        saved("huge.safetensors", shape=json.dumps(shape | {"last": 4096})),
        saved("wide.safetensors", shape=json.dumps(shape | {"stages": [[["fused", 256, 16]], *shape["stages"][1:]]})),
        saved("odd.safetensors", shape=json.dumps(shape | {"stages": "wide"})),
        saved("size.safetensors", size="100000"),
        saved("figures.safetensors", figures="{}"),
        saved("nan.safetensors", tensors=tensors | {"head.bias": tensors["head.bias"] * float("nan")}),
        saved("less.safetensors", tensors={k: v for k, v in tensors.items() if k != "head.bias"}),
        weights.BUNDLED / "bears.safetensors",
    ]
    for path in bad:
        with pytest.raises(BadInput, match="is not a classifier that was saved here"):
            own.open_classifier(path)
    with pytest.raises(BadInput, match="earlier version .* train it again"):
        own.open_classifier(saved("old.safetensors", format=own.EARLIER))


def test_refusals_say_what_to_do():
    made = Workshop()
    with pytest.raises(BadInput, match="at least two classes"):
        made.train()
    list(made.add("mug", crops("mug", 8)))
    with pytest.raises(BadInput, match="at least two classes"):
        made.train()
    list(made.add("cat", crops("cat", 3)))
    with pytest.raises(BadInput, match="The class cat has 3 photos; at least 5"):
        made.train()
    one = Image.new("RGB", (64, 64), "red")
    list(made.add("red", [one, one, *(one.resize((64, 64 + k)) for k in range(1, 7))]))
    assert "webcam photo is already in the class red." in made.refused
    made.delete([s.id for s in made.samples if s.label == "cat"])
    with pytest.raises(BadInput, match="really differ"):
        made.train()
    for name, sentence in (("", "name first"), ("x" * 41, "limit is 40")):
        with pytest.raises(BadInput, match=sentence):
            list(made.add(name, [one]))
    with pytest.raises(BadInput, match="choose photos"):
        list(made.add("cat", []))


def test_broken_photos_are_left_out_with_a_reason(tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    made = Workshop()
    list(made.add("mug", [tmp_path / "text.jpg", SOURCES["mug"]]))
    assert made.counts() == {"mug": 1} and len(made.refused) == 1 and "text.jpg" in made.refused[0]


def test_photos_are_moved_and_deleted(shop):
    made = Workshop()
    made.samples = list(shop.samples)
    first = made.samples[0].id
    made.move([first], "cup")
    assert made.counts() == {"cup": 1, "mug": 7, "cat": 8, "teddy": 8}
    made.delete([first])
    assert "cup" not in made.counts() and shop.counts()["mug"] == 8  # another visitor's photos are untouched


def test_stopping_half_way_keeps_what_was_looked_at():
    made = Workshop()
    work = made.add("mug", crops("mug", 40))
    assert next(work) == (32, 40)
    work.close()
    assert made.counts() == {"mug": 32}


def test_the_command_line_trains_from_a_zip_and_the_detector_uses_it(tmp_path, capsys):
    (tmp_path / "photos.zip").write_bytes(zip_photos([(name, f"{k}.png", image) for name in SOURCES for k, image in enumerate(crops(name, 7))]))
    out = tmp_path / "mine.safetensors"
    train.main(["classifier", str(tmp_path / "photos.zip"), "--out", str(out), "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["n"] == 21 and figures["accuracy"] > 0.7 and figures["classes"] == ["cat", "mug", "teddy"]
    done = run_python("-m", "apps", "try", "bear-detector", SOURCES["mug"], "--model", out, "--json")
    said = json.loads(done.stdout)
    assert said["label"] == "mug" and set(said["probabilities"]) == {"cat", "mug", "teddy", own.NONE}
    with pytest.raises(SystemExit, match="no folders with photos"):
        (tmp_path / "flat.zip").write_bytes(zip_photos([("", f"{k}.png", image) for k, image in enumerate(crops("mug", 6))]))
        train.main(["classifier", str(tmp_path / "flat.zip")])


def test_logistic_regression_recovers_a_known_boundary():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 3, (2000, 2))).float()
    p = torch.sigmoid(2 * x[:, 0] - x[:, 1])
    y = (torch.from_numpy(rng.random(2000)) < p).long()
    head = LogisticRegression(x, y, 2, decay=0, smoothing=0)
    weight, bias = head.linear()
    slope = weight[1] - weight[0]
    assert slope.tolist() == pytest.approx([2, -1], rel=0.15) and abs(float(bias[1] - bias[0])) < 0.3
    assert torch.allclose(head(x), (x @ weight.T + bias).softmax(1), atol=1e-5)
    twice = LogisticRegression(torch.cat([x, x[:500]]), torch.cat([y, y[:500]]), 2, smoothing=0)
    weighed = LogisticRegression(x, y, 2, shares=[2.0] * 500 + [1.0] * 1500, smoothing=0)
    assert torch.allclose(twice(x), weighed(x), atol=0.01)
