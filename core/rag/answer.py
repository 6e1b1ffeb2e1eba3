"""A question and an index to an answer: the best span of the best sentence, or that the documents do not say.

Every answer cites. A follow-up question is first made to stand alone. The confidence is the calibrated chance that the
documents hold the answer; below the threshold the answer is that they do not say, with the nearest passages.
"""

import json
import re
import time
from dataclasses import asdict, dataclass, field
from functools import cache

import numpy as np

from core.errors import BadInput
from core.rag.guard import suspicious
from core.rag.index import STOP, queries, share, terms
from core.rag.split import Passage, sentences

NOT_SAID = "The documents do not say."
LONGEST_QUESTION = 1000  # characters
PASSAGES = 6  # passages that are read for an answer
WINDOWS = 8  # groups of three sentences the reader looks at


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
    """A sentence with its neighbours: offsets are the passage's."""

    hit: object
    rank: int
    sentence: tuple
    window: tuple
    match: float  # late interaction of question and sentence, 0 to 1


def candidates(index, query, hits):
    """The WINDOWS best sentences of the hits, best first, with one neighbour on each side; none that speaks to an assistant."""
    found = []
    for rank, hit in enumerate(hits):
        text = hit.passage.text
        spans = sentences(text)
        scores = index.sentence_scores(query, hit.number, len(spans))
        for i in np.argsort(-scores)[:3]:
            near = [j for j in range(max(0, i - 1), min(len(spans), i + 2)) if not suspicious(text[slice(*spans[j])])]
            if i not in near:
                continue
            window = spans[near[0]][0], spans[near[-1]][1]
            found.append(Candidate(hit, rank, spans[i], window, float(scores[i])))
    found.sort(key=lambda c: -(c.match - 0.02 * c.rank))
    return found[:WINDOWS]


@cache
def settings():
    """Weights of the evidence, fitted by release.py on questions kept for tuning: from the reader's card."""
    from core import weights

    return json.loads(weights.load("reader")[1]["answering"])


def evidence(index, query, hits, c):
    """What speaks for an answer being there, as numbers: see settings()["confidence"]. c: the Candidate that answers

    The reader's own margin is left out: for articles it learned from it tells answerable questions apart with an AUROC
    of 0.77 and for others with 0.53 (600 and 500 questions), and what is fitted on the former trusts it too much.
    """
    rarity, sentence = index.bm25.rarity(query.text), c.hit.passage.text[slice(*c.sentence)]
    gap = float(hits[0].score - hits[1].score) if len(hits) > 1 else 0.0
    return [max(hit.close for hit in hits), c.match, index.bm25.known(query.text), share(rarity, set(terms(sentence))), gap]


def look(index, question, k=PASSAGES, read_with=None, choice=None):
    """Everything short of the verdict: (query, hits, candidates, chosen, spans, evidence)."""
    if read_with is None:
        from core.rag.reader import reader

        read_with, choice = reader(), settings()["choice"]
    query = queries([question])[0]
    hits = index.search(query, k)
    found = candidates(index, query, hits) if hits else []
    if not found:
        return query, hits, found, None, [], None
    read = read_with(index, query, found)
    best = chosen(found, read, choice)
    return query, hits, found, best, read, evidence(index, query, hits, found[best])


def chosen(found, read, choice):
    """Number of the candidate that answers: by the reader's margin, the match of its sentence and the rank of its passage."""
    return int(np.argmax([m + choice["match"] * c.match + choice["rank"] * c.rank for c, (_, _, m) in zip(found, read, strict=True)]))


def confidence_of(features):
    """The chance that the documents hold the answer, 0 to 1: a logistic regression on the evidence."""
    fit = settings()["confidence"]
    return float(1 / (1 + np.exp(-(np.dot(fit["weights"], features) + fit["bias"]))))


def extractive(index, question, history=(), asked=None):
    """Index, question -> Answer, without any language model."""
    start = time.perf_counter()
    question = check_question(question)
    understood = asked or standalone(question, list(history))
    query, hits, found, best, read, features = look(index, understood)
    if best is None:
        return Answer(question, understood, False, NOT_SAID, "", 0.0, nearest(hits), seconds=time.perf_counter() - start)
    confidence = confidence_of(features)
    c, (a, b, _) = found[best], read[best]
    text, page = c.hit.passage.text, c.hit.passage.start
    if confidence < settings()["threshold"]:
        return Answer(question, understood, False, NOT_SAID, "", confidence, nearest(hits), seconds=time.perf_counter() - start)
    s, e = next(((s, e) for s, e in sentences(text) if s <= a < e), c.sentence)
    quote = " ".join(text[s:e].split())
    citation = Citation(1, c.hit.passage, page + s, page + e, quote)
    others = [n for n in nearest(hits, 2) if n.passage != c.hit.passage]
    others = [Citation(i, n.passage, n.start, n.end, n.quote) for i, n in enumerate(others, 2)]
    return Answer(question, understood, True, f"{quote} [1]", " ".join(text[a:b].split()), confidence, [citation, *others], seconds=time.perf_counter() - start)


def nearest(hits, k=3):
    """The first k hits as Citations of their whole passages."""
    return [Citation(i, h.passage, h.passage.start, h.passage.end, " ".join(h.passage.text.split())[:200]) for i, h in enumerate(hits[:k], 1)]
