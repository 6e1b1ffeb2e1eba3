"""Sliders for a generator: directions in its styles that change one thing.

Fitted: attributes of random faces are measured (from dlib's 68 points, from the pixels, and an age regressor that
learned from UTKFace's labels), and explained by their styles in a linear model. The direction of one attribute is the
smallest change of style that moves it by one deviation and leaves the other attributes alone: the pseudo-inverse.
Only those that hold up on faces the fit has not seen become sliders (InterFaceGAN, Shen et al. 2020, arXiv:1907.10786,
does this with classifiers).

Found: principal components of the styles, or of the first layer (GANSpace, Harkonen et al. 2020, arXiv:2004.02546), named by looking.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import linalg

from core.gan.frame import framed
from core.images import enlarge, open_image

LOOKED_AT = 2000  # random faces that the fit uses
TESTED = 100  # fresh faces that the directions are tried on
FACE = (12.0, 16.0, 52.2, 57.2)  # XYXY px of 64: dlib's box on training pictures, median
LEAST_SHARE, LEAST_FIT = 0.85, 0.25  # what holds up: moves the right way on so many faces; R^2 on unseen ones
AGED = 700  # photos the age regressor learns from; as many again to test it


@dataclass(frozen=True)
class Attribute:
    name: str
    low: str
    high: str


ATTRIBUTES = (
    Attribute("Age", "younger", "older"),
    Attribute("Smile", "serious", "smiling"),
    Attribute("Mouth", "closed", "open"),
    Attribute("Turn", "left", "right"),
    Attribute("Nod", "up", "down"),
    Attribute("Skin light", "darker light", "brighter light"),
    Attribute("Hair", "dark", "fair"),
    Attribute("Background", "dark", "bright"),
    Attribute("Warmth", "cool", "warm"),
)


def measure(pictures, age):
    """PIL RGB pictures of 64 px -> (N, len(ATTRIBUTES)) float64, in their own units. age: pictures -> (N,) years."""
    shapes = np.array([_shape(points_of(picture)) for picture in pictures])
    pixels = np.array([_pixels(np.asarray(picture, np.float64)) for picture in pictures])
    return np.hstack([age(pictures)[:, None], shapes, pixels])


def points_of(picture):
    """(68, 2) px of the 64: landmarks at the place where every face of this geometry lies, so nothing need be detected."""
    from PIL import Image

    from core.faces.detect import Box, detector, to_points

    canvas = Image.new("RGB", (384, 384), (127, 127, 127))
    canvas.paste(enlarge(picture, 256), (64, 64))
    box = Box(*(int(64 + 4 * edge) for edge in FACE), 0)
    return (to_points(detector().points(np.asarray(canvas), box, "landmarks")) - 64) / 4


def _shape(p):
    """Smile, open mouth, turn and nod from the 68 points, each in units of the distance between the eyes."""
    left, right = p[36:42].mean(0), p[42:48].mean(0)
    eyes, apart, mouth = (left + right) / 2, np.linalg.norm(right - left), p[48:60].mean(0)
    lift = (p[[51, 57], 1].mean() - p[[48, 54], 1].mean()) / apart
    smile = np.linalg.norm(p[54] - p[48]) / apart + lift
    turn = (p[30, 0] - eyes[0]) / apart
    nod = (p[30, 1] - eyes[1]) / max(mouth[1] - eyes[1], 1)
    return smile, np.linalg.norm(p[66] - p[62]) / apart, turn, nod


def _pixels(a):
    """Light on the skin, of hair and of background, and warmth, from fixed places of the 64 px picture; 0 to 255."""
    grey = a @ (0.299, 0.587, 0.114)
    skin = a[30:44, 20:44]
    return grey[30:44, 20:44].mean(), grey[2:9, 22:42].mean(), np.hstack([grey[2:24, :5], grey[2:24, -5:]]).mean(), (skin[..., 0] - skin[..., 2]).mean()


def fit(styles, values):
    """(N, W) styles and (N, K) attributes -> (K, W) directions, each for one deviation of its attribute, and R^2 (K,) on every fifth face, unseen."""
    test = np.arange(len(styles)) % 5 == 4
    mean, spread = values[~test].mean(0), values[~test].std(0)
    y = (values - mean) / spread
    centre = styles[~test].mean(0)
    x = styles - centre
    cov = x[~test].T @ x[~test] / (~test).sum()
    ridge = np.eye(len(cov)) * np.trace(cov) / len(cov) * 0.02
    coefficients = linalg.solve(cov + ridge, x[~test].T @ y[~test] / (~test).sum(), assume_a="pos")  # (W, K)
    left = y[test] - x[test] @ coefficients
    r2 = 1 - left.var(0) / y[test].var(0)
    # The smallest change in the sense of the styles' own spread: cov weighs how far it is to go in each direction.
    pull = coefficients.T @ cov @ coefficients
    return np.linalg.solve(pull + np.eye(len(pull)) * 1e-3, coefficients.T @ cov), r2


def try_out(model, directions, values, age, seed):
    """Move TESTED fresh faces by two deviations each way along each direction -> per attribute a dict of what was measured."""
    styles = model.styles(range(seed, seed + TESTED)) * 0.8 + model.mean * 0.2
    spread, report = values.std(0), []

    def at(shift):
        rows = np.repeat((styles + shift)[:, None], model.layers, 1)
        return measure(list(model.pictures(rows)), age)

    for k, direction in enumerate(directions):
        change = (at(2 * direction) - at(-2 * direction)) / spread
        others = np.delete(np.abs(change.mean(0)), k)
        report.append(
            {
                "moved": float(change[:, k].mean()),
                "share": float((change[:, k] > 0).mean()),
                "others": float(others.max()),
                "years": float(change[:, 0].mean() * spread[0]),
            }
        )
    return report


def ager(data, teachers):
    """Learn ages from UTKFace -> (pictures -> (N,) years, mean error in years on unseen photos, how many)."""
    from core.gan.evaluate import teacher_features

    pictures, years = [], []
    with zipfile.ZipFile(Path(data) / "faces_utk.zip") as file:
        names = sorted(n for n in file.namelist() if n.endswith(".jpg"))
        for name in names[:: max(1, len(names) // (2 * AGED))]:
            try:
                pictures.append(framed(open_image(file.read(name), name)))
            except Exception as error:  # one in a hundred is no face
                if "face" not in str(error):
                    raise
                continue
            years.append(min(80, int(Path(name).name.split("_")[0])))
    x, y = teacher_features(pictures, teachers), np.array(years, float)
    learn = np.arange(len(y)) % 2 == 0
    mean, centre = y[learn].mean(), x[learn].mean(0)
    a = x[learn] - centre
    weights = linalg.solve(a.T @ a + np.eye(a.shape[1]) * 3e-2 * np.trace(a.T @ a) / a.shape[1] * 10, a.T @ (y[learn] - mean), assume_a="pos")

    def age(pictures):
        return mean + (teacher_features(pictures, teachers) - centre) @ weights

    error = np.abs(mean + (x[~learn] - centre) @ weights - y[~learn]).mean()
    return age, float(error), int((~learn).sum())


def principal(model, count=8):
    """(count, W): the main axes of the styles, one deviation long each; the sign makes the largest entry positive.

    Where every style is as likely as any other turned about (a DCGAN's z), the axes are those of what its first layer
    makes of them, each taken back to z by regression (GANSpace, sec. 3.2).
    """
    x = model.styles(range(4096 if model.styled else 1500)) - model.mean
    if model.styled:
        _, s, vt = linalg.svd(x, full_matrices=False)
        axes = vt[:count] * (s[:count] / np.sqrt(len(x)))[:, None]
    else:
        made = model.first(x)
        u = linalg.svd(made - made.mean(0), full_matrices=False)[0][:, :count]
        axes = u.T @ x
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)  # z has a deviation of 1 along every direction
    return axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]


def over(direction, layers, low=0.0, high=1.0):
    """(W,) -> (layers, W): the direction on a share of the layers, nothing on the others."""
    delta = np.zeros((layers, len(direction)), np.float32)
    delta[round(low * layers) : round(high * layers)] = direction
    return delta
