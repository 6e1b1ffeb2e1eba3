"""What a Space on ZeroGPU needs: its Python, its torch, and calls that borrow the GPU (core.runtime.accelerated)."""

import ast

from apps.spaces.closure import source_of
from core.errors import BadInput

# As the documentation of Spaces listed them in August 2026.
PYTHONS = ("3.12.12", "3.10.13")
TORCHES = {"2.11.0": "0.26.0", "2.10.0": "0.25.0", "2.9.1": "0.24.1", "2.8.0": "0.23.0"}  # torch: its torchvision
PYTHON, TORCH, SPACES = PYTHONS[0], next(iter(TORCHES)), "0.51.3"
FIRST = """import spaces  # before torch: it makes `cuda` wait for a GPU to be lent

from core import runtime

runtime.borrow_gpu(spaces.GPU)

"""


def requirements(app, found, wanted):
    """The requirements with ZeroGPU's torch; raises BadInput if nothing in the app would use its GPU."""
    if app.framework != "gradio":
        raise BadInput(f"ZeroGPU runs Gradio apps only, and {app.title} is none. Please leave out --zerogpu.")
    room = app.core.rpartition(".")[0]  # marks in rooms that it only borrows from are other apps'
    if not any("runtime.accelerated(" in marks(path) for name, path in found.modules.items() if name.startswith((f"{room}.", app.module))):
        raise BadInput(f"No call of {app.title} is worth borrowing a GPU for (none is marked @runtime.accelerated). Please leave out --zerogpu.")
    changed = {"torch": TORCH, "torchvision": TORCHES[TORCH], "spaces": SPACES}
    return dict(sorted((wanted | {name: version for name, version in changed.items() if name in wanted or name == "spaces"}).items()))


def marks(path):
    """The decorators of a module as text."""
    functions = [node for node in source_of(path).nodes if isinstance(node, ast.FunctionDef)]
    return " ".join(ast.unparse(mark) for function in functions for mark in function.decorator_list)
