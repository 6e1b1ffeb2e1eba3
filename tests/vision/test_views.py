"""What networks are shown of whole photos."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.vision.views import whole

PHOTO = Image.fromarray(data.astronaut())


@pytest.mark.parametrize("size", [(512, 512), (700, 130), (90, 61), (224, 224)])
def test_a_whole_photo_is_what_pillow_makes_of_it(size):
    photo = PHOTO.resize(size)
    expected = np.asarray(photo.resize((224, 224), Image.Resampling.BILINEAR), dtype=int)
    assert abs(whole(photo, 224) - expected).max() <= 1


def test_a_large_photo_is_first_shrunk_by_whole_numbers_and_keeps_its_brightness():
    photo = PHOTO.resize((3000, 1700))
    expected = np.asarray(photo.resize((128, 128), Image.Resampling.BILINEAR, reducing_gap=3.0), dtype=int)
    assert abs(whole(photo, 128) - expected).mean() < 1, "no more than the last block, which may be a part of one"
    stripes = Image.fromarray(np.tile(np.uint8([0, 255]), (1600, 800)).repeat(3).reshape(1600, 1600, 3))
    assert abs(whole(stripes, 128).astype(int) - 127).max() <= 2, "fine stripes are grey from afar, not a moire"


def test_a_sliver_of_one_pixel_is_a_whole_photo():
    assert (whole(Image.new("RGB", (1, 900), (10, 20, 30)), 32) == (10, 20, 30)).all()
