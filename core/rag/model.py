"""MiniLM in plain torch: the BERT encoder of Devlin et al. 2018 (arXiv:1810.04805), six layers, 384 wide; and the reader.

The published weights load strictly under their own names. Written out here because transformers takes seconds to
import, and the first question waits for it. Texts of one batch stand one after another in one long row, (T, 384), with
their `sizes` beside it: nothing is padded, and what comes out for a text does not depend on its neighbours.
"""

import torch
from torch import nn
from torch.nn import functional as F


def attend(q, k, v, heads, sizes):
    """Attention within each text: (T, W) three times -> (T, W). heads: that W is split into; sizes: [int], T in all."""
    parts = zip(*(x.unflatten(1, (heads, -1)).transpose(0, 1)[None].split(sizes, 2) for x in (q, k, v)), strict=True)
    return torch.cat([F.scaled_dot_product_attention(*part)[0].transpose(0, 1).flatten(1) for part in parts])


class Embeddings(nn.Module):
    def __init__(self, vocabulary, width, positions, kinds):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(kinds, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, ids, sizes):
        places = torch.cat([torch.arange(size) for size in sizes])
        return self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings(places) + self.token_type_embeddings.weight[0])


class Layer(nn.Module):
    """Self-attention and a GELU network, each with a shortcut and a LayerNorm after it."""

    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        linear = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        out = {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)}
        self.attention = nn.ModuleDict({"self": nn.ModuleDict(linear), "output": nn.ModuleDict(out)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)})

    def forward(self, x, sizes):
        own = self.attention["self"]
        seen = attend(*(own[name](x) for name in ("query", "key", "value")), self.heads, sizes)
        x = self.attention["output"]["LayerNorm"](x + self.attention["output"]["dense"](seen))
        return self.output["LayerNorm"](x + self.output["dense"](F.gelu(self.intermediate["dense"](x))))


class WholeLinear(nn.Module):
    """Linear layers that share an input, side by side, multiplied as 8-bit whole numbers.

    A row of weights and a row of the input each have their own scale, their largest number standing for 127. So what
    comes out for one word never depends on which others are in the batch. (N, in) float32 -> (N, out) float32
    """

    def __init__(self, *linears):
        super().__init__()
        weights = torch.cat([each.weight.detach() for each in linears])
        scales = weights.abs().amax(1) / 127
        self.register_buffer("weights", (weights / scales[:, None]).round().to(torch.int8).t().contiguous())
        self.register_buffer("scales", scales)
        self.register_buffer("bias", torch.cat([each.bias.detach() for each in linears]))

    def forward(self, x):
        largest = torch.maximum(x.amax(1, keepdim=True), -x.amin(1, keepdim=True)).clamp_min_(1e-9) / 127
        out = torch._int_mm((x / largest).round_().to(torch.int8), self.weights)
        return out.float().mul_(self.scales).mul_(largest).add_(self.bias)


class WholeLayer(nn.Module):
    """A Layer whose linear layers are WholeLinear: states with a cosine of 0.998 to its own, in 0.6 of the time."""

    def __init__(self, layer):
        super().__init__()
        own, out = layer.attention["self"], layer.attention["output"]
        self.heads = layer.heads
        self.asking, self.seen = WholeLinear(own["query"], own["key"], own["value"]), WholeLinear(out["dense"])
        self.wide, self.narrow = WholeLinear(layer.intermediate["dense"]), WholeLinear(layer.output["dense"])
        self.after_seen, self.after = out["LayerNorm"], layer.output["LayerNorm"]

    def forward(self, x, sizes):
        seen = attend(*self.asking(x).chunk(3, 1), self.heads, sizes)
        x = self.after_seen(x + self.seen(seen))
        return self.after(x + self.narrow(F.gelu(self.wide(x))))


class MiniLM(nn.Module):
    """Token ids -> token states.

    ids:   (T,) int64, of one or more texts
    sizes: [int], how many of them belong to each text
    returns (T, 384) float
    """

    def __init__(self, vocabulary=30522, width=384, layers=6, heads=12, inner=1536, positions=512, kinds=2):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, width, positions, kinds)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(width, heads, inner) for _ in range(layers))})

    def forward(self, ids, sizes):
        x = self.embeddings(ids, sizes)
        for layer in self.encoder["layer"]:
            x = layer(x, sizes)
        return x


class Reader(nn.Module):
    """Where in a text the answer to a question begins and ends, from the word pieces that the index keeps.

    Each piece of the text is seen with the question's pieces that it resembles, softly aligned (Chen et al. 2017,
    arXiv:1704.00051, sec. 3.2), then all pieces of question and text look at each other in `layers` layers.

    pairs: [(asked (M, 128), text (N, 128), flags (N, 3))] float: unit pieces of a question and of a text; of each piece
    of the text whether it is also in the question, whether it is in the sentence that fits best, and how rare it is
    returns [(1 + N, 2)] float: scores of beginning and of ending; first those of "not in this text"
    """

    def __init__(self, width=128, layers=2, heads=4, small=128, dropout=0.0):
        super().__init__()
        self.asked = nn.Linear(small, width)
        self.text = nn.Linear(3 * small + 4, width)
        self.near = nn.Conv1d(width, width, 5, padding=2, groups=width)
        self.kinds = nn.Parameter(torch.randn(3, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, heads, 2 * width) for _ in range(layers))
        self.head = nn.Linear(width, 2)
        self.dropout = nn.Dropout(dropout)

    def _together(self, asked, text, flags):
        """One pair as (1 + M + N, width): "not in this text", the question, the text."""
        alike = text @ asked.T
        aligned = (alike * 8).softmax(-1) @ asked
        seen = self.text(self.dropout(torch.cat([text, aligned, text * aligned * 8, alike.amax(-1, keepdim=True), flags], -1)))
        seen = seen + F.gelu(self.near(seen.T[None])[0].T)
        return torch.cat([self.kinds[:1], self.asked(self.dropout(asked)) + self.kinds[1], seen + self.kinds[2]])

    def forward(self, pairs):
        sizes = [1 + len(asked) + len(text) for asked, text, _ in pairs]
        x = torch.cat([self._together(*pair) for pair in pairs])
        for layer in self.layers:
            x = self.dropout(layer(x, sizes))
        scores = self.head(x).split(sizes)
        return [torch.cat([own[:1], own[1 + len(asked) :]]) for own, (asked, _, _) in zip(scores, pairs, strict=True)]
