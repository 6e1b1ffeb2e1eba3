"""Photos from a zip or a folder, one at a time, with the folder that holds each as its label."""

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from core.errors import BadInput
from core.images import SUFFIXES, open_image, shrink
from core.zips import ZIP_DAMAGE

LONGEST = 400  # px kept of a photo in memory: 0.5 MB each, enough for 224 px crops


@dataclass(frozen=True)
class Photo:
    """One photo: its path inside the source, its folder's name ("" at the top), and the picture, RGB."""

    name: str
    folder: str
    image: Image.Image

    @property
    def key(self):
        return f"{self.folder}/{self.name}"


def read(source, longest=LONGEST, on_error=None):
    """Yield every photo of a zip or folder in name order; the folder that directly holds it is its label.

    source:   path of a .zip or a folder
    longest:  px; larger photos are shrunk, smaller ones stay; None keeps all as they are
    on_error: called with a sentence for each file that is no picture; None raises BadInput instead
    """
    for path, file in _files(Path(source)):
        parts = PurePosixPath(path)
        try:
            image = _open(file, parts.name)
        except BadInput as error:
            if on_error is None:
                raise
            on_error(str(error))
            continue
        yield Photo(parts.name, parts.parent.name, shrink(image, longest) if longest else image)


def listing(source):
    """[(folder, name)] of every photo that `read` would try, without opening one."""
    return [(PurePosixPath(path).parent.name, PurePosixPath(path).name) for path, _ in _files(Path(source))]


def unpacked_bytes(archive):
    """What the photos of a zip say they take once unpacked; nothing is unpacked for it. Raises BadInput for what is no zip."""
    try:
        with zipfile.ZipFile(archive) as file:
            return sum(info.file_size for info in _members(file))
    except (*ZIP_DAMAGE, OSError):
        raise BadInput(f"{Path(archive).name} is no readable zip file. Please pack the pictures again, without a password.") from None


def _open(file, name):
    try:
        return open_image(file, name)
    except ZIP_DAMAGE as error:
        raise BadInput(f"{name} cannot be unpacked ({error}). Please pack the zip again, without a password.") from None


def _members(archive):
    """The photos of an open zip in name order, without what systems hide in it."""
    for info in sorted(archive.infolist(), key=lambda info: info.filename):
        hidden = "__MACOSX" in info.filename or PurePosixPath(info.filename).name.startswith(".")
        if info.filename.lower().endswith(SUFFIXES) and not hidden:
            yield info


def _files(source):
    """Yield (path inside the source, what open_image reads it from); nothing is unpacked beyond open_image's limits."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield path.relative_to(source).as_posix(), path
    elif source.is_file() and zipfile.is_zipfile(source):
        try:
            with zipfile.ZipFile(source) as archive:
                for info in _members(archive):
                    with archive.open(info) as file:
                        yield info.filename, file
        except ZIP_DAMAGE as error:
            raise BadInput(f"{source.name} cannot be unpacked ({error}). Please pack it again, without a password.") from None
    else:
        raise BadInput(f"{source} is neither a folder nor a zip file. Please check the path.")
