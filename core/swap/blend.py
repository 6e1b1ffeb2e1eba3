"""Make a warped face belong where it is laid: its light and colour, its border, and what stands before it.

Light is taken over as a smooth field over the skin (a face lit from the left stays lit from the left), fine structure
stays the source's. What is left of a step at the border is spread out by Poisson blending (Perez et al. 2003,
doi:10.1145/882262.882269) on a small copy: the correction is smooth, so it is enlarged and added at full resolution.
"""

from dataclasses import dataclass

import numpy as np

from core.swap import geometry

LIGHT = 0.55  # eye distances: how fine the light is that comes from the target
SOFTEST = 0.7  # how far the source's contrasts are softened at most
POISSON = 192  # px: the longer side of the copy on which the border is solved
REACH = 0.4  # eye distances: how far inside the border Poisson blending may correct
SKIN = 256  # px: the longer side of the copy on which skin is told from hair
STRANGE = 3.4  # how many deviations from the face's own skin make something else
LEAST_OCCLUDER = 0.015  # of the face's area


@dataclass(frozen=True)
class Options:
    """feather: width of the soft border, eye distances; strength: how much of the swap is seen, 0 to 1;
    shape: how much of the source's proportions is kept, 0 to 1; occlusion: keep hair and things before the face;
    poisson: also solve for the border's steps. Off: once the light is taken over it has little left to do, and on 36 pairs of
    faces it cost likeness (distance to the source 0.54 instead of 0.50)."""

    feather: float = 0.28
    strength: float = 1.0
    shape: float = 0.15
    occlusion: bool = True
    poisson: bool = False


def _lab(image):
    import cv2

    return cv2.cvtColor(np.asarray(image, np.float32) / 255, cv2.COLOR_RGB2LAB)


def _rgb(lab):
    import cv2

    return np.rint(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1) * 255).astype(np.uint8)


def features(points, region):
    """(h, w) in [0, 1]: eyes, brows, nostrils and mouth, where colour says nothing about the light."""
    import cv2

    out = np.zeros(region.size[::-1], np.float32)
    parts = ((36, 42, 0.5), (42, 48, 0.5), (17, 22, 0.25), (22, 27, 0.25), (48, 60, 0.15), (31, 36, 0.3))
    for first, last, more in parts:
        out = np.maximum(out, geometry.filled(geometry.grown(cv2.convexHull(points[first:last])[:, 0], more), region))
    return out


def relit(warp, target, skin, distance):
    """The warped face in the light and tone of the target.

    warp, target: (h, w, 3) uint8; skin: (h, w) weights, where both show skin; distance: between the eyes, px
    returns (h, w, 3) uint8
    """
    import cv2

    ours, theirs = _lab(warp), _lab(target)
    skin = skin * _usual(ours, skin) * _usual(theirs, skin)
    scale = min(1.0, 24 / distance)
    size = (max(8, round(skin.shape[1] * scale)), max(8, round(skin.shape[0] * scale)))
    small, under, weight = (cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in (ours * skin[..., None], theirs * skin[..., None], skin))
    weight = weight + 1e-4
    small, under = small / weight[..., None], under / weight[..., None]
    sigma = LIGHT * distance * scale
    trust = cv2.GaussianBlur(weight, (0, 0), sigma)
    trust = (trust / (trust + 0.08))[..., None]
    low, high = (trust * _mean(p, weight, sigma) + (1 - trust) * np.average(p, (0, 1), weight[..., None] * np.ones(3)) for p in (small, under))
    low, high = low.astype(np.float32), high.astype(np.float32)
    low, high = (cv2.resize(p, skin.shape[::-1], interpolation=cv2.INTER_CUBIC) for p in (low, high))
    # Lightness as a ratio, for light multiplies; colour as a difference. Hard contrasts soften where the target's are soft.
    bright = (high[..., :1] / np.maximum(low[..., :1], 4)).clip(0.3, 3)
    softer = _contrast(under, weight, sigma) / (_contrast(small, weight, sigma) * bright.mean())
    fine = ours - low
    fine[..., :1] *= bright * float(np.clip(softer, SOFTEST, 1.1))
    return _rgb(high + fine)


def _usual(lab, skin):
    """(h, w) in [0, 1]: how much each px is like the face's middle tone; the frame of glasses must not darken the light."""
    known = lab[::4, ::4][skin[::4, ::4] > 0.5]
    if not len(known):
        return np.ones(skin.shape, np.float32)
    away = (lab - np.median(known, 0)) / np.array([30, 14, 14], np.float32)
    return np.exp(-(away**2).sum(-1))


def _contrast(values, weight, sigma):
    """Deviation of the lightness from its blurred self, over the skin."""
    gap = values[..., 0] - _mean(values, weight, sigma)[..., 0]
    return float(np.sqrt((gap**2 * weight).sum() / weight.sum())) + 0.5


def _mean(values, weight, sigma):
    """Blurred values where only some count: (h, w, 3), (h, w) -> (h, w, 3)"""
    import cv2

    top = cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma)
    return top / (cv2.GaussianBlur(weight, (0, 0), sigma)[..., None] + 1e-6)


def strangers(image, core, face, spare, distance):
    """(h, w) in [0, 1]: what within the face is not its skin and comes in from outside: hair, a hat, a microphone.

    image: (h, w, 3) uint8; core: (h, w) where it surely is skin; face: (h, w) where it may be covered; spare: (h, w) what
    never counts (eyes, mouth)
    """
    import cv2

    scale = min(1.0, SKIN / max(image.shape[:2]))
    size = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
    lab = _lab(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    lab = cv2.GaussianBlur(lab, (0, 0), max(0.6, 0.02 * distance * scale))
    core, face, spare = (cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in (core, face, spare))
    known = lab[core > 0.9]
    if len(known) < 50:
        return np.zeros(image.shape[:2], np.float32)
    middle = np.median(known, 0)
    spread = 1.48 * np.median(np.abs(known - middle), 0) + np.array([4.5, 2.0, 2.0])
    # Skin may be in shade or shine: lightness counts less than colour.
    away = np.sqrt((((lab - middle) / spread * np.array([0.62, 1.0, 1.0])) ** 2).sum(-1))
    odd = ((away > STRANGE) & (face > 0.5) & (spare < 0.5)).astype(np.uint8)
    radius = max(1, round(0.03 * distance * scale))
    odd = cv2.morphologyEx(odd, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
    edge = cv2.dilate((face <= 0.5).astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(odd)
    keep = np.zeros_like(odd)
    for k in range(1, count):
        if stats[k, cv2.CC_STAT_AREA] > LEAST_OCCLUDER * (face > 0.5).sum() and edge[labels == k].any():
            keep[labels == k] = 1
    keep = cv2.dilate(keep, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
    soft = cv2.GaussianBlur(keep.astype(np.float32), (0, 0), radius)
    return cv2.resize(soft, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def soft_inside(mask, width):
    """(h, w) in [0, 1] -> the same, rising from 0 at the border to 1 `width` px inside it. A face at the picture's edge stays whole."""
    import cv2

    scale = min(1.0, SKIN / max(mask.shape))
    small = cv2.resize(mask, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    deep = cv2.distanceTransform((small > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    rise = (deep / max(1.0, width * scale)).clip(0, 1)
    rise = rise * rise * (3 - 2 * rise)
    return cv2.resize(cv2.GaussianBlur(rise, (0, 0), max(0.5, 0.12 * width * scale)), mask.shape[::-1], interpolation=cv2.INTER_LINEAR)


def poisson(face, target, mask, distance):
    """The face with its border's steps spread out. (h, w, 3) uint8 twice, (h, w) bool, px of the eyes -> (h, w, 3) uint8"""
    import cv2

    scale = min(1.0, POISSON / max(mask.shape))
    size = (max(8, round(mask.shape[1] * scale)), max(8, round(mask.shape[0] * scale)))
    small, under = (cv2.copyMakeBorder(cv2.resize(p, size, interpolation=cv2.INTER_AREA), 3, 3, 3, 3, cv2.BORDER_REPLICATE) for p in (face, target))
    inside = cv2.copyMakeBorder(cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA), 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=0)
    inside = (inside > 127).astype(np.uint8) * 255
    x, y, w, h = cv2.boundingRect(inside)
    if w < 8 or h < 8:
        return face
    cloned = cv2.seamlessClone(small, under, inside, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
    gap = np.where(inside[..., None] > 0, cloned.astype(np.float32) - small, 0)
    weight = (inside > 0).astype(np.float32)
    # Deep inside, the light is right already and the face must stay the source's: the correction fades out.
    deep = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[..., None]
    gap = (_mean(gap, weight, 2.0) * (1 - deep / (REACH * distance * scale)).clip(0, 1))[3:-3, 3:-3]
    return np.rint(face + cv2.resize(gap, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)).clip(0, 255).astype(np.uint8)


def compose(target, warp, own, points, region, options):
    """Lay a warped face into the target's region.

    target: (h, w, 3) uint8, the region of the target; warp: geometry.Warp; own: (68, 2) the target's landmarks, px of the
    picture; points: (68, 2) where the source's features lie now; returns (h, w, 3) uint8
    """
    distance = geometry.eye_distance(own)
    face = geometry.filled(geometry.outline(own), region) * warp.valid
    parts = np.maximum(features(own, region), features(points, region))
    core = geometry.filled(geometry.grown(_cheeks(own), 0.0), region) * (1 - parts) * warp.valid
    hidden = np.zeros_like(face)
    if options.occlusion:
        forehead = face * (1 - geometry.filled(_below_brows(own), region))
        spare = np.maximum(np.maximum(parts, _beard_zone(own, region)), _eye_band(own, region))
        hidden = np.maximum(strangers(target, core, face, spare, distance), strangers(warp.image, core, forehead, parts, distance))
    skin = face * (1 - parts) * (1 - hidden)
    lit = relit(warp.image, target, skin, distance)
    alpha = soft_inside(face * (hidden < 0.5), options.feather * distance)
    if options.poisson:
        lit = poisson(lit, target, alpha > 0.35, distance)
    alpha = alpha * (1 - hidden) * (1 - _mouth(own, warp.opening, region)) * options.strength
    return np.rint(target + alpha[..., None] * (lit.astype(np.float32) - target)).clip(0, 255).astype(np.uint8)


def _cheeks(points):
    """Where a face surely shows skin: between the eyes' outer corners and the mouth's height."""
    return np.array([points[1] * 0.4 + points[36] * 0.6, points[27], points[15] * 0.4 + points[45] * 0.6, points[13] * 0.5 + points[54] * 0.5,
                     points[33], points[3] * 0.5 + points[48] * 0.5], np.float32)  # fmt: skip


def _below_brows(points):
    return np.concatenate([points[geometry.JAW], points[26:16:-1]])


def _beard_zone(points, region):
    """Below the nose a beard or a shadow is part of the face, not something before it."""
    lower = np.concatenate([points[3:14], points[35:30:-1]])
    return geometry.filled(lower, region)


def _eye_band(points, region):
    """Glasses reach to the border of the face; half of them would be worse than none."""
    left, right = points[[0, 1]], points[[16, 15]]
    return geometry.filled(np.array([left[0], *points[17:27], right[0], right[1], points[29], left[1]], np.float32), region)


def _mouth(own, opening, region):
    """(h, w): the target's open mouth, kept where the source's is shut, for there is nothing to fill it with."""
    import cv2

    if geometry.opening(own) < 0.12 or opening > 0.4 * geometry.opening(own):
        return np.zeros(region.size[::-1], np.float32)
    return cv2.GaussianBlur(geometry.filled(own[geometry.INNER_LIPS], region), (0, 0), max(0.6, 0.02 * geometry.eye_distance(own)))
