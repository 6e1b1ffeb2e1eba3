"""Gradio is imported without its hints for editors, and is otherwise what it is."""

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
"""


def test_no_hints_are_written_and_events_work():
    done = run_python("-c", SAID.format(first="import apps"))
    module, written, event, finders = done.stdout.split()
    assert (module, written, event) == ("apps.quick_gradio", "[]", "Dependency"), done.stdout + done.stderr
    plain = run_python("-c", SAID.format(first="")).stdout.split()
    assert plain[0] == "gradio.component_meta" and int(finders) == int(plain[3]) + 1


def test_installed_once():
    said = run_python(
        "-c", "import sys, apps\nfrom apps import quick_gradio\nquick_gradio.install()\nprint(sum(type(f).__name__ == 'WithoutHints' for f in sys.meta_path))"
    )
    assert said.stdout.strip() == "1"
