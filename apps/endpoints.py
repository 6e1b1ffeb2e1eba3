"""What programs may call in an app: names, parameters, and calls that show each at work. Standard library only."""

import importlib
import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str  # "file", "files", "text", "number" or "flag"
    required: bool
    default: object
    says: str  # what it is, from the docstring


@dataclass(frozen=True)
class Endpoint:
    name: str
    summary: str
    parameters: tuple
    returns: str

    @property
    def files(self):
        return [p for p in self.parameters if p.kind in ("file", "files")]


def functions(app):
    """The functions that a Streamlit app offers to programs: ENDPOINTS of its `api` module."""
    return importlib.import_module(app.api).ENDPOINTS if app.api else ()


def kind_of(annotation):
    """The annotation of a parameter -> its kind."""
    return {Path: "file", list[Path]: "files"}.get(annotation, "text")


def of_function(function):
    """A function of paths and texts -> Endpoint."""
    says, returns = arguments(function)
    parameters = [Parameter(p.name, kind_of(p.annotation), p.default is p.empty, None if p.default is p.empty else p.default, says.get(p.name, ""))
                  for p in inspect.signature(function).parameters.values()]  # fmt: skip
    return Endpoint(function.__name__, summary(function), tuple(parameters), returns)


def of_blocks(page):
    """A gr.Blocks -> the Endpoints it shows to programs, in their order."""
    public = {f"/{f.api_name}": f.fn for f in page.fns.values() if f.api_visibility == "public" and f.fn}
    return [_described(name, entry, public[name]) for name, entry in page.get_api_info()["named_endpoints"].items() if name in public]


def _described(name, entry, function):
    says, returns = arguments(function)
    parameters = [Parameter(p["parameter_name"], _kind(p["python_type"]["type"]), not p["parameter_has_default"], p["parameter_default"],
                            says.get(p["parameter_name"], p["label"])) for p in entry["parameters"]]  # fmt: skip
    return Endpoint(name.strip("/"), summary(function), tuple(parameters), returns)


def _kind(python_type):
    if "filepath" in python_type:
        return "files" if python_type.lower().startswith("list") else "file"
    return {"float": "number", "int": "number", "bool": "flag"}.get(python_type, "text")


def summary(function):
    return (inspect.getdoc(function) or function.__name__).partition("\n\n")[0].replace("\n", " ")


def arguments(function):
    """The sections Args and Returns of a docstring -> ({name: what it is}, what comes back)."""
    text = inspect.getdoc(function) or ""
    args = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", text, re.S | re.M)
    returns = re.search(r"^Returns:\n(.*?)(?=^\S|\Z)", text, re.S | re.M)
    says = {}
    for names, what in re.findall(r"^ +([\w, ]+): (.*)$", args.group(1) if args else "", re.M):
        says |= dict.fromkeys(re.split(r",\s*", names), what)
    return says, " ".join(returns.group(1).split()) if returns else ""


@dataclass(frozen=True)
class Call:
    """One endpoint with inputs that it answers. Files are paths; `says`: what must stand in the answer, {} where nobody wrote it down."""

    endpoint: Endpoint
    inputs: dict
    says: dict


def calls(app, known):
    """The calls in assets/examples/SLUG/calls.json; where there is none, the first endpoint with the app's first examples."""
    folder = app.examples[0][0].parent if app.examples else None
    written = folder / "calls.json" if folder else None
    if written is None or not written.is_file():
        return [call for call in [default_call(app, known[0])] if call] if known else []
    by_name = {endpoint.name: endpoint for endpoint in known}
    return [Call(by_name[row["endpoint"]], _inputs(by_name[row["endpoint"]], row["inputs"], folder), row.get("says", {}))
            for row in json.loads(written.read_text(encoding="utf-8"))]  # fmt: skip


def _inputs(endpoint, inputs, folder):
    kinds = {p.name: p.kind for p in endpoint.parameters}
    place = {"file": lambda name: folder / name, "files": lambda names: [folder / name for name in names]}
    return {name: place.get(kinds[name], lambda value: value)(value) for name, value in inputs.items()}


def default_call(app, endpoint):
    """What is required, filled with the app's examples in their order; None where a text or number would have to be made up."""
    paths, inputs = [path for path, _ in app.examples], {}
    for parameter in endpoint.parameters:
        if parameter.kind in ("file", "files") and parameter.required and paths:
            path = paths.pop(0)
            inputs[parameter.name] = [path] if parameter.kind == "files" else path
        elif parameter.required:
            return None
    return Call(endpoint, inputs, {})
