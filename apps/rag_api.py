"""The chatbot for programs."""

from pathlib import Path

from core.errors import BadInput
from core.rag import predict


def ask(documents: list[Path], question: str):
    """Answer a question from documents, quoting the passage the answer stands in, or say that they do not say it.

    Args:
        documents: PDF, DOCX, HTML, Markdown, text, CSV, EPUB or subtitle files, or zips of them; they are forgotten afterwards
        question: what to ask, at most 1000 characters

    Returns:
        answer text, the words that answer (span), confidence, whether it was found, and citations with page and offsets
    """
    if not documents:
        raise BadInput("Please send at least one document.")
    return predict.run([str(path) for path in documents], question=question)


ENDPOINTS = (ask,)
