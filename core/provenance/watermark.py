"""An invisible mark in the pixels that says what a picture is: eight bytes, four of them a check.

Spread spectrum (Cox et al. 1997, doi:10.1109/83.650120) in the picture's own frequencies, between 10 and 56 waves
across each side, so that a picture made larger or smaller keeps its mark. Each byte is one word of the Reed-Muller
code RM(1, 7): 128 signs, of which 31 may be wrong. A pattern known beforehand finds the place again after a crop. The
mark is as faint as still survives JPEG 50 and half the size, and never under 40.5 dB. Below 256 px a side there is
less room: the mark survives saving as JPEG 75 mostly, and being made smaller not.

What it is not: a secret. The pattern is made from this file, so whoever reads it can forge a mark or wash it out.
Forging is what the signed manifest is against (manifest.py).
"""

import functools
import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.errors import BadInput
from core.images import open_image, to_array

SMALLEST = 128  # px of the shorter side; below, there is no room for the mark, and mark() refuses
GRID = 160  # px: every picture is squeezed into a square of this side to look for its mark
LOWEST, HIGHEST = 10, 56  # waves across a side
DATA, CHECK = 4, 4  # bytes
SYMBOLS, CHIPS = DATA + CHECK, 128
SYNC_SHARE = 0.3  # of the frequencies, for finding the place
STRENGTHS = (48, 46.5, 45, 43.5, 42.2, 41.2, 40.5)  # dB PSNR, tried in turn
MARGIN = 1.8  # how clearly the weakest byte must be read after the simulated damage: right byte over the next best
KEPT = np.linspace(0.76, 1.0, 17)  # shares of a side that a crop may have left
SEEN = 6.5  # standard deviations of the place's peak, that a crop search can follow
FOUND = 7.5  # standard deviations of the place's peak: unmarked photos stay below, see evaluate.py
LIST = 64  # how many second-best readings are tried against the check


@dataclass(frozen=True)
class Reading:
    """What was found. `data`: the four bytes, None where none could be read; `peak`: how clearly the place was seen."""

    data: bytes | None
    peak: float
    crop: tuple  # (share of the width, share of the height) that seems left of the marked picture

    @property
    def damaged(self):
        return self.data is None and self.peak >= FOUND


@functools.cache
def _pattern():
    """(frequencies of the half plane (n, 2), sign (n, 2) of the cosine and sine, symbol*CHIPS+chip or -1 for sync (n, 2))"""
    u, v = np.meshgrid(np.arange(GRID // 2 + 1), np.fft.fftfreq(GRID, 1 / GRID).astype(int))
    radius = np.hypot(u, v)
    where = np.argwhere((radius >= LOWEST) & (radius <= HIGHEST) & (u > 0))
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(b"vitrine mark 1").digest()[:8], "big"))
    where = where[rng.permutation(len(where))]
    sign = rng.choice([-1.0, 1.0], (len(where), 2))
    sync = int(SYNC_SHARE * len(where))
    chip = np.full((len(where), 2), -1)
    slots = np.arange(2 * (len(where) - sync)) % (SYMBOLS * CHIPS)
    chip[sync:] = rng.permutation(slots).reshape(-1, 2)
    return where, sign, chip


@functools.cache
def _words():
    """(256, 128) of -1 and 1: the Reed-Muller words, biorthogonal: Sylvester's Hadamard matrix and its negative."""
    from scipy.linalg import hadamard

    h = hadamard(CHIPS).astype(np.float32)
    return np.concatenate([h, -h])


def check_of(data):
    """The check of four bytes: a keyed hash, so that chance passes it once in four thousand million times."""
    return hashlib.blake2b(data, digest_size=CHECK, person=b"vitrine-mark").digest()


def _waves(word, shares):
    """(SYMBOLS, CHIPS) signs, (SYMBOLS + 1,) how loud each and the known pattern -> (GRID, GRID) float32 of variance 1: the mark."""
    where, sign, chip = _pattern()
    values = np.append(word * shares[:-1, None], shares[-1])  # the last for chip -1, the known pattern
    dof = sign * values[chip]
    spectrum = np.zeros((GRID, GRID // 2 + 1), np.complex64)
    spectrum[where[:, 0], where[:, 1]] = dof[:, 0] + 1j * dof[:, 1]
    waves = np.fft.irfft2(spectrum, s=(GRID, GRID))
    return (waves / waves.std()).astype(np.float32)


@functools.cache
def _sync_template():
    where, sign, chip = _pattern()
    sync = np.zeros((GRID, GRID // 2 + 1), np.complex64)
    known = chip[:, 0] < 0
    sync[where[known, 0], where[known, 1]] = sign[known, 0] + 1j * sign[known, 1]
    return sync.conj()


def _grey(image):
    return np.asarray(image.convert("L"), np.float32)


def _activity(grey):
    """How much a change is hidden, around 1: more where the picture is busy, less where it is smooth. (H, W) -> (H, W)"""
    import cv2

    height, width = grey.shape
    scale = min(1.0, 3 * GRID / min(grey.shape))
    small = cv2.resize(grey, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    rough = np.abs(small - cv2.GaussianBlur(small, (0, 0), 2.0))
    hidden = 0.6 + cv2.GaussianBlur(rough, (0, 0), 4.0) / 7
    hidden = np.minimum(hidden, 1.3) * np.minimum(1.0, 0.45 + cv2.GaussianBlur(small, (0, 0), 2.0) / 90)  # faint steps show most in the dark
    return cv2.resize(hidden, (width, height), interpolation=cv2.INTER_LINEAR)


def mark(image, data):
    """Put four bytes into a picture.

    image:   PIL RGB, at least 128 px on the shorter side
    data:    4 bytes
    returns  PIL RGB of the same size; raises BadInput for a picture that is too small to carry a mark
    """
    if len(data) != DATA:
        raise ValueError(f"a mark holds {DATA} bytes, not {len(data)}")
    if min(image.size) < SMALLEST:
        raise BadInput(f"A picture of {image.width} x {image.height} px is too small for the invisible mark; {SMALLEST} px a side are needed.")
    return Stamp(image, data)(image)


class Stamp:
    """A mark fitted to one picture, for it and for others of its size and kind: the frames of a film. Called with PIL RGB, gives PIL RGB."""

    def __init__(self, image, data):
        large = min(image.size) >= 4 * SMALLEST
        trial = _reduced(image, 2) if large else image
        self.decibels, self.waves = _faintest(trial, _words()[list(data + check_of(data))], large)

    def __call__(self, image):
        return Image.fromarray(_marked(to_array(image), _activity(_grey(image)), self.waves, self.decibels))


def _faintest(trial, word, halved):
    """(dB, waves) with which every byte is still read clearly after damage, as far as the last of STRENGTHS allows.

    trial: the picture, or half of it where that is large enough: then half the size is the worst of the damages by far
    """
    array, room, shares = to_array(trial), _activity(_grey(trial)), np.ones(SYMBOLS + 1)
    half = (trial.width // 2, trial.height // 2)
    damages = [(None, 50)] if halved else [(None, 50), (None, 75)] + [(half, 85)] * (min(half) >= 0.9 * SMALLEST)
    for decibels in STRENGTHS:
        waves = _waves(word, shares)
        marked = Image.fromarray(_marked(array, room, waves, decibels))
        seen = [np.fft.rfft2(_whitened(_grey(_saved(marked, size, quality)), GRID, GRID)) for size, quality in damages]
        clear = np.min([_clearness(spectrum, word) for spectrum in seen], 0)
        if clear.min() >= MARGIN:
            break
        # The picture itself speaks for some bytes and against others: those it hides are said louder.
        shares = (shares * (clear.mean() / clear.clip(0.3)) ** 0.6).clip(0.6, 1.8)
    return decibels, waves


def _marked(array, room, waves, decibels):
    """(H, W, 3) uint8 and its activity -> (H, W, 3) uint8 with the mark at so many dB PSNR."""
    import cv2

    height, width = room.shape
    change = cv2.resize(waves, (width, height), interpolation=cv2.INTER_CUBIC) * room
    change *= 255 / 10 ** (decibels / 20) / np.sqrt((change**2).mean())
    return cv2.add(array, cv2.merge([change] * 3), dtype=cv2.CV_8U)  # rounds and clips


def _reduced(image, by):
    import cv2

    return Image.fromarray(cv2.resize(to_array(image), (image.width // by, image.height // by), interpolation=cv2.INTER_AREA))


def _saved(image, size, quality):
    buffer = io.BytesIO()
    small = image.resize(size, Image.Resampling.LANCZOS) if size else image
    small.save(buffer, "JPEG", quality=quality)
    return open_image(buffer.getvalue())


def _clearness(spectrum, word):
    """(SYMBOLS + 1,) how much better each right byte fits than any other, and the known pattern than chance; below 1: not read."""
    chips = _chips(spectrum)
    scores, own = chips @ _words().T, (chips * word).sum(1)
    scores[np.arange(SYMBOLS), (word @ _words().T).argmax(1)] = -np.inf
    return np.append(own / scores.max(1), _places(spectrum)[0] / SEEN)


def _whitened(grey, height, width):
    """(H, W) grey -> (height, width) float32: the fine structure alone, equally strong everywhere."""
    import cv2

    area = grey.shape[0] >= height and grey.shape[1] >= width
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA if area else cv2.INTER_CUBIC)
    fine = small - cv2.GaussianBlur(small, (0, 0), 3.0, borderType=cv2.BORDER_REFLECT)
    loud = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 4.0))
    return (fine / (loud + 1.5)).astype(np.float32)


def _flat(spectrum):
    """A spectrum whose strong lines no longer drown the rest: its phases, and a little of its sizes."""
    size = np.abs(spectrum)
    return spectrum / (size + np.median(size) + 1e-6)


def _chips(spectrum):
    """(GRID, GRID // 2 + 1) complex -> (SYMBOLS, CHIPS): how much is heard of each sign."""
    where, sign, chip = _pattern()
    seen = _flat(spectrum[where[:, 0], where[:, 1]])
    known = chip[:, 0] >= 0
    dof = (np.stack([seen.real, seen.imag], 1) * sign)[known]
    return np.bincount(chip[known].ravel(), dof.ravel(), SYMBOLS * CHIPS).reshape(SYMBOLS, CHIPS)


def _decode(spectrum):
    """The four bytes that pass their check, or None. Where the best reading fails, its least sure bytes are varied."""
    scores = _chips(spectrum) @ _words().T  # (SYMBOLS, 256): how well each byte fits each place
    order = np.argsort(-scores, 1)[:, :2]
    best, second = order[:, 0], order[:, 1]
    gap = scores[np.arange(SYMBOLS), best] - scores[np.arange(SYMBOLS), second]
    unsure = np.argsort(gap)[: LIST.bit_length() - 1]
    for flips in range(LIST):
        word = best.copy()
        for bit, place in enumerate(unsure):
            if flips >> bit & 1:
                word[place] = second[place]
        data = bytes(word[:DATA].tolist())
        if bytes(word[DATA:].tolist()) == check_of(data):
            return data
    return None


def _on_canvas(fine, kept):
    """Spectrum of the fine structure, shrunk to its share of the square, in one corner of it. kept: (of width, of height)"""
    import cv2

    width, height = (round(GRID * share) for share in kept)
    canvas = np.zeros((GRID, GRID), np.float32)
    canvas[:height, :width] = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.fft.rfft2(canvas)


def _places(spectrum):
    """(peak in standard deviations, (down, right) in px of the square): where the known pattern fits best."""
    template = _sync_template()
    fit = np.fft.irfft2(_flat(spectrum) * (template != 0) * template, s=(GRID, GRID))
    at = np.unravel_index(fit.argmax(), fit.shape)
    return float(fit[at] / fit.std()), at


def _moved(spectrum, down, right):
    """The spectrum of the picture moved back by so many px, fractions allowed."""
    v, u = np.fft.fftfreq(GRID)[:, None], np.arange(GRID // 2 + 1)[None] / GRID
    return spectrum * np.exp(2j * np.pi * (v * down + u * right))


def read(image, thorough=True):
    """Look for a mark.

    image:    PIL RGB
    thorough: also look for a mark of which an edge was cut off (about half a second where there is none)
    returns   Reading
    """
    grey = _grey(image)
    whole = np.fft.rfft2(_whitened(grey, GRID, GRID))
    data = _decode(whole)
    peak, _ = _places(whole)
    if data is not None or not thorough:
        return Reading(data, peak, (1.0, 1.0))
    fine = _whitened(grey, GRID, GRID)
    rough = sorted(((_places(_on_canvas(fine, (x, y)))[0], x, y) for x in KEPT for y in KEPT), reverse=True)
    peak = max(peak, rough[0][0])
    for _, x, y in rough[:6]:
        data, best = _refine(fine, x, y)
        peak = max(peak, best[0])
        if data is not None:
            return Reading(data, peak, best[1:])
    return Reading(None, peak, rough[0][1:])


def _refine(fine, x, y):
    """Look closely around a rough guess: shares of a side in small steps, places in fractions of a px."""
    best = (0.0, x, y)
    for dx in (-0.008, -0.004, 0.0, 0.004, 0.008):
        for dy in (-0.008, -0.004, 0.0, 0.004, 0.008):
            kept = (min(1.0, x + dx), min(1.0, y + dy))
            spectrum = _on_canvas(fine, kept)
            peak, (down, right) = _places(spectrum)
            best = max(best, (peak, *kept))
            if peak < FOUND - 2:
                continue
            for a in (-0.35, 0.0, 0.35):
                for b in (-0.35, 0.0, 0.35):
                    data = _decode(_moved(spectrum, down + a, right + b))
                    if data is not None:
                        return data, (peak, *kept)
    return None, best
