"""A question and an index to an answer: the best span of the best sentence, or that the documents do not say.

Every answer cites. A follow-up question is first made to stand alone. The confidence is the calibrated chance that the
documents hold the answer; below the threshold the answer is that they do not say, with the nearest passages.
"""

import json
import re
import time
from dataclasses import asdict, dataclass, field, replace
from functools import cache

import numpy as np

from core.errors import BadInput
from core.rag.against import against
from core.rag.guard import suspicious
from core.rag.index import STOP, queries, terms
from core.rag.split import Passage, sentences

NOT_SAID = "The documents do not say."
LONGEST_QUESTION = 1000  # characters
PASSAGES = 6  # passages that are found for an answer
READ = 4  # of them, that the reader reads


@dataclass(frozen=True)
class Citation:
    """A place in a document: the passage, and the characters of its page that are quoted and marked."""

    number: int
    passage: Passage
    start: int  # in the page's text
    end: int
    quote: str

    @property
    def place(self):
        return self.passage.place

    def as_dict(self):
        p = self.passage
        return {"number": self.number, "document": p.name, "sha256": p.document, "page": p.page, "start": self.start, "end": self.end,
                "quote": self.quote, "place": self.place, "passage": p.text, "passage_start": p.start}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """found: whether the documents say it. span: the answer itself, in a few words; text: what a visitor reads."""

    question: str
    understood: str  # the question as it was looked up, follow-ups completed
    found: bool
    text: str
    span: str
    confidence: float
    citations: list
    mode: str = "extractive"
    support: list = field(default_factory=list)  # of a generated answer: (sentence, supported, citation number or 0)
    note: str = ""
    seconds: float = 0.0

    def as_dict(self):
        return asdict(self) | {"citations": [c.as_dict() for c in self.citations]}


def check_question(text):
    """The question without white space around it; BadInput for an empty or endless one."""
    text = " ".join((text or "").split())
    if not text:
        raise BadInput("Please write a question first.")
    if len(text) > LONGEST_QUESTION:
        raise BadInput(f"This question has {len(text):,} characters; the limit is {LONGEST_QUESTION:,}. Please ask it shorter.")
    return text


REFERS = re.compile(r"\b(he|she|it|they|him|her|them|his|hers|its|their|theirs|this|that|these|those|there|then|one|former|latter)\b", re.I)
POSSESSIVE = {"his", "her", "its", "their"}
NAME = re.compile(r"\b(?:[A-Z0-9][\w'’&-]*(?: (?:of|the|and|de|von|van|du|la|le) (?=[A-Z])| )?)+")
ALSO = re.compile(r"^(?:and|what about|how about|und|et)\b\s*", re.I)


def subject(question, answer=""):
    """What a question is about: its last name, else its rarest-looking noun phrase, else the answer."""
    names = [m[0].strip() for m in NAME.finditer(question) if m.start() > 0 or len(m[0].split()) > 1]
    names = [n.removesuffix("'s").removesuffix("’s") for n in names]
    if names:
        return max(names, key=len)
    words = [w for w in re.findall(r"[\w'’-]+", question) if w.lower() not in STOP]
    return " ".join(words[-3:]) or answer


def standalone(question, history):
    """A follow-up with what it refers to put in: "When was it built?" after "Where is the Eiffel Tower?".

    history: [(question as understood, Answer or its span)], oldest first
    """
    if not history:
        return question
    before, said = history[-1]
    said = getattr(said, "span", said) or ""
    own = [m[0] for m in NAME.finditer(question) if m.start() > 0]
    refers = [m for m in REFERS.finditer(question) if not (m[0].lower() == "that" and m.start() > 15)]
    about = subject(before, said)
    if ALSO.match(question) and not refers:
        rest = ALSO.sub("", question).rstrip("?").strip()
        old = subject(before)
        if len(terms(rest)) <= 3 and old and old in before:
            return before.replace(old, rest)  # "What is the capital of France?" - "And Spain?"
        return question
    if not refers or (own and refers[0][0].lower() not in ("he", "she", "it", "they")):
        if len(terms(question)) <= 1 and about and not own:
            return f"{question.rstrip('?')} ({about})?"
        return question
    match = refers[0]
    who = match[0].lower()
    if who in ("he", "she", "him", "they", "them") and said[:1].isupper() and re.match(r"who\b", before, re.I):
        about = said  # "Who wrote it?" - "When was she born?"
    possessive = who in POSSESSIVE and re.match(r"\s+\w", question[match.end() :])
    return question[: match.start()] + about + ("'s" if possessive else "") + question[match.end() :]


@dataclass(frozen=True)
class Candidate:
    """A sentence of a passage that is read: offsets are the passage's. The last five are the reader's, see reader.Reading."""

    hit: object
    rank: int
    sentence: tuple
    match: float  # late interaction of question and sentence, 0 to 1
    start: int = 0
    end: int = 0
    span: float = 0.0
    about: float = 0.0
    says: float = 0.0

    @property
    def features(self):
        """What speaks for this candidate and against the others, as numbers: see settings()["choice"]."""
        return [self.span, self.about, self.says, self.match, float(self.rank)]


def readable(index, query, hits):
    """[[Candidate]] of the first hits' sentences, a list a passage; none of a sentence that speaks to an assistant."""
    out = []
    for rank, hit in enumerate(hits[:READ]):
        text = hit.passage.text
        spans = sentences(text)
        scores = index.sentence_scores(query, hit.number, len(spans))
        kept = [Candidate(hit, rank, span, float(score)) for span, score in zip(spans, scores, strict=True) if not suspicious(text[slice(*span)])]
        out += [kept] if kept else []
    return out


def candidates(index, query, hits, read_with):
    """Candidates with the reader's findings: every sentence that it has read."""
    parts = readable(index, query, hits)
    best = [int(np.argmax([c.match for c in part])) for part in parts]
    told = read_with(query.text, [(part[0].hit.passage.text, [c.sentence for c in part], i) for part, i in zip(parts, best, strict=True)]) if parts else []
    return [
        replace(c, start=span[0], end=span[1], span=span[2], about=reading.about, says=reading.says)
        for part, reading in zip(parts, told, strict=True)
        for c, span in zip(part, reading.spans, strict=True)
        if span
    ]


@cache
def settings():
    """Weights of the evidence, fitted by release.py on questions kept for tuning: from the reader's card."""
    from core import weights

    return json.loads(weights.load("reader")[1]["answering"])


def evidence(question, c):
    """What speaks for and against an answer being there, as numbers: see settings()["confidence"]. c: the Candidate that answers

    The share of the question's words that is found, the gap to the second passage and the span's own probability were tried
    too, and told other articles apart no better than without them.
    """
    return [c.match, c.says, *objections(question, c).features]


def objections(question, c):
    passage = c.hit.passage
    return against(question, passage.text[slice(*c.sentence)], passage.text, f"{passage.name} {passage.section}")


def look(index, question, k=PASSAGES, read_with=None, choice=None):
    """Everything short of the verdict: (query, hits, candidates, number of the one that answers, evidence)."""
    if read_with is None:
        from core.rag.reader import reader

        read_with, choice = reader(), settings()["choice"]
    query = queries([question])[0]
    hits = index.search(query, k)
    found = candidates(index, query, hits, read_with)
    if not found:
        return query, hits, found, None, None
    best = chosen(found, choice)
    return query, hits, found, best, evidence(query.text, found[best])


def chosen(found, choice):
    """Number of the candidate that answers. choice: how much each of its features counts"""
    return int(np.argmax([np.dot(choice, c.features) for c in found]))


def confidence_of(features):
    """The chance that the documents hold the answer, 0 to 1: a logistic regression on the evidence."""
    fit = settings()["confidence"]
    return float(1 / (1 + np.exp(-(np.dot(fit["weights"], features) + fit["bias"]))))


def extractive(index, question, history=(), asked=None):
    """Index, question -> Answer, without any language model."""
    start = time.perf_counter()
    question = check_question(question)
    understood = asked or standalone(question, list(history))
    _, hits, found, best, features = look(index, understood)
    confidence = confidence_of(features) if found else 0.0
    note = objections(understood, found[best]).sentence if found else ""
    if not found or confidence < settings()["threshold"]:
        return Answer(question, understood, False, NOT_SAID, "", confidence, nearest(hits), note=note, seconds=time.perf_counter() - start)
    c = found[best]
    passage = c.hit.passage
    quote, span = (" ".join(passage.text[a:b].split()) for a, b in (c.sentence, (c.start, c.end)))
    citation = Citation(1, passage, *(passage.start + at for at in c.sentence), quote)
    others = [n for n in nearest(hits, 2) if n.passage != passage]
    others = [Citation(i, n.passage, n.start, n.end, n.quote) for i, n in enumerate(others, 2)]
    return Answer(question, understood, True, f"{quote} [1]", span, confidence, [citation, *others], note=note, seconds=time.perf_counter() - start)


def nearest(hits, k=3):
    """The first k hits as Citations of their whole passages."""
    return [Citation(i, h.passage, h.passage.start, h.passage.end, " ".join(h.passage.text.split())[:200]) for i, h in enumerate(hits[:k], 1)]
