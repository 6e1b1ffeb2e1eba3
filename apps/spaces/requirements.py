"""The requirements of an export: what its closure imports, with the versions that this repository was tested with."""

import functools
import importlib.metadata
import re

from apps.registry import ROOT
from core import catalog
from core.errors import StudioError

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", re.M)
IMPORTABLE = re.compile(r"^([A-Za-z_]\w*)(?:/[^,]*)?\.(?:py|so|[\w-]+\.so),", re.M)  # the first part of a file's path in a RECORD


def key(name):
    """The name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def pins():
    """{distribution: version} of constraints.txt, under requirements.txt."""
    found = {}
    for file in ("constraints.txt", "requirements.txt"):
        found |= {key(name): version for name, version in PIN.findall((ROOT / file).read_text(encoding="utf-8"))}
    return found


@functools.cache
def _brought():
    """{name of an import: pinned distributions that bring it}, from their lists of files: what they declare is not always true."""
    found = {}
    for distribution in importlib.metadata.distributions():
        if key(distribution.name) in pins():
            for top in set(IMPORTABLE.findall(distribution.read_text("RECORD") or "")):
                found.setdefault(top, set()).add(key(distribution.name))
    return found


def distributions(package):
    """The name of an import -> the pinned distributions that bring it, such as docx -> python-docx."""
    return _brought().get(package, {key(package)} & pins().keys())


def direct(closure):
    """{distribution: version} of what a closure imports, states in NEEDS, or takes weights from."""
    names = {key(name) for name in closure.needs}
    for package in closure.packages | {catalog.INSTALLED[name].package for name in closure.installed}:
        if not (pinned := distributions(package)):
            raise StudioError(f"{package} is imported, but not installed here or not pinned in constraints.txt. Please run: pip install -r requirements.txt")
        names |= pinned
    return {name: pins()[name] for name in sorted(names)}


def pulled_in(names):
    """{distribution: version} of what these distributions need in turn, on Linux, as far as constraints.txt knows them."""
    from packaging.requirements import Requirement

    seen, waiting = set(), [(name, frozenset()) for name in names]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen or name not in pins():
            continue
        seen.add((name, extras))
        try:
            wanted = [Requirement(line) for line in importlib.metadata.requires(name) or []]
        except importlib.metadata.PackageNotFoundError:
            continue  # not on this machine: pip will find what it needs
        waiting += [(key(one.name), frozenset(one.extras)) for one in wanted if _applies(one.marker, extras)]
    return {name: pins()[name] for name in sorted({name for name, _ in seen} - set(names))}


def _applies(marker, extras):
    return marker is None or any(marker.evaluate({"extra": extra, "sys_platform": "linux"}) for extra in (extras or {""}))


def text(wanted, also=None):
    """Pins as a requirements file; `also`: pins of what they pull in."""
    lines = ["# What the modules here import, in the versions they were tested with.", *(f"{name}=={version}" for name, version in wanted.items())]
    if also:
        lines += ["# What these pull in.", *(f"{name}=={version}" for name, version in also.items())]
    return "\n".join(lines) + "\n"
