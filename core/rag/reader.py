"""Questions and passages to answer spans: the trained reader on top of the encoder's own lower layers."""

import json
from dataclasses import dataclass

import numpy as np

from core import runtime, weights
from core.rag.encoder import encoder, minilm

ANSWER = 24  # word pieces of an answer, at most
LONGEST = 160  # word pieces of a passage that are read
ASKED = 64  # word pieces of a question that are read


def question_ids(text):
    """A question's word pieces, [CLS] and [SEP] around them."""
    return encoder().tokenizer.encode(text).ids[: ASKED - 1] + [encoder().sep]


def excerpt(text, spans, focus):
    """The sentences of a passage around one of them, up to LONGEST word pieces.

    spans: sentences (start, end) that may be read, in order; focus: number of the one that must be
    returns (ids (N,), offsets (N, 2) in the text, number of the sentence that each is in (N,)), all int
    """
    encoding = encoder().tokenizer.encode(text)
    ids, offsets = np.array(encoding.ids[1:-1], int), np.array(encoding.offsets[1:-1], int).reshape(-1, 2)
    owner = np.searchsorted([start for start, _ in spans], offsets[:, 0], side="right") - 1
    owner = np.where((owner >= 0) & (offsets[:, 1] <= np.array([end for _, end in spans])[owner]), owner, -1)
    sizes = np.bincount(owner[owner >= 0], minlength=len(spans))
    first = last = focus
    while True:
        room = LONGEST - sizes[first : last + 1].sum()
        before, after = first > 0 and sizes[first - 1] <= room, last + 1 < len(spans) and sizes[last + 1] <= room
        if not before and not after:
            break
        if before and (not after or focus - first <= last - focus):
            first -= 1
        else:
            last += 1
    inside = np.flatnonzero((owner >= first) & (owner <= last))[:LONGEST]
    return ids[inside], offsets[inside], owner[inside]


def kinds(asked, text):
    """What model.Reader is told of each word piece: 0 and 1 of the question, 2 and 3 of the text, odd where it is in both."""
    return np.concatenate([np.isin(asked, text), 2 + np.isin(text, asked)]).astype(int)


def best_spans(begin, end, owners, count):
    """For each of `count` sentences its best span: [(first piece, last piece, score)], None where it has no pieces.

    begin, end: (N,) log-probabilities of each piece as beginning and as ending; owners: (N,) the sentence each piece is in
    """
    out = []
    for number in range(count):
        own = np.flatnonzero(owners == number)
        if not len(own):
            out.append(None)
            continue
        far = np.subtract.outer(own, own)
        table = np.where((far > 0) | (far <= -ANSWER), -1e9, begin[own][:, None] + end[own][None, :])
        i, j = np.unravel_index(table.argmax(), table.shape)
        out.append((int(own[i]), int(own[j]), float(table[i, j])))
    return out


def whole_words(text, start, end):
    """The span with the letters that belong to its first and last word."""
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return start, end


@dataclass(frozen=True)
class Reading:
    """What the reader makes of one passage. spans: for each sentence (start, end, log-probability) of its best span, None if unread.

    about: logit that the passage is about what is asked; says: logit that it says it
    """

    spans: list
    about: float
    says: float


def log_softmax(x):
    shifted = x - x.max(0)
    return shifted - np.log(np.exp(shifted).sum(0))


class SpanReader:
    """The bundled reader. Safe to share between threads."""

    def __init__(self, tensors, metadata):
        runtime.prepare_torch()
        from core.rag.model import Reader

        self.network = Reader(minilm(), **json.loads(metadata["shape"]))
        self.network.load_state_dict(tensors, strict=True)
        self.depth = self.network.depth
        self.network.folded(runtime.whole_numbers())

    def scores(self, question, texts):
        """A question and passages as word pieces, without [CLS] and [SEP] -> [((N, 2) span scores, (2,) verdict)]"""
        import torch

        asked = question_ids(question)
        rows = [[encoder().cls, *ids, encoder().sep] for ids in texts]
        lower = [torch.from_numpy(states) for states in encoder().through([asked, *rows], self.depth)]
        pairs = [(lower[0], own[1:], torch.from_numpy(kinds(asked, row[1:]))) for own, row in zip(lower[1:], rows, strict=True)]
        with torch.inference_mode():
            spans, verdicts, sizes = self.network(pairs)
        return list(zip(np.split(spans.numpy(), np.cumsum(sizes)[:-1]), verdicts.numpy(), strict=True))

    def __call__(self, question, passages):
        """[(text, sentences that may be read, number of the one to begin with)] -> [Reading]"""
        seen = [excerpt(*passage) for passage in passages]
        out = []
        for (text, spans, _), (_, offsets, owners), (scores, verdict) in zip(passages, seen, self.scores(question, [ids for ids, *_ in seen]), strict=True):
            if not len(offsets):
                out.append(Reading([None] * len(spans), -99.0, -99.0))
                continue
            best = best_spans(*log_softmax(scores).T, owners, len(spans))
            out.append(Reading([b and (*whole_words(text, offsets[b[0]][0], offsets[b[1]][1]), b[2]) for b in best], *map(float, verdict)))
        return out


def reader():
    """The shared SpanReader, loaded at first use."""
    return runtime.models().get(
        "reader",
        lambda: SpanReader(*weights.load("reader")),
        lambda model: sum(t.numel() * t.element_size() for t in [*model.network.parameters(), *model.network.buffers()]),
    )
