"""The style transfer's page and API give what core gives."""

import zipfile

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from apps import registry, style_any, style_more, style_patient, style_transfer
from apps.__main__ import main
from core.style import predict, wishes
from tests import hostile

APP = registry.find("style-transfer")
CUP = [path for path, _ in APP.examples if path.name == "coffee.jpg"][0]
CAT = [path for path, _ in APP.examples if path.name == "chelsea.jpg"][0]


@pytest.fixture(scope="module")
def client(hub):
    return Client(hub.url + "/style-transfer/", verbose=False, httpx_kwargs={"timeout": 60})


def last(generator):
    *_, end = generator
    return end


def test_api_and_core_give_the_same_painting(client):
    picture, record = client.predict(handle_file(CUP), style="The scream", strength=0.9, size=128, api_name="/instant")
    here = predict.paint(CUP, wishes.wish(style="The scream", strength=0.9, size=128))
    difference = np.abs(np.asarray(Image.open(picture).convert("RGB"), int) - np.asarray(here.picture, int))
    assert difference.max() <= 2 and record["wish"] == here.replay["wish"] | {"weights": []} and record["photo"] == here.replay["photo"]


def test_api_paints_like_any_painting_and_patiently(client):
    picture, record = client.predict(handle_file(CUP), handle_file(CAT), size=96, api_name="/any_painting")
    assert max(Image.open(picture).size) == 96 and len(record["paintings"]) == 1
    picture, record = client.predict(handle_file(CUP), style="Udnie", steps=4, size=96, api_name="/patient")
    assert max(Image.open(picture).size) == 96 and record["steps"] == 4


def test_api_is_described(client):
    info = client.view_api(return_format="dict")["named_endpoints"]
    assert set(info) == {"/instant", "/any_painting", "/patient"}


@pytest.mark.parametrize(("options", "words"), [({"style": "Mona Lisa"}, "no style called"), ({"strength": 7}, "0 to 1"), ({"size": 9999}, "32 to 4096")])
def test_wrong_wishes_are_sentences(client, options, words):
    with pytest.raises(Exception, match=words) as caught:
        client.predict(handle_file(CUP), **options, api_name="/instant")
    assert "Traceback" not in str(caught.value)


def test_hostile_files_are_sentences(client, tmp_path):
    for name, path in hostile.write_all(tmp_path).items():
        if name in hostile.BAD:
            with pytest.raises(Exception, match=hostile.BAD[name][1]):
                client.predict(handle_file(path), api_name="/instant")


def test_the_page_paints_at_once_and_offers_the_full_picture():
    slider, words, painted, _ = last(style_transfer.show(str(CUP), "Udnie", "", 0.5, 1, False, 128, 0.7))
    assert slider[0].size == slider[1].size == painted.picture.size and "like Udnie" in words
    button = style_any.full_size(painted)
    path = button.value if isinstance(button.value, str) else button.value["path"]
    assert sorted(zipfile.ZipFile(path).namelist()) == ["painting.json", "painting.png"]
    assert last(style_transfer.show(None, "Udnie", "", 0.5, 1, False, 128, 0.7))[1] == style_transfer.WAITING
    assert "At 96 x" in style_transfer.cost(str(CUP), 96) and style_transfer.cost(None, 96) == ""


def test_the_page_says_what_is_wrong(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"nothing")
    assert "not a picture" in last(style_transfer.show(str(bad), "Udnie", "", 0.5, 1, False, 128, 0.7))[1]
    for work in (
        style_patient.go_on(None),
        style_any.paint_any(str(CUP), None, None, 0.5, 1, 0.7, False, None, 96),
        style_more.paint_many([], "Udnie", 1, False, 96),
    ):
        with pytest.raises(Exception, match="Please"):
            last(work)


def test_stop_keeps_the_picture_and_go_on_finishes_it():
    work = style_patient.paint_patiently(str(CUP), None, "The wave", 24, 60, 0.2, "gram", "lbfgs", "photo", "studio", 0, 96)
    job, *_ = next(work)
    next(work)  # the first look, after the first step
    style_patient.halt(job)
    _, slider, words, painted = last(work)
    assert painted.unfinished and "Go on takes it up again" in words and slider[1].tobytes() != slider[0].tobytes()
    before, after = job.run(), job.run()
    next(before)
    next(after)
    assert next(before, None) is None and job.sitting.done < job.sitting.total, "one run at a time: the later one"
    style_patient.halt(None)
    job, slider, words, painted = last(style_patient.go_on(job))
    assert not painted.unfinished and painted.replay["steps"] == job.sitting.total and painted.replay["stops"]


def test_any_race_and_several_fill_their_tabs():
    slider, words, painted = last(style_any.paint_any(str(CUP), str(CAT), str(CUP), 0.3, 1, 1, True, None, 96))
    assert slider[1].size == painted.picture.size and "painting 1 and painting 2" in words
    pictures, table = last(style_more.run_race(str(CUP), "Udnie", None, 64))
    assert len(pictures) == 4 and all(name in table for name in wishes.NAMES.values())
    assert last(style_more.paint_many([str(CUP), str(CAT)], "Udnie", 1, False, 96))[2].interactive
    assert "unseen painting" in style_more.quality_page() and "Known weaknesses" in style_more.quality_page()


def test_thumbnails_stand_for_the_styles_in_order():
    pictures, names = zip(*style_transfer.thumbnails(), strict=True)
    assert list(names) == list(wishes.STYLES) and all(Image.open(path).size[0] >= 100 for path in pictures)
    assert style_transfer.chosen(type("Tap", (), {"index": 3})) == wishes.STYLES[3]


def test_try_paints_and_refuses_in_one_sentence(tmp_path, capsys):
    assert main(["try", "style-transfer", str(CUP), "-o", str(tmp_path / "out.png"), "--style", "the wave", "--size", "96", "--json"]) == 0
    assert (tmp_path / "out.png").exists() and (tmp_path / "out.json").exists()
    capsys.readouterr()
    for args in (["--style", "mona lisa"], ["--size", "1"], ["-o", str(tmp_path / "out.txt")], ["--replay", str(CUP)], ["--mask", str(tmp_path / "gone.png")]):
        assert main(["try", "style-transfer", str(CUP), *args]) == 1
        said = capsys.readouterr()
        assert len(said.err.strip().splitlines()) == 1 and "Traceback" not in said.err
