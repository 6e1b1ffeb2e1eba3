"""A loaded classifier that looks at photos: what the bear detector, a visitor's own classifier and the backbone share."""

import contextlib
import functools
import json

from core import runtime, weights

BATCH = 32  # photos looked at in one go: about 100 MB in the widest layer


class Network:
    """A Classifier of core/vision/model.py with its picture size. Safe to share between threads.

    strangers: (M, D) features of photos of everything under the sun, for telling "none of these"; only the backbone has them
    tensors, metadata: as core.weights reads them; metadata holds "shape" (JSON), "size" (px) and, once calibrated, "temperature"
    """

    def __init__(self, tensors, metadata):
        torch = runtime.prepare_torch()
        from core.vision.model import Classifier
        from core.vision.packed import packed

        self.device, self.size = runtime.device(), int(metadata["size"])
        self.temperature = float(metadata.get("temperature", 1))
        self.shape = json.loads(metadata["shape"])
        self.classes = self.shape["classes"]
        tensors = dict(tensors)
        self.strangers = tensors.pop("strangers", None)
        self.model = Classifier(**self.shape)
        self.model.load_state_dict(tensors, strict=True)
        # Channels last is what the CPU's convolutions want: half the time of the usual layout.
        self.model.eval().to(self.device, memory_format=torch.channels_last)
        self.see = packed(self.model.backbone, self.size) if self.device == "cpu" and self.shape["folded"] else self.model.backbone

    def bytes(self):
        held = sum(p.numel() * p.element_size() for p in self.model.parameters())
        return held if self.see is self.model.backbone else 2 * held  # packed weights are a second copy

    def features(self, images):
        """List of N >= 1 PIL RGB -> (N, D) float32 on the CPU: the last stage's mean over the whole photo, squashed to a square.

        On validation photos a second look, at the square in its middle, is worth less than as many more pixels in the first.
        """
        import torch

        return torch.cat([self._features(images[k : k + BATCH]) for k in range(0, len(images), BATCH)])

    def _features(self, images):
        import torch

        from core.vision.views import batch_of, whole

        with torch.inference_mode(), one_thread() if self.device == "cpu" and len(images) == 1 else contextlib.nullcontext():
            return self.see(batch_of(runtime.each(lambda image: whole(image, self.size), images), self.device)).cpu()

    def probabilities(self, images):
        """List of N PIL RGB -> (N, K) numpy float64 in the order of `classes`; each row sums to 1."""
        return self.answer(self.features(images))

    def answer(self, features):
        """(N, D) features -> (N, K) numpy float64 calibrated probabilities."""
        import torch

        with torch.inference_mode():
            logits = self.model.head(features.to(self.device)).double()
        return (logits / self.temperature).softmax(1).cpu().numpy()


@contextlib.contextmanager
def one_thread():
    """One CPU thread for torch, in this thread of Python and no other.

    To one photo each layer is a fraction of a millisecond: it is over about as soon as a second thread has woken to help,
    and the core that this one wakes on may be another visitor's. `torch.set_num_threads` would hold for threads that begin
    meanwhile, too.
    """
    import torch

    torch.get_num_threads()  # a thread takes its number from torch at the first question; only then can it be lowered
    with _openmp().limit(limits=1):
        yield


@functools.cache
def _openmp():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="openmp")


def backbone():
    """The shared backbone with its everyday groups (core/vision/groups.py), loaded at first use."""
    return runtime.models().get("backbone", lambda: Network(*weights.load("backbone")), Network.bytes)
