"""What programs get: the page that shows how, snippets that run, tools for language models, and everywhere the same answer."""

import base64
import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys

import anyio
import pytest
from gradio_client import Client
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from apps import endpoints, registry, snippets
from apps.__main__ import main
from apps.spaces import check
from core.images import open_image
from tests.conftest import ROOT, Server, get

WITH_CALLS = [app for app in registry.APPS if (app.examples_folder / "calls.json").exists()]
STREAMLIT = [app for app in WITH_CALLS if app.framework == "streamlit"]


@pytest.fixture(scope="module")
def tools():
    """A hub that is open to language models too."""
    with Server("--mcp") as server:
        yield server


def first_call(app):
    """The last call that calls.json names: those before it may be its preparations."""
    return endpoints.calls(app, check.known(app))[-1]


def test_the_page_shows_every_endpoint_with_its_parameters(tools):
    status, page = get(tools.url + "/api", 120)
    assert status == 200
    for app in registry.APPS:
        for endpoint in check.known(app):
            assert f"/{endpoint.name}</h3>" in page and all(f"<dt>{p.name}" in page and p.says for p in endpoint.parameters), endpoint
        assert f"{tools.url}/{app.slug}/gradio_api/mcp/" in page
    assert get(tools.url + "/examples/bear-detector/teddy.jpg")[0] == 200
    assert get(tools.url + "/examples/bear-detector/index.json")[0] == get(tools.url + "/examples/unicorn/x")[0] == 404


@pytest.mark.parametrize("app", WITH_CALLS, ids=lambda app: app.slug)
@pytest.mark.parametrize("language", snippets.LANGUAGES)
def test_snippets_work_when_pasted(tools, tmp_path, app, language):
    runner = {"curl": ["sh", "-e"], "Python": [sys.executable, "-"], "JavaScript": ["node", "--input-type=module", "-"]}[language]
    if not all(map(shutil.which, [runner[0], *(["curl"] if language == "curl" else [])])):
        pytest.skip(f"{runner[0]} is not on this machine")
    shown = [one for one in snippets.shown(app, tools.url) if one.snippets]
    # The snippets of two endpoints are run, each language those of one.
    one = shown[list(snippets.LANGUAGES).index(language) % min(2, len(shown))]
    done = subprocess.run(runner, input=one.snippets[language], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    says = next(call.says for call in endpoints.calls(app, check.known(app)) if call.endpoint.name == one.endpoint.name)
    assert done.returncode == 0 and "error" not in done.stdout.lower().splitlines()[0], done.stderr[-500:] + done.stdout[-500:]
    for value in (value for value in says.values() if isinstance(value, str)):
        assert value in done.stdout, (one.endpoint.name, done.stdout[:500])


def test_a_call_that_is_refused_shows_its_sentence_in_the_shell(tools, tmp_path):
    app = registry.find("rag-chatbot")
    call = first_call(app)
    text = snippets.curl(app, endpoints.Call(call.endpoint, call.inputs | {"question": ""}, {}), tools.url)
    done = subprocess.run(["sh"], input=text, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "Please ask something" in done.stdout


def by_mcp(url, work):
    async def run():
        async with streamablehttp_client(url) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await work(session)

    return anyio.run(run)


def data_url(path):
    return f"data:application/octet-stream;base64,{base64.b64encode(path.read_bytes()).decode()}"


@pytest.mark.parametrize("app", registry.APPS, ids=lambda app: app.slug)
def test_every_endpoint_is_a_tool_that_describes_itself(tools, app):
    async def work(session):
        return {tool.name: tool for tool in (await session.list_tools()).tools}

    found = by_mcp(f"{tools.url}/{app.slug}/gradio_api/mcp/", work)
    assert set(found) == {endpoint.name for endpoint in check.known(app)}
    for endpoint in check.known(app):
        tool = found[endpoint.name]
        assert endpoint.summary in tool.description and set(tool.inputSchema["properties"]) == {p.name for p in endpoint.parameters}
        assert set(tool.inputSchema.get("required", [])) == {p.name for p in endpoint.parameters if p.required}


@pytest.mark.parametrize(("slug", "words"), [("bear-detector", "'label': 'teddy'"), ("rag-chatbot", "'span': 'Agnes Holloway'")])
def test_a_language_model_gets_the_answer(tools, slug, words):
    app = registry.find(slug)
    call = endpoints.calls(app, check.known(app))[0]

    async def work(session):
        return await session.call_tool(call.endpoint.name, snippets.fill(call, data_url))

    said = by_mcp(f"{tools.url}/{slug}/gradio_api/mcp/", work)
    assert not said.isError and words in said.content[0].text


def test_without_the_package_mcp_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["--mcp"]) == 1 and "requirements-mcp.txt" in capsys.readouterr().err


def command(app, call, capsys):
    """The command line's answer to a call: files first, then what `run` has an option for."""
    rows = json.loads((app.examples_folder / "calls.json").read_text())
    row = [row for row in rows if row["endpoint"] == call.endpoint.name][-1]
    words = row.get("try") or [*map(str, snippets.paths(call)), *(w for n, v in call.inputs.items() if isinstance(v, str) for w in (f"--{n}", v))]
    words = [str(app.examples_folder / word) if (app.examples_folder / word).is_file() else word for word in words]
    assert main(["try", app.slug, *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def page_of_bears(call):
    from apps import bear_detector

    verdict, bars, _ = bear_detector.show(str(call.inputs["photo"]), bear_detector.BEARS, None)
    return [verdict, *(f"{name} {value:.6f}" for name, value in bars.items())]


def page_of_maps(call):
    from apps import gradcam_viewer

    question, *_, panel, _ = gradcam_viewer.look(str(call.inputs["photo"]), None, None, call.inputs.get("label"))
    return [panel, gradcam_viewer.predict.headline(question)[1]]


def page_of_the_chatbot(call):
    page = AppTest.from_string("from apps import rag_chatbot; rag_chatbot.main()", default_timeout=120).run()
    next(b for b in page.button if "example documents" in b.label).click()
    page.run()
    page.chat_input[0].set_value(call.inputs["question"]).run()
    assert not page.exception
    return [e.value.replace("\\", "") for e in page.chat_message[-1].markdown]


def page_of_the_register(call):
    page = AppTest.from_string("from apps import attendance; attendance.main()", default_timeout=120).run()
    next(b for b in page.button if "without a passcode" in b.label).click()
    page.run()
    page.text_input[0].set_value("on the page").run()
    chooser = page.segmented_control[0] if hasattr(page, "segmented_control") else page.button_group[0]
    chooser.set_value("Photo" if hasattr(page, "segmented_control") else ["Photo"]).run()
    page.file_uploader[0].upload("hopper.jpg", call.inputs["photo"].read_bytes(), "image/jpeg")
    page.run()
    assert not page.exception
    return [e.value for e in (*page.success, *page.info)]


def page_of_the_swap(call):
    from apps import swap_tabs

    return [swap_tabs.check(str(call.inputs["file"]))[0]]


def page_of_paintings(call):
    from apps import style_transfer
    from core.images import open_image

    *_, (_, _, painted, _) = style_transfer.show(open_image(call.inputs["photo"]), call.inputs["style"], "", 0, 1, False, call.inputs["size"], 0.7)
    return [painted.replay["pixels"]]


def page_of_faces(call):
    from apps import face_generator, face_generator_edit

    samples, *_ = face_generator.wall(call.inputs["seed"], call.inputs["truncation"], None)
    return [face_generator_edit.look(samples[0])[1]]


PAGES = {"deepfake-swap": page_of_the_swap, "style-transfer": page_of_paintings, "face-generator": page_of_faces}
PAGES |= {"bear-detector": page_of_bears, "gradcam-viewer": page_of_maps, "rag-chatbot": page_of_the_chatbot, "attendance": page_of_the_register}
WORDS = {  # what the page must show of an answer
    "bear-detector": lambda said: [said["sentence"], *(f"{p:.6f}" for p in said["probabilities"].values())],
    "gradcam-viewer": lambda said: ["The map shows where it finds that."],
    "rag-chatbot": lambda said: [said["span"]],
    "attendance": lambda said: [said["photos"][0]["sentence"]],
    "deepfake-swap": lambda said: [said["title"], said["sentence"]],
    "style-transfer": lambda said: [said["pixels"]],
    "face-generator": lambda said: [said["sentence"]],
}


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("STUDIO_ATTENDANCE", str(tmp_path / "register"))
    monkeypatch.delenv("STUDIO_HOST", raising=False)
    monkeypatch.setenv("STUDIO_PAGE", "")  # what an app served alone sets is forgotten again


@pytest.mark.parametrize("app", registry.APPS, ids=lambda app: app.slug)
def test_page_api_command_and_library_give_the_same_answer(tools, own_folders, tmp_path, capsys, app):
    calls = endpoints.calls(app, check.known(app))
    calls = calls if app.framework == "streamlit" else calls[:1]
    # Other tests have asked the same server: a session of its own, or somebody was here already.
    fresh = [dataclasses.replace(c, inputs=c.inputs | {"session": "the same answer"}) if "session" in c.inputs else c for c in calls]
    *before, call = calls = fresh
    for preparation in before:
        check.here(app, preparation, tmp_path)
    client = check.ByGradio(f"{tools.url}/{app.slug}/")
    api = [client.ask(one) for one in calls][-1]
    library = check.here(app, call, tmp_path)
    assert check.alike(api, library)
    first = check.words_of(library)
    said = command(app, endpoints.Call(call.endpoint, call.inputs | ({"session": "at the command line"} if "session" in call.inputs else {}), {}), capsys)
    said |= said.get("replay", {})  # what the API says of a painting
    shared = said.keys() & first.keys() - {"session"}
    assert len(shared) >= min(2, len(first)) - ("session" in first) and check.alike({k: said[k] for k in shared}, {k: first[k] for k in shared})
    shown = " ".join(PAGES[app.slug](call))
    assert all(words in shown for words in WORDS[app.slug](first)), shown


@pytest.mark.parametrize("app", STREAMLIT, ids=lambda app: app.slug)
def test_alone_a_streamlit_app_answers_forms(own_folders, app):
    from apps import streamlit_server

    visitor, calls = TestClient(streamlit_server.build_alone(app)), endpoints.calls(app, check.known(app))
    for call in calls:
        kinds = {p.name: p.kind for p in call.endpoint.parameters}
        files = [(n, (path.name, path.read_bytes())) for n, v in call.inputs.items() if kinds[n] != "text" for path in (v if isinstance(v, list) else [v])]
        said = visitor.post(f"/api/{call.endpoint.name}", data={n: v for n, v in call.inputs.items() if kinds[n] == "text"}, files=files)
        assert said.status_code == 200 and check.holds(said.json(), call.says), said.text
    address = f"/api/{calls[-1].endpoint.name}"
    for answer, status, words in (
        (visitor.post(address), 422, "Please send"),
        (visitor.post(address, data={calls[-1].endpoint.parameters[0].name: "text"}), 422, "as a file"),
        (visitor.post(address, headers={"Origin": "http://elsewhere.example"}), 403, "other addresses"),
        (visitor.post(address, headers={"Content-Length": str(10**9)}), 413, "75 MB"),
    ):
        assert answer.status_code == status and words in answer.json()["error"]
    # 503: a process has one Streamlit runtime, and the test before may have it.
    assert visitor.post("/api/unicorn").status_code in (404, 405, 503) and visitor.get("/healthz").status_code == 200


def test_the_register_s_endpoints_keep_its_two_rules(own_folders, monkeypatch):
    from apps import attendance_api
    from core.errors import StudioError

    monkeypatch.setenv("STUDIO_HOST", "0.0.0.0")
    with pytest.raises(StudioError, match="without a passcode"):
        attendance_api.let_in("")
    monkeypatch.setenv("STUDIO_ATTENDANCE_PASSCODE", "open sesame")
    with pytest.raises(StudioError, match="not the passcode"):
        attendance_api.let_in("wrong")
    attendance_api.let_in("open sesame")


def test_an_upload_s_name_leads_nowhere_else(tmp_path):
    from types import SimpleNamespace

    from apps import streamlit_server

    async def read():
        return b"x"

    for number, name in enumerate(("../../evil.txt", "..\\evil.txt", "/etc/evil.txt", "", "..")):
        path = anyio.run(streamlit_server.written, SimpleNamespace(filename=name, read=read), tmp_path / str(number))
        assert path.parent == tmp_path / str(number) and path.is_file()


def test_docstrings_are_read():
    def f(photo, style="a", strength="b"):
        """Do it
        at once.

        Args:
            photo: picture file: any
            style, strength: as elsewhere

        Returns:
            one thing,
            and another
        """

    assert endpoints.summary(f) == "Do it at once." and endpoints.arguments(f) == (
        {"photo": "picture file: any", "style": "as elsewhere", "strength": "as elsewhere"},
        "one thing, and another",
    )


def test_an_app_without_written_calls_is_tried_with_its_examples(monkeypatch):
    app = registry.find("bear-detector")
    known = check.known(app)
    monkeypatch.setattr(type(app), "examples", property(lambda self: [(ROOT / "assets" / "examples" / "rag-chatbot" / "birds.csv", "x")] * 3))
    call = endpoints.default_call(app, known[0])
    assert (
        call.inputs == {"photo": app.examples[0][0]}
        and endpoints.default_call(registry.find("rag-chatbot"), check.known(registry.find("rag-chatbot"))[0]) is None
    )


def test_the_pictures_of_the_api_are_the_page_s(tools):
    client = Client(f"{tools.url}/gradcam-viewer/", verbose=False, httpx_kwargs={"timeout": 120})
    call = endpoints.calls(registry.find("gradcam-viewer"), check.known(registry.find("gradcam-viewer")))[0]
    _, path = check.ByGradio(client.src).ask(call)
    assert open_image(path).size == open_image(call.inputs["photo"]).size
