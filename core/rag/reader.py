"""Questions and sentences to answer spans: the trained reader, fed with what the index keeps anyway."""

import json

import numpy as np

from core import runtime, weights
from core.rag.encoder import encoder

ANSWER = 24  # word pieces of an answer, at most
LONGEST = 160  # word pieces of a text that are read


def prepare(index, query, row, window, sentence):
    """What the reader sees of a passage's `window`: (pieces (N, 128), flags (N, 3), offsets (N, 2) in the passage's text)."""
    pieces, ids = index.pieces(row)
    offsets = np.array(encoder().tokenizer.encode(index.passages[row].text).offsets[1:-1]).reshape(-1, 2)
    inside = np.flatnonzero((offsets[:, 0] >= window[0]) & (offsets[:, 1] <= window[1]))[:LONGEST]
    ids, offsets = ids[inside], offsets[inside]
    fits = (offsets[:, 0] >= sentence[0]) & (offsets[:, 1] <= sentence[1])
    return pieces[inside], np.stack([np.isin(ids, query.ids), fits, index.idf[ids] / 10], 1).astype(np.float32), offsets


def tensors(rows):
    """[(query pieces, text pieces, flags)] as arrays -> the same as tensors, for model.Reader."""
    import torch

    return [tuple(torch.from_numpy(array) for array in row) for row in rows]


def best_span(scores, offsets):
    """(1 + N, 2) scores -> (start, end, margin): the best span's characters, and how far its score is above "not in this text"."""
    begin, end = scores[1:, 0], scores[1:, 1]
    far = np.subtract.outer(np.arange(len(begin)), np.arange(len(begin)))
    table = np.where((far > 0) | (far <= -ANSWER), -1e9, begin[:, None] + end[None, :])
    i, j = np.unravel_index(table.argmax(), table.shape)
    return int(offsets[i][0]), int(offsets[j][1]), float(table[i, j] - scores[0].sum())


def whole_words(text, start, end):
    """The span with the letters that belong to its first and last word."""
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return start, end


class SpanReader:
    """The bundled reader. Safe to share between threads."""

    def __init__(self, tensors, metadata):
        runtime.prepare_torch()
        from core.rag.model import Reader

        self.network = Reader(**json.loads(metadata["shape"]))
        self.network.load_state_dict(tensors, strict=True)
        self.network.eval()

    def __call__(self, index, query, candidates):
        """Candidates -> [(start, end, margin)], one for each: characters of its passage's text."""
        import torch

        seen = [prepare(index, query, c.hit.number, c.window, c.sentence) for c in candidates]
        with torch.inference_mode():
            scores = self.network(tensors([(query.pieces, pieces, flags) for pieces, flags, _ in seen]))
        spans = [
            best_span(own.numpy(), offsets) if len(offsets) else (*c.sentence, -99.0) for own, (_, _, offsets), c in zip(scores, seen, candidates, strict=True)
        ]
        return [(*whole_words(c.hit.passage.text, a, b), margin) for (a, b, margin), c in zip(spans, candidates, strict=True)]


def reader():
    """The shared SpanReader, loaded at first use."""
    return runtime.models().get("reader", lambda: SpanReader(*weights.load("reader")), lambda model: 4 * sum(p.numel() for p in model.network.parameters()))
