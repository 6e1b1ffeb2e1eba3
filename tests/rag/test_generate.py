"""Language models: a stand-in server with OpenAI's interface, its failures, and a model that follows every planted order."""

import json
import re

import pytest

from core.errors import BadInput, Unavailable
from core.rag import generate, predict
from core.rag.answer import NOT_SAID

SAID = "The lighthouse was designed by Agnes Holloway [1]. It was painted green in 1999 [1]."


def event(text, reason=None):
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": reason}
    chunk = {"id": "x", "object": "chat.completion.chunk", "model": "m", "created": 1, "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def stream(handler, pieces, whole=True):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    for piece in pieces:
        handler.wfile.write(event(piece))
        handler.wfile.flush()
    if whole:
        handler.wfile.write(event("", "stop") + b"data: [DONE]\n\n")


@pytest.fixture
def ask(stand_in, index, monkeypatch):
    def ask(reply, question="Who designed the lighthouse?"):
        monkeypatch.setenv("OPENAI_BASE_URL", stand_in(reply) + "/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "a key")
        return list(predict.respond(index, question, (), predict.chosen("openai:stand-in")))

    return ask


def test_streaming_citations_and_the_check_of_every_sentence(ask):
    asked = {}

    def reply(handler):
        asked.update(json.loads(handler.body), path=handler.path, key=handler.headers["Authorization"])
        stream(handler, re.findall(r"\S+\s*", SAID))

    *words, answer = ask(reply)
    assert "".join(words) == SAID and len(words) > 5 and asked["path"] == "/v1/chat/completions" and asked["key"] == "Bearer a key" and asked["stream"]
    assert "<source>" in asked["messages"][-1]["content"] and "Agnes Holloway" in asked["messages"][-1]["content"]
    assert [(ok, n > 0) for _, ok, n in answer.support] == [(True, True), (False, False)] and "(not in the sources)" in answer.text
    assert (
        answer.found
        and answer.mode == "generated"
        and "Agnes Holloway" in answer.citations[0].quote
        and answer.citations[0].place.startswith("lighthouse.pdf, page 1")
    )


def test_a_model_that_does_not_know(ask):
    *_, answer = ask(lambda handler: stream(handler, [NOT_SAID]))
    assert not answer.found and answer.text == NOT_SAID and len(answer.citations) == 3


def error(status):
    return lambda handler: handler.say(status, json.dumps({"error": {"message": "internal detail", "type": "x"}}).encode())


FAILURES = [
    (error(401), "refuses the key"),
    (error(429), "429"),
    (error(404), "does not know this model"),
    (error(500), "error 500"),
    (lambda handler: stream(handler, ["The lighthouse "], whole=False), "stopped in the middle"),
]


@pytest.mark.parametrize(("reply", "words"), FAILURES)
def test_failures_are_one_sentence(ask, reply, words):
    with pytest.raises(Unavailable, match=words) as caught:
        ask(reply)
    assert "kept" in str(caught.value) and "internal detail" not in str(caught.value)


def test_a_server_that_is_not_there(index, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(Unavailable, match="cannot be reached"):
        list(predict.respond(index, "Who?", (), predict.chosen("openai:x")))


@pytest.mark.parametrize("name", ["nonsense:x", "openai:gpt", "mistralai:x"])
def test_models_that_cannot_be_made(name, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises((BadInput, Unavailable)) as caught:
        predict.chosen(name)
    assert "\n" not in str(caught.value)


def test_the_host_names_the_models(monkeypatch):
    monkeypatch.setenv("RAG_MODEL", "ollama:llama3.2, openai:x")
    assert predict.model_names() == ["ollama:llama3.2", "openai:x"]
    monkeypatch.delenv("RAG_MODEL")
    assert predict.model_names() == [] and predict.chosen(None) is None


def test_pictures_and_links_of_a_model_are_taken_out():
    assert generate.plain("See ![x](http://e.example/?q=secret) and [here](https://e.example) or https://e.example/a.") == "See x and here or (link left out)"


@pytest.mark.parametrize(
    ("sentence", "there"),
    [
        ("The tower is 38 metres high.", True),
        ("The tower is 83 metres high.", False),
        ("It was designed by Agnes Holloway.", True),
        ("It was designed by Agnes Miller.", False),
        ("The lighthouse was designed by a famous painter from the south.", False),
    ],
)
def test_support_needs_the_names_and_numbers(index, sentence, there):
    hits = index.search("Who designed the lighthouse?", 5)
    assert bool(generate.source_of(index, sentence, hits, [])[0]) == there
