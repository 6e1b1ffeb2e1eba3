"""MiniLM in plain torch: the BERT encoder of Devlin et al. 2018 (arXiv:1810.04805), six layers, 384 wide; and the reader on it.

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
    depth: how many of the layers to go through, from the first; None for all
    returns (T, 384) float
    """

    def __init__(self, vocabulary=30522, width=384, layers=6, heads=12, inner=1536, positions=512, kinds=2):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, width, positions, kinds)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(width, heads, inner) for _ in range(layers))})

    def forward(self, ids, sizes, depth=None):
        x = self.embeddings(ids, sizes)
        for layer in self.encoder["layer"][:depth]:
            x = layer(x, sizes)
        return x


class LowRank(nn.Module):
    """A frozen linear layer and a trained addition to its weights of rank `rank`, nothing at first.

    Hu et al. 2021, arXiv:2106.09685. The layer's own weights are shared, never copied or changed. (N, in) -> (N, out)
    """

    def __init__(self, linear, rank):
        super().__init__()
        self.frozen = [linear]  # in a list, so that its weights are neither parameters nor in the state dict here
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) * linear.in_features**-0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x):
        (linear,) = self.frozen
        return torch.addmm(F.linear(x, linear.weight, linear.bias), F.linear(x, self.down), self.up.T)

    def folded(self):
        """One plain linear layer that does the same."""
        (linear,) = self.frozen
        out = nn.Linear(linear.in_features, linear.out_features)
        out.weight = nn.Parameter((linear.weight + self.up @ self.down).detach(), requires_grad=False)
        out.bias = linear.bias
        return out


class ReadingLayer(nn.Module):
    """A Layer of MiniLM with additions to its six linear layers; dropout on what comes out, in training."""

    def __init__(self, layer, rank, dropout):
        super().__init__()
        own, out = layer.attention["self"], layer.attention["output"]
        self.heads, self.norms = layer.heads, [out["LayerNorm"], layer.output["LayerNorm"]]
        linears = own["query"], own["key"], own["value"], out["dense"], layer.intermediate["dense"], layer.output["dense"]
        self.linears = nn.ModuleList(LowRank(linear, rank) for linear in linears)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, sizes):
        query, key, value, seen, wide, narrow = self.linears
        x = self.norms[0](x + self.dropout(seen(attend(query(x), key(x), value(x), self.heads, sizes))))
        return self.norms[1](x + self.dropout(narrow(F.gelu(wide(x)))))

    def folded(self):
        """A Layer that does the same."""
        width, inner = self.linears[4].frozen[0].in_features, self.linears[4].frozen[0].out_features
        layer = Layer(width, self.heads, inner)
        query, key, value, seen, wide, narrow = (linear.folded() for linear in self.linears)
        layer.attention["self"].update({"query": query, "key": key, "value": value})
        layer.attention["output"].update({"dense": seen, "LayerNorm": self.norms[0]})
        layer.intermediate["dense"] = wide
        layer.output.update({"dense": narrow, "LayerNorm": self.norms[1]})
        return layer


class Reader(nn.Module):
    """Where in a text the answer to a question stands, and whether it is there: MiniLM's upper layers see the two together.

    The lower `depth` layers go over question and text apart (Cao et al. 2020, arXiv:2005.00697), so a text is gone over once
    for all its questions. What is trained are additions to the layers above, the kinds of word pieces, and the head.

    pairs: [(asked (M, 384), text (N, 384), kinds (M + N,))]: states after the lower layers, question first, [CLS] in front
    of it and [SEP] at both ends; kinds: int64, 0 and 1 for pieces of the question, 2 and 3 of the text, odd for those that stand in both
    returns (spans (T, 2), verdicts (B, 2), sizes): scores of each piece of each text, its [SEP] left out, as beginning and as
    ending, one text after another; of each pair, logits of whether the text is about what is asked and whether it says it
    """

    def __init__(self, minilm, depth=2, rank=16, dropout=0.0):
        super().__init__()
        self.depth, upper = depth, list(minilm.encoder["layer"])[depth:]
        width = upper[0].attention["self"]["query"].in_features
        self.layers = nn.ModuleList(ReadingLayer(layer, rank, dropout) for layer in upper)
        self.kinds = nn.Parameter(torch.zeros(4, width))
        self.span, self.verdict = nn.Linear(width, 2), nn.Linear(width, 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, pairs):
        sizes = [len(asked) + len(text) for asked, text, _ in pairs]
        x = torch.cat([part for asked, text, _ in pairs for part in (asked, text)]) + self.kinds[torch.cat([kinds for *_, kinds in pairs])]
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x, sizes)
        ends = torch.tensor(sizes).cumsum(0).tolist()
        texts = torch.cat([torch.arange(end - len(text), end - 1, device=x.device) for end, (_, text, _) in zip(ends, pairs, strict=True)])
        firsts = torch.tensor([end - size for end, size in zip(ends, sizes, strict=True)], device=x.device)
        return self.span(x[texts]), self.verdict(x[firsts]), [len(text) - 1 for _, text, _ in pairs]

    def folded(self, whole=False):
        """Make the additions part of the layers, to read with and not to train: faster, and in 8-bit whole numbers if `whole`."""
        layers = [layer.folded() for layer in self.layers]
        self.layers = nn.ModuleList(WholeLayer(layer) for layer in layers) if whole else nn.ModuleList(layers)
        return self.eval()
