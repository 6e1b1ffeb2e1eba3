"""A face from one photo into another: no training, the target's pose, light and skin tone kept, at its full resolution.

scene = predict.look(photo)                            its faces, largest first
made = predict.swap(scene_a, scene_b, consent=predict.CONSENT)
made.sealed.data                                       the bytes of a PNG: labelled, marked, signed

Every result is sealed (core.provenance); there is no way past that but to change this file.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from core import runtime
from core.errors import BadInput, StudioError
from core.faces import detect, embed
from core.faces import predict as faces
from core.images import open_image, to_array
from core.provenance import predict as provenance
from core.swap import blend, geometry
from core.swap.blend import Options
from core.work import finish

CONSENT = "I have the right to use both faces, and the people shown agree to it."
NO_CONSENT = "Please confirm first that you have the right to use both faces. It is noted in the result."
ONE_PERSON = 0.6  # dlib's distance under which two faces are probably one person's
SURE = 0.3  # a detector's score under which a find beside better ones is probably a pattern on cloth
CORRECTION, MOST = 0.5, 0.06  # of a landmark's miss that the second look takes back; eye distances at most
MIRROR_FROM = 0.12  # how far a head must be turned before a mirrored source may fit better


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo and its faces: points steadied, vectors computed."""

    image: Image.Image
    array: np.ndarray  # (H, W, 3) uint8
    found: tuple  # of core.faces Face, largest first
    points: tuple  # of (68, 2) float32
    digest: str  # SHA-256 of the file

    def thumbs(self, side=160):
        """A square picture of each face, to choose from."""
        out = []
        for face in self.found:
            (x, y), half = face.box.centre, 0.75 * face.box.width
            out.append(self.image.crop(tuple(round(v) for v in (x - half, y - half, x + half, y + half))).resize((side, side)))
        return out


@dataclass(frozen=True)
class Meter:
    """How one swapped face measures. Distances are dlib's, 0.6 is where one person ends; errors in percent of the eye distance."""

    face: int
    to_source: float | None  # None for a trained pair
    to_target: float
    landmark_error: float
    turn_error: float  # of the nose, in eye distances

    @property
    def words(self):
        error = self.landmark_error
        pose = "expression and pose are kept" if error < 4 else "the expression moved a little" if error < 8 else "the expression changed"
        if self.to_source is None:
            return f"Distance to the face it replaced: {self.to_target:.2f} (from {ONE_PERSON} on probably another person); {pose} ({error:.1f} %)."
        nearest = "the source" if self.to_source < self.to_target else "the target"
        apart = abs(self.to_source - self.to_target) > 0.1 and min(self.to_source, self.to_target) < ONE_PERSON
        return (
            f"Looks {'clearly' if apart else 'more'} like {nearest} (distance {self.to_source:.2f} to the source, {self.to_target:.2f} to the target); "
            f"{pose} ({error:.1f} %)."
        )

    def as_dict(self):
        return dict(vars(self)) | {"words": self.words}


@dataclass(frozen=True, eq=False)
class Swap:
    """A finished swap: the sealed picture, what its faces measure, and the seconds the swap and the sealing took."""

    sealed: provenance.Sealed
    meters: tuple
    seconds: float
    notes: tuple = field(default=())

    def as_dict(self):
        return {
            "width": self.sealed.picture.width,
            "height": self.sealed.picture.height,
            "faces": [meter.as_dict() for meter in self.meters],
            "sentence": " ".join((*(meter.words for meter in self.meters), *self.notes)),
            "seconds": round(self.seconds, 3),
            "manifest": self.sealed.manifest,
        }


def look(source, name=None):
    """Path, bytes or PIL picture -> Scene; raises BadInput if it is no picture or shows no face."""
    image = open_image(source)
    found = faces.find(image, persistent=True)
    if not found:
        raise BadInput(f"No face was found in {name or 'this photo'}. Please use one where a face is seen from the front, at least 40 px wide.")
    found = tuple(face for face in found if face.box.score >= min(SURE, max(f.box.score for f in found)))
    array = to_array(image)
    digest = provenance.sha256(source if isinstance(source, str | Path | bytes) else image)
    return Scene(image, array, found, tuple(geometry.steady_landmarks(array, face.box) for face in found), digest)


def look_once(source, scene, name=None):
    """The Scene of a photo: `scene`, where it is of these very bytes, else as look(); raises what look() does.

    For a page, which looks at a photo when it comes and may be asked to use it before that is done.
    """
    return scene if scene is not None and scene.digest == provenance.sha256(source) else look(source, name)


def put(array, points, source, source_points, options=None, mirrored=None, shift=0):
    """One face into one picture, nothing sealed: the step that photos and every frame of a video share.

    array: (H, W, 3) uint8; points: (68, 2) of the face that is replaced; source: (H, W, 3) uint8 and its (68, 2)
    mirrored: whether to take the source's mirror image; None decides by the pose; shift: (68, 2) px, moves the landmarks' places
    returns (H, W, 3) uint8, a new array
    """
    options = options or Options()
    if mirrored is None:
        mirrored = wants_mirror(source_points, points)
    if mirrored:
        source, source_points = geometry.mirror(source, source_points)
    region = geometry.region_of(points, (array.shape[1], array.shape[0]))
    onto = (geometry.towards(source_points, points, options.shape) + shift).astype(np.float32)
    warp = geometry.lay_over(source, source_points, onto, region)
    out = array.copy()
    out[region.slices] = blend.compose(array[region.slices], warp, points, onto, region, options)
    return out


@dataclass(frozen=True, eq=False)
class PairSource:
    """A trained pair in place of a photo: paints a face as the other person's, with the expression it has."""

    net: object  # model.Pair
    person: int  # 0 or 1: who is painted
    digest: str  # SHA-256 of its file

    def put(self, array, points, options=None):
        """(H, W, 3) uint8, (68, 2) -> (H, W, 3) uint8: that face replaced."""
        import cv2
        import torch

        from core.swap import train

        options = options or Options()
        region = geometry.region_of(points, (array.shape[1], array.shape[0]))
        small = torch.from_numpy(train.aligned(array, points, self.net.side)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            painted = self.net(small.to(next(self.net.parameters()).device), self.person)
        painted = ((painted[0].permute(1, 2, 0).cpu().numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        back = cv2.invertAffineTransform(train.placing(points, self.net.side))
        back[:, 2] -= region.corner
        image = cv2.warpAffine(painted, back, region.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(np.full(painted.shape[:2], 255, np.uint8), back, region.size) > 127
        warp = geometry.Warp(image, inside, geometry.opening(points))
        out = array.copy()
        out[region.slices] = blend.compose(array[region.slices], warp, points, points, region, options)
        return out


def open_pair(path, person=1):
    """A file that training gave -> PairSource that paints the first (0) or the second person (1)."""
    from core.swap import train

    return PairSource(train.load(path, runtime.device()), person, provenance.sha256(path))


def swap_pair(pair, target, target_faces=None, options=None, consent="", text=None, form="PNG"):
    """swap() with a PairSource in place of the source photo; the meters know no source to be like."""
    if not consent:
        raise BadInput(NO_CONSENT)
    chosen = range(len(target.found)) if target_faces is None else target_faces
    check(target, chosen, "target")
    start, array = time.perf_counter(), target.array
    for k in chosen:
        array = pair.put(array, target.points[k], options)
    meters = tuple(measure(array, target, k, None) for k in chosen)
    return Swap(_sealed(array, target, "autoencoder pair", pair, consent, text, form), meters, time.perf_counter() - start)


def _sealed(array, target, model, source, consent, text, form):
    boxes = [(face.box.left, face.box.top, face.box.right, face.box.bottom) for face in target.found]
    return provenance.seal(Image.fromarray(array), "swapped", model, [source.digest, target.digest], consent, text, boxes, form)


def put_well(target, k, source, j, options=None):
    """As put(), with a second look: where the first result's features came out beside the target's, they are moved back.

    target, source: Scene; k, j: positions of their faces
    """
    return correct(target.array, target.points[k], target.found[k].box, source.array, source.points[j], options)


def correct(array, points, box, source, source_points, options=None):
    first = put(array, points, source, source_points, options)
    seen = geometry.steady_landmarks(first, box)
    miss = CORRECTION * (points - seen)
    far = np.linalg.norm(miss, axis=1, keepdims=True) / (MOST * geometry.eye_distance(points))
    return put(array, points, source, source_points, options, shift=miss / np.maximum(1, far))


def wants_mirror(source_points, points):
    """Whether the source looks to the other side than the target, far enough for its mirror image to fit better."""
    a, b = geometry.turn(source_points), geometry.turn(points)
    return a * b < 0 and min(abs(a), abs(b)) > MIRROR_FROM / 2 and abs(a - b) > MIRROR_FROM


def swap(source, target, source_face=0, target_faces=None, options=None, consent="", text=None, form="PNG"):
    """Put a face of one photo into another.

    source, target: Scene; source_face: position of the face to take; target_faces: positions to replace, None for all
    consent:        the sentence that the visitor agreed to; without one nothing is made
    text:           the visible label, None for the usual one
    returns Swap; raises BadInput without consent, for a face that is not there, or for a picture too small to be marked
    """
    if not consent:
        raise BadInput(NO_CONSENT)
    chosen = range(len(target.found)) if target_faces is None else target_faces
    check(source, [source_face], "source")
    check(target, chosen, "target")
    start = time.perf_counter()
    array = target.array
    for k in chosen:
        array = correct(array, target.points[k], target.found[k].box, source.array, source.points[source_face], options)
    meters = tuple(measure(array, target, k, source.found[source_face].vector) for k in chosen)
    sealed = _sealed(array, target, "landmark mesh", source, consent, text, form)
    return Swap(sealed, meters, time.perf_counter() - start)


def measure(array, target, k, source_vector):
    """Meter of the k-th face of a swapped picture."""
    box = target.found[k].box
    five = detect.detector().points(array, box, "five-points")
    after = geometry.steady_landmarks(array, box)
    vector = embed.embedder()([detect.detector().chip(array, five)])[0]
    return Meter(
        face=int(k),
        to_source=None if source_vector is None else round(float(faces.distance(vector, source_vector)), 3),
        to_target=round(float(faces.distance(vector, target.found[k].vector)), 3),
        landmark_error=round(landmark_error(after, target.points[k]), 2),
        turn_error=round(abs(geometry.turn(after) - geometry.turn(target.points[k])), 3),
    )


def landmark_error(points, reference):
    """Root of the mean squared distance of 68 landmarks, in percent of the reference's eye distance."""
    return float(100 * np.sqrt(((points - reference) ** 2).sum(1).mean()) / geometry.eye_distance(reference))


def check(scene, chosen, which):
    count = len(scene.found)
    if not chosen:
        raise BadInput(f"Please choose at least one face of the {which} photo.")
    for k in chosen:
        if not 0 <= k < count:
            raise BadInput(f"The {which} photo shows {count} face{'s' * (count != 1)}; there is no number {k + 1}. Please choose another.")


def ready():
    """Load the models and answer once; raises StudioError if that fails."""
    faces.ready()
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    face = (100 + 50 * np.stack([np.cos(angle), np.sin(3 * angle)], 1)).astype(np.float32)  # any points will do to load what is needed
    made = put(rng.integers(0, 256, (200, 200, 3), np.uint8), face, rng.integers(0, 256, (200, 200, 3), np.uint8), face)
    if made.shape != (200, 200, 3):
        raise StudioError("The face swap does not answer as it should.")


def run(inputs, out=None, consent="no", face="1", onto="all", strength="1", feather="0.28", shape="0.15", both="no", label=None, pair=None):
    """The command line's way in: SOURCE TARGET -> JSON-ready dict, and the sealed picture at `out`; one input: verify it.

    consent: "yes" says CONSENT; face: number of the source's face, from 1; onto: numbers of the target's faces, or "all"
    both: "yes" writes the way back too, beside `out`; label: what the visible label says
    pair: a file of core.swap.train in place of SOURCE; face 1 or 2 says which of its two people is painted
    """
    from core.swap import video

    if len(inputs) == 1 and pair is None:
        return {"file": Path(inputs[0]).name} | (video.verify if video.is_video(inputs[0]) else provenance.verify)(inputs[0]).as_dict()
    if len(inputs) != (1 if pair else 2):
        raise BadInput("Please name two files: the photo whose face is taken, and the photo or video it is put into. One file is verified.")
    consent = CONSENT if str(consent).lower() in ("yes", "true", "1") else ""
    if not consent:
        raise BadInput(f"{NO_CONSENT} On the command line: --consent yes, which says: {CONSENT}")
    options = Options(number(feather, "feather", 0, 1), number(strength, "strength", 0, 1), number(shape, "shape", 0, 1))
    given, first = inputs[-1], whole(face, "face") - 1
    source = open_pair(pair, min(first, 1)) if pair else look(inputs[0], Path(inputs[0]).name)
    if video.is_video(given):
        return {"file": Path(given).name} | finish(video.swap(given, source, out, first, options, consent, label)).as_dict()
    target = look(given, Path(given).name)
    chosen = None if onto == "all" else [whole(part, "onto") - 1 for part in str(onto).split(",")]
    if pair:
        made = swap_pair(source, target, chosen, options, consent, label, form_of(out))
    else:
        made = swap(source, target, first, chosen, options, consent, label, form_of(out))
    said = {"file": Path(given).name} | made.as_dict()
    if out:
        Path(out).write_bytes(made.sealed.data)
    if str(both).lower() in ("yes", "true", "1") and out and not pair:
        back = Path(out).with_stem(f"{Path(out).stem}-back")
        back.write_bytes(swap(target, source, (chosen or [0])[0], [first], options, consent, label, form_of(out)).sealed.data)
        said["back"] = back.name
    return said


def form_of(out):
    """ "PNG", "JPEG" or "WEBP" by a file's ending; raises BadInput for another."""
    endings = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
    ending = Path(out or "x.png").suffix.lower()
    if ending not in endings:
        raise BadInput(f"A result is written as .png, .jpg or .webp, not as {ending or 'a file without an ending'}.")
    return endings[ending]


def number(text, name, low, high):
    """Text -> float in [low, high]; raises BadInput."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise BadInput(f"{name} is a number from {low} to {high}, not {text!r}.")
    return value


def whole(text, name):
    if not str(text).strip().isdigit():
        raise BadInput(f"{name} is the number of a face, from 1, not {text!r}.")
    return int(text)
