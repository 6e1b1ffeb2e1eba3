"""A row of pictures as a short film: GIF and WebP by Pillow, MP4 by PyAV."""

import datetime
from pathlib import Path

from core.errors import BadInput

RATES = {".gif": 20, ".webp": 24, ".mp4": 24}  # frames a second; GIF counts in hundredths


def rate(path):
    """Frames a second of a file's format; raises BadInput for another ending."""
    suffix = Path(path).suffix.lower()
    if suffix not in RATES:
        raise BadInput(f"A film is written as {', '.join(RATES)}, not {suffix or 'a file without an ending'}.")
    return RATES[suffix]


def frames(path, seconds):
    """How many frames that many seconds have; raises BadInput for under 1 s or over 30."""
    if not 1 <= float(seconds) <= 30:
        raise BadInput(f"A walk takes 1 to 30 seconds, not {float(seconds):g}.")
    return round(rate(path) * float(seconds))


def write(path, pictures, count, fps, text):
    """Generator of (done, count): write PIL pictures, each labelled with `text` and marked, as a signed file. The name appears only once it is whole."""
    from core.provenance import manifest
    from core.provenance import predict as provenance

    made = datetime.datetime.now(datetime.UTC)
    mark = provenance.payload("generated", "face generator", made)
    path = Path(path)
    part = path.with_name(f".part-{path.name}")
    try:
        yield from (_mp4 if path.suffix.lower() == ".mp4" else _animated)(part, _sealed(pictures, mark, text), count, fps)
        said = manifest.statement("generated", "face generator", made, mark=mark.hex(), frames=count)
        data = part.read_bytes()
        part.write_bytes(manifest.sign(data, manifest.type_of(data), said))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sealed(pictures, mark, text):
    """Each picture with the label and the mark, which is fitted to the first."""
    from core.provenance import label, watermark

    stamp = None
    for picture in pictures:
        picture = label.draw(picture, text)
        stamp = stamp or watermark.Stamp(picture, mark)
        yield stamp(picture)


def _animated(path, pictures, count, fps):
    kept = []
    for picture in pictures:
        kept.append(picture)
        yield len(kept), count
    kept[0].save(path, save_all=True, append_images=kept[1:], duration=1000 / fps, loop=0)


def _mp4(path, pictures, count, fps):
    import av

    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=fps, options={"crf": "20"})
        stream.pix_fmt = "yuv420p"
        for done, picture in enumerate(pictures, 1):
            if done == 1:  # the codec opens with it
                stream.width, stream.height = picture.size
            file.mux(stream.encode(av.VideoFrame.from_image(picture)))
            yield done, count
        file.mux(stream.encode())
