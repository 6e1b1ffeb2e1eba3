"""Gradio without two things that a visitor of the first page would wait for and nobody here needs.

Hints for editors: at every import it parses the source of each of its components and writes hints beside them
(gradio/component_meta.py, create_or_modify_pyi): two of the five seconds of its import. Files of a library are not ours to write.

Matplotlib: the first event of a server imports it wherever it is installed, only to set how it would draw (gradio/utils.py,
MatplotlibBackendMananger): most of a second. No page here draws with it; where something has imported it, it is set as ever.

Where Gradio does so no longer, nothing happens.
"""

import sys
from importlib.machinery import PathFinder


def without_hints(module):
    module.create_or_modify_pyi = lambda *_: None


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


CHANGES = {"gradio.component_meta": without_hints, "gradio.utils": without_matplotlib}


class Quick:
    """A finder that changes modules of Gradio as they are loaded."""

    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target) if name in CHANGES else None
        if spec is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                CHANGES[name](module)

            spec.loader.exec_module = exec_module
        return spec


def install():
    """To be called before Gradio is imported."""
    if not any(isinstance(finder, Quick) for finder in sys.meta_path):
        sys.meta_path.insert(0, Quick())
