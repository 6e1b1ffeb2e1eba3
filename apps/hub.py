"""One server, one port: the landing page, every Gradio app, and the Streamlit pages, each opened at first visit.

Nothing heavy is imported before a visitor opens an app: the server answers /healthz a second after its start.
/readyz asks every app's model for one answer (the first call starts that in the background) and says 200 only
once all have given it. What a Streamlit app can do is offered to programs at /SLUG too; /api shows how to call it all.
"""

import asyncio
import contextlib
import importlib
import sys

from starlette.applications import Starlette
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from apps import registry, server


def build_hub(mcp=False):
    """The whole studio as one ASGI app; mcp: every app's endpoints are MCP tools as well."""

    def opened(app):
        server.in_background(lambda: server.ask_ready(app))  # the model loads while the page is built and the browser draws it
        return for_programs(app, f"/{app.slug}", mcp)

    lazies = {app.slug: server.Lazy(lambda app=app: opened(app)) for app in registry.APPS}
    pages = server.Lazy(streamlit_pages)

    async def landing(request):
        # Gradio takes seconds to import: have it there before this visitor opens an app.
        if "gradio" not in sys.modules:
            server.in_background(lambda: importlib.import_module("gradio"))
        return server.page("landing.html", apps=registry.APPS, path_of=path_of)

    async def lost(request, error):
        return server.page("lost.html", 404)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        yield
        for lazy in (*lazies.values(), pages):
            await lazy.close()

    async def api(request):
        from apps import snippets

        shown = await asyncio.to_thread(snippets.all_apps, str(request.base_url).rstrip("/"), mcp)
        return server.page("api.html", apps=shown, mcp=mcp)

    routes = [*server.common_routes(server.Readiness(registry.APPS)), Route("/", landing), Route("/api", api)]
    routes += [Route("/picture/{slug}", picture), Route("/examples/{slug}/{file}", example), Mount("/pages", pages)]
    routes += [Route(f"/{app.slug}{end}", to_page(app)) for app in registry.APPS if app.framework == "streamlit" for end in ("", "/")]
    routes += [Mount(f"/{slug}", lazy) for slug, lazy in lazies.items()]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: lost})


def for_programs(app, prefix, mcp):
    """What lies at /SLUG: a Gradio app's page with its endpoints, or a Streamlit app's endpoints."""
    from apps import gradio_server

    return (gradio_server.gradio_app if app.framework == "gradio" else gradio_server.api_app)(app, prefix, mcp)


def streamlit_pages():
    from apps import streamlit_server

    return streamlit_server.pages()


async def picture(request):
    app = registry.find(request.path_params["slug"])
    if app is None:
        return Response("There is no such picture.", status_code=404)
    return FileResponse(app.picture, headers={"Cache-Control": "max-age=3600"})


async def example(request):
    """An example input, so that what /api shows can be tried from anywhere."""
    app = registry.find(request.path_params["slug"])
    paths = {path.name: path for path, _ in app.examples} if app else {}
    if request.path_params["file"] not in paths:
        return Response("There is no such example.", status_code=404)
    return FileResponse(paths[request.path_params["file"]])


def to_page(app):
    """An endpoint that sends /SLUG on to where the app's Streamlit page is."""

    async def redirect(request):
        return RedirectResponse(path_of(app))

    return redirect


def build_alone(app):
    """One app by itself, at the root of its own server."""
    if app.framework == "streamlit":
        from apps import streamlit_server

        return streamlit_server.build_alone(app)
    return server.alone(app, lambda: for_programs(app, "", False))


def path_of(app):
    """Where the hub serves an app."""
    return f"/{app.slug}/" if app.framework == "gradio" else f"/pages/{app.slug}"
