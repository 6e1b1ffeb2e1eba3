"""What the command line takes: its commands with their options, and the options that an app's own core has."""

import argparse
import inspect

from core.errors import BadInput


def parser(description):
    """The command line's grammar. description: what `--help` begins with"""
    top = argparse.ArgumentParser(prog="python -m apps", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
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
