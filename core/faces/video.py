"""Pictures out of a video file or a network camera (MJPEG or RTSP), a few a second, in a thread that cannot hang the caller."""

import time
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import BadInput, Unavailable
from core.images import to_rgb

SCHEMES = ("http", "https", "rtsp", "rtsps")
PATIENCE = 8.0  # seconds for a camera to answer
MOST_BYTES = 500 * 2**20  # of a video file


def frames(source, every=0.5, most=600):
    """Yield (seconds since the beginning, PIL RGB) of a video.

    source: path of a video file, or the address of a camera: http(s)://... (MJPEG) or rtsp://...
    every:  seconds between two pictures handed out
    most:   pictures after which it ends
    raises  BadInput for what is no video, Unavailable for a camera that does not answer
    """
    import av

    source, camera = str(source), is_camera(source)
    if not camera:
        _check_file(Path(source))
    try:
        container = av.open(source, timeout=(PATIENCE, PATIENCE)) if camera else av.open(source)
    except (av.FFmpegError, OSError, ValueError):
        raise _cannot(source, camera) from None
    with container:
        if not container.streams.video:
            raise _cannot(source, camera)
        container.streams.video[0].thread_type = "AUTO"
        try:
            yield from _spaced(container, every, most, camera)
        except (av.FFmpegError, OSError):
            raise _broken(source, camera) from None


def snapshot(address):
    """The next picture of a camera -> PIL RGB; errors as in frames()."""
    for _, image in frames(address, most=1):
        return image
    raise _broken(address, True)


def is_camera(source):
    """Whether it is an address; raises BadInput for one of a kind that no camera has."""
    scheme = urlsplit(str(source)).scheme.lower()
    if scheme in SCHEMES:
        if not urlsplit(str(source)).hostname:
            raise BadInput("That address names no camera. It looks like http://192.168.1.20:8080/video or rtsp://192.168.1.20:8554/live.")
        return True
    if "://" in str(source):
        raise BadInput(f"A camera's address begins with http://, https:// or rtsp://, not with {scheme}://. Please check it.")
    return False


def must_be_camera(address):
    """Raise BadInput for anything that is not a camera's address: a page must not open files of its server."""
    if not is_camera(address):
        raise BadInput("A camera's address begins with http://, https:// or rtsp://. Its app shows it.")


def _spaced(container, every, most, camera):
    given, due, start = 0, 0.0, time.monotonic()
    for index, frame in enumerate(container.decode(video=0)):
        # A camera's own clock may be anything; a file's says where in the film a picture is.
        at = time.monotonic() - start if camera or frame.time is None else float(frame.time)
        if at + 1e-6 >= due or index == 0:
            yield at, to_rgb(frame.to_image())
            given, due = given + 1, at + every
            if given >= most:
                return


def _check_file(path):
    if not path.is_file():
        raise BadInput(f"There is no video file {path.name}. Please check the path, or write a camera's address with http:// or rtsp://.")
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(f"{path.name} is {path.stat().st_size / 2**20:.0f} MB; the limit is {MOST_BYTES // 2**20} MB. Please cut it into parts.")


def _cannot(source, camera):
    if camera:
        where = urlsplit(source)
        return Unavailable(
            f"The camera at {where.hostname}{f':{where.port}' if where.port else ''} does not answer with a video. "
            "Please check that it is on, in the same network, and that the address is the one its app shows."
        )
    return BadInput(f"{Path(source).name} is not a video that can be read here. Please use MP4, MOV, MKV, WebM or AVI.")


def _broken(source, camera):
    if camera:
        return Unavailable("The camera stopped sending. What was noted until then is saved; please check it and start again.")
    return BadInput(f"{Path(source).name} is damaged or cut off. What was noted until then is saved.")
