import zipfile

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.vision import photos
from tests.conftest import zip_photos


def picture(seed, size=(120, 90)):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)


def test_zip_and_folder_read_the_same(tmp_path):
    made = [("black", "1.png", picture(1)), ("teddy", "2.png", picture(2))]
    (tmp_path / "a.zip").write_bytes(zip_photos(made))
    for folder, name, image in made:
        (tmp_path / "d" / folder).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "d" / folder / name)
    (tmp_path / "d" / "notes.txt").write_text("not a picture")
    zipped, loose = list(photos.read(tmp_path / "a.zip")), list(photos.read(tmp_path / "d"))
    assert [(p.folder, p.name) for p in zipped] == [(p.folder, p.name) for p in loose] == [("black", "1.png"), ("teddy", "2.png")]
    assert zipped[0].image.tobytes() == loose[0].image.tobytes()


def test_unreadable_files_are_told_or_raised(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    told = []
    assert list(photos.read(tmp_path, on_error=told.append)) == [] and "bad.jpg" in told[0]
    with pytest.raises(BadInput):
        list(photos.read(tmp_path))
    with pytest.raises(BadInput, match="neither a folder nor a zip"):
        list(photos.read(tmp_path / "bad.jpg"))


def test_a_damaged_zip_is_a_sentence(tmp_path):
    whole = zip_photos([("black", "1.png", picture(1)), ("teddy", "2.png", picture(2))])
    (tmp_path / "a.zip").write_bytes(whole[:60] + bytes(400) + whole[460:])
    with pytest.raises(BadInput, match="cannot be unpacked"):
        list(photos.read(tmp_path / "a.zip"))


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("black/huge.png", bytes(60 * 2**20))
    told = []
    assert list(photos.read(tmp_path / "bomb.zip", on_error=told.append)) == []
    assert "huge.png" in told[0] and "MB" in told[0]


def test_look_alikes_stay_on_one_side():
    originals = [photos.Photo(f"{i}.jpg", "x", picture(i)) for i in range(150)]
    copies = [photos.Photo(f"copy{i}.jpg", "y", p.image.resize((300, 220))) for i, p in enumerate(originals)]
    parts = photos.splits(originals + copies, lambda _: (30, 20))
    assert parts[:150] == parts[150:]
    assert {"train", "val", "test"} == set(parts) and 25 <= parts[:150].count("test") <= 65


def test_the_split_does_not_depend_on_what_else_is_there():
    some = [photos.Photo(f"{i}.jpg", "x", picture(i)) for i in range(40)]
    assert photos.splits(some, lambda _: (30, 20))[:20] == photos.splits(some[:20], lambda _: (30, 20))


def test_wrongly_filed_photos_are_put_right_and_stay_on_their_side(tmp_path):
    filed = ["black/b_00000149", "black/b_00000150", "grizzly/d_00000082", "teddy/b_00000139", "teddy/b_00000140"]
    rows = [(*key.split("/"), picture(seed)) for seed, key in enumerate(filed)]
    (tmp_path / "bears.zip").write_bytes(zip_photos([(folder, f"{name}.jpg", image) for folder, name, image in rows]))
    for seed, name in enumerate(photos.OTHERS, 50):
        (tmp_path / f"{name}.zip").write_bytes(zip_photos([("x", "0.jpg", picture(seed))]))

    def told(corrected):
        read, labels, parts = photos.bear_corpus(tmp_path, corrected)
        return {p.key.removesuffix(".jpg"): (photos.CLASSES[label], part) for p, label, part in zip(read, labels, parts, strict=True)}

    came, right = told(False), told(True)
    assert {came[key][0] for key in filed[:2]} == {"black"} and came["teddy/b_00000139"][0] == "teddy"
    assert [right[key][0] for key in filed if key in right] == ["grizzly", "black", "other", "teddy"] and came.keys() - right.keys() == {filed[3]}
    assert all(came[key][1] == part for key, (_, part) in right.items())


def test_nothing_is_measured_on_a_photo_that_training_knows_in_another_crop(tmp_path, monkeypatch):
    names = [f"a_{k:08}" for k in range(12)]
    (tmp_path / "bears.zip").write_bytes(zip_photos([("black", f"{name}.jpg", picture(seed)) for seed, name in enumerate(names)]))
    for seed, name in enumerate(photos.OTHERS, 50):
        (tmp_path / f"{name}.zip").write_bytes(zip_photos([("x", "0.jpg", picture(seed))]))

    def told():
        read, _, parts = photos.bear_corpus(tmp_path)
        return {p.key.removesuffix(".jpg"): part for p, part in zip(read, parts, strict=True) if p.folder == "black"}

    monkeypatch.setattr(photos, "TWINS", set())
    before = told()
    monkeypatch.setattr(photos, "TWINS", set(before))
    assert set(before.values()) == {"train", "val", "test"} and told() == {key: "twin" if part == "test" else part for key, part in before.items()}
