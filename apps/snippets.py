"""How to call every endpoint from a shell, from Python and from JavaScript: text that works when it is pasted."""

import functools
import importlib
import json
import shlex
import threading
from dataclasses import dataclass
from pathlib import Path

from apps import endpoints, gradio_server, registry

_building = threading.Lock()


@dataclass(frozen=True)
class Shown:
    """One endpoint as the page shows it; `snippets` is empty where its inputs have to be the caller's own."""

    endpoint: endpoints.Endpoint
    snippets: dict  # language -> text


@functools.cache
def known(app):
    """The Endpoints that the hub serves at /SLUG."""
    with _building:
        page = importlib.import_module(app.module).build() if app.framework == "gradio" else gradio_server.api_page(app)
        return endpoints.of_blocks(page)


def all_apps(host, mcp=False):
    """[(App, address, [Shown])] of the hub at `host`."""
    return [(app, f"{host}/{app.slug}/", shown(app, host)) for app in registry.APPS]


def shown(app, host):
    """Every endpoint of an app, with the first of its calls written out."""
    calls = {call.endpoint.name: call for call in reversed(endpoints.calls(app, known(app)))}
    return [Shown(e, {name: write(app, calls[e.name], host) for name, write in LANGUAGES.items()} if e.name in calls else {}) for e in known(app)]


def paths(call):
    """The files of a call, in their order, each once."""
    return list(dict.fromkeys(path for value in call.inputs.values() for path in (value if isinstance(value, list) else [value]) if isinstance(path, Path)))


def fill(call, write):
    """The inputs with every file replaced by what `write` makes of it."""
    one = lambda value: write(value) if isinstance(value, Path) else value  # noqa: E731
    return {name: [one(v) for v in value] if isinstance(value, list) else one(value) for name, value in call.inputs.items()}


def curl(app, call, host):
    """For a POSIX shell: fetch the example, upload it, start the call, read the answer."""
    files = {path: f"FILE{number}" for number, path in enumerate(paths(call), 1)}
    lines = [f"URL={host}/{app.slug}/gradio_api"]
    for path, name in files.items():
        lines += [f"curl -sO {host}/examples/{app.slug}/{path.name}", f"{name}=$(curl -s -F files=@{path.name} $URL/upload | tr -d '[]\"')"]
    body = json.dumps(fill(call, lambda path: {"path": f"${files[path]}", "meta": {"_type": "gradio.FileData"}}), ensure_ascii=False)
    quoted = shlex.quote(body)
    for name in files.values():
        quoted = quoted.replace(f'${name}"', f"'${name}'\"")
    lines += [f"CALL=$(curl -s -H 'Content-Type: application/json' -d {quoted} $URL/call/v2/{call.endpoint.name} | cut -d'\"' -f4)",
              f"curl -sN $URL/call/v2/{call.endpoint.name}/$CALL | sed -nE '/^event: (complete|error)/,$ s/^data: //p'"]  # fmt: skip
    return "\n".join(lines)


def python(app, call, host):
    """For Python with `pip install gradio_client`."""
    lines = ["from urllib.request import urlretrieve", ""] if paths(call) else []
    lines += ["from gradio_client import Client, handle_file" if paths(call) else "from gradio_client import Client", ""]
    lines += [f'urlretrieve("{host}/examples/{app.slug}/{path.name}", "{path.name}")' for path in paths(call)]

    def literal(value):
        if isinstance(value, list):
            return f"[{', '.join(map(literal, value))}]"
        return f'handle_file("{value.name}")' if isinstance(value, Path) else repr(value)

    inputs = [f"{name}={literal(value)}" for name, value in call.inputs.items()] + [f'api_name="/{call.endpoint.name}"']
    lines += [f'client = Client("{host}/{app.slug}/")', f"print(client.predict({', '.join(inputs)}))"]
    return "\n".join(lines)


UPLOAD = """async function upload(address, name) {
  const form = new FormData();
  form.append("files", await (await fetch(address)).blob(), name);
  const [path] = await (await fetch(`${url}/upload`, { method: "POST", body: form })).json();
  return { path, meta: { _type: "gradio.FileData" } };
}""".splitlines()


def javascript(app, call, host):
    """For a module, in Node or in a browser's console on a page of the hub: no package needed."""
    files = {path: f"file{number}" for number, path in enumerate(paths(call), 1)}
    lines = [f'const url = "{host}/{app.slug}/gradio_api";']
    lines += UPLOAD if files else []
    lines += [f'const {name} = await upload("{host}/examples/{app.slug}/{path.name}", "{path.name}");' for path, name in files.items()]
    body = json.dumps(fill(call, lambda path: f"@{files[path]}@"), ensure_ascii=False)
    for name in files.values():
        body = body.replace(f'"@{name}@"', name)
    lines += [f"const inputs = {body};", 'const headers = { "Content-Type": "application/json" };',
              f'const started = await fetch(`${{url}}/call/v2/{call.endpoint.name}`, {{ method: "POST", headers, body: JSON.stringify(inputs) }});',
              "const { event_id } = await started.json();",
              f"const answer = await (await fetch(`${{url}}/call/v2/{call.endpoint.name}/${{event_id}}`)).text();",
              'console.log(answer.split("event: complete\\ndata: ")[1] ?? answer);']  # fmt: skip
    return "\n".join(lines)


LANGUAGES = {"curl": curl, "Python": python, "JavaScript": javascript}
