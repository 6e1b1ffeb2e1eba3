"""The command line: everything a page does, by the same code.

python -m apps [--mcp]                  the hub, on http://127.0.0.1:7860; with every app as a tool for language models
python -m apps list                     the apps
python -m apps serve SLUG               one app alone
python -m apps try SLUG INPUT...        one answer, here in the terminal
python -m apps export SLUG DIR          a folder for a Hugging Face Space; hub for all apps as one
python -m apps export --check [SLUG...] export, install, start and ask each; a table
python -m apps lint DIR                 whether such a folder keeps the rules of Spaces
"""

import argparse
import importlib.util
import inspect
import json
import sys

import apps  # noqa: F401  (switches telemetry off before anything else is imported)
from apps import registry
from core.errors import BadInput, StudioError


def parser():
    top = argparse.ArgumentParser(prog="python -m apps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine only)")
    where.add_argument("--port", type=int, default=7860, help="port to listen on (default 7860)")
    top.set_defaults(command="hub", host="127.0.0.1", port=7860, mcp=False)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    everything = commands.add_parser("hub", parents=[where], help="all apps on one page (also what no command does)")
    everything.add_argument("--mcp", action="store_true", help="offer every app to language models as tools (needs requirements-mcp.txt)")
    listing = commands.add_parser("list", help="the apps, with their measured quality")
    listing.add_argument("--json", action="store_true")
    alone = commands.add_parser("serve", parents=[where], help="one app alone")
    alone.add_argument("slug")
    once = commands.add_parser("try", help="one answer in the terminal")
    once.add_argument("slug")
    once.add_argument("inputs", nargs="+", metavar="INPUT")
    once.add_argument("-o", "--out", help="file to write the result to")
    once.add_argument("--json", action="store_true", help="print one JSON object")
    export = commands.add_parser("export", help="a folder for a Hugging Face Space")
    export.add_argument("slugs", nargs="*", metavar="SLUG DIR", help="an app and a new folder; with --check: apps, or none for all")
    export.add_argument("--zerogpu", action="store_true", help="for ZeroGPU: its Python and torch, and the GPU borrowed for one call")
    export.add_argument("--push", metavar="USER/NAME", help="then push the folder to this Space, as whoever is logged in")
    export.add_argument("--check", action="store_true", help="install and start every export by itself and compare its answers with the studio's")
    export.add_argument("--json", action="store_true")
    linting = commands.add_parser("lint", help="whether a folder keeps the rules of Spaces")
    linting.add_argument("dir")
    return top


def main(argv=None):
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("--port", "--host", "--mcp") or argv[0].startswith(("--port=", "--host=")):
        argv.insert(0, "hub")  # `python -m apps --port 8000` is the hub
    args, rest = parser().parse_known_args(argv)
    try:
        if rest and args.command != "try":
            raise BadInput(f"{rest[0]} is not an option of {args.command}. See python -m apps {args.command} --help")
        return COMMANDS[args.command](args, rest)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def hub(args, _):
    if args.mcp and not importlib.util.find_spec("mcp"):
        raise BadInput("For --mcp one more package is needed. Please run: pip install -r requirements-mcp.txt")
    from apps.hub import build_hub
    from apps.listen import serve

    return serve(build_hub(args.mcp), args.host, args.port, "Vitrine")


def listing(args, _):
    if args.json:
        print(json.dumps([app.as_dict() for app in registry.APPS], indent=2))
    else:
        for app in registry.APPS:
            print(f"{app.slug:<16} {app.title} ({app.framework.capitalize()}): {app.blurb}\n{'':<16} {app.quality}")
    return 0


def serve_one(args, _):
    app = known(args.slug)
    if args.host not in ("127.0.0.1", "localhost", "::1"):
        # An app that keeps people's data may refuse to be reached from other machines.
        getattr(importlib.import_module(app.core), "may_listen", lambda host: None)(args.host)
    from apps.hub import build_alone
    from apps.listen import serve

    return serve(build_alone(app), args.host, args.port, app.title)


def try_one(args, rest):
    """Run one app's core on the inputs; `--name value` pairs beyond -o and --json become its options."""
    run = importlib.import_module(known(args.slug).core).run
    said = run(args.inputs, args.out, **options(rest, run, args.slug))
    if args.json:
        print(json.dumps(said, indent=2))
        return 0
    for item in said.get("photos", [said]):
        print(f"{item['file']}: {item.get('sentence') or item.get('error')}")
    return 0


def options(rest, run, slug):
    """["--method", "gradcam"] -> {"method": "gradcam"}, checked against what `run` takes."""
    known_names = [name for name in inspect.signature(run).parameters if name not in ("inputs", "out")]
    pairs = {}
    for flag, value in zip(rest[::2], [*rest[1::2], None], strict=False):
        name = flag.removeprefix("--").replace("-", "_")
        if len(flag) == 2 and flag[0] == "-":  # -q is the option that begins with q
            flag, name = "--", next((known for known in known_names if known[0] == flag[1]), "")
        if not flag.startswith("--") or name not in known_names or value is None:
            takes = ", ".join(f"--{n.replace('_', '-')} VALUE" for n in known_names) or "none beyond -o and --json"
            raise BadInput(f"{slug} does not understand {flag}. Its options: {takes}.")
        pairs[name] = value
    return pairs


def export(args, _):
    from apps.spaces import check, folder, lint, push, readme

    if args.check:
        return check.run(args.slugs, args.json)
    if len(args.slugs) != 2:
        raise BadInput("Please name an app and a folder: python -m apps export bear-detector my-space")
    done = folder.export(*args.slugs, zero=args.zerogpu)
    if faults := lint.lint(done.folder):
        raise StudioError(" ".join(faults))
    print(folder.as_json(done) if args.json else f"{done.app.title}: {done.files} files, {done.bytes / 1e6:.1f} MB in {done.folder}, ready to push.")
    if args.push:
        print(push.push(done.folder, args.push, readme.sdk(done.app)))
    return 0


def lint(args, _):
    from apps.spaces import lint

    faults = lint.lint(args.dir)
    print("\n".join(faults) or f"{args.dir} keeps the rules.")
    return 1 if faults else 0


def known(slug):
    app = registry.find(slug)
    if app is None:
        raise BadInput(f"There is no app called {slug!r}. The apps: {', '.join(a.slug for a in registry.APPS)}.")
    return app


COMMANDS = {"hub": hub, "list": listing, "serve": serve_one, "try": try_one, "export": export, "lint": lint}

if __name__ == "__main__":
    sys.exit(main())
