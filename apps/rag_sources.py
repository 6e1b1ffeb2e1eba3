"""How the chatbot's page shows answers and sources: text of documents is never taken for Markdown or HTML."""

import html
import re

import streamlit as st

from core.errors import StudioError
from core.metrics import percent
from core.rag import picture


def escape(text):
    """Text of a document as Markdown that shows just that text: no picture, link or formula comes to life."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$~:&-])", r"\\\1", " ".join(text.split(" ")).replace("\n", " "))


def answer_markdown(answer):
    """An Answer as Markdown, the answer itself in bold, unsupported sentences struck through and said."""
    if answer.support:
        return " ".join(f"{escape(s)} **\\[{n}\\]**" if ok else f":orange-background[{escape(s)}] *(not in the sources)*" for s, ok, n in answer.support)
    text = escape(answer.text)
    span = escape(answer.span)
    return text.replace(span, f"**{span}**", 1) if span else text


def footnote(answer):
    """Confidence, time, and how a follow-up was understood."""
    sure = percent(answer.confidence)
    said = [f"{sure} sure that the documents say it" if answer.found else f"Nearest passages below; {sure} likely that they say it after all"]
    if answer.understood != answer.question:
        said.append(f"understood as: {escape(answer.understood)}")
    said += [escape(answer.note.rstrip("."))] if answer.note else []
    return " · ".join([*said, f"{answer.seconds:.1f} s"])


def label(citation):
    return f"\\[{citation.number}\\] {escape(citation.place)}"


def marked(citation):
    """The passage as HTML with the quoted words marked."""
    passage = citation.passage
    a, b = citation.start - passage.start, citation.end - passage.start
    before, words, after = (html.escape(part) for part in (passage.text[:a], passage.text[a:b], passage.text[b:]))
    return f'<div class="passage" style="white-space: pre-wrap; overflow-wrap: anywhere">{before}<mark>{words}</mark>{after}</div>'


@st.dialog("Source", width="large")
def show(one, citation):
    """Open a citation: the passage with the words marked, and for a PDF the page itself."""
    st.markdown(f"**{escape(citation.place)}**")
    st.html(marked(citation))
    if citation.passage.paged:
        try:
            data = one.source(citation.passage.document)
            st.image(picture.page_picture(data, citation.passage.name, citation.passage.page, citation.start, citation.end), width="stretch")
        except (StudioError, OSError):
            st.caption("The page cannot be shown: the document is no longer there.")
