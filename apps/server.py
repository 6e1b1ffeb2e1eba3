"""What every server of ours has, the hub's and that of one app alone: lazy apps and readiness."""

import asyncio
import contextlib
import importlib
import logging
import threading

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.routing import Mount, Route

from apps import registry

PAGES = Environment(loader=FileSystemLoader(registry.ROOT / "apps" / "templates"), autoescape=select_autoescape())


def page(template, status=200, **values):
    return HTMLResponse(PAGES.get_template(template).render(**values), status_code=status)


class Lazy:
    """An ASGI app that is built at its first request and shut down with the server.

    build: () -> ASGI app with a lifespan; runs in a thread, so that the server goes on answering meanwhile
    """

    def __init__(self, build):
        self.build, self.app, self.task = build, None, None
        self.lock, self.stop = asyncio.Lock(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        app = self.app or await self.opened()  # once it is open, no request waits for the lock
        await (app or page("broken.html", 503))(scope, receive, send)

    async def opened(self):
        """The app; None if it could not be opened."""
        async with self.lock:
            if self.app is None:
                try:
                    await self._open()
                except Exception:  # whatever kept it from opening, the other apps live on and the next visit tries again
                    logging.getLogger("uvicorn.error").exception("An app could not be opened.")
        return self.app

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


def in_background(work):
    thread = threading.Thread(target=work)  # joined at exit: a half-loaded torch aborts the process
    thread.start()
    return thread


def ask_ready(app):
    """Ask the app's model for one answer; "" or the error's text, whatever the error is."""
    try:
        importlib.import_module(app.core).ready()
    except Exception as error:
        return str(error)
    return ""


class Readiness:
    """Whether every app's default model has answered once; the first question starts the asking."""

    def __init__(self, apps):
        self.apps, self.answers, self.thread = apps, {}, None

    def state(self):
        """(what to say, HTTP status)"""
        if self.thread is None:
            self.thread = in_background(self._ask)
        errors = {slug: error for slug, error in self.answers.items() if error}
        waiting = [app.slug for app in self.apps if app.slug not in self.answers]
        ready = not (waiting or errors)
        return {"ready": ready, "waiting": waiting, "errors": errors}, 200 if ready else 503

    def _ask(self):
        for app in self.apps:
            self.answers[app.slug] = ask_ready(app)


def common_routes(readiness):
    """What every server answers; readiness: of the apps it serves."""

    async def healthz(request):
        return JSONResponse({"status": "ok"})

    async def readyz(request):
        state, status = readiness.state()
        return JSONResponse(state, status_code=status)

    async def favicon(request):
        return FileResponse(registry.ROOT / "apps" / "templates" / "favicon.svg", headers={"Cache-Control": "max-age=86400"})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/favicon.ico", favicon), Route("/favicon.svg", favicon)]


def alone(app, build, routes=()):
    """One app by itself as an ASGI app. It is opened and its model loaded at once: nobody starts it for anything else.

    build: as of Lazy; routes: what is answered before it
    """
    lazy, readiness = Lazy(build), Readiness([app])

    async def open_early():
        if await lazy.opened():
            readiness.state()

    @contextlib.asynccontextmanager
    async def lifespan(_):
        early = asyncio.create_task(open_early())
        yield
        await early
        await lazy.close()

    return Starlette(routes=[*common_routes(readiness), *routes, Mount("/", lazy)], lifespan=lifespan)
