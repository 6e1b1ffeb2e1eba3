"""Gradio without what a visitor of the first page would wait for and nobody here needs.

Hints for editors: at every import it parses the source of each of its components and writes hints beside them
(gradio/component_meta.py, create_or_modify_pyi): two of the five seconds of its import. Files of a library are not ours to write.

Docstrings of events: it compiles each as a template once for every component (gradio/events.py, set_doc); once is enough.

MCP: it imports the whole package, 0.4 s, in case someone wants its tools (gradio/mcp.py). `with_mcp` does so when someone does.

Matplotlib: the first event of a server imports it wherever it is installed, only to set how it would draw (gradio/utils.py,
MatplotlibBackendMananger): most of a second. No page here draws with it; where something has imported it, it is set as ever.

Where Gradio does so no longer, nothing happens.
"""

import contextlib
import functools
import importlib
import sys
from importlib.machinery import PathFinder


def without_hints(module):
    module.create_or_modify_pyi = lambda *_: None


def with_templates_kept(module):
    if hasattr(module, "Template"):
        module.Template = functools.cache(module.Template)


def without_matplotlib(module):
    manager = getattr(module, "MatplotlibBackendMananger", None)
    if manager is None:
        return
    set_up, put_back = manager.__enter__, manager.__exit__

    def enter(self):
        self.asked = "matplotlib" in sys.modules
        return set_up(self) if self.asked else None

    manager.__enter__ = enter
    manager.__exit__ = lambda self, *about: put_back(self, *about) if self.asked else None


CHANGES = {"gradio.component_meta": without_hints, "gradio.events": with_templates_kept, "gradio.utils": without_matplotlib}


class Quick:
    """A finder that changes modules of Gradio as they are loaded."""

    def find_spec(self, name, path=None, target=None):
        if name not in CHANGES and name != "gradio.mcp":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                with left_out("mcp") if name == "gradio.mcp" else contextlib.nullcontext():
                    run(module)
                CHANGES.get(name, lambda _: None)(module)

            spec.loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def left_out(name):
    """Inside, importing `name` raises ModuleNotFoundError, as if it were not installed; what was imported already stays."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]


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
