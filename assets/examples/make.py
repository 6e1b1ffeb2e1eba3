"""Make the example pictures: paint the bears, hair by hair, and take the photos out of scikit-image's wheel.

python assets/examples/make.py      (needs scikit-image, and nothing else that the studio does not)
"""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).resolve().parent
SCALE = 2  # painted twice as large, then reduced: soft hair ends


class Painter:
    def __init__(self, width, height, seed):
        self.size = (width, height)
        self.image = Image.new("RGB", (width * SCALE, height * SCALE))
        self.draw = ImageDraw.Draw(self.image)
        self.rng = np.random.default_rng(seed)

    def gradient(self, top, bottom, y0=0.0, y1=1.0):
        """Fill the rows from y0 to y1 (shares of the height) from one colour to the other."""
        width, height = self.image.size
        a, b = int(y0 * height), int(y1 * height)
        t = np.linspace(0, 1, max(1, b - a))[:, None, None]
        rows = np.asarray(top) * (1 - t) + np.asarray(bottom) * t
        self.image.paste(Image.fromarray(np.broadcast_to(rows, (b - a, width, 3)).astype(np.uint8)), (0, a))

    def strokes(self, xs, ys, angles, lengths, colours, width=1):
        for x, y, angle, length, colour in zip(xs, ys, angles, lengths, colours, strict=True):
            end = (x + math.cos(angle) * length, y + math.sin(angle) * length)
            self.draw.line([(x * SCALE, y * SCALE), (end[0] * SCALE, end[1] * SCALE)], fill=tuple(int(c) for c in colour), width=width)

    def meadow(self, y0, y1, dark, light, density=0.05, length=14):
        """Blades of grass, larger towards the viewer."""
        width = self.size[0]
        count = int(width * (y1 - y0) * density)
        ys = np.sort(self.rng.uniform(y0, y1, count))
        near = (ys - y0) / (y1 - y0)
        mix = self.rng.random((count, 1)) * 0.8 + 0.2 * near[:, None]
        xs, angles = self.rng.uniform(0, width, count), -math.pi / 2 + self.rng.normal(0, 0.35, count)
        lengths = length * (0.35 + near) * self.rng.uniform(0.5, 1.2, count)
        self.strokes(xs, ys, angles, lengths, np.asarray(dark) * (1 - mix) + np.asarray(light) * mix, 2)

    def leaves(self, box, dark, light, count, radius):
        """Blurred foliage: overlapping discs from dark to light."""
        x0, y0, x1, y1 = box
        for k in range(count):
            x, y, r = self.rng.uniform(x0, x1), self.rng.uniform(y0, y1), radius * self.rng.uniform(0.4, 1.2)
            mix = 0.25 * self.rng.random() + 0.75 * k / count * self.rng.random()
            colour = tuple(int(a * (1 - mix) + b * mix) for a, b in zip(dark, light, strict=True))
            self.draw.ellipse([(x - r) * SCALE, (y - r) * SCALE, (x + r) * SCALE, (y + r) * SCALE], fill=colour)

    def blur(self, radius):
        self.image = self.image.filter(ImageFilter.GaussianBlur(radius * SCALE))
        self.draw = ImageDraw.Draw(self.image)

    def disc(self, x, y, rx, ry, colour):
        self.draw.ellipse([(x - rx) * SCALE, (y - ry) * SCALE, (x + rx) * SCALE, (y + ry) * SCALE], fill=tuple(colour))

    def fur(self, x, y, rx, ry, colour, tilt=0.0, hair=9, density=0.55, lie=math.pi / 2, light=(-0.5, -0.75), contrast=0.75, wild=0.45, plain=0.0):
        """An ellipsoid covered with hair, lit from `light`; hair lies towards `lie` (radians) and outwards.

        plain: share of the shading taken away, for plush
        """
        cos, sin = math.cos(tilt), math.sin(tilt)
        count = int(math.pi * rx * ry * density)
        radius, phi = np.sqrt(self.rng.random(count)) * 1.02, self.rng.uniform(0, 2 * math.pi, count)
        u, v = radius * np.cos(phi), radius * np.sin(phi)
        order = np.argsort(v)
        u, v = u[order], v[order]
        px, py = x + rx * u * cos - ry * v * sin, y + rx * u * sin + ry * v * cos
        nx, ny = u * cos - v * sin, u * sin + v * cos
        lit = 0.55 + contrast * 0.5 * (nx * light[0] + ny * light[1]) + 0.25 * np.sqrt(np.clip(1 - radius**2, 0, 1))
        lit = lit * (1 - plain) + 0.85 * plain + self.rng.normal(0, 0.09, count)
        out = np.arctan2(ny, nx)
        ax, ay = 0.9 * np.cos(lie) + radius * np.cos(out), 0.9 * np.sin(lie) + radius * np.sin(out)
        angle = np.arctan2(ay, ax) + self.rng.normal(0, wild, count)
        colours = np.clip(np.asarray(colour)[None] * lit[:, None] + self.rng.normal(0, 5, (count, 1)), 0, 255)
        self.draw.polygon(self._outline(x, y, rx, ry, cos, sin), fill=tuple(int(c * 0.55) for c in colour))
        self.strokes(px, py, angle, hair * self.rng.uniform(0.5, 1.25, count), colours, 2)

    def pelt(self, parts, top, bottom, hair=20, density=0.5, lie=0.45):
        """One coat over many ellipsoids, without seams: lit from above as a whole, hair running back and down.

        parts: (x, y, rx, ry, tilt) each; top, bottom: colours of the back and of the belly and legs
        """
        rows = []
        for x, y, rx, ry, tilt in parts:
            cos, sin = math.cos(tilt), math.sin(tilt)
            self.draw.polygon(self._outline(x, y, rx, ry, cos, sin), fill=tuple(int(c * 0.6) for c in bottom))
            count = int(math.pi * rx * ry * density)
            radius, phi = np.sqrt(self.rng.random(count)), self.rng.uniform(0, 2 * math.pi, count)
            u, v = radius * np.cos(phi), radius * np.sin(phi)
            rows.append(np.stack([x + rx * u * cos - ry * v * sin, y + rx * u * sin + ry * v * cos, u * sin + v * cos], 1))
        px, py, down = self.rng.permutation(np.concatenate(rows)).T
        share = np.clip((py - py.min()) / np.ptp(py), 0, 1)
        patches = 0.08 * np.sin(px / 17 + 3 * np.sin(py / 23)) * np.sin(py / 13 + 2 * np.sin(px / 31))
        lit = 1.02 - 0.38 * share - 0.14 * down + patches + self.rng.normal(0, 0.1, len(px))
        mix = np.clip(1.25 * share - 0.15, 0, 1)[:, None]
        colours = np.clip((np.asarray(top) * (1 - mix) + np.asarray(bottom) * mix) * lit[:, None], 0, 255)
        angles = lie + 0.8 * share + self.rng.normal(0, 0.3, len(px))
        self.strokes(px, py, angles, hair * self.rng.uniform(0.4, 1.1, len(px)) * (1.1 - 0.5 * share), colours, 2)

    def _outline(self, x, y, rx, ry, cos, sin):
        phi = np.linspace(0, 2 * math.pi, 60)
        u, v = 0.97 * rx * np.cos(phi), 0.97 * ry * np.sin(phi)
        return [(SCALE * (x + a * cos - b * sin), SCALE * (y + a * sin + b * cos)) for a, b in zip(u, v, strict=True)]

    def save(self, path):
        self.image.resize(self.size, Image.Resampling.LANCZOS).save(path, quality=90)


def eye(p, x, y, r, shine=True):
    p.disc(x, y, r, r, (14, 10, 8))
    if shine:
        p.disc(x - r * 0.3, y - r * 0.35, r * 0.3, r * 0.3, (240, 238, 230))


def teddy(path):
    p = Painter(560, 640, 3)
    p.gradient((238, 233, 224), (250, 248, 244), 0, 0.82)
    p.gradient((214, 202, 186), (236, 228, 216), 0.82, 1)
    p.disc(285, 590, 190, 22, (188, 174, 156))
    p.blur(6)
    tan, pale = (205, 148, 88), (236, 204, 156)
    plush = dict(hair=6, density=0.8, wild=0.9, contrast=0.6, plain=0.2)
    for side in (-1, 1):
        p.fur(280 + side * 98, 92, 46, 46, tan, **plush)
        p.fur(280 + side * 98, 98, 26, 27, pale, **plush)
    for side in (-1, 1):
        p.fur(280 + side * 128, 372, 46, 92, tan, tilt=-side * 0.55, **plush)
    p.fur(280, 428, 118, 140, tan, **plush)
    p.fur(280, 440, 74, 94, pale, **plush)
    for side in (-1, 1):
        p.fur(280 + side * 104, 548, 74, 62, tan, tilt=side * 0.3, **plush)
        p.fur(280 + side * 124, 552, 42, 44, pale, **plush)
    p.fur(280, 190, 138, 124, tan, **plush)
    p.fur(280, 232, 62, 50, pale, **plush)
    for side in (-1, 1):
        eye(p, 280 + side * 54, 176, 13)
    p.disc(280, 212, 20, 14, (52, 32, 24))
    p.disc(274, 207, 6, 3, (140, 112, 98))
    p.draw.line([(280 * SCALE, 226 * SCALE), (280 * SCALE, 244 * SCALE)], fill=(70, 44, 32), width=5)
    for side in (-1, 1):
        p.draw.arc(
            [(280 + min(0, side * 34)) * SCALE, 226 * SCALE, (280 + max(0, side * 34)) * SCALE, 256 * SCALE],
            20 if side > 0 else 60,
            120 if side > 0 else 160,
            fill=(70, 44, 32),
            width=5,
        )
    red = (178, 34, 48)
    for side in (-1, 1):
        p.draw.polygon([(280 * SCALE, 322 * SCALE), ((280 + side * 76) * SCALE, 290 * SCALE), ((280 + side * 82) * SCALE, 352 * SCALE)], fill=red)
        p.draw.line([(280 * SCALE, 322 * SCALE), ((280 + side * 62) * SCALE, 318 * SCALE)], fill=(128, 20, 34), width=6)
    p.disc(280, 322, 17, 17, (200, 48, 62))
    p.save(path)


def walking_bear(p, x, y, s, back, legs, face, muzzle, hump):
    """A bear walking to the left; (x, y) is the middle of its trunk, s its size."""

    def at(*parts):
        return [(x + dx * s, y + dy * s, rx * s, ry * s, tilt) for dx, dy, rx, ry, tilt in parts]

    dark = tuple(int(c * 0.7) for c in legs)
    p.pelt(at((-40, 84, 20, 60, 0.2), (-52, 136, 26, 11, 0), (92, 78, 20, 62, -0.25), (86, 134, 26, 11, 0)), dark, dark)
    trunk = [(116, -2, 72, 70, 0.15), (34, 2, 116, 62, 0), (-60, 4, 68, 70, 0), (-112, -18, 56, 48, 0.45)]
    trunk += [(-86, 70, 27, 66, -0.12), (-98, 134, 31, 13, 0), (134, 72, 31, 68, 0.18), (132, 136, 32, 13, 0)]
    if hump:
        trunk.append((-58, -46, 64, 36, -0.1))
    p.pelt(at(*trunk), back, legs)
    p.pelt(at((-182, -86, 15, 16, 0), (-138, -90, 15, 16, 0)), face, legs, hair=9)
    p.pelt(at((-158, -46, 50, 42, 0.1), (-196, -32, 36, 25, 0.25)), face, face, hair=11, lie=0.2)
    p.pelt(at((-214, -26, 27, 18, 0.2)), muzzle, muzzle, hair=6, lie=0.1)
    p.disc(x - 238 * s, y - 34 * s, 8 * s, 7 * s, (20, 16, 16))
    p.draw.line([((x - 236 * s) * SCALE, (y - 18 * s) * SCALE), ((x - 204 * s) * SCALE, (y - 11 * s) * SCALE)], fill=(26, 20, 18), width=4)
    for dx in (-186, -158):
        p.disc(x + dx * s, y - 54 * s, 4.2 * s, 4 * s, (16, 12, 10))


def grizzly(path):
    p = Painter(800, 560, 5)
    p.gradient((176, 200, 222), (222, 228, 226), 0, 0.42)
    p.leaves((-40, 150, 840, 250), (64, 84, 74), (112, 128, 100), 260, 46)
    p.gradient((148, 148, 88), (122, 118, 60), 0.42, 1)
    p.blur(5)
    p.meadow(250, 430, (104, 108, 56), (176, 166, 98), 0.12, 12)
    walking_bear(p, 440, 285, 1.2, (192, 144, 92), (98, 66, 42), (178, 134, 88), (150, 112, 78), hump=True)
    p.meadow(420, 600, (84, 92, 42), (188, 176, 104), 0.07, 34)
    p.save(path)


def black(path):
    p = Painter(800, 560, 8)
    p.gradient((58, 84, 46), (38, 58, 30), 0, 1)
    p.leaves((-40, -20, 840, 330), (26, 48, 24), (112, 150, 74), 520, 44)
    p.blur(7)
    p.meadow(300, 430, (40, 74, 30), (104, 142, 62), 0.12, 12)
    walking_bear(p, 440, 285, 1.2, (62, 60, 64), (24, 22, 24), (52, 49, 50), (168, 132, 96), hump=False)
    p.meadow(424, 600, (34, 70, 26), (124, 164, 76), 0.07, 30)
    p.save(path)


def photos(folder):
    """Public-domain photos that scikit-image carries; who took them stands in CREDITS.md."""
    import skimage

    for name in ("coffee", "chelsea"):
        image = Image.open(Path(skimage.__file__).parent / "data" / f"{name}.png").convert("RGB")
        image.save(folder / f"{name}.jpg", quality=88)


def two_bears(bears, path):
    """The grizzly above the teddy, in one picture: for asking why one and not the other."""
    above, below = Image.open(bears / "grizzly.jpg").crop((40, 40, 760, 500)), Image.open(bears / "teddy.jpg").crop((0, 20, 560, 378))
    out = Image.new("RGB", (720, 920))
    out.paste(above, (0, 0))
    out.paste(below.resize((720, 460), Image.Resampling.LANCZOS), (0, 460))
    out.save(path, quality=88)


def gradcam_viewer(folder, bears):
    folder.mkdir(exist_ok=True)
    two_bears(bears, folder / "two_bears.jpg")
    for name in ("teddy", "grizzly", "black", "coffee"):
        (folder / f"{name}.jpg").write_bytes((bears / f"{name}.jpg").read_bytes())


def faces(folder):
    """Two public-domain portraits that scikit-image and matplotlib carry, and both people in one picture of 1280 x 720."""
    import matplotlib
    import skimage

    folder.mkdir(exist_ok=True)
    sources = {
        "collins": Path(skimage.__file__).parent / "data" / "astronaut.png",
        "hopper": Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    }
    people = {name: Image.open(path).convert("RGB") for name, path in sources.items()}
    for name, image in people.items():
        image.save(folder / f"{name}.jpg", quality=90)
    both = Image.new("RGB", (1280, 720), (74, 88, 96))
    both.paste(people["collins"].resize((660, 660)), (-20, 60))
    both.paste(people["hopper"].resize((580, 680)), (680, 40))
    both.save(folder / "both.jpg", quality=90)


def portraits(folder, people):
    """The two portraits again, for an app that works on one face."""
    folder.mkdir(exist_ok=True)
    for name in ("collins", "hopper"):
        (folder / f"{name}.jpg").write_bytes((people / f"{name}.jpg").read_bytes())


def style_transfer(folder):
    """Four photos of scikit-image's, public domain: a face, a cat, a cup, a rocket."""
    import skimage

    folder.mkdir(exist_ok=True)
    for name, file in {"astronaut": "astronaut.png", "chelsea": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg"}.items():
        Image.open(Path(skimage.__file__).parent / "data" / file).convert("RGB").save(folder / f"{name}.jpg", quality=90)


if __name__ == "__main__":
    folder = HERE / "bear-detector"
    folder.mkdir(exist_ok=True)
    teddy(folder / "teddy.jpg")
    grizzly(folder / "grizzly.jpg")
    black(folder / "black.jpg")
    photos(folder)
    gradcam_viewer(HERE / "gradcam-viewer", folder)
    faces(HERE / "attendance")
    portraits(HERE / "face-generator", HERE / "attendance")
    portraits(HERE / "deepfake-swap", HERE / "attendance")
    style_transfer(HERE / "style-transfer")
