"""Seeds, sliders and photos in; pictures of what does not exist out.

faces = predict.wall(seed=7, count=16)         the same on every machine
smiles = predict.shape(faces[0], {"Smile": 2})
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import catalog
from core.errors import BadInput
from core.gan.maker import FACES, NAMES, SEEDS, maker, ready, seed_of  # noqa: F401  (the apps' way to them)
from core.gan.space import space
from core.images import enlarge

TRUNCATION = 0.8
SHOWN = 256  # px, what one picture is enlarged to: as small as the invisible mark still stands up to saving and resizing
TILE = 192  # px, of a wall
MOST = 64  # of a wall
RANGES = {"All of it": (0.0, 1.0), "Pose and shape": (0.0, 0.5), "Colours and light": (0.5, 1.0)}  # share of the layers, coarse to fine


@dataclass(frozen=True, eq=False)
class Sample:
    """One generated picture.

    style:   (layers, W) float32, all that is needed to draw it again
    picture: PIL RGB, as many px a side as the generator makes
    origin:  how it came about, in words: "seed 7"
    """

    generator: str
    style: np.ndarray
    picture: object
    origin: str
    seed: int | None = None

    def as_dict(self):
        return {"generator": self.generator, "origin": self.origin, "seed": self.seed, "side": self.picture.width}


def drawn(generator, style, origin, seed=None):
    """A style -> Sample."""
    return Sample(generator, style, next(maker(generator).pictures([style])), origin, seed)


def wall(seed=1, count=16, truncation=TRUNCATION, generator=None):
    """`count` pictures of consecutive seeds -> list of Sample.

    truncation: 0 (the mean, again and again) to 1 (as it learned) to 1.5 (wilder); less is likelier to look right, and more alike
    raises BadInput for a seed, count or truncation out of range
    """
    first, count, truncation = seed_of(seed), int(count), float(truncation)
    if not 1 <= count <= MOST:
        raise BadInput(f"A wall has 1 to {MOST} pictures, not {count}.")
    if not 0 <= truncation <= 1.5:
        raise BadInput(f"Truncation goes from 0 to 1.5, not {truncation:g}.")
    model = maker(generator)
    seeds = [(first + k) % SEEDS for k in range(count)]
    styles = [model.style(s, truncation) for s in seeds]
    return [Sample(model.name, w, p, f"seed {s}", s) for s, w, p in zip(seeds, styles, model.pictures(styles), strict=True)]


def sliders(generator=None):
    """The Sliders of a generator, () if it has none."""
    known = space(maker(generator).name)
    return known.sliders if known else ()


def shape(sample, amounts):
    """A Sample with sliders moved: amounts {name: -3 to 3}, in deviations of the styles. Raises BadInput for an unknown name."""
    known = {slider.name: slider for slider in sliders(sample.generator)}
    moved = {name: float(amount) for name, amount in amounts.items() if amount}
    for name in moved:
        if name not in known:
            raise BadInput(f"There is no slider called {name!r}. There are: {', '.join(known) or 'none for this generator'}.")
    if not moved:
        return sample
    style = sample.style + sum(known[name].delta * amount for name, amount in moved.items())
    words = ", ".join(f"{name} {amount:+g}" for name, amount in moved.items())
    return drawn(sample.generator, style.astype(np.float32), f"{sample.origin}, {words}", sample.seed)


def mix(a, b, amount=0.5, part="All of it"):
    """Two Samples of one generator -> one between them.

    amount: 0 is a, 1 is b; part: a key of RANGES, which layers take from b ("style mixing", Karras et al. 2019, sec. 3.1)
    """
    if a.generator != b.generator:
        raise BadInput("Only two pictures of one generator can be mixed. Please make both with the same one.")
    if part not in RANGES or not 0 <= float(amount) <= 1:
        raise BadInput(f"Mixing takes an amount from 0 to 1 and one of: {', '.join(RANGES)}.")
    low, high = (round(edge * len(a.style)) for edge in RANGES[part])
    share = np.zeros((len(a.style), 1), np.float32)
    share[low : max(high, low + 1)] = float(amount)
    return drawn(a.generator, a.style * (1 - share) + b.style * share, f"{a.origin} with {float(amount):.0%} of {b.origin}")


def between(samples, frames):
    """A closed smooth path through the Samples' styles -> yields `frames` PIL pictures, each SHOWN px.

    Catmull-Rom: the path goes through every sample without a corner (Catmull and Rom 1974).
    """
    styles = np.stack([sample.style for sample in samples])
    count = len(styles)
    if count < 2:
        raise BadInput("A walk needs at least two pictures.")

    def style(at):
        k, t = int(at), at - int(at)
        p0, p1, p2, p3 = (styles[(k + i) % count] for i in (-1, 0, 1, 2))
        return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))

    for picture in maker(samples[0].generator).pictures(style(frame * count / frames) for frame in range(frames)):
        yield enlarge(picture, SHOWN)


def kinship(sample):
    """How near a Sample is to its nearest training picture -> Kinship, or None where that is not known."""
    known = space(sample.generator)
    return known.kinship(sample.picture) if known else None


def sheet(samples, columns=None, tile=TILE):
    """Samples -> one PIL picture of them all, `tile` px each."""
    from PIL import Image

    columns = columns or int(np.ceil(np.sqrt(len(samples))))
    rows = -(-len(samples) // columns)
    page = Image.new("RGB", (columns * tile, rows * tile), "white")
    for k, sample in enumerate(samples):
        page.paste(enlarge(sample.picture, tile), (k % columns * tile, k // columns * tile))
    return page


def labelled(picture, generator=None):
    """A picture with the label that says what it is, and the invisible mark: what every page shows. -> PIL RGB"""
    return sealing(picture, generator).picture


def sealing(picture, generator=None, **more):
    """A generated picture of at least provenance.SMALLEST px -> provenance's Sealed: labelled, marked and signed."""
    from core.provenance import predict as provenance

    return provenance.seal(picture, "generated", "face generator", text=label_of(generator), **more)


def label_of(generator=None):
    """What the label says of a generator's pictures."""
    from core.provenance import label

    return label.TEXTS["generated"] if generator in (None, *FACES) else "AI-made picture"


def save(sample, path):
    """Write a Sample as a PNG of SHOWN px with label, mark and signed manifest."""
    Path(path).write_bytes(sealing(enlarge(sample.picture, SHOWN), sample.generator, recipe=sample.as_dict()).data)


def save_wall(samples, path, columns=None):
    """Write a wall as one such PNG."""
    Path(path).write_bytes(sealing(sheet(samples, columns), samples[0].generator, recipe=[sample.as_dict() for sample in samples]).data)


def save_walk(samples, path, seconds=6.0):
    """Generator of (frames done, in all): a smooth closed walk through Samples as GIF, WebP or MP4, labelled. Nothing half-written stays."""
    from core.gan import film

    yield from film.write(path, between(samples, film.frames(path, seconds)), film.frames(path, seconds), film.rate(path), label_of(samples[0].generator))


def portrait(sample):
    """A Sample as the pages show it: large, labelled and marked."""
    return labelled(enlarge(sample.picture, SHOWN), sample.generator)


def large(picture):
    """A visitor's own face, enlarged; it is real, so it carries no label."""
    return enlarge(picture, SHOWN)


def stops(sample, seeds, truncation=TRUNCATION):
    """Where a walk goes: a Sample (or None) and seeds as text, "11, 24" -> at least two Samples."""
    texts = [text for text in str(seeds).replace(",", " ").split() if text]
    if len(texts) > 20:
        raise BadInput("A walk visits at most 20 seeds.")
    generator = sample.generator if sample else None
    stops = ([sample] if sample else []) + [wall(text, 1, truncation, generator)[0] for text in texts]
    if len(stops) < 2:
        raise BadInput("A walk needs two stops. Please write seeds such as 11, 24, 35.")
    return stops


def available():
    """[(key, name)] of the generators that are here, for a menu."""
    return [(key, name) for key, name in NAMES.items() if key in catalog.ENTRIES]


def copies_chart(copies):
    """The card's figures -> SVG: how far generated faces, and unseen real ones, are from their nearest training picture."""
    from core.vision import charts

    rows = copies["histogram"]
    shown = {f"{copies['n']:,} generated faces": rows["generated"], f"{copies['n_real']:,} unseen real ones": rows["real"]}
    return charts.histograms(
        rows["edges"], shown, "distance to the nearest training picture", "Distances of generated and of unseen real faces to the nearest training picture"
    )


def last(work):
    """Run a generator of (done, in all, value) to its end -> the last value that is not None."""
    value = None
    for _, _, latest in work:
        value = latest if latest is not None else value
    return value


def run(inputs, out=None, count="1", truncation=TRUNCATION, generator=None, sliders="", steps=None):
    """The command line's way in: a seed makes a picture, a photo is looked for in the latent space.

    inputs:  one seed or one photo file; several seeds make a walk when `out` ends in .gif, .webp or .mp4
    out:     PNG to write (or the film of a walk)
    count:   pictures from that seed on, as one wall
    sliders: such as "Smile=2,Hair=-1"
    """
    seeds = [text for text in inputs if text.strip().isdigit()]
    if len(seeds) < len(inputs):
        if len(inputs) > 1:
            raise BadInput("Please give seeds, or one photo.")
        return run_find(inputs[0], out, generator, steps)
    try:
        amounts = {name.strip(): float(value) for name, value in (pair.split("=") for pair in str(sliders).split(",") if pair.strip())}
        many, cut = int(count), float(truncation)
    except ValueError:
        raise BadInput("Please write --count 16, --truncation 0.7 and --sliders Smile=2,Hair=-1 with numbers.") from None
    samples = [shape(s, amounts) for seed in seeds for s in wall(seed, many, cut, generator)]
    if out and Path(out).suffix.lower() in (".gif", ".webp", ".mp4"):
        for _ in save_walk(samples, out):
            pass
    elif out:
        save(samples[0], out) if len(samples) == 1 else save_wall(samples, out)
    said = [told(sample) for sample in samples]
    return said[0] if len(said) == 1 else {"photos": said}


def told(sample):
    """What the command line and the API say of a Sample: how to make it again, its pixels' hash, and whether it looks copied."""
    kin = kinship(sample)
    pixels = hashlib.sha256(sample.picture.tobytes()).hexdigest()
    said = {"file": sample.origin, "sentence": kin.sentence if kin else "Made from nothing but its seed.", "pixels": pixels} | sample.as_dict()
    return said | ({"distance": round(kin.distance, 4), "percentile": round(kin.percentile, 1)} if kin else {})


def run_find(photo, out, generator, steps):
    """`run` with a photo."""
    from core.gan import find

    found = last(find.find(photo, generator, int(steps or find.STEPS)))
    if out:
        save(found.sample, out)
    return {"file": Path(str(photo)).name, "sentence": found.sentence, "gap": round(found.gap, 2)} | found.sample.as_dict()
