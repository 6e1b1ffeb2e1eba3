"""The bundled generators: the same pixels everywhere, sliders, mixing, walks and the search for a face."""

import gzip
import io
import json
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from core import weights
from core.errors import BadInput
from core.gan import data, film, find, frame, predict
from core.gan.maker import NAMES, Maker, maker
from core.images import open_frames, open_image
from core.provenance import manifest, watermark
from core.provenance import predict as provenance
from core.swap import video
from tests.conftest import ROOT, run_python

FACES = ROOT / "assets" / "examples" / "face-generator"


def pixels(sample):
    return sample.picture.tobytes()


OLDER = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}  # a processor of fifteen years ago


@pytest.mark.parametrize("machine", [{"STUDIO_THREADS": "1"}, {"STUDIO_THREADS": "3"} | OLDER])
def test_a_seed_makes_the_same_pixels_alone_in_a_wall_in_another_process_and_on_another_processor(machine):
    walls = {name: predict.wall(40, 17, generator=name) for name in NAMES}
    for name, wall in walls.items():
        assert [pixels(wall[k]) for k in (2, 16)] == [pixels(predict.wall(seed, 1, generator=name)[0]) for seed in (42, 56)]
        assert len({pixels(sample) for sample in wall}) == 17
    code = """
import json
from core.gan import maker, predict
print(json.dumps({name: [predict.told(sample)["pixels"] for sample in predict.wall(40, 17, generator=name)] for name in maker.NAMES}))
"""
    there = json.loads(run_python("-c", code, **machine).stdout)
    assert there == {name: [predict.told(sample)["pixels"] for sample in wall] for name, wall in walls.items()}


def test_truncation_pulls_towards_one_face():
    wild, tame, mean = ([np.asarray(s.picture, float) for s in predict.wall(5, 6, cut)] for cut in (1, 0.4, 0))
    assert np.std(mean, 0).max() == 0 and np.std(tame, 0).mean() < np.std(wild, 0).mean()


@pytest.mark.parametrize(("options", "said"), [
    ({"seed": "x"}, "whole number"), ({"seed": -1}, "whole number"), ({"count": 65}, "1 to 64"), ({"count": 0}, "1 to 64"),
    ({"truncation": 2}, "0 to 1.5"), ({"truncation": float("nan")}, "0 to 1.5"), ({"generator": "horses"}, "There are: gan-faces"),
])  # fmt: skip
def test_what_is_out_of_range_is_told_in_a_sentence(options, said):
    with pytest.raises(BadInput, match=said):
        predict.wall(**{"seed": 1, "count": 1} | options)


def test_sliders_move_the_face_and_the_same_back():
    face = predict.wall(3, 1)[0]
    known = predict.sliders()
    assert sum(s.fitted for s in known) >= 4
    for slider in known:
        there = predict.shape(face, {slider.name: 2})
        assert pixels(there) != pixels(face) and slider.name in there.origin
        assert np.abs(predict.shape(there, {slider.name: -2}).style - face.style).max() < 1e-4
    assert predict.shape(face, {known[0].name: 0}) is face
    with pytest.raises(BadInput, match="no slider"):
        predict.shape(face, {"Beard": 1})


def test_a_slider_does_what_its_name_says():
    """Hair and background are measured here by pixels alone, on faces that nothing was fitted to."""
    from core.gan.directions import ATTRIBUTES, _pixels

    names = [a.name for a in ATTRIBUTES][-4:]
    for name in {"Skin light", "Background"} & {s.name for s in predict.sliders()}:
        column = names.index(name)
        moved = []
        for face in predict.wall(900, 12):
            low, high = (_pixels(np.asarray(predict.shape(face, {name: a}).picture, float))[column] for a in (-2, 2))
            moved.append(high > low)
        assert np.mean(moved) >= 0.8, name


def test_mixing_takes_layers_from_either():
    a, b = predict.wall(1, 2)
    assert np.array_equal(predict.mix(a, b, 0).style, a.style) and np.array_equal(predict.mix(a, b, 1).style, b.style)
    c, d = predict.wall(1, 2, generator="gan-faces-style")
    shape = predict.mix(c, d, 1, "Pose and shape")
    assert np.array_equal(shape.style[0], d.style[0]) and np.array_equal(shape.style[-1], c.style[-1])
    with pytest.raises(BadInput, match="one generator"):
        predict.mix(a, c)


def test_a_walk_goes_through_its_stops_smoothly_and_closes():
    stops = predict.stops(None, "4, 9 14")
    frames = [np.asarray(f, float) for f in predict.between(stops, 30)]
    for k, stop in enumerate(stops):
        assert np.abs(frames[k * 10] - np.asarray(predict.enlarge(stop.picture, predict.SHOWN), float)).max() == 0
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert max(steps) < 4 * np.median(steps)  # nothing jumps, not even from the last to the first
    with pytest.raises(BadInput, match="two stops"):
        predict.stops(None, "4")


@pytest.mark.parametrize("form", film.RATES)
def test_a_film_is_written_whole_or_not_at_all(tmp_path, form):
    path = tmp_path / f"walk{form}"
    stops = predict.stops(None, "1 2")
    work = predict.save_walk(stops, path, 1)
    next(work)
    work.close()
    assert list(tmp_path.iterdir()) == []
    done = list(predict.save_walk(stops, path, 1))
    assert done[-1] == (film.rate(path),) * 2 and path.stat().st_size > 5000
    signed = manifest.read(path.read_bytes())
    assert signed.whole and signed.ours and signed.statement["kind"] == "generated"
    last = list(video.frames(path))[-1][1] if form == ".mp4" else open_frames(path, 30)[0][-1]
    assert provenance.judge(None, watermark.read(last if isinstance(last, Image.Image) else Image.fromarray(last))).kind == "generated"
    with pytest.raises(BadInput, match="1 to 30"):
        next(predict.save_walk(stops, path, 99))


def test_find_me_comes_nearer_and_ends_with_a_face():
    work = find.find(FACES / "collins.jpg", steps=40)
    gaps = [found.gap for _, _, found in work if found]
    assert gaps[-1] < gaps[0]
    target = frame.framed(FACES / "collins.jpg")
    begin = np.abs(np.asarray(predict.wall(0, 1, 0)[0].picture, float) - np.asarray(target, float)).mean()
    assert gaps[-1] < begin


def test_framing_puts_the_eyes_where_the_generator_has_them():
    from core.gan.directions import points_of

    points = points_of(frame.framed(FACES / "hopper.jpg"))
    eyes = np.array([points[36:42].mean(0), points[42:48].mean(0)])
    assert np.abs(eyes - [[23.9, 28.6], [40.9, 28.6]]).max() < 2.5


def test_framing_follows_a_face_that_is_moved_turned_and_scaled():
    photo = open_image(FACES / "hopper.jpg")
    turned = photo.resize((photo.width * 2 // 3, photo.height * 2 // 3)).rotate(12, Image.Resampling.BICUBIC, expand=True)
    straight, moved = (np.asarray(frame.framed(picture), float) for picture in (photo, turned))
    assert np.corrcoef(straight.ravel(), moved.ravel())[0, 1] > 0.8
    found = max(frame.framer().search(turned), key=lambda f: f.score).matrix
    assert 6 < np.degrees(np.arctan2(-found[1, 0], found[0, 0])) < 18  # counter-clockwise, as it was turned


def test_motions_compose_and_corrections_are_similarities():
    inner, outer = frame.corrections(np.array([[0.1, -0.2, 0.3, 0.4], [0.5, 0.0, -0.1, -0.7]]))
    point = np.array([0.3, -0.6])
    both = frame.compose(outer, inner)
    assert np.allclose(both[:, :2] @ point + both[:, 2], outer[:, :2] @ (inner[:, :2] @ point + inner[:, 2]) + outer[:, 2])
    assert np.allclose(np.linalg.det(inner[:, :2]), np.exp(0.6)) and np.allclose(inner[:, 2], [0.1, -0.2])


def test_frames_that_agree_become_one_and_a_lonely_one_none():
    def at(x, width, score=1.0):
        return frame.Frame(np.array([[width / 2, 0, x], [0, width / 2, 50.0]]), score)

    near, lonely = [at(50, 40), at(52, 44, 0.99), at(54, 42)], [at(200, 40), at(50, 90)]
    (one,) = frame.agreed([*near, *lonely])
    assert np.isclose(one.width, 42) and np.isclose(one.matrix[0, 2], 52) and np.isclose(one.score, 0.9966, atol=1e-3)


def test_find_me_without_a_face_is_one_sentence():
    with pytest.raises(BadInput, match="No face was found"):
        list(find.find(ROOT / "assets" / "examples" / "bear-detector" / "coffee.jpg"))
    heavy = io.BytesIO()
    Image.effect_noise((1900, 1900), 60).convert("RGB").save(heavy, "JPEG", quality=97)
    assert heavy.tell() > 2_000_000
    with pytest.raises(BadInput):
        list(find.find(heavy.getvalue()))


def test_no_copies():
    """The one thing that must not be: a face nearer to a training picture than nearly all real ones are."""
    percentiles = [predict.kinship(face).percentile for face in predict.wall(700, 12, 1)]
    assert np.median(percentiles) > 10


def test_what_is_saved_says_what_it_is(tmp_path):
    path = tmp_path / "nobody.png"
    predict.save(predict.wall(11, 1)[0], path)
    verdict = provenance.verify(path)
    assert verdict.status == "made here" and verdict.kind == "generated" and verdict.model == "face generator"
    stripped = io.BytesIO()
    Image.open(path).convert("RGB").save(stripped, "JPEG", quality=80)
    assert provenance.verify(stripped.getvalue()).status == "marked"


def test_the_command_line_answers_with_the_same_face(tmp_path):
    out = tmp_path / "wall.png"
    said = predict.run(["7"], out, count="4", truncation="0.7")
    assert [row["seed"] for row in said["photos"]] == [7, 8, 9, 10] and Image.open(out).size == (2 * predict.TILE,) * 2
    assert predict.run(["7"], truncation="0.7")["pixels"] == said["photos"][0]["pixels"]
    for wrong in ({"count": "many"}, {"sliders": "Age"}):
        with pytest.raises(BadInput):
            predict.run(["7"], **wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_generator_draws(name):
    model = maker(name)
    pictures = list(model.arrays(model.style(seed) for seed in range(6)))
    assert np.std(pictures, 0).mean() > 5 and model.bytes() > 0


def test_digits_are_grey_have_no_sliders_and_are_not_called_faces(tmp_path):
    digit = predict.wall(3, 1, generator="gan-digits")[0]
    a = np.asarray(digit.picture)
    assert a.shape == (32, 32, 3) and (a[..., 0] == a[..., 2]).all() and predict.sliders("gan-digits") == () and predict.kinship(digit) is None
    assert predict.label_of("gan-digits") == "AI-made picture" != predict.label_of() == predict.label_of("gan-faces-style")
    assert predict.portrait(digit).size == (predict.SHOWN,) * 2
    list(predict.save_walk(predict.wall(3, 2, generator="gan-digits"), tmp_path / "walk.gif", 1))
    assert (tmp_path / "walk.gif").stat().st_size > 0
    with pytest.raises(BadInput, match="one generator"):
        predict.mix(digit, predict.wall(3, 1)[0])


def test_mnist_is_read_with_its_labels(tmp_path):
    pixels, labels = np.arange(2 * 28 * 28, dtype=np.uint8), bytes([7, 3])
    with zipfile.ZipFile(tmp_path / "mnist_test_idx.zip", "w") as file:
        file.writestr("t10k-images-idx3-ubyte.gz", gzip.compress(struct.pack(">IIII", 2051, 2, 28, 28) + pixels.tobytes()))
        file.writestr("t10k-labels-idx1-ubyte.gz", gzip.compress(struct.pack(">II", 2049, 2) + labels))
    read = data.digits(tmp_path, 32)
    assert read.shape == (2, 1, 32, 32) and (read[:, 0, 2:30, 2:30].flatten().numpy() == pixels).all() and int(read[:, :, :2].max()) == 0
    assert data.digit_labels(tmp_path).tolist() == [7, 3]


def test_a_generator_of_ones_own_learns_stops_goes_on_and_is_kept(tmp_path, monkeypatch):
    from core.gan import own

    files = []
    for k in range(24):
        files.append(tmp_path / f"{k}.png")
        Image.new("RGB", (80, 70), (250 - 8 * k, 120, 8 * k)).save(files[-1])
    shop = own.Workshop(files)
    steps = list(shop.train(0.05))
    assert steps[-1][2].size == (6 * own.SIDE, 4 * own.SIDE) and shop.trainer.seen > 0
    seen = shop.trainer.seen
    next(shop.train(1))
    assert shop.trainer.seen > seen
    made = Maker("own", *weights.read(shop.save(tmp_path / "own.safetensors")))
    assert next(made.arrays([made.style(1)])).shape == (64, 64, 3)
    with pytest.raises(BadInput, match="at least 20"):
        own.Workshop(files[:3])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for file in files[:21]:
            packed.write(file, file.name)
    assert own.Workshop([tmp_path / "all.zip"]).count == 21
    monkeypatch.setattr(own, "HEAVIEST", 100)
    with pytest.raises(BadInput, match="holds too much"):
        own.Workshop([tmp_path / "all.zip"])
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(BadInput, match="zip"):
        own.Workshop([tmp_path / "text.zip"])
