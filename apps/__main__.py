"""The command line: everything a page does, by the same code.

python -m apps                          the hub, on http://127.0.0.1:7860
python -m apps list                     the apps
python -m apps serve SLUG               one app alone
python -m apps try SLUG INPUT...        one answer, here in the terminal
python -m apps export SLUG DIR          a folder for a Hugging Face Space
"""

import argparse
import importlib
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
    top.set_defaults(command="hub", host="127.0.0.1", port=7860)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("hub", parents=[where], help="all apps on one page (also what no command does)")
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
    export.add_argument("slug")
    export.add_argument("dir")
    return top


def main(argv=None):
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("--port", "--host") or argv[0].startswith(("--port=", "--host=")):
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
    from apps.hub import build_hub, serve

    return serve(build_hub(), args.host, args.port, "Vitrine")


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
    from apps.hub import build_alone, serve

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
    known(args.slug)
    raise BadInput("Exporting an app as a Hugging Face Space is not built yet; it arrives with a later version.")


def known(slug):
    app = registry.find(slug)
    if app is None:
        raise BadInput(f"There is no app called {slug!r}. The apps: {', '.join(a.slug for a in registry.APPS)}.")
    return app


COMMANDS = {"hub": hub, "list": listing, "serve": serve_one, "try": try_one, "export": export}

if __name__ == "__main__":
    sys.exit(main())
