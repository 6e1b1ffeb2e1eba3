"""With the shipped weights: strength, colours, masks, tiles, odd pictures, replay, race, animations."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import BadInput
from core.images import to_array
from core.style import command, moving, networks, predict, present, tiles, wishes
from core.style.finish import finish
from tests.style.helpers import photo


def paint(picture, paintings=(), mask=None, **settings):
    return predict.paint(picture, wishes.wish(**settings), paintings, mask)


def test_every_bundled_style_paints_in_its_own_way():
    pictures = [paint(photo(), style=name).picture for name in wishes.STYLES]
    assert {p.size for p in pictures} == {(96, 64)} and len({p.tobytes() for p in pictures}) == len(wishes.STYLES)
    assert all(to_array(p).std() > 10 for p in pictures), "no grey mud"


def test_strength_zero_returns_the_photo_and_half_lies_between():
    none, half, whole = (to_array(paint(photo(), strength=s).picture).astype(int) for s in (0, 0.5, 1))
    assert (none == to_array(photo())).all()
    assert np.abs(half - (none + whole) / 2).max() <= 1


def test_kept_colours_are_the_photos():
    kept = paint(photo(), keep_colours=True).picture.convert("YCbCr")
    plain = paint(photo()).picture.convert("YCbCr")
    mine = np.asarray(photo().convert("YCbCr"), int)
    kept, plain = np.asarray(kept, int), np.asarray(plain, int)
    assert np.abs(kept - mine)[..., 1:].mean() < 0.5 * np.abs(plain - mine)[..., 1:].mean()
    assert np.abs(kept - plain)[..., 0].mean() < 6, "its brightness is the painting's but for colours that no screen shows"


def test_blending_goes_from_one_style_to_the_other():
    first, blended, second = (paint(photo(), style="udnie", other="the wave", share=s).picture.tobytes() for s in (0, 0.5, 1))
    assert first == paint(photo(), style="udnie").picture.tobytes() and second == paint(photo(), style="the wave").picture.tobytes()
    assert blended not in (first, second)


def test_paintings_blend_by_weight():
    a, b = photo(80, 80, 1), photo(80, 80, 2)
    both = paint(photo(), [a, b], mode="any", weights="1,0").picture.tobytes()
    assert both == paint(photo(), [a], mode="any").picture.tobytes() != paint(photo(), [b], mode="any").picture.tobytes()
    with pytest.raises(BadInput, match="one weight for each"):
        paint(photo(), [a], mode="any", weights="1,2")


def test_only_the_masked_region_is_painted():
    mask = Image.new("L", (192, 128))
    mask.paste(255, (0, 0, 96, 128))
    got, plain = to_array(paint(photo(), mask=mask).picture), to_array(photo())
    assert (got[:, 60:] == plain[:, 60:]).all() and (got[:, :36] != plain[:, :36]).any()
    with pytest.raises(BadInput, match="mask is empty"):
        paint(photo(), mask=Image.new("L", (9, 9)))


def test_marks_of_the_image_editor_become_a_mask():
    layer = Image.new("RGBA", (40, 30))
    assert present.mask_of_layers(None) is None and present.mask_of_layers({"layers": [layer]}) is None
    layer.paste((1, 2, 3, 255), (5, 5, 20, 20))
    assert present.mask_of_layers({"layers": [layer]}).getpixel((10, 10)) == 255


def test_finer_strokes_are_painted_larger_and_reduced():
    nets, picture = networks.load(), photo(80, 60)
    style = networks.bundled("Udnie").vector(nets, corrected=True)
    large = predict.finished(tiles.paint(nets.painter, picture.resize((160, 120), Image.Resampling.LANCZOS), style))
    assert paint(picture, style="udnie", strokes=0.5).picture.tobytes() == large.resize((80, 60), Image.Resampling.LANCZOS).tobytes()
    assert wishes.stroke_scale(wishes.wish(strokes=0.5), 4096, 4096) == 1, "the largest pictures are painted as they are"


def test_tiles_equal_the_whole_away_from_borders():
    nets, picture = networks.load(), photo(500, 360)
    style = networks.bundled("Udnie").vector(nets, corrected=True)
    frozen = tiles.measure(nets.painter, picture, style)
    tiled = to_array(predict.finished(tiles.paint(nets.painter, picture, style, statistics=frozen, tile=160))).astype(int)
    whole = to_array(tiles.to_image(tiles._run(nets.painter, tiles.pixels(picture), style, frozen))).astype(int)
    assert np.abs(tiled - whole).max() <= 1


def test_large_pictures_go_through_the_tiles():
    seen = [total for _, total in predict.begin(photo(1100, 700), wishes.wish(size=1100, strokes=1)).run()]
    assert seen == [6] * 6


@pytest.mark.parametrize("mode", ["instant", "any"])
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (12000, 80)])
def test_odd_photos_become_pictures_of_their_size(mode, size):
    wanted = wishes.wish(mode=mode, size=512)
    got = paint(photo(*size) if size != (1, 1) else Image.new("RGB", size, "teal"), mode=mode).picture
    assert got.size == wishes.painted_size(*size, wanted.size) and got.height >= min(64, size[1])


def test_a_flat_style_and_a_flat_photo_are_fine():
    flat = Image.new("RGB", (50, 50), (180, 40, 40))
    for mode, steps in (("any", None), ("patient", 4)):
        assert np.isfinite(to_array(paint(photo(), [flat], mode=mode, steps=steps).picture)).all()
    assert paint(flat, mode="instant").picture.size == (50, 50)


def test_a_replay_file_gives_the_same_pixels_even_of_an_interrupted_sitting(tmp_path):
    job = predict.begin(photo(), wishes.wish(mode="patient", steps=8, style="the scream"))
    for stop in (3, 6):
        for done, _ in job.run():
            if done == stop:
                break
    first = job.painting()
    assert first.unfinished and "Stopped after 6" in first.sentence
    record = json.loads(predict.save(first, tmp_path / "a.png").read_text())
    again, words = predict.replay(record, photo())
    assert words == "The same to the pixel." and again.picture.tobytes() == Image.open(tmp_path / "a.png").tobytes()
    with pytest.raises(BadInput, match="another photo"):
        predict.replay(record, photo(seed=9))
    for broken in ({}, [], {"vitrine": "style-transfer"}, record | {"wish": {"colour": 1}}):
        with pytest.raises(BadInput):
            predict.replay(broken, photo())


def test_the_command_line_writes_and_replays(tmp_path):
    source = tmp_path / "photo.png"
    photo().save(source)
    said = command.run([source], tmp_path / "out.png", style="water lilies", strength="0.7")
    assert said["size"] == [96, 64] and said["distances"]["style"] > 0 and json.dumps(said)
    again = command.run([source], tmp_path / "again.png", replay=tmp_path / "out.json")
    assert again["same"] and (tmp_path / "again.png").read_bytes() == (tmp_path / "out.png").read_bytes()


def test_several_photos_and_a_bad_one(tmp_path):
    photo().save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_bytes(b"nothing")
    said = command.run([tmp_path / "a.png", tmp_path / "bad.png"], tmp_path / "out")
    assert "sentence" in said["photos"][0] and "not a picture" in said["photos"][1]["error"] and (tmp_path / "out" / "a.png").exists()


def test_the_race_paints_three_ways_and_patience_comes_closest_to_the_style(tmp_path):
    runs = predict.finished(predict.race(photo(128, 128), wishes.wish(steps=40)))
    assert [name for name, *_ in runs] == ["Instant", "Any painting", "Patient"]
    assert runs[2][2]["style"] < runs[1][2]["style"] and runs[2][1].seconds > runs[0][1].seconds
    assert len(predict.finished(predict.race(photo(), wishes.wish(steps=2), [photo(seed=4)]))) == 2


def test_animations_keep_their_frames_and_do_not_flicker(tmp_path):
    base, frames = photo(320, 64), []
    for x in range(0, 40, 10):
        frame = base.copy()
        frame.paste((250, 250, 60), (0, 10, 20 + x, 50))
        frames.append(frame)
    frames[0].save(tmp_path / "in.webp", save_all=True, append_images=frames[1:], duration=80, lossless=True)
    said = moving.run(tmp_path / "in.webp", tmp_path / "out.gif", wishes.wish())
    assert said["frames"] == 4 and Image.open(tmp_path / "out.gif").n_frames == 4
    steady, _ = predict.finished(moving.paint(tmp_path / "in.webp", wishes.wish()))
    alone = [paint(frame).picture for frame in frames]
    assert moving.flicker(frames, steady) < 0.7 * moving.flicker(frames, alone)
    base.save(tmp_path / "still.gif")
    with pytest.raises(BadInput, match="does not move"):
        moving.run(tmp_path / "still.gif", None, wishes.wish())


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"style": "mona lisa"}, "no style called"), ({"strength": 2}, "0 to 1"), ({"size": "big"}, "whole number"), ({"mode": "slow"}, "instant, any, patient"),
     ({"weights": "1,x"}, "weights are numbers"), ({"keep_colours": "perhaps"}, "yes or no"), ({"colour": 1}, "no setting called"),
     ({"size": float("nan")}, "32 to 4096")],
)  # fmt: skip
def test_wrong_wishes_are_sentences(settings, words):
    with pytest.raises(BadInput, match=words):
        wishes.wish(**settings)


def test_ways_that_do_not_fit_together_are_sentences():
    two = [photo(), photo(seed=2)]
    for settings, paintings, words in (({"mode": "instant"}, two, "styles of its own"), ({"mode": "patient"}, two, "one painting at a time"),
                                       ({"mode": "patient", "loss": "sliced"}, [], "add a painting")):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            predict.begin(photo(), wishes.wish(**settings), paintings)
    with pytest.raises(BadInput, match="add a photo"):
        predict.begin(None, wishes.Wish())


def test_vgg19_offline_says_so(monkeypatch):
    from core import weights
    from core.errors import Unavailable

    def offline(*args):
        raise Unavailable("not here")

    monkeypatch.setattr(weights, "fetch_torchvision", offline)
    with pytest.raises(Unavailable):
        predict.begin(photo(), wishes.wish(mode="patient", eye="vgg19"), [photo(seed=1)])


def test_vgg19s_convolutions_are_where_we_take_them_from(monkeypatch):
    from torchvision.models.vgg import cfgs, make_layers

    from core import weights
    from core.style import eyes

    tensors = {f"features.{key}": value for key, value in make_layers(cfgs["E"]).state_dict().items()}
    monkeypatch.setattr(weights, "fetch_torchvision", lambda *args: tensors)
    shapes = [f.shape[1:] for f in eyes.vgg19()(torch.rand(1, 3, 32, 32))]
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]


def test_estimates_grow_with_the_work_and_learn():
    small, large = (wishes.estimate(wishes.wish(mode=m), 512, 512)[0] for m in ("instant", "patient"))
    assert small < large and wishes.estimate(wishes.wish(size=4096), 4096, 4096)[1] < 1.5e9
    before = wishes.estimate(wishes.wish(), 512, 512)[0]
    wishes.learn("network", 100.0, 10**6)
    assert wishes.estimate(wishes.wish(), 512, 512)[0] > before
    wishes.learn("network", 0.5, 10**6)
    assert finish(photo(), photo(seed=1), 1.0).tobytes() == photo(seed=1).tobytes()
