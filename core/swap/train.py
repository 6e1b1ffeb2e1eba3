"""Train the pair of two people from their photos or films, and use it.

    python -m core.swap.train A B --out pair.safetensors [--minutes 20] [--side 64] [--sheet grid.png] [--json]

A and B: a folder, a zip or a film of each person. The faces are aligned by their landmarks; every step warps them at
random and asks for the unwarped face back, so that the encoder learns the expression and not the pixels. The same
command goes on where a run was stopped, and uses a GPU where torch sees one.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core import runtime, weights
from core.errors import BadInput, StudioError, WeightsError
from core.faces import predict as faces
from core.images import open_image, to_array
from core.photos import read
from core.swap import geometry, video
from core.work import finish

SIDES, LEAST, MOST = (64, 96), 8, 400  # px; aligned faces of each person
BATCH, RATE = 16, 2e-4
SPACE = 2.3  # side of an aligned face in distances between the eyes
SMALLEST = 48  # px across: smaller faces teach blur
SURE = 0.5  # of the detector's score: fainter finds beside a sure one are no second person
EVERY_FRAME = 0.4  # seconds of film between two faces taken from it


@dataclass(frozen=True)
class Crops:
    """One person's aligned faces (n, S, S, 3) uint8, and a sentence for each picture that gave none."""

    faces: np.ndarray
    refused: tuple


def placing(points, side):
    """(68, 2) px -> (2, 3): the affine map from the picture onto a square face of `side` px, upright, eyes at fixed places."""
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    eyes, mouth = (left + right) / 2, points[geometry.LIPS].mean(0)
    middle = eyes * 0.55 + mouth * 0.45
    reach = SPACE * max(np.linalg.norm(right - left), 0.9 * np.linalg.norm(mouth - eyes))
    across = (right - left) / max(1e-6, np.linalg.norm(right - left))
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]]) * side / reach
    return np.hstack([turn, (np.array([side / 2, side / 2]) - turn @ middle)[:, None]]).astype(np.float32)


def aligned(array, points, side):
    """(H, W, 3) uint8, (68, 2) -> (side, side, 3) uint8"""
    import cv2

    matrix = placing(points, side)
    scale = float(np.hypot(*matrix[0, :2]))
    if scale < 0.6:  # a large photo is reduced first, so that it does not glitter
        array = cv2.resize(array, None, fx=1.5 * scale, fy=1.5 * scale, interpolation=cv2.INTER_AREA)
        matrix = np.hstack([matrix[:, :2] / (1.5 * scale), matrix[:, 2:]])
    return cv2.warpAffine(array, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def pictures(source):
    """Yield (name, PIL or the sentence why not) of a folder, a zip, a film, or a list of files."""
    if isinstance(source, list | tuple):
        for path in source:
            yield from pictures(path)
        return
    path = Path(source)
    if video.is_video(path):
        due = 0.0
        for frame, array in video.frames(path):
            if (frame.time or 0.0) >= due:
                due = (frame.time or 0.0) + EVERY_FRAME
                yield f"{path.name} at {frame.time or 0:.1f} s", Image.fromarray(array)
    elif path.is_dir() or path.suffix.lower() == ".zip":
        unread = []
        for photo in read(path, None, unread.append):
            yield photo.name, photo.image
        yield from (("", sentence) for sentence in unread)
    else:
        try:
            yield path.name, open_image(path)
        except BadInput as error:
            yield path.name, str(error)


def gather(source, side=64):
    """One person's photos or film -> Crops. A generator: yields (pictures looked at, at most), returns Crops; BadInput if too few faces."""
    kept, refused = [], []
    for done, (name, image) in enumerate(pictures(source), 1):
        reason = image if isinstance(image, str) else _take(name, image, side, kept)
        if reason:
            refused.append(reason)
        yield min(done, MOST), MOST
        if len(kept) >= MOST:
            break
    if len(kept) < LEAST:
        raise BadInput(f"{len(kept)} usable faces were found; at least {LEAST} are needed, and fifty make a good start. {' '.join(refused[:3])}")
    return Crops(np.stack(kept), tuple(refused))


def _take(name, image, side, kept):
    found = faces.find(image, vectors=False, landmarks=True)
    if not found:
        return f"{name}: no face was found."
    found = [face for face in found if face.box.score >= SURE] or [max(found, key=lambda face: face.box.score)]
    if len(found) > 1 and found[1].box.width > 0.6 * found[0].box.width:
        return f"{name}: more than one person is in it."
    if found[0].box.width < SMALLEST:
        return f"{name}: the face is too small ({found[0].box.width} px)."
    kept.append(aligned(to_array(image), found[0].landmarks, side))
    return ""


def thumbs(crops, count):
    """At most `count` of a person's aligned faces as PIL pictures, spread over all of them."""
    return [Image.fromarray(crops.faces[k]) for k in np.unique(np.linspace(0, len(crops.faces) - 1, count).astype(int))]


class Trainer:
    """A pair in training. Steps may be taken, stopped, saved and taken up again."""

    def __init__(self, a, b, side=64, seed=0):
        """a, b: (n, S, S, 3) uint8 aligned faces"""
        self.torch = runtime.prepare_torch()
        from core.swap.model import Pair

        self.torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.device, self.side, self.faces = runtime.device(), side, (a, b)
        self.net = Pair(side).to(self.device)
        self.optimiser = self.torch.optim.Adam(self.net.parameters(), RATE, betas=(0.5, 0.999))
        self.steps, self.losses, self.seconds = 0, [], 0.0

    def step(self):
        """One batch of each person; -> the loss."""
        from core.swap.model import loss

        start = time.perf_counter()
        self.optimiser.zero_grad()
        total = 0.0
        for person in (0, 1):
            seen, wanted = (self._tensor(batch) for batch in warped(self.faces[person], BATCH, self.rng))
            value = loss(self.net(seen, person), wanted)
            value.backward()
            total += float(value.detach())
        self.optimiser.step()
        self.steps += 1
        self.seconds += time.perf_counter() - start
        self.losses.append(total / 2)
        return total / 2

    def _tensor(self, batch):
        return self.torch.from_numpy(np.ascontiguousarray(batch)).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1

    def paint(self, batch, person):
        """(n, S, S, 3) uint8, 0 or 1 -> the same faces as that person's, uint8"""
        with self.torch.inference_mode():
            out = self.net(self._tensor(batch), person)
        return ((out.permute(0, 2, 3, 1).cpu().numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)

    def grid(self, count=6, scale=2):
        """PIL: rows of a face, itself painted again, and as the other person; both people side by side."""
        columns = []
        for person in (0, 1):
            some = self.faces[person][np.linspace(0, len(self.faces[person]) - 1, count).astype(int)]
            columns += [some, self.paint(some, person), self.paint(some, 1 - person)]
        sheet = np.concatenate([np.concatenate(list(column), 0) for column in columns], 1)
        return Image.fromarray(sheet).resize((sheet.shape[1] * scale, sheet.shape[0] * scale))

    def curve(self, width=640, height=160):
        """PIL: the loss of every step as a line, smoothed; the scale runs from none to the first steps' loss."""
        from scipy.ndimage import uniform_filter1d

        picture = Image.new("RGB", (width, height), "white")
        values = uniform_filter1d(np.array(self.losses or [0.0]), max(1, len(self.losses) // 100))
        xs = np.linspace(8, width - 8, len(values))
        ys = height - 8 - (height - 16) * values / max(1e-6, values.max())
        ImageDraw.Draw(picture).line([(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], fill=(15, 118, 110), width=2)
        return picture

    def figures(self):
        """JSON-ready: steps, seconds, and the mean loss of the last hundred steps."""
        recent = self.losses[-100:]
        return {"steps": self.steps, "seconds": round(self.seconds, 1), "loss": round(float(np.mean(recent)), 4) if recent else None,
                "faces": [len(f) for f in self.faces], "side": self.side}  # fmt: skip

    def export(self, path):
        """Write the pair as safetensors, half precision: what PairSource reads. -> path"""
        tensors = {key: value.detach().cpu().half() for key, value in self.net.state_dict().items()}
        weights.save(path, tensors, {"kind": "vitrine face pair 1", "side": str(self.side), "figures": json.dumps(self.figures())})
        return path

    def resume(self, path):
        """Go on from an exported pair; the optimiser warms up again."""
        self.net.load_state_dict(load(path, self.device).state_dict())
        figures = json.loads(weights.read(path)[1].get("figures", "{}"))
        self.steps, self.seconds = figures.get("steps", 0), figures.get("seconds", 0.0)


def warped(faces_, count, rng):
    """Random faces, mirrored by chance -> (warped inputs, what they should become), (count, S, S, 3) uint8 each."""
    import cv2

    side = faces_.shape[1]
    seen, wanted = [], []
    for k in rng.integers(0, len(faces_), count):
        face = faces_[k][:, ::-1] if rng.random() < 0.5 else faces_[k]
        angle, scale, shift = rng.uniform(-8, 8), rng.uniform(0.95, 1.08), rng.uniform(-0.04, 0.04, 2) * side
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), angle, scale)
        matrix[:, 2] += shift
        face = cv2.warpAffine(np.ascontiguousarray(face), matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)
        points = np.stack(np.meshgrid(*[np.linspace(0, side - 1, 5, dtype=np.float32)] * 2), -1)
        mesh = cv2.resize(points + rng.normal(0, 0.03 * side, (5, 5, 2)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        seen.append(cv2.remap(face, mesh, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
        wanted.append(face)
    return np.stack(seen), np.stack(wanted)


def load(path, device="cpu"):
    """A pair's safetensors -> model.Pair; WeightsError for any other file."""
    from core.swap.model import Pair

    tensors, metadata = weights.read(path)
    if metadata.get("kind") != "vitrine face pair 1":
        raise WeightsError(f"{Path(path).name} is no face pair of this studio. Please choose the file that training gave.")
    net = Pair(int(metadata["side"])).eval().to(device)
    try:
        net.load_state_dict(tensors)
    except RuntimeError:
        raise WeightsError(f"{Path(path).name} does not hold what it should. Please train the pair again.") from None
    return net


def minutes_of(trainer, minutes, every=20):
    """Train for so many minutes; a generator that yields the trainer every `every` seconds of work."""
    end, last = trainer.seconds + 60 * minutes, trainer.seconds
    while trainer.seconds < end:
        trainer.step()
        if trainer.seconds - last >= every:
            last = trainer.seconds
            yield trainer
    yield trainer


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m core.swap.train", description=__doc__.splitlines()[0])
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--out", default="pair.safetensors")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--side", type=int, choices=SIDES, default=64)
    parser.add_argument("--sheet", help="write the grid of faces here as it goes on")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        a, b = (finish(gather(source, options.side)) for source in (options.a, options.b))
        trainer = Trainer(a.faces, b.faces, options.side)
        if Path(options.out).exists():
            trainer.resume(options.out)
        for _ in minutes_of(trainer, options.minutes):
            trainer.export(options.out)
            if options.sheet:
                trainer.grid().save(options.sheet)
            print(json.dumps(trainer.figures()), file=sys.stderr)
    except StudioError as error:
        sys.exit(str(error))
    said = trainer.figures() | {"out": options.out, "refused": [len(a.refused), len(b.refused)], "device": trainer.device}
    print(json.dumps(said) if options.json else f"{said['steps']} steps in {said['seconds']:.0f} s; loss {said['loss']}; wrote {options.out}")


if __name__ == "__main__":
    main()
