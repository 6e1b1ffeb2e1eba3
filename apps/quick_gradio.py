"""Gradio without what a visitor of the first page would wait for and nobody here needs.

Hints for editors: at every import it parses the source of each of its components and writes hints beside them
(gradio/component_meta.py, create_or_modify_pyi): two of the five seconds of its import. Files of a library are not ours to write.

Docstrings of events: it compiles each as a template once for every component (gradio/events.py, set_doc); once is enough.

MCP: it imports the whole package, 0.4 s, in case someone wants its tools (gradio/mcp.py). `with_mcp` does so when someone does.

Matplotlib: the first event of a server imports it wherever it is installed, only to set how it would draw (gradio/utils.py,
MatplotlibBackendMananger): most of a second. No page here draws with it; where something has imported it, it is set as ever.

Where Gradio does so no longer, nothing happens.
"""

import functools
import importlib
import sys
from importlib.machinery import PathFinder


def without_hints(load, module):
    load(module)
    module.create_or_modify_pyi = lambda *_: None


def with_templates_kept(load, module):
    load(module)
    if hasattr(module, "Template"):
        module.Template = functools.cache(module.Template)


def without_mcp(load, module):
    """As if the package were not installed, unless something has imported it already."""
    blocked = sys.modules.setdefault("mcp", None) is None
    try:
        load(module)
    finally:
        if blocked:
            del sys.modules["mcp"]


def without_matplotlib(load, module):
    load(module)
    manager = getattr(module, "MatplotlibBackendMananger", None)
    if manager is None:
        return
    set_up, put_back = manager.__enter__, manager.__exit__

    def enter(self):
        self.asked = "matplotlib" in sys.modules
        return set_up(self) if self.asked else None

    manager.__enter__ = enter
    manager.__exit__ = lambda self, *about: put_back(self, *about) if self.asked else None


CHANGES = {
    "gradio.component_meta": without_hints,
    "gradio.events": with_templates_kept,
    "gradio.mcp": without_mcp,
    "gradio.utils": without_matplotlib,
}


class Quick:
    """A finder that has modules of Gradio loaded by CHANGES."""

    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target) if name in CHANGES else None
        if spec is not None:
            spec.loader.exec_module = functools.partial(CHANGES[name], spec.loader.exec_module)
        return spec


def install():
    """To be called before Gradio is imported."""
    if not any(isinstance(finder, Quick) for finder in sys.meta_path):
        sys.meta_path.insert(0, Quick())


def with_mcp():
    """Have Gradio's module of MCP whole, to be called before a page's tools are asked for."""
    importlib.import_module("mcp")
    module = importlib.import_module("gradio.mcp")
    if not hasattr(module.GradioMCPServer, "Server"):
        importlib.reload(module)
