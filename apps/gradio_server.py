"""Gradio apps as ASGI apps of the hub, alone on a server of their own, and as endpoints without a page."""

import importlib
import inspect
import os
import tempfile
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from gradio import processing_utils

from apps import endpoints, quick_gradio, server, ui


def written_whole(save):
    """Gradio's save_pil_to_cache, with the picture put in its place in one piece.

    A picture's path comes from its bytes, and Gradio writes it in place each time it is drawn. Everyone's first wall of faces is
    the same picture: drawn for one visitor while it is sent to another, it would arrive broken.
    """

    def saved(image, cache_dir, *args, **options):
        place = Path(cache_dir).resolve()
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place) as beside:
            made = Path(save(image, beside, *args, **options))
            path = place / made.relative_to(Path(beside).resolve())
            path.parent.mkdir(exist_ok=True)
            made.replace(path)
        return str(path)

    return saved


processing_utils.save_pil_to_cache = written_whole(processing_utils.save_pil_to_cache)


def gradio_app(app, prefix="", mcp=False):
    """registry.App -> ASGI app that serves its page at `prefix` of this server; mcp: its endpoints are MCP tools too."""
    return mounted(importlib.import_module(app.module).build(), prefix, mcp)


def api_app(app, prefix="", mcp=False):
    """The endpoints of a Streamlit app, for programs only: its page is elsewhere."""
    return mounted(api_page(app), prefix, mcp)


def mounted(page, prefix, mcp):
    if mcp:
        quick_gradio.with_mcp()
        told = page.get_api_info
        page.get_api_info = lambda *args, **options: written_out(told(*args, **options))
    app = gr.mount_gradio_app(FastAPI(docs_url=None, redoc_url=None), page, path="/", root_path=prefix or None, mcp_server=mcp, **ui.mount_options())
    if mcp:
        take_lists_of_files(page.mcp_server_obj)
    return app


def take_lists_of_files(tools):
    """Have Gradio's MCP server take lists of files too: it knows a list's files as "items", and looks for them by number."""
    convert = tools.convert_strings_to_filedata

    def converted(value, positions):
        numbered = [[*place[:-1], k] for place in positions if place[-1:] == ["items"] for k, _ in enumerate(value.get(place[0]) or [])]
        return convert(value, positions + numbered)

    tools.convert_strings_to_filedata = converted


def written_out(schema, known=None):
    """A JSON schema with its references written out: mcp looks for them at the root, Gradio defines them further in."""
    if isinstance(schema, list):
        return [written_out(item, known) for item in schema]
    if not isinstance(schema, dict):
        return schema
    known = (known or {}) | schema.get("$defs", {})
    if "$ref" in schema:
        return written_out(known[schema["$ref"].rpartition("/")[2]], known)
    return {key: written_out(value, known) for key, value in schema.items() if key != "$defs"}


def api_page(app):
    """A page that holds nothing but the functions of `app.api`."""
    with ui.page(app) as blocks:
        for function in endpoints.functions(app):
            inputs = [component(parameter) for parameter in inspect.signature(function).parameters.values()]
            gr.Button(visible=False).click(ui.endpoint(function), inputs, gr.JSON(visible=False), api_name=function.__name__)
    return blocks


def component(parameter):
    """inspect.Parameter -> the component that takes it from a program."""
    kind = endpoints.kind_of(parameter.annotation)
    if kind in ("file", "files"):
        return gr.File(file_count="multiple" if kind == "files" else "single", visible=False)
    return gr.Textbox(None if parameter.default is parameter.empty else parameter.default, visible=False)


def launch(app, page, mcp=False):
    """Serve one app's page alone, as a Space does; PORT says where (7860)."""
    server.in_background(lambda: server.ask_ready(app))
    if mcp:
        quick_gradio.with_mcp()
    page.launch(server_port=int(os.environ.get("PORT") or 7860), mcp_server=mcp, **ui.mount_options())
