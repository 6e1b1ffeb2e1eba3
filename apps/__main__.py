"""The command line: everything a page does, by the same code.

python -m apps [--mcp]                  the hub, on http://127.0.0.1:7860; with every app as a tool for language models
python -m apps list                     the apps
python -m apps serve SLUG               one app alone
python -m apps try SLUG INPUT...        one answer, here in the terminal
python -m apps export SLUG DIR          a folder for a Hugging Face Space; hub for all apps as one
python -m apps export --check [SLUG...] export, install, start and ask each; a table
python -m apps lint DIR                 whether such a folder keeps the rules of Spaces
"""

import importlib.util
import json
import sys

import apps  # noqa: F401  (switches telemetry off before anything else is imported)
from apps import registry
from apps.arguments import options, parser
from core.errors import BadInput, StudioError


def main(argv=None):
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("--port", "--host", "--mcp") or argv[0].startswith(("--port=", "--host=")):
        argv.insert(0, "hub")  # `python -m apps --port 8000` is the hub
    args, rest = parser(__doc__).parse_known_args(argv)
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
