"""The face generator's API on the running hub."""

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core.gan import predict
from core.provenance import predict as provenance
from tests.conftest import ROOT

EXAMPLES = ROOT / "assets" / "examples" / "face-generator"


@pytest.fixture(scope="module")
def client(hub):
    return Client(hub.url + "/face-generator/", verbose=False, httpx_kwargs={"timeout": 60})


def test_the_api_makes_what_the_library_makes(client):
    rows, picture = client.predict(8, 2, 0.6, "gan-faces", api_name="/generate")
    assert [row["pixels"] for row in rows] == [predict.told(sample)["pixels"] for sample in predict.wall(8, 2, 0.6)]
    assert provenance.verify(picture).kind == "generated"


@pytest.mark.parametrize(("asked", "said"), [((1, 99, 0.7, ""), "1 to 64"), ((1, 1, 3, ""), "0 to 1.5"), ((1, 1, 0.7, "cats"), "no generator")])
def test_a_wrong_question_is_one_sentence(client, asked, said):
    with pytest.raises(AppError, match=said):
        client.predict(*asked, api_name="/generate")


def test_a_photo_without_a_face_is_one_sentence(client):
    with pytest.raises(AppError, match="No face was found"):
        client.predict(handle_file(ROOT / "assets" / "examples" / "bear-detector" / "coffee.jpg"), api_name="/nearest_face")


def test_find_answers_with_a_face(client):
    said, picture = client.predict(handle_file(EXAMPLES / "collins.jpg"), api_name="/nearest_face")
    assert 0 < said["gap"] < 60 and provenance.verify(picture).mark == "read"
