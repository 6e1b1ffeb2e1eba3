"""The Streamlit pages as an ASGI app: all of them in the hub, or one alone with its endpoints beside it."""

import asyncio
import logging
import os
import tempfile
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit import config
from streamlit.starlette import App

from apps import endpoints, registry, server
from core.errors import BadInput, StudioError

NEEDS = ("python-multipart",)  # Starlette reads forms with it
MAX_BYTES = 75 * 2**20  # of one upload
OPTIONS = {"browser.gatherUsageStats": False, "server.fileWatcherType": "none", "client.toolbarMode": "minimal", "client.showErrorDetails": "none",
           "theme.light.primaryColor": "#0f766e", "theme.dark.primaryColor": "#2dd4bf", "server.maxUploadSize": MAX_BYTES // 2**20,
           "logger.level": "warning"}  # fmt: skip


def pages(alone=None):
    """All Streamlit pages as one ASGI app: a process can hold only one Streamlit runtime. `alone`: the App that is its first page."""
    for key, value in OPTIONS.items():
        config.set_option(key, value)
    for name in ("uvicorn.access", "uvicorn.error"):  # Streamlit switches a line for every request on again
        logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.WARNING)
    os.environ["STUDIO_PAGE"] = alone.slug if alone else ""
    return App(registry.ROOT / "apps" / "streamlit_pages.py")


def build_alone(app):
    """One app by itself: its page at /, its endpoints at /api/NAME."""
    return server.alone(app, lambda: pages(app), api_routes(app))


def api_routes(app):
    """POST /api/NAME, a form with files and texts -> the JSON that the function of that name returns."""
    return [Route(f"/api/{function.__name__}", answering(function), methods=["POST"]) for function in endpoints.functions(app)]


def answering(function):
    """A function of paths and texts -> what answers a form for it."""
    described = endpoints.of_function(function)

    async def answer(request):
        if (origin := request.headers.get("origin")) and urlsplit(origin).netloc != request.headers.get("host"):
            return JSONResponse({"error": "Pages of other addresses may not call this one."}, 403)
        if int(request.headers.get("content-length") or 0) > MAX_BYTES:
            return JSONResponse({"error": f"At most {MAX_BYTES >> 20} MB can be sent at once."}, 413)
        try:
            async with request.form(max_files=50) as form:
                with tempfile.TemporaryDirectory(prefix="vitrine-api-") as folder:
                    inputs = {p.name: await received(p, form, Path(folder)) for p in described.parameters if p.required or p.name in form}
                    return JSONResponse(await asyncio.to_thread(lambda: function(**inputs)))
        except StudioError as error:
            return JSONResponse({"error": str(error)}, 422)

    return answer


async def received(parameter, form, folder):
    """One parameter out of a form; files are written into `folder` under their own names."""
    sent = form.getlist(parameter.name)
    texts = [one for one in sent if isinstance(one, str)]
    if not sent or bool(texts) == (parameter.kind in ("file", "files")):
        raise BadInput(f"Please send {parameter.name}, {'as a file' if parameter.kind in ('file', 'files') else 'as text'}: {parameter.says}.")
    if texts:
        return texts[0]
    paths = [await written(file, folder / f"{parameter.name}-{number}") for number, file in enumerate(sent)]
    return paths if parameter.kind == "files" else paths[0]


async def written(file, folder):
    folder.mkdir()
    name = PurePosixPath((file.filename or "").replace("\\", "/")).name
    path = folder / (name if name.strip(".") else "file")
    path.write_bytes(await file.read())
    return path
