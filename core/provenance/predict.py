"""Seal what the studio makes of faces, and tell later whether a picture was made here.

sealed = predict.seal(picture, "swapped", "landmark mesh", inputs=[sha256, ...], consent="...")
predict.verify("from-a-chat.jpg").sentence

Three layers, each for another reader: a label for the eye, a mark in the pixels that survives a messenger, and a
signed manifest (Content Credentials) for programs. None of them proves a picture without them to be real.
"""

import datetime
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from core.errors import BadInput
from core.images import open_image
from core.provenance import label, manifest, watermark

KINDS = ("", "swapped", "generated")  # the mark carries the position in these lists: only ever append
MODELS = ("", "landmark mesh", "autoencoder pair", "face generator")
EPOCH = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)  # the mark counts minutes from here, for 31 years
FORMATS = {"PNG": ("image/png", {"compress_level": 3}), "JPEG": ("image/jpeg", {"quality": 95}), "WEBP": ("image/webp", {"quality": 92})}
SMALLEST = watermark.SMALLEST


@dataclass(frozen=True)
class Sealed:
    """A picture with its label and mark, the bytes of its file with the signed manifest inside, and what that says."""

    picture: Image.Image
    data: bytes
    manifest: dict


@dataclass(frozen=True)
class Verdict:
    """What a picture says of its origin.

    status: "made here" (signed by this studio), "marked" (by a Vitrine; no proof whose), "damaged" (there was a mark),
            "other" (Content Credentials of another program) or "none"
    """

    status: str
    title: str
    sentence: str
    kind: str = ""
    model: str = ""
    made: str = ""  # ISO 8601, UTC
    manifest: dict | None = None
    signed: str = "no"  # "whole", "changed" or "no"
    mark: str = "no"  # "read", "damaged" or "no"

    def as_dict(self):
        return dict(vars(self))


def payload(kind, model, made):
    """Kind, model and minute as the mark's four bytes."""
    minutes = int((made - EPOCH).total_seconds() // 60)
    return bytes([KINDS.index(kind) << 5 | MODELS.index(model)]) + minutes.to_bytes(3, "big")


def unpack(data):
    """Four bytes -> (kind, model, datetime); "unknown" for what a later version may have added."""
    kind, model = data[0] >> 5, data[0] & 31
    made = EPOCH + datetime.timedelta(minutes=int.from_bytes(data[1:], "big"))
    return KINDS[kind] if kind < len(KINDS) else "unknown", MODELS[model] if model < len(MODELS) else "unknown", made


def seal(picture, kind, model, inputs=(), consent="", text=None, avoid=(), form="PNG", **more):
    """Label, mark and sign a picture.

    picture: PIL RGB, at least SMALLEST px on the shorter side
    kind:    "swapped" or "generated"; model: one of MODELS
    inputs:  SHA-256 in hex of what it was made from
    consent: the sentence the visitor agreed to
    text:    the label; None for that of the kind, "" for none
    avoid:   XYXY px boxes the label should not cover
    form:    "PNG", "JPEG" or "WEBP"
    more:    further JSON-ready facts for the manifest
    returns  Sealed; raises BadInput for a picture that is too small
    """
    made = datetime.datetime.now(datetime.UTC)
    data = payload(kind, model, made)
    text = label.TEXTS[kind] if text is None else text
    shown = watermark.mark(label.draw(picture, text, avoid) if text else picture, data)
    said = manifest.statement(kind, model, made, inputs, consent, data.hex(), label=text, **more)
    mime, options = FORMATS[form]
    buffer = io.BytesIO()
    shown.save(buffer, form, **options)
    return Sealed(shown, manifest.sign(buffer.getvalue(), mime, said), said)


def verify(source):
    """Path, bytes or file of a picture -> Verdict; raises BadInput if it is no picture."""
    data = bytes(source) if isinstance(source, bytes | bytearray) else None
    image = open_image(source)  # before anything else reads it: this has the limits
    if data is None and not isinstance(source, Image.Image):
        if hasattr(source, "seek"):
            source.seek(0)
        data = Path(source).read_bytes() if isinstance(source, str | Path) else source.read()
    return judge(manifest.read(data) if data else None, watermark.read(image))


def judge(signed, reading):
    """What the manifest says (Signed or None) and what the pixels say (watermark.Reading), as one Verdict."""
    mark = "read" if reading.data else "damaged" if reading.damaged else "no"
    facts = dict(mark=mark, signed=("whole" if signed.whole else "changed") if signed else "no", manifest=signed and (signed.statement or signed.report))
    if signed and signed.statement and signed.whole and signed.ours:
        said = signed.statement
        return Verdict("made here", f"Made here: {said['kind']}", f"{_story(said['kind'], said['model'], said['made'])} "
                       "The signature is this studio's and whole: nothing was changed since.",
                       **facts, kind=said["kind"], model=said["model"], made=said["made"])  # fmt: skip
    if reading.data:
        kind, model, made = unpack(reading.data)
        return Verdict("marked", f"Made with Vitrine: {kind}", f"{_story(kind, model, made.isoformat())} {_why_mark(signed)}",
                       **facts, kind=kind, model=model, made=made.isoformat())  # fmt: skip
    if signed and signed.statement:
        said = signed.statement
        state = "its signature is whole, but of another studio's key" if signed.whole else "its pixels or its manifest were changed since it was signed"
        return Verdict("marked", f"Made with Vitrine: {said['kind']}", f"The manifest in the file says so; {state}.",
                       **facts, kind=said["kind"], model=said["model"], made=said["made"])  # fmt: skip
    if reading.damaged:
        return Verdict("damaged", "Mark damaged", "A mark of Vitrine is in the pixels, but too damaged to read what it says: the picture was "
                       "cut, reduced or painted over. It was swapped or generated.", **facts)  # fmt: skip
    if signed:
        state = "whole" if signed.whole else "not valid: the file was changed"
        return Verdict("other", "No mark of Vitrine", f"The file carries Content Credentials signed by {signed.signer}; their signature is {state}.", **facts)
    return Verdict("none", "No mark found", "This picture carries no mark of Vitrine. That does not make it real: other tools leave none, "
                   "and marks can be washed out.", **facts)  # fmt: skip


def _story(kind, model, made):
    when = datetime.datetime.fromisoformat(made).strftime("%-d %B %Y at %H:%M UTC")
    return f"This picture was {kind} on {when} by the {model}."


def _why_mark(signed):
    if signed is None:
        return "The mark in its pixels says so. The signed manifest is gone, as after a screenshot or a messenger, so this is no proof of who made it."
    if signed.whole:
        return "The mark and the signed manifest say so; the key is another studio's."
    return "The mark in its pixels says so. The signature no longer fits: the file was changed since."


def sha256(source):
    """Hexadecimal SHA-256 of a picture's file (path or bytes), or of a PIL picture's pixels: what `inputs` takes."""
    if isinstance(source, Image.Image):
        return hashlib.sha256(source.tobytes()).hexdigest()
    data = source if isinstance(source, bytes) else _bytes_of(source)
    return hashlib.sha256(data).hexdigest()


def _bytes_of(source):
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise BadInput(f"{Path(source).name} cannot be read ({error.strerror}). Please choose another file.") from None
