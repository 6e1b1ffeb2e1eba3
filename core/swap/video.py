"""A face into every frame of a film: tracked, its points smoothed over time, the sound kept.

Two passes over the file. The first finds the face's landmarks in every frame and smooths them with a window that looks
both ways, so nothing lags; the second swaps, marks and writes. Frames keep their own times, so a film with an uneven
frame rate stays in step with its sound. No frame is held longer than it takes.
"""

import contextlib
import datetime
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import BadInput
from core.faces.detect import Box, detector, to_points
from core.images import to_array
from core.provenance import label, manifest, watermark
from core.provenance import predict as provenance
from core.swap import geometry, predict

SUFFIXES = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi")
MOST_SECONDS, MOST_BYTES, LARGEST = 60, 500 * 2**20, 1920
LOOK_EVERY = 6  # frames between two searches for the face; between them its points are followed
SMOOTH = 1.2  # frames: deviation of the window that landmarks are smoothed with
LOST = 0.75  # eye distances that a face may move between two frames before it counts as another one


@dataclass(frozen=True)
class Film:
    """What became of a film. `path`: the mp4; counts of frames; `jitter`: of the swap's landmarks against the original's."""

    path: str | None
    frames: int
    swapped: int
    seconds: float
    sound: bool
    note: str
    manifest: dict

    def as_dict(self):
        missing = self.frames - self.swapped
        where = f" In {missing} frames no face was found; they stay as they were." if missing else ""
        sound = "with its sound" if self.sound else "it has no sound"
        said = f"{self.swapped} of {self.frames} frames swapped, {self.seconds:.1f} s, {sound}.{where} {self.note}".strip()
        return dict(vars(self)) | {"sentence": said}


def is_video(path):
    return Path(str(path)).suffix.lower() in SUFFIXES


@contextlib.contextmanager
def opened(path):
    """The file as a PyAV container with a picture track; BadInput where it is none."""
    import av

    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no video file {path.name}. Please check the path.")
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(f"{path.name} is {path.stat().st_size / 2**20:.0f} MB; the limit is {MOST_BYTES // 2**20} MB. Please cut it into parts.")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError):
        raise BadInput(f"{path.name} is not a video that can be read here. Please use MP4, WebM, MOV, MKV or AVI.") from None
    with container:
        if not container.streams.video:
            raise BadInput(f"{path.name} has no pictures in it. Please choose a video.")
        if max(container.streams.video[0].width, container.streams.video[0].height) > LARGEST:
            raise BadInput(f"{path.name} is larger than {LARGEST} px a side. Please reduce it to 1080p or less.")
        container.streams.video[0].thread_type = "AUTO"
        yield container


def frames(path, start=0.0, end=None):
    """Yield (av.VideoFrame, (H, W, 3) uint8) from `start` to `end` seconds, at most a minute; ends where the file is broken."""
    import av

    end = min(end or start + MOST_SECONDS, start + MOST_SECONDS)
    with opened(path) as container:
        try:
            if start > 1:
                container.seek(int((start - 1) * av.time_base))
            for frame in container.decode(video=0):
                at = frame.time or 0.0
                if at >= end:
                    return
                if at >= start:
                    yield frame, even(frame.to_ndarray(format="rgb24"))
        except (av.FFmpegError, OSError):
            return  # what could be read was given; the caller counts


def even(array):
    """mp4 wants even sides: an odd last row or column is left out."""
    return array[: array.shape[0] // 2 * 2, : array.shape[1] // 2 * 2]


def duration(path):
    """Seconds, as the file says or, where it does not, from its frames."""
    with opened(path) as container:
        if container.duration:
            return container.duration / 1e6
    return max((frame.time or 0.0 for frame, _ in frames(path)), default=0.0)


class Tracker:
    """The landmarks of one face from frame to frame, or None where it is not seen: that of `near` if given, else the largest."""

    def __init__(self):
        self.last, self.age = None, 0

    def __call__(self, array):
        self.age += 1
        if self.last is None or self.age >= LOOK_EVERY:
            self.last = self._found(array)
            self.age = 0
        elif self.last is not None:
            self.last = self._followed(array)
        return self.last

    def _found(self, array):
        boxes = detector().boxes(Image.fromarray(array))
        if not boxes:
            return None
        if self.last is not None:
            boxes = sorted(boxes, key=lambda box: np.hypot(*(np.array(box.centre) - self.last[17:].mean(0))))
        return geometry.steady_landmarks(array, boxes[0])

    def _followed(self, array):
        points = to_points(detector().points(array, box_of(self.last), "landmarks"))
        points = geometry.steady_landmarks(array, box_of(points))
        moved = np.linalg.norm(points.mean(0) - self.last.mean(0)) / geometry.eye_distance(self.last)
        return points if moved < LOST else self._found(array)


def box_of(points):
    """Landmarks -> the Box that dlib's detector would draw around such a face."""
    left, right = points[:, 0].min(), points[:, 0].max()
    top, bottom = points[17:27, 1].min(), points[:, 1].max()
    side, x, y = 0.55 * max(right - left, bottom - top), (left + right) / 2, (top + bottom) / 2
    return Box(round(x - side), round(y - side), round(x + side), round(y + side), 0.0)


def smoothed(track, sigma=SMOOTH):
    """[(68, 2) or None] -> the same with each run of seen frames smoothed by a Gaussian that looks both ways."""
    from scipy.ndimage import gaussian_filter1d

    out = list(track)
    for seen, run in itertools.groupby(range(len(track)), key=lambda k: track[k] is not None):
        run = list(run)
        if seen:
            for k, points in zip(run, gaussian_filter1d(np.stack([track[k] for k in run]), sigma, 0, mode="nearest"), strict=True):
                out[k] = points
    return out


def preview(path, source, at=0.0, face=0, options=None):
    """The first frame from `at` seconds on that shows a face, swapped and labelled; PIL. Raises BadInput if there is none in 5 s."""
    for frame, array in frames(path, at, at + 5):
        boxes = detector().boxes(Image.fromarray(array)) if frame else []
        if boxes:
            points = geometry.steady_landmarks(array, boxes[0])
            made = painter(source, face, options)(array, points)
            return label.draw(Image.fromarray(made), label.TEXTS["swapped"], [tuple(vars(boxes[0]).values())[:4]])
    raise BadInput("No face is seen in the first five seconds from there. Please choose another beginning.")


def painter(source, face, options):
    """(picture, landmarks) -> picture, for a Scene or a PairSource; whether to mirror is decided once, lest a turning head flicker."""
    if isinstance(source, predict.PairSource):
        return lambda array, points: source.put(array, points, options)
    predict.check(source, [face], "source")
    mirrored = []

    def put(array, points):
        if not mirrored:
            mirrored.append(predict.wants_mirror(source.points[face], points))
        return predict.put(array, points, source.array, source.points[face], options, mirrored[0])

    return put


def swap(path, source, out, face=0, options=None, consent="", text=None, start=0.0, end=None):
    """Put a face into a film. A generator: yields (frames done, frames in all) of both passes together, returns Film.

    path: video file; source: predict.Scene or PairSource; out: where the mp4 is written, None to a folder of its own
    start, end: seconds; raises BadInput without consent, for what is no video, or where no frame shows a face
    Stopped early (closed), it leaves nothing behind.
    """
    if not consent:
        raise BadInput(predict.NO_CONSENT)
    began = datetime.datetime.now(datetime.UTC)
    expected = None
    track, follow = [], Tracker()
    for _, array in frames(path, start, end):
        if min(array.shape[:2]) < watermark.SMALLEST:
            raise BadInput(f"The film is smaller than {watermark.SMALLEST} px a side; there is no room for the mark. Please use a larger one.")
        if expected is None:
            expected = _expected(path, start, end)
        track.append(follow(array))
        yield len(track), max(len(track), expected) * 3
    if not any(points is not None for points in track):
        raise BadInput("No face was found in this film, or it cannot be read. Please use one where a face is seen from the front.")
    track = smoothed(track)
    out = Path(out or Path(tempfile.mkdtemp(prefix="vitrine-")) / "swap.mp4")
    if out.suffix.lower() != ".mp4":
        raise BadInput("A film is written as .mp4. Please give a name that ends so.")
    part = out.with_name(f".{out.stem}.part.mp4")
    try:
        sound = yield from _write(part, path, track, source, face, options, began, text, start, end)
        said = manifest.statement("swapped", model_of(source), began, [source.digest, provenance.sha256(path)], consent,
                                  provenance.payload("swapped", model_of(source), began).hex(), frames=len(track))  # fmt: skip
        out.write_bytes(manifest.sign(part.read_bytes(), "video/mp4", said))
    finally:
        part.unlink(missing_ok=True)
    short = expected and len(track) < 0.9 * expected
    note = "The file is damaged or shorter than it says; the result ends where it could be read." if short else ""
    took = (datetime.datetime.now(datetime.UTC) - began).total_seconds()
    return Film(str(out), len(track), sum(points is not None for points in track), round(took, 2), sound, note, said)


def _expected(path, start, end):
    """How many frames the part should have, by what the file says of itself; 0 if it says nothing."""
    with opened(path) as container:
        stream = container.streams.video[0]
        length = (container.duration or 0) / 1e6
        stop = min(end or length, length, start + MOST_SECONDS)
        return round(max(0.0, stop - start) * float(stream.average_rate or 0))


def _write(part, path, track, source, face, options, made, text, start, end):
    """Second pass: swap, label, mark and encode every frame, then the sound. Yields progress, returns whether there is sound."""
    import av

    data, stamp, stream = provenance.payload("swapped", model_of(source), made), None, None
    text = label.TEXTS["swapped"] if text is None else text
    put, zero = painter(source, face, options), None
    with opened(path) as sounds, av.open(str(part), "w") as container:
        sound = _sound_track(sounds, container)
        for k, ((frame, array), points) in enumerate(zip(frames(path, start, end), track, strict=False)):
            if points is not None:
                array = put(array, points)
            image = label.draw(Image.fromarray(array), text) if text else Image.fromarray(array)
            stamp = stamp or watermark.Stamp(image, data)
            if stream is None:
                stream = _picture_track(container, frame, array)
                zero = frame.pts or 0
            new = av.VideoFrame.from_ndarray(to_array(stamp(image)), "rgb24")
            new.pts, new.time_base = (frame.pts or 0) - zero, frame.time_base
            container.mux(stream.encode(new))
            yield len(track) + 2 * (k + 1), 3 * len(track)
        container.mux(stream.encode())
        if sound:
            _copy_sound(sounds, container, sound, start, end)
        return sound is not None


def _picture_track(container, frame, array):
    stream = container.add_stream("libx264", rate=60)
    stream.height, stream.width = array.shape[:2]
    stream.pix_fmt, stream.options = "yuv420p", {"crf": "17", "preset": "veryfast"}
    stream.codec_context.time_base = stream.time_base = frame.time_base
    return stream


def _sound_track(sounds, container):
    """A new AAC track for the film's first sound track, or None."""
    if not sounds.streams.audio:
        return None
    given = sounds.streams.audio[0]
    return container.add_stream("aac", rate=given.rate or 48000, layout="mono" if given.channels == 1 else "stereo")


def _copy_sound(sounds, container, track, start, end):
    import av

    stop, given = (end or start + MOST_SECONDS), sounds.streams.audio[0]
    resampler = av.AudioResampler("fltp", track.layout, track.rate)
    try:
        for frame in sounds.decode(given):
            if frame.time is not None and start <= frame.time < stop:
                frame.pts = None
                for piece in resampler.resample(frame):
                    container.mux(track.encode(piece))
    except (av.FFmpegError, OSError):
        pass  # a broken end: the film ends there too
    container.mux(track.encode())


def model_of(source):
    return "autoencoder pair" if isinstance(source, predict.PairSource) else "landmark mesh"


def verify(path):
    """A film's manifest, and the clearest mark among a few of its frames -> provenance.Verdict."""
    length = duration(path)
    readings = []
    for k in range(3):
        frame = next(frames(path, k * length / 3, k * length / 3 + 2), None)
        if frame:
            readings.append(watermark.read(Image.fromarray(frame[1]), thorough=k == 0))
    if not readings:
        raise BadInput(f"{Path(path).name} is damaged: no picture in it can be read. Please send the original file again.")
    best = max(readings, key=lambda reading: (reading.data is not None, reading.peak))
    return provenance.judge(manifest.read(Path(path).read_bytes()), best)
