"""Gradio, imported in little more than half the time.

At every import it parses the source of each of its components and writes hints for editors beside them
(gradio/component_meta.py, create_or_modify_pyi): two of the five seconds that a visitor of the first page waits. A studio
that runs needs no such hints, and files of a library are not ours to write. Where Gradio does so no longer, nothing happens.
"""

import sys
from importlib.machinery import PathFinder


class WithoutHints:
    """A finder that leaves the writing of hints out of the module that does it."""

    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target) if name == "gradio.component_meta" else None
        if spec is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                module.create_or_modify_pyi = lambda *_: None

            spec.loader.exec_module = exec_module
        return spec


def install():
    """To be called before Gradio is imported."""
    if not any(isinstance(finder, WithoutHints) for finder in sys.meta_path):
        sys.meta_path.insert(0, WithoutHints())
