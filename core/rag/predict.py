"""Documents and a question in, an answer with its sources out: what the page and the command line call."""

import contextlib
import os
import re
import time
from pathlib import Path

from core.errors import BadInput
from core.rag import load, web
from core.rag.answer import check_question, extractive, standalone
from core.rag.index import Index, block
from core.rag.split import passages


def respond(index, question, history=(), model=None):
    """Answer while it is being made: yields pieces of text (str), and at last the Answer itself.

    model: None for the extractive mode, else a LangChain chat model (generate.chat_model)
    """
    question = check_question(question)
    if not len(index):
        raise BadInput("There are no documents yet. Please add some first.")
    if model is None:
        answer = extractive(index, question, history)
        yield from re.findall(r"\s*\S+", answer.text)
        yield answer
    else:
        from core.rag import generate

        yield from generate.respond(index, question, standalone(question, list(history)), model)


MODEL_HELP = "A language model writes the answer, and every sentence is checked against its source. The host names models in the variable RAG_MODEL."


def model_names():
    """The chat models that the host offers: RAG_MODEL, several with commas between them."""
    return [name.strip() for name in os.environ.get("RAG_MODEL", "").split(",") if name.strip()]


def chosen(name):
    """A name out of model_names() -> its chat model; None -> None."""
    if name is None:
        return None
    from core.rag import generate

    return generate.chat_model(name)


def run(inputs, out=None, question=None, model=None):
    """The command line's way in: files or web addresses and a question -> a JSON-ready dict.

    question: what to ask;  model: a chat model such as "ollama:llama3.2"; without one the answer is a quotation
    """
    if not question:
        raise BadInput('Please ask something: -q "What does it say about ...?"')
    start, documents, skipped = time.perf_counter(), [], []
    for source in inputs:
        address = str(source).startswith(("http://", "https://"))
        data, name = web.fetch(str(source)) if address else (source, None)
        documents += load.read(data, name, skipped.append)
    index = Index([block(part for document in documents for part in passages(document))])
    seconds = time.perf_counter() - start
    *_, answer = respond(index, question, (), chosen(model))
    where = "".join(f"\n  [{c.number}] {c.place}" for c in answer.citations)
    said = answer.as_dict() | {
        "file": ", ".join(document.name for document in documents),
        "sentence": f"{answer.text}{'' if answer.found else ' Nearest passages:'}{where}",
        "passages": len(index),
        "index_seconds": round(seconds, 3),
        "skipped": skipped,
    }
    if out:
        Path(out).write_text(f"{said['sentence']}\n", encoding="utf-8")
    return said


def warm_up():
    """Load the models; what goes wrong is told by the first answer."""
    with contextlib.suppress(Exception):
        ready()


def ready():
    """Load encoder and reader and answer once; raises StudioError if that fails."""
    from core.errors import StudioError

    document = load.Document("ready.txt", "0" * 64, "text", (load.Page(1, "The lighthouse of Ostmark was built in 1821. Its keeper lives alone."),))
    *_, answer = respond(Index([block(passages(document))]), "When was the lighthouse of Ostmark built?")
    if "1821" not in answer.span:
        raise StudioError("The chatbot does not answer as it should.")
