"""Gradio is imported without what nobody here needs, and is otherwise what it is."""

import pytest

from tests.conftest import run_python

SAID = """
import pathlib, sys
{first}
import gradio as gr
written = []
pathlib.Path.write_text = lambda self, *_, **__: written.append(self.suffix)
class Mine(gr.Textbox):
    pass
with gr.Blocks():
    event = Mine(label="x").change(lambda x: x, None, None)
print(gr.component_meta.create_or_modify_pyi.__module__, written, type(event).__name__, len(sys.meta_path))
print(gr.Image.select.__doc__, gr.Textbox.submit.__doc__)
"""
DREW = """
import apps
{first}
import sys
from gradio.utils import MatplotlibBackendMananger
with MatplotlibBackendMananger():
    inside = sys.modules["matplotlib"].get_backend().lower() if "matplotlib" in sys.modules else "absent"
print(inside, sys.modules["matplotlib"].get_backend().lower() if "matplotlib" in sys.modules else "absent")
"""
ASKED = """
import sys, apps
import gradio as gr
from apps import quick_gradio
from gradio.mcp import GradioMCPServer
print("mcp" in sys.modules, hasattr(GradioMCPServer, "Server"))
quick_gradio.with_mcp()
from gradio.mcp import GradioMCPServer
print("mcp" in sys.modules, hasattr(GradioMCPServer, "Server"))
with gr.Blocks() as page:
    gr.Button("x").click(lambda: None, api_name="x")
print(GradioMCPServer(page) is not None)
"""


def test_no_hints_are_written_docstrings_are_the_same_and_events_work():
    done = run_python("-c", SAID.format(first="import apps"))
    said, _, documented = done.stdout.partition("\n")
    module, written, event, finders = said.split()
    assert (module, written, event) == ("apps.quick_gradio", "[]", "Dependency"), done.stdout + done.stderr
    said, _, plainly = run_python("-c", SAID.format(first="")).stdout.partition("\n")
    assert said.split()[0] == "gradio.component_meta" and int(finders) == int(said.split()[3]) + 1
    assert documented == plainly and "the Image" in documented and "{{" not in documented


def test_matplotlib_is_set_up_where_something_imported_it_and_not_imported_for_it():
    assert run_python("-c", DREW.format(first="")).stdout.split() == ["absent", "absent"]
    pytest.importorskip("matplotlib")
    said = run_python("-c", DREW.format(first="import matplotlib"), MPLBACKEND="svg").stdout.split()
    assert said == ["agg", "svg"]


def test_mcp_waits_until_someone_wants_it():
    said = run_python("-c", ASKED).stdout.split()
    assert said == ["False", "False", "True", "True", "True"]


def test_installed_once():
    said = run_python(
        "-c", "import sys, apps\nfrom apps import quick_gradio\nquick_gradio.install()\nprint(sum(type(f).__name__ == 'Quick' for f in sys.meta_path))"
    )
    assert said.stdout.strip() == "1"
