"""What is sealed here can be told from what is not, also after the damage that pictures suffer on their way."""

import datetime
import json
import stat

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput, Unavailable
from core.images import open_image
from core.provenance import evaluate, label, manifest, predict, watermark
from tests.conftest import ROOT

PHOTO = ROOT / "assets" / "examples" / "attendance" / "hopper.jpg"
DATA = bytes([33, 7, 200, 91])


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path_factory.getbasetemp() / "studio"))


@pytest.fixture(scope="module")
def photo():
    return open_image(PHOTO).resize((400, 400))


@pytest.fixture(scope="module")
def marked(photo):
    return watermark.mark(photo, DATA)


@pytest.mark.parametrize("attack", evaluate.ATTACKS)
def test_the_mark_survives(marked, attack):
    reading = watermark.read(evaluate.ATTACKS[attack](marked, np.random.default_rng(1)))
    assert reading.data == DATA and not reading.damaged


def test_the_mark_is_faint(photo, marked):
    assert evaluate.psnr(photo, marked) >= 40
    assert marked.size == photo.size


def test_a_crop_is_measured(marked):
    reading = watermark.read(marked.crop((0, 0, int(0.85 * marked.width), marked.height)))
    assert reading.data == DATA and reading.crop == pytest.approx((0.85, 1.0), abs=0.02)


def test_nothing_is_read_where_nothing_is(photo):
    for picture in (photo, Image.new("RGB", (300, 300), "white"), Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8))):
        reading = watermark.read(picture)
        assert reading.data is None and not reading.damaged and reading.peak < watermark.FOUND - 1


def test_two_marks_in_one_picture_are_damaged_ones(photo, marked):
    other = watermark.mark(photo, bytes(255 - byte for byte in DATA))
    verdict = predict.verify(Image.blend(marked, other, 0.5))
    assert (verdict.status, verdict.mark) == ("damaged", "damaged") and "damaged" in verdict.sentence


def test_too_small_is_refused(photo):
    with pytest.raises(BadInput, match="too small"):
        watermark.mark(photo.resize((127, 200)), DATA)


def test_every_bit_of_the_payload_comes_back():
    now = datetime.datetime(2031, 5, 6, 7, 8, tzinfo=datetime.UTC)
    for kind in predict.KINDS[1:]:
        for model in predict.MODELS[1:]:
            assert predict.unpack(predict.payload(kind, model, now)) == (kind, model, now)
    assert predict.unpack(b"\xff\0\0\0")[:2] == ("unknown", "unknown")
    assert predict.payload("generated", predict.MODELS[-1], predict.EPOCH + datetime.timedelta(days=31 * 365))


@pytest.fixture
def sealed(photo):
    return predict.seal(photo, "swapped", "landmark mesh", ["ab" * 32], "I may use both faces.")


@pytest.mark.parametrize("form", predict.FORMATS)
def test_a_sealed_file_says_all_of_it(photo, form):
    sealed = predict.seal(photo, "generated", "face generator", ["ab" * 32], "Mine.", form=form, seed=7)
    verdict = predict.verify(sealed.data)
    assert (verdict.status, verdict.kind, verdict.model, verdict.signed, verdict.mark) == ("made here", "generated", "face generator", "whole", "read")
    assert verdict.manifest == sealed.manifest and verdict.manifest["inputs"] == ["ab" * 32] and verdict.manifest["seed"] == 7
    assert json.dumps(verdict.as_dict()) and verdict.made[:16] == sealed.manifest["made"][:16]


def test_without_its_manifest_the_mark_speaks(sealed):
    verdict = predict.verify(evaluate.saved(sealed.picture, 75))
    assert (verdict.status, verdict.kind, verdict.model, verdict.signed) == ("marked", "swapped", "landmark mesh", "no")
    assert "no proof" in verdict.sentence


def test_changed_pixels_break_the_signature(photo):
    data = bytearray(predict.seal(photo, "swapped", "landmark mesh", form="JPEG").data)
    data[-2000] ^= 1  # among the pixels, which come last
    verdict = predict.verify(bytes(data))
    assert verdict.signed == "changed" and verdict.status != "made here"


def test_another_studio_s_signature_is_not_ours(sealed, monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path))
    verdict = predict.verify(sealed.data)
    assert verdict.status == "marked" and verdict.signed == "whole" and "another studio" in verdict.sentence


def test_the_key_is_private_and_stays(sealed, tmp_path, monkeypatch):
    assert stat.S_IMODE(manifest.key_path().stat().st_mode) == 0o600
    before = manifest.key_path().read_bytes()
    predict.seal(sealed.picture, "swapped", "landmark mesh")
    assert manifest.key_path().read_bytes() == before
    (tmp_path / "file").touch()
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="signing key"):
        predict.seal(sealed.picture, "swapped", "landmark mesh")


def test_no_mark_and_no_picture(photo):
    assert predict.verify(PHOTO).status == "none"
    with pytest.raises(BadInput, match="not a picture"):
        predict.verify(b"hello")


def test_the_label_is_drawn_clear_of_the_faces(photo):
    busy = [(0, 200, 200, 400), (200, 200, 400, 400), (0, 0, 200, 200)]  # all corners but the upper right
    changed = np.abs(np.asarray(label.draw(photo, "AI face swap", busy), int) - np.asarray(photo)).sum(2) > 0
    ys, xs = np.nonzero(changed)
    assert changed.any() and xs.min() >= 200 and ys.max() < 200
    narrow = label.draw(Image.new("RGB", (40, 200), "white"), "A sentence that is far too long")
    assert narrow.size == (40, 200)


def test_the_commands_print_their_figures(tmp_path, capsys):
    open_image(PHOTO).resize((256, 256)).save(tmp_path / "a.png")
    evaluate.main(["survival", str(tmp_path), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["n"] == 1 and set(report["marks_read"]) == set(evaluate.ATTACKS) and report["psnr_min"] >= 40
    evaluate.main(["alarms", str(tmp_path), "--count", "1", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (report["n"], report["read"], report["called_damaged"]) == (1, 0, 0)
    with pytest.raises(SystemExit, match="neither a folder"):
        evaluate.main(["alarms", str(tmp_path / "nothing.zip")])
