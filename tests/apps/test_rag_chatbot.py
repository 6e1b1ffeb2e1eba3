"""The chatbot's Streamlit page, without a browser: documents in, questions, sources, collections, privacy."""

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from apps import rag_chatbot, rag_sources
from apps.__main__ import main
from core.rag import library, predict
from core.rag.answer import Citation
from core.rag.split import Passage
from tests.conftest import ROOT

EXAMPLES = ROOT / "assets" / "examples" / "rag-chatbot"
SCRIPT = "from apps import rag_chatbot\nrag_chatbot.main()"


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path))
    return AppTest.from_string(SCRIPT, default_timeout=120).run()


def button(page, label):
    return next(b for b in page.button if label in b.label)


def with_examples(page):
    button(page, "example documents").click()
    page.run()
    assert not page.exception and "lighthouse.pdf" in page.success[0].value
    return page


def ask(page, question):
    page.chat_input[0].set_value(question).run()
    assert not page.exception
    return page.chat_message[-1]


def test_from_documents_to_an_answer_with_its_source(page):
    assert not page.exception and not page.chat_input
    with_examples(page)
    said = ask(page, "Who designed the lighthouse?")
    assert "Agnes Holloway" in said.markdown[0].value.replace("\\", "") and "sure" in said.caption[0].value
    assert "lighthouse" in said.button[0].label and "page 1" in said.button[0].label
    said.button[0].click().run()
    assert not page.exception
    said = ask(page, "What is the boiling point of mercury on Venus?")
    assert said.markdown[0].value.replace("\\", "") == "The documents do not say." and len(said.button) >= 2


def test_a_question_that_was_interrupted_stays_and_can_be_sent_again(page, monkeypatch):
    with_examples(page)
    with monkeypatch.context() as patch:
        patch.setattr(predict, "respond", lambda *_: st.stop())  # as Streamlit does when the visitor goes on
        page.chat_input[0].set_value("Who designed the lighthouse?").run()
    ask(page, "Who baked the bread?")
    assert [m.text[0].value for m in page.chat_message if m.name == "user"] == ["Who designed the lighthouse?", "Who baked the bread?"]
    assert page.warning[0].value == rag_chatbot.INTERRUPTED
    button(page, "Send again").click().run()
    assert not page.exception and not page.warning
    assert [m.text[0].value for m in page.chat_message if m.name == "user"] == ["Who baked the bread?", "Who designed the lighthouse?"]
    assert "Agnes Holloway" in page.chat_message[-1].markdown[0].value.replace("\\", "")


def test_ten_questions_of_ones_own(page):
    with_examples(page)
    button(page, "ten questions").click().run()
    assert not page.exception and len(page.dataframe[0].value) == 10


def test_collections_are_made_renamed_and_erased(page):
    with_examples(page)
    next(t for t in page.text_input if t.label == "Name").set_value("Sea").run()
    button(page, "Rename").click().run()
    assert page.selectbox[0].options == ["Sea"]
    button(page, "✕").click().run()
    assert "Removed" in page.success[0].value
    page.checkbox[0].check().run()
    button(page, "Erase").click().run()
    assert not page.exception and "Erased." in page.success[0].value and not page.chat_input


def test_two_visitors_do_not_see_each_other(page):
    with_examples(page)
    other = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert other.session_state.key != page.session_state.key
    assert not other.chat_input and not [s for s in other.selectbox if s.label == "Collection"]
    assert [c.name for c in library.library(page.session_state.key).collections()] == ["My documents"]
    assert library.library(other.session_state.key).collections() == []
    names = [path.name for path in library.root().iterdir()]
    assert not any(page.session_state.key in name for name in names)


def test_text_of_documents_never_becomes_markup():
    evil = "![x](http://evil.example/a.png) <script>alert(1)</script> [link](http://evil.example) $x$ :smile: **bold**"
    assert "![" not in rag_sources.escape(evil) and "](" not in rag_sources.escape(evil) and "\\<script" in rag_sources.escape(evil)
    passage = Passage("0" * 64, "a.txt", 1, 0, len(evil), evil)
    shown = rag_sources.marked(Citation(1, passage, 32, 40, evil[32:40]))
    assert "<script" not in shown and "<mark>&lt;script&gt;</mark>" in shown


def test_try_gives_answer_citations_and_confidence(capsys):
    files = [str(EXAMPLES / name) for name in ("lighthouse.pdf", "bakery.md")]
    assert main(["try", "rag-chatbot", *files, "-q", "Who was the last keeper of the lighthouse?", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    first = said["citations"][0]
    assert said["found"] and "Tomas Reyne" in first["quote"] and first["page"] == 1 and 0 < said["confidence"] < 1
    assert first["passage"][first["start"] - first["passage_start"] : first["end"] - first["passage_start"]].split() == first["quote"].split()


REFUSED = [
    (["README.md"], "ask something"),
    (["gone.pdf", "-q", "what?"], "no file gone.pdf"),
    (["http://127.0.0.1/x", "-q", "what?"], "local network"),
    (["README.md", "-q", " "], "write a question"),
]


@pytest.mark.parametrize(("args", "words"), REFUSED)
def test_refusals_are_one_sentence(args, words, capsys):
    assert main(["try", "rag-chatbot", *args]) == 1
    said = capsys.readouterr()
    assert words in said.err and len(said.err.strip().splitlines()) == 1 and said.out == ""
