"""What two pages share: theme, photo input, error wording, footer, downloads."""

import contextlib
import functools
import html
import shutil
import tempfile
import time
from abc import ABCMeta
from pathlib import Path

import gradio as gr

from core.errors import StudioError
from core.images import MAX_BYTES

ACCENT = "teal"
SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "Consolas", "monospace"]
CLEAN_EVERY, KEEP_FOR = 600, 3600  # seconds: how often, and after how long, visitors' files are deleted
CSS = """
.gradio-container { width: 100%; min-width: 0; max-width: 1080px !important; margin: 0 auto !important; }
.studio-head h1 { margin-bottom: .15rem; } .studio-head p { opacity: .8; margin-top: 0; }
.studio-head a { text-decoration: none; }
.verdict { border-left: 6px solid var(--color-accent); padding: .6rem 1rem; min-height: 6.2rem; }
.verdict h2 { margin: 0 0 .25rem; font-size: 1.6rem; } .verdict p { margin: 0; opacity: .85; }
.verdict.none { border-color: var(--neutral-400); } .verdict.error { border-color: #b45309; }
.prose th, .prose td { word-break: normal; overflow-wrap: normal; }
.choices .caption-label { font-size: .75rem; max-width: 100%; left: auto; }
.chips { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem; }
.chips li { border: 1px solid var(--border-color-primary); border-radius: 1rem; padding: .15rem .7rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; margin-top: 1rem; } .charts figure { margin: 0; flex: 1 1 300px; }
footer { opacity: .8; }
@media (max-width: 640px) {
  .gradio-container .main { padding: 1rem .75rem !important; }
  .tab-container button[role=tab] { padding: 0 .6rem; }
  .prose th, .prose td { padding: .25rem !important; font-size: .8rem; }
  /* Gradio's columns are 100 px and more: those that do not fit would stand outside the screen. */
  .grid-container { grid-template-columns: repeat(auto-fill, minmax(88px, 1fr)) !important; }
  .choices .grid-container { grid-template-columns: 1fr 1fr !important; grid-auto-rows: auto !important; }
  .choices .thumbnail-item { aspect-ratio: 2 !important; }
}
"""


def theme():
    """Light and dark by the visitor's system, fonts that every machine has: nothing is fetched."""
    soft = gr.themes.Soft(primary_hue=ACCENT, secondary_hue=ACCENT, neutral_hue="stone", font=SANS, font_mono=MONO)
    return soft.set(link_text_color="*primary_700", link_text_color_dark="*primary_300",
                    button_primary_background_fill="*primary_700", button_primary_background_fill_hover="*primary_600",
                    button_primary_background_fill_dark="*primary_700")  # fmt: skip


def mount_options():
    """Keyword arguments of gr.mount_gradio_app that every page gets."""
    # The upload limit lies above our own, so that a heavy photo is answered by our sentence.
    return dict(theme=theme(), css=CSS, max_file_size=3 * MAX_BYTES, run_history=False, enable_monitoring=False,
                ssr_mode=False, footer_links=["api", "settings"])  # fmt: skip


@contextlib.contextmanager
def page(app):
    """`with ui.page(APP) as blocks:` a page with title, one line and the way back; what visitors send is deleted again."""
    with gr.Blocks(title=f"{app.title} · Vitrine", delete_cache=(CLEAN_EVERY, KEEP_FOR)) as blocks:
        gr.Markdown(f"# {app.title}\n{app.lead}", elem_classes="studio-head")
        yield blocks


class _NoStub(type(gr.Image)):
    """Gradio's metaclass would write a .pyi file beside every component class; ours needs none."""

    def __new__(cls, name, bases, attributes):
        return ABCMeta.__new__(cls, name, bases, attributes)


class PhotoInput(gr.Image, metaclass=_NoStub):
    """A gr.Image that hands over the path of the visitor's file untouched.

    Gradio would open the file itself and fail with its own message on anything unusual; the one place that opens
    pictures is core.images, with limits first and a sentence for every refusal.
    """

    is_template = True  # the browser draws it as the gr.Image it is

    def preprocess(self, payload):
        if payload is None or payload.path is None or (payload.url or "").startswith("data:"):
            return super().preprocess(payload)
        return payload.path


def panel(kind, title, sentence):
    """A verdict's box as HTML; screen readers are told when it changes. kind: a class of CSS, such as "none" or "error"."""
    return f'<div class="verdict {kind}" role="status"><h2>{html.escape(title)}</h2><p>{html.escape(sentence)}</p></div>'


def steps(work, progress, desc):
    """Run a core generator of (done, in all) under a page's progress bar; -> what it returns.

    Use as `answer = yield from ui.steps(...)`: each step leaves the page's outputs alone and lets a Stop button end the work.
    """
    while True:
        try:
            done, total = next(work)
        except StopIteration as end:
            return end.value
        progress((done, total), desc=desc)
        yield gr.skip()


def moved(*sliders):
    """The events of sliders that are moved by hand, by key, by their number or back with ↺: each alone misses one of these."""
    return [event for slider in sliders for event in (slider.input, slider.release)]


def photo_input(**options):
    """Where a photo comes in: by upload, drop, paste or webcam."""
    return PhotoInput(type="filepath", sources=["upload", "webcam", "clipboard"], **options)


@contextlib.contextmanager
def sentences():
    """`with ui.sentences():` a StudioError inside reaches the visitor, or the API's caller, as its one sentence."""
    try:
        yield
    except StudioError as error:
        raise gr.Error(str(error), print_exception=False) from None


def endpoint(function):
    """The function as an API endpoint."""

    @functools.wraps(function)
    def answer(*inputs):
        with sentences():
            return function(*inputs)

    return answer


def download_path(name):
    """Path of a new file called `name` that a gr.DownloadButton can offer; Gradio serves its own copy of it."""
    for old in Path(tempfile.gettempdir()).glob("vitrine-*"):
        if time.time() - old.stat().st_mtime > KEEP_FOR:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix="vitrine-")) / name


def download(text, name):
    """Text -> path of such a file that holds it."""
    path = download_path(name)
    path.write_text(text, encoding="utf-8")
    return str(path)
