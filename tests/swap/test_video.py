"""A film in, a film out: its sound and its times kept, its broken parts survived."""

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.images import open_image
from core.swap import predict, video
from core.work import finish
from tests.conftest import ROOT

FACES = ROOT / "assets" / "examples" / "deepfake-swap"
av = pytest.importorskip("av")


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path_factory.getbasetemp() / "studio"))


@pytest.fixture(scope="module")
def collins():
    return predict.look(FACES / "collins.jpg")


def film(path, pictures, times, codec="libx264", sound=True):
    """Write PIL pictures at their times (ms), with a tone of the same length."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=60)
        stream.width, stream.height, stream.pix_fmt = *pictures[0].size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = video_time = __import__("fractions").Fraction(1, 1000)
        tone = out.add_stream("aac" if codec == "libx264" else "libopus", rate=48000, layout="mono") if sound else None
        for picture, at in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = at, video_time
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if tone:
            wave = (0.3 * np.sin(np.arange(48 * (times[-1] + 40)) * 2 * np.pi * 440 / 48000)).astype(np.float32)
            for k in range(0, len(wave) - 959, 960):
                frame = av.AudioFrame.from_ndarray(wave[None, k : k + 960], "fltp", "mono")
                frame.sample_rate, frame.pts = 48000, k
                for piece in av.AudioResampler("fltp" if codec == "libx264" else "flt", "mono", 48000).resample(frame):
                    out.mux(tone.encode(piece))
            out.mux(tone.encode())
    return path


def moving(count, missing=()):
    photo = open_image(FACES / "hopper.jpg").resize((320, 376))
    blank = Image.new("RGB", (256, 256), "gray")
    return [blank if k in missing else photo.crop((32 + 2 * k, 40, 288 + 2 * k, 296)) for k in range(count)]


def tone_of(path):
    with av.open(str(path)) as made:
        return np.concatenate([frame.to_ndarray().mean(0) for frame in made.decode(audio=0)])


def test_a_film_with_gaps_and_uneven_times(collins, tmp_path):
    times = [0, 40, 80, 160, 170, 250, 300, 420]
    path = film(tmp_path / "in.mp4", moving(8, missing=(6, 7)), times)
    steps = []
    made = finish(video.swap(path, collins, tmp_path / "out.mp4", consent=predict.CONSENT), lambda *step: steps.append(step))
    assert made.frames == 8 and 5 <= made.swapped <= 7 and made.sound and steps[-1][0] == steps[-1][1]
    got = [round(1000 * frame.time) for frame, _ in video.frames(made.path)]
    assert np.abs(np.array(got) - times).max() <= 2
    tone = tone_of(made.path)
    assert abs(len(tone) - len(tone_of(path))) < 4096 and 0.1 < np.abs(tone).mean() < 0.4
    assert "they stay as they were" in made.as_dict()["sentence"]
    verdict = video.verify(made.path)
    assert (verdict.status, verdict.kind, verdict.signed) == ("made here", "swapped", "whole")
    assert not list(tmp_path.glob(".*"))
    frame = next(video.frames(made.path))[1]
    seen = predict.look(Image.fromarray(frame)).found[0]
    assert predict.faces.distance(seen.vector, collins.found[0].vector) < 0.6


def test_it_is_cancelled_without_a_trace(collins, tmp_path):
    path = film(tmp_path / "in.mp4", moving(4), [0, 40, 80, 120], sound=False)
    work = video.swap(path, collins, tmp_path / "out.mp4", consent=predict.CONSENT)
    for _ in range(5):
        next(work)
    work.close()
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_webm_in_and_a_part_of_it(collins, tmp_path):
    path = film(tmp_path / "in.webm", moving(6), [0, 100, 200, 300, 400, 500], "libvpx", sound=False)
    made = finish(video.swap(path, collins, tmp_path / "out.mp4", consent=predict.CONSENT, start=0.15, end=0.45))
    assert made.frames == 3 and not made.sound and "has no sound" in made.as_dict()["sentence"]
    assert video.preview(path, collins).size == (256, 256)


def test_what_is_no_film(collins, tmp_path):
    consent = dict(consent=predict.CONSENT)
    (tmp_path / "text.mp4").write_text("hello")
    whole = film(tmp_path / "in.mp4", moving(3), [0, 40, 80]).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    film(tmp_path / "blank.mp4", moving(3, missing=(0, 1, 2)), [0, 40, 80], sound=False)
    for name, words in (("text.mp4", "not a video"), ("nothing.mp4", "no video file"), ("cut.mp4", "not a video"), ("blank.mp4", "No face was found")):
        with pytest.raises(BadInput, match=words):
            finish(video.swap(tmp_path / name, collins, tmp_path / "out.mp4", **consent))
    with pytest.raises(BadInput, match="confirm first"):
        finish(video.swap(tmp_path / "in.mp4", collins, None))
    with pytest.raises(BadInput, match=r"written as \.mp4"):
        finish(video.swap(tmp_path / "in.mp4", collins, tmp_path / "out.avi", **consent))


def test_smoothing_looks_both_ways_and_leaves_gaps():
    rng = np.random.default_rng(0)
    path = np.arange(30)[:, None, None] * np.ones((1, 68, 2))
    shaky = [None if k == 15 else path[k] + rng.normal(0, 1, (68, 2)) for k in range(30)]
    smooth = video.smoothed(shaky)
    assert smooth[15] is None
    error = [np.abs(smooth[k] - path[k]).mean() for k in range(3, 12)]
    assert np.mean(error) < 0.6 * np.mean([np.abs(shaky[k] - path[k]).mean() for k in range(3, 12)])
