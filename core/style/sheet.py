"""A contact sheet of photos x styles x ways of painting, to look at.

python -m core.style.sheet -o sheet.jpg                        the bundled styles, on the app's examples
python -m core.style.sheet PHOTO... --paintings DIR_OR_ZIP -o sheet.jpg [--size 320] [--modes instant any patient]
"""

import argparse
import sys
from pathlib import Path

from PIL import Image

from core import photos
from core.images import centre_square, open_image, shrink
from core.style import predict, wishes

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "assets" / "examples" / "style-transfer"
GAP = 6  # px between pictures


def row_of(pictures, height=None):
    """PIL RGB side by side at one height."""
    height = height or max(picture.height for picture in pictures)
    scaled = [p if p.height == height else p.resize((max(1, round(p.width * height / p.height)), height), Image.Resampling.LANCZOS) for p in pictures]
    row = Image.new("RGB", (sum(p.width for p in scaled) + GAP * (len(scaled) - 1), height), "white")
    x = 0
    for picture in scaled:
        row.paste(picture, (x, 0))
        x += picture.width + GAP
    return row


def column_of(rows):
    """PIL RGB one below the other."""
    column = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows) + GAP * (len(rows) - 1)), "white")
    y = 0
    for row in rows:
        column.paste(row, (0, y))
        y += row.height + GAP
    return column


def example_photos():
    """Four of the app's examples, in the public domain: a face, a cat, a cup, a rocket."""
    return [open_image(EXAMPLES / f"{name}.jpg") for name in ("astronaut", "chelsea", "coffee", "rocket")]


def sheet(contents, modes, size, steps, styles=wishes.STYLES[:6], paintings=(), say=lambda words: None):
    """A row for each photo and mode; a column for each style: bundled ones by name, or paintings as PIL. -> PIL RGB"""
    rows = []
    for k, photo in enumerate(contents):
        for mode in modes:
            say(f"photo {k + 1} of {len(contents)}, {mode}")
            todo = [((painting,), "") for painting in paintings] if paintings and mode != "instant" else [((), style) for style in styles]
            painted = [predict.paint(photo, wishes.wish(mode=mode, size=size, steps=steps, style=style or None), given).picture for given, style in todo]
            rows.append(row_of([photo.resize(painted[0].size), *painted]))
    return column_of(rows)


def thumbnails(folder, side=160):
    """A cup of coffee in every bundled style, as the page's pictures of them."""
    cup = example_photos()[2]
    folder.mkdir(parents=True, exist_ok=True)
    for name in wishes.STYLES:
        painted = predict.paint(cup, wishes.wish(style=name, size=320)).picture
        centre_square(painted).resize((side, side), Image.Resampling.LANCZOS).save(folder / f"{name.lower().replace(' ', '-')}.webp", quality=85)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.style.sheet", description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", help="photos; four of the examples if none")
    parser.add_argument("--paintings", help="zip or folder of paintings for the modes any and patient, instead of the bundled styles")
    parser.add_argument("--only", help="parts of the paintings' names, with commas")
    parser.add_argument("--modes", nargs="+", default=list(wishes.MODES), choices=wishes.MODES)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("-o", "--out", default="sheet.jpg")
    parser.add_argument("--thumbnails", action="store_true", help="make the page's pictures of the styles instead")
    args = parser.parse_args(argv)
    if args.thumbnails:
        return thumbnails(Path("assets/examples/style-transfer/styles"))
    contents = [shrink(open_image(path), 2 * args.size) for path in args.photos] or example_photos()
    works = list(photos.read(args.paintings, 900)) if args.paintings else []
    chosen = [w.image for w in works if not args.only or any(part in w.name for part in args.only.split(","))]
    picture = sheet(contents, args.modes, args.size, args.steps, paintings=chosen, say=lambda words: print(words, file=sys.stderr, flush=True))
    picture.save(Path(args.out), quality=90)
    print(f"{args.out}: {picture.width} x {picture.height} px")


if __name__ == "__main__":
    main()
