"""The painter's training: it learns, saves, and goes on where it was."""

import io
import json
import zipfile

import pytest

from core import weights
from core.style import bank, train
from tests.style.helpers import photo


def pack(path, names):
    with zipfile.ZipFile(path, "w") as file:
        for k, name in enumerate(names):
            out = io.BytesIO()
            photo(96, 80, seed=k).save(out, "JPEG")
            file.writestr(name, out.getvalue())


@pytest.fixture
def data(tmp_path):
    for name in bank.PHOTOS:
        pack(tmp_path / f"{name}.zip", ["a.jpg", "b.jpg"])
    pack(tmp_path / "paintings.zip", [*bank.FILES, *bank.UNSEEN])
    return tmp_path


def test_a_run_saves_and_the_same_command_goes_on(data, capsys):
    run = data / "run"
    command = ["--data", str(data), "--run", str(run), "--size", "32", "--batch", "2", "--styles", "3", "--width", "16", "--blocks", "1"]
    train.main([*command, "--minutes", "0.01"])
    first, about = weights.read(run / "style.safetensors")
    done = int(about["step"])
    assert done > 0 and json.loads(about["names"]) == list(bank.STYLES) and "resumed" not in capsys.readouterr().out
    train.main([*command, "--minutes", str(float(about["seconds"]) / 60 + 0.01)])
    second, about = weights.read(run / "style.safetensors")
    assert f"resumed at step {done}" in capsys.readouterr().out and int(about["step"]) > done
    assert first.keys() == second.keys() and any((first[key] != second[key]).any() for key in first)
    # With its minutes over, a run changes nothing any more.
    train.main([*command, "--minutes", "0.001"])
    third, again = weights.read(run / "style.safetensors")
    assert again == about and all((second[key] == third[key]).all() for key in second)
