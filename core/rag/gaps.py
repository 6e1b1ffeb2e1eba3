"""Questions made of sentences: a name, a year or a number is taken out and asked for. For training, and for visitors' own documents."""

import random
import re
from dataclasses import dataclass

from core.rag.guard import suspicious
from core.rag.index import terms
from core.rag.split import sentences

NAME = r"(?:[A-Z][\w'’-]+(?: (?:of|the|de|von|van|and) (?=[A-Z]))? ?)+"
MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
GAP = re.compile(rf"(?<=\s)(?:(?:\d{{1,2}} )?(?:{MONTH}) (?:\d{{1,2}}, )?\d{{4}}|\d[\d,.]*\d|\d|{NAME})(?=[\s,.;)])")


def gap(text, span, rng, least=15):
    """A text's sentence (start, end) -> match of what to ask for, or None. `least`: characters before it."""
    found = [m for m in GAP.finditer(text, *span) if m.start() > span[0] + least]
    return rng.choice(found) if found else None


@dataclass(frozen=True)
class Trial:
    """A question made from a document, and whether the chatbot found its way back."""

    question: str
    expected: str
    place: str
    said: str
    found: bool  # the sentence's passage is among the first five
    supported: bool  # the answer holds what was taken out


def trial_questions(index, count=10, seed=0):
    """[(question, what was taken out, passage)], spread over the whole index, the same each time."""
    rng, out = random.Random(seed), []
    for turn in range(5):  # a sentence of every passage, then another of each
        for number in rng.sample(range(len(index)), len(index)):
            text = index.passages[number].text
            spans = [s for s in sentences(text) if 40 < s[1] - s[0] < 240 and not suspicious(text[slice(*s)]) and len(terms(text[slice(*s)])) > 5]
            match = gap(text, spans[turn], rng) if turn < len(spans) else None
            if match:
                start, end = spans[turn]
                answer = match[0].strip()
                rest = f"{text[start : match.start()]}____{text[match.start() + len(answer) : end]}"
                out.append((" ".join(rest.split()), answer, number))
            if len(out) == count:
                return out
    return out


def trials(index, count=10):
    """Yield Trials: each made-up question asked of the whole index."""
    from core.rag.answer import extractive

    for text, expected, number in trial_questions(index, count):
        word = "when" if re.search(r"\b\d{4}$", expected) else "how much" if expected[0].isdigit() else "what"
        asked = text.replace("____", word)
        hits = [hit.number for hit in index.search(asked, 5)]
        answer = extractive(index, asked)
        said = f"{answer.span} {answer.text}" if answer.found else ""
        yield Trial(text, expected, index.passages[number].place, answer.span or answer.text, number in hits, expected.lower() in said.lower())
