"""Passages that can be asked: words (BM25), meaning (MiniLM), and both again, sentence by sentence.

A question first ranks all passages by BM25 and by the cosine of their vectors. The best fifty are then read closer:
every word piece of the question looks for its best match among the passage's (late interaction, ColBERT, Khattab and
Zaharia 2020, arXiv:2004.12832), rare pieces counting more, in the passage as a whole and in its best sentence. What
that needs is kept as 128 small integers a word piece. NumPy carries it: measured up to tens of thousands of passages.
"""

import functools
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever

from core.rag.encoder import encoder, unit
from core.rag.split import Passage, sentences

CLOSER = 50  # passages that are read a second time
SMALL = 128  # numbers a word piece is kept as
AT_ONCE = 64  # passages between two reports of progress
VOCABULARY = 30522
STOP = frozenset(
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in into is it its "
    "many me much my no not of on or our "
    "she should so than that the their them then "
    "there these they this those to was we were what when where which who whom whose why will with would you your".split()
)


@functools.cache
def projection():
    """(384, 128) orthonormal columns, the same on every machine. Random directions keep angles: Johnson and Lindenstrauss 1984."""
    return np.linalg.qr(np.random.RandomState(0).normal(size=(384, SMALL)))[0].astype(np.float32)


@functools.lru_cache(200_000)
def stem(word):
    return _stemmer().stemWord(word)


@functools.cache
def _stemmer():
    import snowballstemmer

    return snowballstemmer.stemmer("english")


def terms(text):
    """The stems of a text's words, without the commonest ones."""
    return [stem(word) for word in re.findall(r"\w+(?:[.,]\d+)*", text.lower()) if word not in STOP]


class BM25:
    """Robertson and Zaragoza 2009, doi:10.1561/1500000019, eq. 3.15, with weights worked out beforehand."""

    def __init__(self, texts, k1=1.2, b=0.75):
        self.n, self.place, rows, columns, counts = len(texts), {}, [], [], []
        lengths = np.zeros(self.n)
        for row, text in enumerate(texts):
            found = Counter(terms(text))
            lengths[row] = found.total()
            for term, count in found.items():
                rows.append(row)
                columns.append(self.place.setdefault(term, len(self.place)))
                counts.append(count)
        rows, columns, counts = np.array(rows, int), np.array(columns, int), np.array(counts, float)
        df = np.bincount(columns, minlength=len(self.place))
        self.idf = np.log(1 + (self.n - df + 0.5) / (df + 0.5))
        norm = k1 * (1 - b + b * lengths[rows] / max(lengths.mean() if self.n else 1, 1e-9))
        order = np.argsort(columns, kind="stable")
        self.rows = rows[order]
        self.weights = (self.idf[columns] * counts * (k1 + 1) / (counts + norm))[order].astype(np.float32)
        self.first = np.concatenate([[0], np.cumsum(df)]).astype(int)

    def scores(self, question):
        """str -> (N,) float32, 0 where no word is shared."""
        out = np.zeros(self.n, np.float32)
        for term in set(terms(question)):
            at = self.place.get(term)
            if at is not None:
                part = slice(self.first[at], self.first[at + 1])
                out[self.rows[part]] += self.weights[part]
        return out

    def rarity(self, question):
        """{stem: how much a question's word tells}; most for one that occurs nowhere."""
        return {w: float(self.idf[self.place[w]]) if w in self.place else float(np.log(1 + 2 * self.n + 1)) for w in terms(question)}


def share(rarity, found):
    """How much of {word: how much it tells} is among the words `found`: 0 to 1."""
    return sum(x for w, x in rarity.items() if w in found) / sum(rarity.values()) if rarity else 0.0


@dataclass(frozen=True)
class Block:
    """One document, indexed. P passages, T word pieces, S sentences.

    vectors (P, 384) float32 unit; pieces (T, 128) int8, of which piece * scale is unit; scales (T,) float32; ids (T,)
    uint16 word pieces; first (P + 1,) where each passage's pieces begin; heads (T,) bool, True where a sentence begins
    """

    passages: list
    vectors: np.ndarray
    pieces: np.ndarray
    scales: np.ndarray
    ids: np.ndarray
    first: np.ndarray
    heads: np.ndarray
    ARRAYS = ("vectors", "pieces", "scales", "ids", "first", "heads")


def block(parts, on_progress=None):
    """[Passage] -> Block. on_progress(done, total) is called between batches, and may raise to stop."""
    parts, model = list(parts), encoder()
    vectors, pieces, scales, ids, sizes, heads = [], [], [], [], [0], []
    for start in range(0, len(parts), AT_ONCE):
        if on_progress:
            on_progress(start, len(parts))
        batch = parts[start : start + AT_ONCE]
        for part, (encoding, states) in zip(batch, model.states([p.text for p in batch]), strict=True):
            vectors.append(unit(states.mean(0)))
            small, scale = shrink(states[1:-1])  # without [CLS] and [SEP]
            begins = [a for a, _ in sentences(part.text)]
            owner = np.searchsorted(begins, [a for a, _ in encoding.offsets[1:-1]], side="right")
            pieces.append(small)
            scales.append(scale)
            ids.append(np.array(encoding.ids[1:-1], np.uint16))
            heads.append(np.diff(owner, prepend=-1) != 0)
            sizes.append(len(small))
    if on_progress:
        on_progress(len(parts), len(parts))
    return Block(parts, np.array(vectors, np.float32).reshape(-1, 384), _join(pieces, (0, SMALL), np.int8), _join(scales, 0, np.float32),
                 _join(ids, 0, np.uint16), np.cumsum(sizes), _join(heads, 0, bool))  # fmt: skip


def _join(arrays, shape, kind):
    return np.concatenate([np.zeros(shape, kind), *arrays]).astype(kind)


def shrink(states):
    """(N, 384) token states -> (N, 128) int8 and the (N,) scales that make them unit vectors."""
    small = states @ projection()
    whole = np.round(small * (127 / np.maximum(np.abs(small).max(1, keepdims=True), 1e-9))).astype(np.int8)
    return whole, (1 / np.maximum(np.linalg.norm(whole.astype(np.float32), axis=1), 1e-9)).astype(np.float32)


@dataclass(frozen=True)
class Query:
    """A question, encoded: its unit vector, its (N, 128) unit pieces and their (N,) ids."""

    text: str
    vector: np.ndarray
    pieces: np.ndarray
    ids: np.ndarray


def queries(texts):
    """[str] -> [Query], encoded together."""
    out = []
    for text, (encoding, states) in zip(texts, encoder().states(texts), strict=True):
        inner = states[1:-1] if len(states) > 2 else states
        small, scale = shrink(inner)
        out.append(Query(text, unit(states.mean(0)), small * scale[:, None], np.array(encoding.ids[1:-1] if len(states) > 2 else encoding.ids)))
    return out


@dataclass(frozen=True)
class Hit:
    """A passage found. score: z-scores, only to be compared within one question; close: how well its best sentence matches, 0 to 1."""

    passage: Passage
    score: float
    close: float
    number: int  # its row in the index


class Index:
    """Blocks, searched as one. Never changes: a document more is a new Index of the same blocks and one more."""

    def __init__(self, blocks):
        self.blocks = list(blocks)
        self.passages = [part for each in self.blocks for part in each.passages]
        self.vectors = np.concatenate([np.zeros((0, 384), np.float32), *(each.vectors for each in self.blocks)])
        self.bm25 = BM25([f"{part.text} {part.section}" for part in self.passages])
        self.owner = np.repeat(np.arange(len(self.blocks)), [len(each.passages) for each in self.blocks])
        self.base = np.cumsum([0, *(len(each.passages) for each in self.blocks)])
        self.idf = self._idf()

    def __len__(self):
        return len(self.passages)

    def _idf(self):
        df = np.zeros(VOCABULARY)
        for each in self.blocks:
            rows = np.repeat(np.arange(len(each.passages)), np.diff(each.first))
            df += np.bincount(np.unique(rows * VOCABULARY + each.ids) % VOCABULARY, minlength=VOCABULARY)
        return np.log(1 + max(len(self), 1) / (df + 0.5))

    def search(self, question, k=5, by="hybrid"):
        """The k best Hits for a question (str or Query), best first. by: "hybrid", "bm25" or "dense"."""
        if not len(self):
            return []
        query = question if isinstance(question, Query) else queries([question])[0]
        words, meaning = self.bm25.scores(query.text), self.vectors @ query.vector
        if by != "hybrid":
            score = words if by == "bm25" else meaning
            return [Hit(self.passages[i], float(score[i]), 0.0, int(i)) for i in np.argsort(-score, kind="stable")[:k]]
        fused = z(meaning) + 0.6 * z(words)
        best = np.argsort(-fused, kind="stable")[: max(CLOSER, k)]
        near = best[:CLOSER]
        whole, sentence = self.closer(query, near)
        score = z(meaning[near]) + WORDS * z(words[near]) + WHOLE * z(whole) + sentence_weight(query.text) * z(sentence)
        order = np.argsort(-score, kind="stable")
        found = [Hit(self.passages[near[i]], float(score[i]), float(sentence[i]), int(near[i])) for i in order]
        found += [Hit(self.passages[i], float(score.min() + fused[i] - fused[near].max()), 0.0, int(i)) for i in best[CLOSER:]]
        return found[:k]

    def closer(self, query, rows):
        """(whole, sentence): for each passage row, the weighted mean of every piece's best match in it and in its best sentence."""
        weights = self.idf[query.ids]
        weights = weights / max(weights.sum(), 1e-9)
        parts, scales, heads, begins = [], [], [], [0]
        for row in rows:
            each = self.blocks[self.owner[row]]
            local = row - self.base[self.owner[row]]
            part = slice(each.first[local], each.first[local + 1])
            parts.append(each.pieces[part])
            scales.append(each.scales[part])
            head = each.heads[part].copy()
            if len(head):
                head[0] = True
            heads.append(head)
            begins.append(begins[-1] + len(head))
        match = np.concatenate(parts).astype(np.float32) @ query.pieces.T * np.concatenate(scales)[:, None]  # (T, N)
        begins, heads = np.array(begins[:-1]), np.flatnonzero(np.concatenate(heads))
        whole = np.maximum.reduceat(match, begins, axis=0) @ weights
        by_sentence = np.maximum.reduceat(match, heads, axis=0) @ weights
        return whole, np.maximum.reduceat(by_sentence, np.searchsorted(heads, begins))

    def sentence_scores(self, query, row, count):
        """The match of each of a passage's `count` sentences with the question, 0 to 1; -1 for one that was cut off."""
        each, local = self.blocks[self.owner[row]], row - self.base[self.owner[row]]
        part = slice(each.first[local], each.first[local + 1])
        weights = self.idf[query.ids]
        match = each.pieces[part].astype(np.float32) @ query.pieces.T * each.scales[part][:, None]
        heads = np.flatnonzero(each.heads[part])
        scores = np.maximum.reduceat(match, heads, axis=0) @ (weights / max(weights.sum(), 1e-9)) if len(heads) else np.zeros(0)
        return np.concatenate([scores[:count], np.full(max(0, count - len(scores)), -1.0)])


WORDS, WHOLE = 0.5, 0.5


def sentence_weight(question):
    """How much the best sentence counts: fully up to six rare words, not at all from ten on, where a topic is described."""
    return float(np.clip((10 - len(set(terms(question)))) / 4, 0, 1))


def z(x):
    """Scores as standard deviations from their mean."""
    return (x - x.mean()) / max(float(x.std()), 1e-6)


class HybridRetriever(BaseRetriever):
    """An Index as a LangChain retriever."""

    index: object
    k: int = 5

    def _get_relevant_documents(self, query, *, run_manager=None):
        return [
            LangChainDocument(page_content=hit.passage.text, metadata={**hit.passage.as_dict(), "score": hit.score}) for hit in self.index.search(query, self.k)
        ]
