"""Device, threads, seed, locks and memory: what belongs to the machine and not to a model.

Nothing happens at import, and torch is imported only by the functions that need it, so that the hub's landing
page can use this module without paying for torch.
"""

import functools
import os
import platform
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from core.errors import BadInput


def threads():
    """How many CPU threads a model may use: `STUDIO_THREADS`, else what this process is allowed to run on, at most 4."""
    wanted = os.environ.get("STUDIO_THREADS", "")
    if wanted:
        if not wanted.isdigit() or int(wanted) < 1:
            raise BadInput(f"STUDIO_THREADS is {wanted!r}; it must be a whole number of at least 1.")
        return int(wanted)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, allowed))


def each(work, items):
    """[work(item)] for a list of items, several at once: for work of Pillow or NumPy, which leaves Python's lock to others meanwhile."""
    return list(_workers(threads()).map(work, items)) if len(items) > 1 and threads() > 1 else [work(item) for item in items]


@functools.cache
def _workers(count):
    return ThreadPoolExecutor(count, thread_name_prefix="vitrine")


def prepare_torch():
    """Import torch with threads that sleep while they wait and with a usable torchvision; returns the module.

    libgomp's threads spin by default, which makes a small network many times slower as soon as a second process
    wants the same cores; the variable is read once, when torch loads.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from core import torchvision_ops

    torchvision_ops.install()

    torch.set_num_threads(threads())
    return torch


def device():
    """`STUDIO_DEVICE` if it is set, else "cuda" where torch sees one, else "cpu"."""
    torch = prepare_torch()
    return os.environ.get("STUDIO_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")


def fast_dtype(device):
    """The half-width type that this machine multiplies faster than float32, or None.

    bfloat16 pays on CPUs with matrix units for it (Intel AMX, from Sapphire Rapids on) and on GPUs from Ampere on;
    elsewhere it is emulated and more than twice as slow as float32.
    """
    torch = prepare_torch()
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return torch.bfloat16 if device == "cpu" and amx() else None


def fast(device):
    """Where networks in training look: in `fast_dtype` where there is one. Losses and weights stay in float32.

    One context for each look, because autocast keeps its narrow copies of the weights until the context ends.
    """
    torch, dtype = prepare_torch(), fast_dtype(device)
    return torch.autocast(device, dtype, enabled=dtype is not None)


def hardware(dtype=None):
    """What trains here, for a card: "2 CPU cores (x86_64), float32", or the GPU's name. dtype: what it multiplies in, if not float32"""
    torch = prepare_torch()
    if device() == "cuda":
        return torch.cuda.get_device_name()
    return f"{threads()} CPU core{'s' * (threads() > 1)} ({platform.machine()}), {str(dtype or torch.float32).removeprefix('torch.')}"


def whole_numbers():
    """Whether this processor multiplies 8-bit whole numbers much faster than float32 (AVX-512 VNNI)."""
    prepare_torch()
    import torch

    return device() == "cpu" and getattr(torch.cpu, "_is_vnni_supported", lambda: False)()


_lender = None  # what borrows a GPU for one call, where GPUs are lent


def borrow_gpu(lender):
    """Have the calls marked `accelerated` run on GPUs that are lent by the call. lender(duration=seconds) -> decorator, as spaces.GPU.

    To be called before the marked modules are imported. Everything else runs on the CPU there: a lent GPU exists
    only inside the marked call, which is a process of its own.
    """
    global _lender
    _lender = lender
    if os.environ.get("SPACES_ZERO_GPU"):
        os.environ.setdefault("STUDIO_DEVICE", "cpu")


def accelerated(seconds):
    """`@accelerated(seconds=30)` on the one call of an app that profits from a GPU; its inputs and its answer can be pickled.

    seconds: what it takes at most. Where no GPUs are lent, the function is left as it is.
    """

    def mark(function):
        if _lender is None:
            return function
        home = os.getpid()

        @functools.wraps(function)
        def lent(*args, **options):
            if os.getpid() != home:  # in the process that has the GPU
                _move_to("cuda")
            return function(*args, **options)

        return _lender(duration=seconds)(lent)

    return mark


def _move_to(device):
    """From now on this process loads its models there."""
    if os.environ.get("STUDIO_DEVICE") != device:
        os.environ["STUDIO_DEVICE"] = device
        models().clear()


class Pool:
    """Values made once, shared by all threads, and let go least recently used first when over budget.

    budget: bytes; a single value larger than it is still kept while it is the only one
    """

    def __init__(self, budget):
        self.budget = budget
        self._values = OrderedDict()  # key -> (value, bytes)
        self._making = {}  # key -> lock of the one thread that makes it
        self._lock = threading.Lock()

    def get(self, key, make, size=lambda value: 0):
        """The value under `key`; made by `make()` in exactly one thread while the others wait for it.

        size: value -> bytes it holds, towards the budget. An error in `make` reaches its caller, is not
        remembered, and the next caller tries again.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key][0]
            value = make()
            with self._lock:
                self._values[key] = (value, size(value))
                self._making.pop(key, None)
                while len(self._values) > 1 and self.used() > self.budget:
                    self._values.popitem(last=False)
            return value

    def used(self):
        """Bytes held now."""
        return sum(size for _, size in self._values.values())

    def keys(self):
        """The keys held now, least recently used first."""
        return list(self._values)

    def clear(self):
        with self._lock:
            self._values.clear()


@functools.cache
def models():
    """The one Pool that all capabilities keep their loaded models in, under one budget."""
    return Pool(memory_budget())


_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}


def memory_budget():
    """Bytes that loaded models may hold: `STUDIO_MEMORY` such as "500m" or "2g", else 1 GiB."""
    text = os.environ.get("STUDIO_MEMORY", "1g").strip().lower().removesuffix("b")
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    try:
        value = float(number)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise BadInput(f"STUDIO_MEMORY is {text!r}; write a size such as 500m or 2g.")
    return int(value * unit)
