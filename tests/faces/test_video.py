"""Pictures out of films and network cameras, and a sentence for whatever is neither."""

import http.server
import io
import threading
import time

import av
import pytest
from PIL import Image

from core.errors import BadInput, Unavailable
from core.faces import video
from tests.conftest import free_port


def film(path, seconds=3, rate=10):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(seconds * rate):
            for packet in stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), (8 * i % 256, 0, 0)))):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def test_a_film_gives_a_picture_every_half_second(tmp_path):
    got = list(video.frames(film(tmp_path / "a.mp4")))
    assert [round(at, 1) for at, _ in got] == [0, 0.5, 1.0, 1.5, 2.0, 2.5] and got[0][1].size == (64, 48) and got[0][1].mode == "RGB"
    assert len(list(video.frames(tmp_path / "a.mp4", every=0, most=7))) == 7


@pytest.mark.parametrize("contents", [b"", b"no video at all" * 100])
def test_what_is_no_film_is_a_sentence(tmp_path, contents):
    (tmp_path / "x.mp4").write_bytes(contents)
    with pytest.raises(BadInput, match="x.mp4 is not a video") as caught:
        list(video.frames(tmp_path / "x.mp4"))
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(BadInput, match="no video file gone.mp4"):
        list(video.frames(tmp_path / "gone.mp4"))


@pytest.mark.parametrize(("address", "camera"), [("http://10.0.0.1:8080/video", True), ("rtsp://cam/live", True), ("/tmp/a.mp4", False), ("a.mp4", False)])
def test_what_is_a_camera(address, camera):
    assert video.is_camera(address) is camera


@pytest.mark.parametrize("address", ["file:///etc/passwd", "concat://a|b", "http://", "ftp://x/y"])
def test_other_addresses_are_refused(address):
    with pytest.raises(BadInput):
        video.is_camera(address)


def test_a_page_opens_no_file_of_the_server():
    with pytest.raises(BadInput, match="begins with http"):
        video.must_be_camera("/etc/passwd")


class Phone(http.server.BaseHTTPRequestHandler):
    """What an IP camera app on a phone sends: JPEGs without end, until it is told to stop."""

    def do_GET(self):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 48), "teal").save(buffer, "JPEG")
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for _ in range(60):
            part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % buffer.tell()
            try:
                self.wfile.write(part + buffer.getvalue() + b"\r\n")
            except OSError:
                return
            time.sleep(0.02)

    def log_message(self, *args):
        pass


@pytest.fixture
def phone():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Phone)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/video"
    server.shutdown()


def test_a_phone_as_a_camera(phone):
    image = video.snapshot(phone)
    assert image.size == (64, 48) and image.getpixel((9, 9))[0] < 20
    assert len(list(video.frames(phone, every=0.1, most=3))) == 3


def test_a_camera_that_does_not_answer_is_a_sentence_and_soon(monkeypatch):
    monkeypatch.setattr(video, "PATIENCE", 1.0)
    start = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer with a video") as caught:
        video.snapshot(f"http://127.0.0.1:{free_port()}/video")
    assert time.monotonic() - start < 10 and len(str(caught.value).splitlines()) == 1
