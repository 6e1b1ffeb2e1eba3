"""One server, one port: the landing page, every Gradio app, and the Streamlit pages, each opened at first visit.

Nothing heavy is imported before a visitor opens an app: the server answers /healthz a second after its start.
/readyz asks every app's model for one answer (the first call starts that in the background) and says 200 only
once all have given it.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import socket
import sys
import threading

import uvicorn
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from apps import registry

PAGES = Environment(loader=FileSystemLoader(registry.ROOT / "apps" / "templates"), autoescape=select_autoescape())


def _page(template, status=200, **values):
    return HTMLResponse(PAGES.get_template(template).render(**values), status_code=status)


class Lazy:
    """An ASGI app that is built at its first request and shut down with the server.

    build: () -> ASGI app with a lifespan; runs in a thread, so that the server goes on answering meanwhile
    """

    def __init__(self, build):
        self.build, self.app, self.task = build, None, None
        self.lock, self.stop = asyncio.Lock(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        if self.app is None:
            async with self.lock:
                if self.app is None:
                    try:
                        await self._open()
                    except Exception:  # whatever kept it from opening, the other apps live on and the next visit tries again
                        logging.getLogger("uvicorn.error").exception("An app could not be opened.")
                        await _page("broken.html", 503)(scope, receive, send)
                        return
        await self.app(scope, receive, send)

    async def _open(self):
        app = await asyncio.to_thread(self.build)
        up = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._live(app, up))
        await up
        self.app = app

    async def _live(self, app, up):
        # One task enters and leaves the lifespan: its task groups may not be closed from another.
        try:
            async with _lifespan(app):
                up.set_result(None)
                await self.stop.wait()
        except Exception as error:
            if up.done():
                raise
            up.set_exception(error)

    async def close(self):
        self.stop.set()
        if self.task:
            await asyncio.gather(self.task, return_exceptions=True)


def _lifespan(app):
    """The start-up and shutdown context of a FastAPI or of a Streamlit application."""
    return app.router.lifespan_context(app) if hasattr(app, "router") else app.lifespan()(app)


def gradio_app(app, prefix=""):
    """registry.App -> ASGI app that serves its page at `prefix` of this server."""
    import gradio as gr
    from fastapi import FastAPI

    from apps import ui

    page = importlib.import_module(app.module).build()
    # The model loads while the visitor still looks for a photo. What goes wrong is told by the first answer.
    _in_background(lambda: _ready(app))
    return gr.mount_gradio_app(FastAPI(docs_url=None, redoc_url=None), page, path="/", root_path=prefix or None, **ui.mount_options())


def _in_background(work):
    thread = threading.Thread(target=work)  # joined at exit: a half-loaded torch aborts the process
    thread.start()
    return thread


def _ready(app):
    """Ask the app's model for one answer; "" or the error's text, whatever the error is."""
    try:
        importlib.import_module(app.core).ready()
    except Exception as error:
        return str(error)
    return ""


def streamlit_app(alone=None):
    """All Streamlit pages as one ASGI app: a process can hold only one Streamlit runtime. `alone`: the App that is its first page."""
    from streamlit import config
    from streamlit.starlette import App

    options = {"browser.gatherUsageStats": False, "server.fileWatcherType": "none", "client.toolbarMode": "minimal",
               "client.showErrorDetails": "none", "theme.light.primaryColor": "#0f766e", "theme.dark.primaryColor": "#2dd4bf", "server.maxUploadSize": 75,
               "logger.level": "warning"}  # fmt: skip
    for key, value in options.items():
        config.set_option(key, value)
    for name in ("uvicorn.access", "uvicorn.error"):  # Streamlit switches a line for every request on again
        logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.WARNING)
    os.environ["STUDIO_PAGE"] = alone.slug if alone else ""
    return App(registry.ROOT / "apps" / "streamlit_pages.py")


class Readiness:
    """Whether every app's default model has answered once; the first question starts the asking."""

    def __init__(self, apps):
        self.apps, self.answers, self.thread = apps, {}, None

    def state(self):
        """(what to say, HTTP status)"""
        if self.thread is None:
            self.thread = _in_background(self._ask)
        errors = {slug: error for slug, error in self.answers.items() if error}
        waiting = [app.slug for app in self.apps if app.slug not in self.answers]
        ready = not (waiting or errors)
        return {"ready": ready, "waiting": waiting, "errors": errors}, 200 if ready else 503

    def _ask(self):
        for app in self.apps:
            self.answers[app.slug] = _ready(app)


def _common_routes(apps):
    readiness = Readiness(apps)

    async def healthz(request):
        return JSONResponse({"status": "ok"})

    async def readyz(request):
        state, status = readiness.state()
        return JSONResponse(state, status_code=status)

    async def favicon(request):
        return FileResponse(registry.ROOT / "apps" / "templates" / "favicon.svg", headers={"Cache-Control": "max-age=86400"})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/favicon.ico", favicon), Route("/favicon.svg", favicon)]


def build_hub():
    """The whole studio as one ASGI app."""
    lazies = {app.slug: Lazy(lambda app=app: gradio_app(app, f"/{app.slug}")) for app in registry.APPS if app.framework == "gradio"}
    pages = Lazy(streamlit_app)

    async def landing(request):
        # Gradio takes seconds to import: have it there before this visitor opens an app.
        if "gradio" not in sys.modules:
            _in_background(lambda: importlib.import_module("gradio"))
        return _page("landing.html", apps=registry.APPS, path_of=path_of)

    async def picture(request):
        app = registry.find(request.path_params["slug"])
        if app is None:
            return Response("There is no such picture.", status_code=404)
        return FileResponse(app.picture, headers={"Cache-Control": "max-age=3600"})

    async def lost(request, error):
        return _page("lost.html", 404)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        yield
        for lazy in (*lazies.values(), pages):
            await lazy.close()

    routes = [*_common_routes(registry.APPS), Route("/", landing), Route("/picture/{slug}", picture)]
    routes += [Mount(f"/{slug}", lazy) for slug, lazy in lazies.items()] + [Mount("/pages", pages)]
    routes += [Route(f"/{app.slug}{end}", to_page(app)) for app in registry.APPS if app.framework == "streamlit" for end in ("", "/")]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: lost})


def to_page(app):
    """An endpoint that sends /SLUG on to where the app's Streamlit page is."""

    async def redirect(request):
        return RedirectResponse(path_of(app))

    return redirect


def build_alone(app):
    """One app by itself, at the root of its own server."""
    lazy = Lazy((lambda: gradio_app(app)) if app.framework == "gradio" else lambda: streamlit_app(app))

    @contextlib.asynccontextmanager
    async def lifespan(_):
        yield
        await lazy.close()

    return Starlette(routes=[*_common_routes([app]), Mount("/", lazy)], lifespan=lifespan)


def path_of(app):
    """Where the hub serves an app."""
    return f"/{app.slug}/" if app.framework == "gradio" else f"/pages/{app.slug}"


def serve(app, host, port, title):
    """Run an ASGI app until Ctrl-C; returns the process's exit code. Prints one sentence if the port is taken."""
    with contextlib.closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            print(_cannot_listen(host, port, error), file=sys.stderr)
            return 1
    os.environ["STUDIO_HOST"] = host  # a page with people's data asks who may come
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    print(f"{title} is on http://{shown}:{port}  (Ctrl-C stops it)", flush=True)
    # Open event streams of pages in a browser would otherwise hold the shutdown up.
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=2))
    # ... and being ended is no fault of theirs, which uvicorn would print a traceback about.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    print("Stopped.", flush=True)
    return 0


def _cannot_listen(host, port, error):
    if not 0 < port < 65536:
        return f"{port} is not a port number. Please choose one from 1024 to 65535."
    if getattr(error, "errno", None) in (13, 10013):
        return f"Port {port} needs administrator rights. Please choose one from 1024 up: --port 7860"
    if getattr(error, "errno", None) in (98, 48, 10048):
        return f"Port {port} is already in use. Stop the other program, or choose another port: --port {port + 1}"
    return f"{host}:{port} cannot be listened on ({error}). Please check --host and --port."
