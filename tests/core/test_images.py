import io

import numpy as np
import pytest
from PIL import Image

from core import images
from core.errors import BadInput
from tests import hostile


@pytest.mark.parametrize("name", hostile.GOOD)
def test_odd_pictures_open_right(name):
    make, size = hostile.GOOD[name]
    image = images.open_image(make(), name)
    assert image.mode == "RGB" and image.size == size


@pytest.mark.parametrize("name", hostile.BAD)
def test_broken_files_are_refused_in_one_sentence(name):
    make, words = hostile.BAD[name]
    with pytest.raises(BadInput) as caught:
        images.open_image(make(), name)
    sentence = str(caught.value)
    assert words in sentence and name in sentence and "\n" not in sentence and len(sentence) < 220


def test_a_truncation_at_any_byte_is_a_picture_or_a_sentence():
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = hostile.save(hostile.colours(), kind)
        for cut in range(1, len(whole), max(1, len(whole) // 40)):
            try:
                assert images.open_image(whole[:cut]).mode == "RGB"
            except BadInput:
                pass


def test_flipped_bytes_are_a_picture_or_a_sentence():
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = np.frombuffer(hostile.save(hostile.colours(), kind), np.uint8)
        for _ in range(60):
            broken = whole.copy()
            broken[rng.integers(0, len(broken), 4)] = rng.integers(0, 256, 4)
            try:
                assert images.open_image(broken.tobytes()).mode == "RGB"
            except BadInput:
                pass


def test_exif_orientation_turns_the_pixels():
    upright = np.asarray(images.open_image(hostile.rotated()))
    # The ramp ran left to right; turned clockwise it runs top to bottom.
    assert upright[0].mean() < 30 and upright[-1].mean() > 225


def test_sixteen_bits_keep_their_range():
    values = np.asarray(images.open_image(hostile.sixteen_bit()))
    assert values.min() == 0 and values.max() == 255 and abs(values.mean() - 127.5) < 1


def test_transparency_becomes_white_and_gifs_give_their_first_frame():
    assert np.asarray(images.open_image(hostile.see_through())).min() == 255
    first = np.asarray(images.open_image(hostile.animated()).convert("RGB")).astype(int)
    assert abs(first[..., 0] - first[..., 1]).max() < 30  # grey ramp, not the red second frame


def test_paths_bytes_files_and_pictures_are_the_same_picture(tmp_path, photo):
    path = tmp_path / "p.png"
    photo.save(path)
    sources = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), photo]
    assert len({images.open_image(source).tobytes() for source in sources}) == 1


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(BadInput, match="no file nothing.jpg"):
        images.open_image(tmp_path / "nothing.jpg")
    with pytest.raises(BadInput, match="is a folder"):
        images.open_image(tmp_path)


def test_shrink_never_enlarges_and_keeps_the_ratio():
    assert images.shrink(Image.new("RGB", (30, 20)), 100).size == (30, 20)
    assert images.shrink(Image.new("RGB", (4000, 10)), 100).size == (100, 1)


def test_centre_square_is_the_middle():
    marked = Image.new("RGB", (50, 20))
    marked.putpixel((25, 10), (255, 0, 0))
    middle = images.centre_square(marked)
    assert middle.size == (20, 20) and middle.getpixel((10, 10)) == (255, 0, 0)
    assert images.centre_square(Image.new("RGB", (1, 9))).size == (1, 1)
