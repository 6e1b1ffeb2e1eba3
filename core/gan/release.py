"""Turn training runs into bundled weights, sliders and cards.

    python -m core.gan.release weights runs/gan-faces gan-faces      the averaged generator, in half precision
    python -m core.gan.release weights runs/gan-plain gan-faces-dcgan --last     what it is held against
    python -m core.gan.release space --teachers ../shared/teachers   sliders and the check for copies
    python -m core.gan.release kin                                   the check alone, after another backbone was released
    python -m core.gan.release look                                  principal components as pictures, to name them by
    python -m core.gan.release found                                 puts those that have a name (FOUND) among the sliders
    python -m core.gan.release cards                                 measures everything, and writes the cards
    python -m core.gan.release digits-card                           the same for the digits

The first two print the lines that core/catalog.py needs.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from core import catalog, weights
from core.errors import BadInput
from core.gan import directions, evaluate, metrics
from core.gan.maker import NAMES, maker
from core.gan.predict import Sample, sheet
from core.gan.space import features, project

AXES = 64
# Principal components that were looked at and named: (component, share of the layers from, to, name, low, high).
# They belong to one training run; after another, look again (`release look`).
FOUND = (
    (1, 0, 1, "Features", "feminine", "masculine"),
    (2, 0, 1, "Eyes", "clear", "in shadow"),
    (3, 0, 1, "Hair and backdrop", "dark", "fair"),
    (5, 0, 1, "Forehead", "under hair", "bare"),
)


def export(args):
    from core.gan.train import generator_of

    generator, about = generator_of(args.run, "generator" if args.last else "average")
    if args.last and (about["plan"].get("eyes") or about.get("judged")):
        raise BadInput(f"{args.run} learned from the backbone too, which the paper's DCGAN does not. Please give a run made with --no-eyes.")
    told = {
        "kind": about["plan"]["kind"],
        "shape": json.dumps(generator.shape),
        "title": NAMES[args.name],
        "pictures": str(about["steps"] * about["plan"]["batch"]),
    }
    told |= {"note": args.note} | ({"hardware": about["hardware"]} if "hardware" in about else {})  # runs of earlier versions do not say
    told |= {"seconds": f"{about['seconds']:.0f}", "seed": str(about["plan"]["seed"]), "plan": json.dumps(about["plan"])}
    if judged := about.get("judged", 0) * about["plan"]["batch"]:
        told["judged"] = str(judged)
        told["note"] = f"Judged by what the vision backbone sees, too, for the last {judged:,} pictures. {args.note}".strip()
    write_weights(args.name, weights.halved(generator.state_dict()), told)


def write_weights(name, tensors, metadata):
    """Bundle tensors, and print the lines that core/catalog.py needs."""
    path = weights.BUNDLED / f"{name}.safetensors"
    weights.save(path, tensors, metadata)
    print(f'{name}: sha256="{weights.sha256(path)}", bytes={path.stat().st_size:_}')


def write_space(args):
    """Fit the sliders and collect what the check for copies needs."""
    import torch

    model = maker()
    age, error, n_ages = directions.ager(args.data, args.teachers)
    print(f"ages: {error:.1f} years off on {n_ages} unseen photos", flush=True)
    styles = model.styles(range(10_000, 10_000 + directions.LOOKED_AT))
    pulled = styles * 0.9 + model.mean * 0.1
    values = directions.measure(list(model.pictures(np.repeat(pulled[:, None], model.layers, 1))), age)
    found, r2 = directions.fit(pulled, values)
    tried = directions.try_out(model, found, values, age, 50_000)
    deltas, about = [], []
    for attribute, direction, fit, said in zip(directions.ATTRIBUTES, found, r2, tried, strict=True):
        holds = said["share"] >= directions.LEAST_SHARE and fit >= directions.LEAST_FIT
        print(f"{attribute.name:<12} R2 {fit:.2f}  {json.dumps(said)}  {'kept' if holds else 'dropped'}", flush=True)
        if holds:
            figure = (
                f"right on {said['share']:.0%} of {directions.TESTED} faces; -2 to +2 is {said['moved']:.1f} deviations, others at most {said['others']:.1f}"
            )
            figure += f"; {said['years']:.0f} years" if attribute.name == "Age" else ""
            deltas.append(directions.over(direction, model.layers))
            about.append({"name": attribute.name, "low": attribute.low, "high": attribute.high, "fitted": True, "figure": figure})
    append_found(model, deltas, about)
    told = {"sliders": json.dumps(about), "age_error_years": f"{error:.2f}", "n_ages": str(n_ages)}
    write_weights(f"{model.name}-space", {"sliders": torch.from_numpy(np.array(deltas)).half()} | kin(args.data), told)


def kin(data):
    """What the check for copies needs: training pictures as the vision backbone sees them, and how near unseen real ones come to them."""
    import torch

    learned, held = evaluate.real(data)
    seen, unseen = features(learned), features(held)
    mean = seen.mean(0)
    axes = np.linalg.svd((seen - mean)[::2], full_matrices=False)[2][:AXES].T
    training = project(seen, mean, axes)
    real = np.sort(metrics.nearest(project(unseen, mean, axes), training)[0])
    tensors = {"mean": mean.astype(np.float32), "axes": axes.astype(np.float32), "training": training.astype(np.float16), "real": real.astype(np.float32)}
    return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in tensors.items()}


def write_kin(args):
    """Take the check for copies anew, as another backbone sees pictures otherwise; the sliders stay."""
    tensors, told = weights.load("gan-faces-space")
    write_weights("gan-faces-space", {"sliders": tensors["sliders"].half()} | kin(args.data), told)


def append_found(model, deltas, about):
    """Add the principal components that have a name to a space's sliders."""
    axes = directions.principal(model) if FOUND else ()
    for component, start, end, name, low, high in FOUND:
        deltas.append(directions.over(axes[component], model.layers, start, end))
        figure = f"principal component {component + 1}, named by looking; other things move too"
        about.append({"name": name, "low": low, "high": high, "fitted": False, "figure": figure})


def write_found(args):
    """Put the named components of FOUND into the space that is bundled, and on the generator's card, in place of earlier ones."""
    import torch

    tensors, told = weights.load("gan-faces-space")
    known = json.loads(told["sliders"])
    kept = [k for k, slider in enumerate(known) if slider["fitted"]]
    deltas, about = list(tensors["sliders"].numpy()[kept]), [known[k] for k in kept]
    append_found(maker(), deltas, about)
    tensors |= {"sliders": torch.from_numpy(np.array(deltas)).half(), "training": tensors["training"].half()}
    write_weights("gan-faces-space", tensors, told | {"sliders": json.dumps(about)})
    path = weights.BUNDLED / "gan-faces.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"sliders": about}, indent=1) + "\n", encoding="utf-8")


def look(args):
    """One sheet per principal component and range of layers: six faces, from -3 to 3."""
    model, out = maker(), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for component, axis in enumerate(directions.principal(model)):
        for part, (low, high) in {"all": (0, 1), "coarse": (0, 0.45), "fine": (0.45, 1)}.items():
            delta = directions.over(axis, model.layers, low, high)
            styles = [model.style(seed, 0.8) + amount * delta for seed in range(6) for amount in (-3, -1.5, 0, 1.5, 3)]
            samples = [Sample(model.name, w, p, "") for w, p in zip(styles, model.pictures(styles), strict=True)]
            sheet(samples, 5, 96).save(out / f"{component}-{part}.png")


CELEBA = "10,000 aligned CelebA faces (non-commercial research), cropped to 64 px; every fifth is held out and was never trained on."
WEAKNESSES = (
    "64 px: hair, teeth and glasses are hinted at, and ears, hats and hands often go wrong.",
    "It learned from 8,000 photos of celebrities, mostly young, white and smiling at a camera, and makes faces like theirs; sliders carry the same slant.",
    "A slider moves what goes with it in those photos too, such as make-up with age.",
)


def write_cards(args):
    """Measure everything that the cards say, and write them."""
    options = argparse.Namespace(data=args.data, teachers=args.teachers, samples=evaluate.SAMPLES, detected=evaluate.DETECTED)
    said = evaluate.quality(options)
    said["copies"] = evaluate.copies(argparse.Namespace(**vars(options) | {"samples": 1000}))
    said["smooth"] = evaluate.smooth(argparse.Namespace(**vars(options) | {"samples": 500}))
    rows = said["rows"]
    ours, dcgan, real = (rows[key] for key in ("gan-faces", "gan-faces-dcgan", evaluate.REAL))
    headline = (f"KID {ours['kid']:.2f} to unseen faces, {dcgan['kid']:.2f} for the plain DCGAN, {real['kid']:.4f} for real photos "
                f"(teacher features, {ours['n']:,} each); "
                f"one face found in {ours['one_face']:.0%}, {dcgan['one_face']:.0%} and {real['one_face']:.0%} of {ours['n_detected']:,}")  # fmt: skip
    about = json.loads(weights.load("gan-faces-space")[1]["sliders"])
    common = {"data": CELEBA, "weaknesses": WEAKNESSES, "measure": "python -m core.gan.evaluate quality --json"}
    network = "DCGAN, 3.6 M parameters, 64 px, averaged weights"
    write_card("gan-faces", "Face generator", headline, network, common, said, sliders=about, tested=directions.TESTED)
    others = {
        "gan-faces-dcgan": ("plain DCGAN", "DCGAN as in its paper, 3.6 M parameters, 64 px"),
        "gan-faces-style": ("style-based", "style-based generator, 2.5 M parameters, 64 px"),
    }
    for name, (title, network) in others.items():
        line = f"another choice: KID {rows[name]['kid']:.2f}, one face found in {rows[name]['one_face']:.0%}"
        write_card(name, f"Face generator, {title}", line, network, common, {"rows": {name: rows[name]}, "held_out": said["held_out"]})
    space = weights.load("gan-faces-space")[1]
    known = {
        "data": CELEBA + " Ages: 1,400 UTKFace photos (non-commercial research).",
        "weaknesses": WEAKNESSES[1:3],
        "measure": "python -m core.gan.evaluate copies --data ../shared/data --json",
    }
    copied = {"copies": said["copies"], "age_error_years": float(space["age_error_years"]), "n_ages": int(space["n_ages"])}
    network = "directions in the styles, and the vision backbone's features of 8,000 training pictures on 64 axes"
    write_card(
        "gan-faces-space",
        "Face generator: sliders and copy check",
        f"{sum(s['fitted'] for s in about)} sliders that held up on {directions.TESTED} fresh faces, {len(FOUND)} found without labels",
        network,
        known,
        copied,
    )


def write_digits_card(args):
    said = evaluate.digits(argparse.Namespace(data=args.data, teachers=args.teachers, samples=2000))
    ours, held, real = (said["rows"][name] for name in ("gan-digits", "unseen real digits", evaluate.DIGITS_REAL))
    headline = (f"KID {ours['kid']:.2f} to unseen digits, {real['kid']:.4f} for real ones (teacher features, {ours['n']:,} each); "
                f"all five nearest training digits agree on {ours['readable']:.0%} of them, and on {held['readable']:.0%} of unseen real ones")  # fmt: skip
    common = {"data": "8,000 of MNIST's 10,000 test digits (CC BY-SA 3.0); every fifth is held out.", "measure": "python -m core.gan.evaluate digits --json"}
    common["weaknesses"] = [
        "Some are no digit, or two in one.",
        f"The digit that comes up least is {ours['rarest']:.1%} of the readable ones; even would be 10%.",
    ]
    write_card("gan-digits", "Face generator: digits", headline, "DCGAN, 32 px, grey, averaged weights", common, said)


def write_card(name, title, headline, network, common, quality, **more):
    metadata = weights.load(name)[1]
    entry = catalog.ENTRIES[name]
    plan = json.loads(metadata.get("plan", "{}"))
    card = {"title": title, "headline": headline, "network": network} | common
    card |= {"licence": entry.licence, "views": int(metadata.get("pictures", 0)), "hours": round(float(metadata.get("seconds", 0)) / 3600, 2)}
    card |= {
        "hardware": metadata.get("hardware", "1 CPU core (x86_64), float32"),
        "seed": plan.get("seed", 0),
        "note": metadata.get("note", ""),
        "remake": entry.remake,
    }
    card |= {"quality": quality} | more
    path = weights.BUNDLED / f"{name}.json"
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{path.name}: {headline}")


def main():
    parser = argparse.ArgumentParser(prog="python -m core.gan.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    files = commands.add_parser("weights")
    files.add_argument("run")
    files.add_argument("name", choices=list(NAMES))
    files.add_argument("--last", action="store_true", help="a run's last weights instead of their average: DCGAN as in its paper")
    files.add_argument("--note", default="", help="what a reader of the card should know of this run beyond its command")
    looking = commands.add_parser("look")
    looking.add_argument("--out", default="runs/gan-look")
    commands.add_parser("found")
    for name in ("space", "kin", "cards", "digits-card"):
        command = commands.add_parser(name)
        command.add_argument("--data", default="../shared/data")
        command.add_argument("--teachers", default="../shared/teachers")
    args = parser.parse_args()
    made = {
        "weights": export,
        "space": write_space,
        "kin": write_kin,
        "look": look,
        "found": write_found,
        "cards": write_cards,
        "digits-card": write_digits_card,
    }
    try:
        made[args.command](args)
    except BadInput as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
