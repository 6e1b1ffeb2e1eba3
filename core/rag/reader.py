"""Questions and short texts to answer spans: the trained reader's border to the rest of the room."""

import numpy as np

from core import runtime, weights
from core.rag.encoder import encoder

LONGEST = 160  # word pieces of question and text together
ANSWER = 24  # word pieces of an answer, at most


def pair(tokenizer, question, text):
    """-> (ids, kinds, offsets): "[CLS] question [SEP] text [SEP]" cut to LONGEST; offsets (N, 2) into text, (-1, -1) outside it."""
    asked = tokenizer.encode(question, add_special_tokens=False).ids[:48]
    read = tokenizer.encode(text, add_special_tokens=False)
    room = LONGEST - len(asked) - 3
    ids = [101, *asked, 102, *read.ids[:room], 102]
    kinds = [0] * (len(asked) + 2) + [1] * (len(ids) - len(asked) - 2)
    offsets = [(-1, -1)] * (len(asked) + 2) + list(read.offsets[:room]) + [(-1, -1)]
    return ids, kinds, offsets


def collate(rows):
    """[(ids, kinds, ...)] -> (ids, mask, kinds) tensors, padded on the right."""
    import torch

    longest = max(len(row[0]) for row in rows)
    ids, kinds = (torch.tensor([list(row[at]) + [0] * (longest - len(row[at])) for row in rows]) for at in (0, 1))
    return ids, ids > 0, kinds


def best_span(scores, offsets):
    """(N, 2) scores -> (start, end, margin): the best span's characters, and how far its score is above "not in this text"."""
    inside = np.array([a >= 0 for a, _ in offsets])
    begin, end = np.where(inside, scores[:, 0], -1e9), np.where(inside, scores[:, 1], -1e9)
    table = begin[:, None] + end[None, :]
    far = np.subtract.outer(np.arange(len(begin)), np.arange(len(begin)))
    table[(far > 0) | (far <= -ANSWER)] = -2e9
    i, j = np.unravel_index(table.argmax(), table.shape)
    return offsets[i][0], offsets[j][1], float(table[i, j] - scores[0].sum())


class SpanReader:
    """The bundled reader. Safe to share between threads."""

    def __init__(self, tensors, metadata):
        from core.rag.model import Reader

        shared = encoder()
        self.tokenizer = shared.tokenizer
        self.network = Reader(shared.copy(), int(metadata["rank"]), int(metadata["from_layer"]))
        left = set(self.network.learned()) ^ set(tensors)
        if left:
            raise weights.WeightsError(f"The reader's weights do not fit it: {', '.join(sorted(left)[:3])}.")
        self.network.load_state_dict(tensors, strict=False)
        self.network.merge().eval()

    def __call__(self, question, texts):
        """str, [str] -> [(start, end, margin)], one for each text."""
        import torch

        rows = [pair(self.tokenizer, question, text) for text in texts]
        with torch.inference_mode():
            scores = self.network(*collate(rows)).numpy()
        return [best_span(score[: len(row[0])], row[2]) for score, row in zip(scores, rows, strict=True)]


def reader():
    """The shared SpanReader, loaded at first use."""
    return runtime.models().get("reader", lambda: SpanReader(*weights.load("reader")), lambda model: 44 * 2**20)
