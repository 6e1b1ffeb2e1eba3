"""Train the network that finds and frames a face, and measure it against dlib.

    python -m core.gan.framing train --data ../shared/data --run runs/framer
    python -m core.gan.framing release --run runs/framer       half precision, and the lines that core/catalog.py needs
    python -m core.gan.framing card --data ../shared/data      measures, and writes the card

The aligned CelebA photos all show the face at one place. Seen through a window that is moved, turned and scaled by known
amounts they are examples with exact answers; windows too far off, and windows on photos of animals and things, are what
is no face. One script for CPU and GPU; it goes on where it stopped.
"""

import argparse
import json
import math
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from core import images, photos, runtime, weights
from core.gan import data, frame, model
from core.gan import release as cards

NOT_FACES = ("bears.zip", "pets.zip", "imagenet_sample.zip", "raccoon_boxes.zip")
HELD_OUT = 5  # photos without faces: one in so many is kept for measuring
BATCH, LR = 256, 0.002
NEAR = (0.35, 0.35, math.radians(30))  # shift, log scale, angle up to which a window has to find its face
FAR = 0.6  # shift or log scale from which on a window shows none
# dlib's five points in a training picture of 64 px: medians over 237 of them.
FIVE = np.array([[44.25, 28.75], [37.5, 29.0], [20.5, 28.75], [27.25, 29.0], [32.0, 42.0]])


def all_faces(source):
    """The whole aligned photos -> (N, 3, 109, 89) uint8."""
    with zipfile.ZipFile(Path(source) / "celeba_10k.zip") as file:
        return data.stack(images.open_image(file.read(n), n) for n in sorted(file.namelist()) if n.endswith(".jpg"))


def others(source, held, side=128):
    """Photos without faces, their middle squares -> (N, 3, side, side) uint8. held: those kept for measuring, or the rest."""
    kept = []
    for name in NOT_FACES:
        rows = photos.read(Path(source) / name, longest=2 * side, on_error=lambda sentence: None)
        kept += [photo.image for k, photo in enumerate(rows) if (k % HELD_OUT == 0) == held]
    return data.stack(images.centre_square(image).resize((side, side)) for image in kept)


def windows(pictures, matrices, side=frame.SIDE):
    """(B, 3, H, W) float and (B, 2, 3) from the unit square to pixels -> (B, 3, side, side); what lies outside is mirrored."""
    height, width = pictures.shape[2:]
    to_unit = torch.tensor([[2 / width, 0], [0, 2 / height]])
    theta = torch.cat([to_unit @ matrices[:, :, :2], (to_unit @ matrices[:, :, 2:]) - 1], 2)
    grid = F.affine_grid(theta.to(pictures), (len(pictures), 3, side, side), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def face_windows(faces, count):
    """`count` windows about faces -> (windows, is it a face: 1, 0, or -1 for neither, the answers (count, 4))."""
    pick = faces[torch.randint(len(faces), (count,))].float() / 255
    mirrored = torch.rand(count) < 0.5
    pick[mirrored] = pick[mirrored].flip(3)
    far = torch.rand(count) < 0.4
    shift = (torch.rand(count, 2) * 2 - 1) * torch.where(far, 1.6, NEAR[0])[:, None]
    scale = (torch.rand(count) * 2 - 1) * torch.where(far, 1.2, NEAR[1])
    angle = (torch.rand(count) * 2 - 1) * NEAR[2]
    answers = torch.cat([shift, scale[:, None], angle[:, None]], 1)
    # The answer leads from the window to the face, so the window lies at its inverse, seen from the face.
    left, top, right, bottom = data.FACE_BOX
    half, centre = (right - left) / 2, torch.tensor([(left + right) / 2, (top + bottom) / 2])
    turn = torch.stack([torch.stack([angle.cos(), angle.sin()], 1), torch.stack([-angle.sin(), angle.cos()], 1)], 1) * (-scale).exp()[:, None, None]
    moved = -(turn @ shift[:, :, None])
    matrices = torch.cat([half * turn, half * moved + centre[:, None]], 2)
    off = torch.maximum(shift.abs().amax(1), scale.abs())
    is_face = torch.where(off > FAR, 0, torch.where(off <= NEAR[0] + 1e-6, 1, -1))
    return windows(pick, matrices), is_face, answers


def other_windows(pictures, count):
    """`count` random windows of photos without faces."""
    pick = pictures[torch.randint(len(pictures), (count,))].float() / 255
    side = pick.shape[2]
    half = side / 2 * torch.exp(torch.rand(count) * -1.4)
    centre = half[:, None] + torch.rand(count, 2) * (side - 2 * half[:, None])
    return windows(pick, torch.cat([torch.diag_embed(half[:, None].expand(-1, 2)), centre[:, :, None]], 2))


def disturb(x):
    """Other light, contrast, colour, sharpness and noise."""
    count = len(x)

    def draw(low, high, *shape):
        return torch.rand(count, *shape) * (high - low) + low

    x = x.clamp(0, 1) ** torch.exp(draw(-0.6, 0.6, 1, 1, 1))
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * draw(0, 1.4, 1, 1, 1)
    x = x * draw(0.6, 1.3, 1, 1, 1) * draw(0.85, 1.15, 3, 1, 1) + draw(-0.1, 0.1, 1, 1, 1)
    blurred = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    x = torch.lerp(x, blurred, draw(0, 1, 1, 1, 1))
    return (x + torch.randn_like(x) * draw(0, 0.05, 1, 1, 1)).clamp(0, 1)


def hardest(network, x, count):
    """The `count` windows that look most like a face to the network."""
    network.eval()
    with torch.inference_mode():
        best = network(x)[:, 0].topk(count).indices
    network.train()
    return x[best.clone()]


def batch(faces, plain, size, network):
    """-> (windows, is it a face, answers), a third of them photos without faces, half of those hard ones."""
    x, is_face, answers = face_windows(faces, size - size // 3)
    easy, hard = other_windows(plain, size // 6), other_windows(plain, size)
    nothing = torch.cat([easy, hardest(network, hard, size // 3 - len(easy))])
    x = disturb(torch.cat([x, nothing]))
    return x, torch.cat([is_face, torch.zeros(len(nothing), dtype=torch.long)]), torch.cat([answers, torch.zeros(len(nothing), 4)])


def loss_of(said, is_face, answers):
    """Cross-entropy of the verdict, and for faces the smooth L1 distance of the answer."""
    known, face = is_face >= 0, is_face == 1
    verdict = F.binary_cross_entropy_with_logits(said[known, 0], is_face[known].float())
    return verdict + 10 * F.smooth_l1_loss(said[face, 1:], answers[face], beta=0.05)


def train(args):
    torch.manual_seed(args.seed)
    faces, plain = data.split(all_faces(args.data))[0], others(args.data, held=False)
    network, device, path = model.Framer(), runtime.device(), Path(args.run) / "state.safetensors"
    network.to(device)
    adam = torch.optim.AdamW(network.parameters(), LR, weight_decay=1e-4)
    done, seconds = 0, 0.0
    if path.exists():
        tensors, metadata = weights.read(path)
        done, seconds = int(metadata["steps"]), float(metadata["seconds"])
        network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
        weights.restore_optimiser(adam, tensors, "adam")
    saved = time.monotonic()
    for step in range(done, args.steps):
        began = time.monotonic()
        torch.manual_seed(args.seed * 10**9 + step)
        for group in adam.param_groups:
            group["lr"] = LR * 0.5 * (1 + math.cos(math.pi * step / args.steps))
        x, is_face, answers = (part.to(device) for part in batch(faces, plain, BATCH, network))
        loss = loss_of(network(x), is_face, answers)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        seconds += time.monotonic() - began
        last = step + 1 == args.steps
        if last or time.monotonic() - saved > 60:
            saved = time.monotonic()
            tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
            tensors |= weights.optimiser_tensors(adam, "adam")
            weights.save(path, tensors, {"steps": str(step + 1), "seconds": str(seconds), "seed": str(args.seed)})
            print(f"{step + 1} of {args.steps} steps, loss {loss.item():.3f}, {(args.steps - step) * seconds / (step + 1) / 60:.0f} min left", flush=True)


def measure(source):
    """Frames against those of dlib's five points on LFW, and false alarms on held-out photos without faces -> dict."""
    from core.faces import predict as faces

    finder, gaps, missed, seconds, count = frame.framer(), [], 0, 0.0, 0
    for k, photo in enumerate(photos.read(Path(source) / "lfw_folds_1_to_3.zip", longest=None)):
        if k % 15:
            continue
        known = faces.find(photo.image, vectors=False)
        if len(known) != 1:
            continue
        began = time.perf_counter()
        found = finder.search(photo.image)
        seconds, count = seconds + time.perf_counter() - began, count + 1
        if not found:
            missed += 1
            continue
        five = np.asarray(known[0].five, float)
        here = found[0].matrix @ np.vstack([(FIVE / 32 - 1).T, np.ones(5)])
        eyes = np.linalg.norm(five[:2].mean(0) - five[2:4].mean(0))
        gaps.append(float(np.linalg.norm(here.T - five, axis=1).mean() / eyes))
    plain = others(source, held=True, side=256).permute(0, 2, 3, 1).numpy()
    alarms = sum(bool(finder.search(Image.fromarray(picture))) for picture in plain)
    return {"n": count, "found": 1 - missed / max(count, 1), "gap": float(np.median(gaps)), "within_25": float(np.mean(np.array(gaps) < 0.25)),
            "n_without": len(plain), "false_alarms": alarms, "ms": round(1000 * seconds / max(count, 1), 1)}  # fmt: skip


WEAKNESSES = (
    "It learned from upright celebrities: faces from the side, turned by more than 30 degrees, or smaller than an eighth of the picture are missed.",
    "It searches for faces of the size that fills its window best, not for all faces of a crowd.",
)


def release(args):
    """Bundle the trained network in half precision."""
    tensors, metadata = weights.read(Path(args.run) / "state.safetensors")
    half = weights.halved({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
    told = {"pictures": str(int(metadata["steps"]) * BATCH), "seconds": metadata["seconds"], "plan": json.dumps({"seed": int(metadata["seed"])})}
    cards.write_weights("gan-framer", half, told)


def card(args):
    """Measure the bundled network and write its card."""
    said = measure(args.data)
    headline = (f"a face found in {said['found']:.1%} of {said['n']} LFW photos, its points {said['gap']:.0%} of the eye distance from dlib's; "
                f"{said['false_alarms']} false alarms on {said['n_without']} photos without")  # fmt: skip
    known = {
        "data": "10,000 aligned CelebA faces (non-commercial research), every fifth held out, and 3,160 photos of animals and things, every fifth held out.",
        "weaknesses": WEAKNESSES,
        "measure": "python -m core.gan.framing measure --data ../shared/data",
    }
    network = "4 convolutions and 2 linear layers, 0.2 M parameters, windows of 40 px"
    cards.write_card("gan-framer", "Face generator: framing", headline, network, known, said)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.gan.framing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("train", "measure", "release", "card"))
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--run", default="runs/framer")
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    runtime.prepare_torch()
    jobs = {"train": train, "release": release, "card": card, "measure": lambda args: print(json.dumps(measure(args.data)))}
    jobs[args.job](args)


if __name__ == "__main__":
    main()
