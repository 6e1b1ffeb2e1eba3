"""MiniLM in plain torch: the BERT encoder of Devlin et al. 2018 (arXiv:1810.04805), six layers, 384 wide; and the reader.

The published weights load strictly under their own names. Written out here because transformers takes seconds to
import, and the first question waits for it.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Embeddings(nn.Module):
    def __init__(self, vocabulary, width, positions, kinds):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(kinds, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, ids, kinds):
        places = torch.arange(ids.shape[1], device=ids.device)
        return self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings(places) + self.token_type_embeddings(kinds))


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

    def forward(self, x, mask):
        b, n, width = x.shape
        own = self.attention["self"]
        q, k, v = (own[name](x).view(b, n, self.heads, -1).transpose(1, 2) for name in ("query", "key", "value"))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, n, width)
        x = self.attention["output"]["LayerNorm"](x + self.attention["output"]["dense"](seen))
        return self.output["LayerNorm"](x + self.output["dense"](F.gelu(self.intermediate["dense"](x))))


class MiniLM(nn.Module):
    """Token ids -> token states.

    ids:   (B, N) int64, padded with 0 on the right
    mask:  (B, N) bool, True for tokens, False for padding; None when nothing is padded
    kinds: (B, N) int64, 0 for the first text and 1 for the second; None for one text
    returns (B, N, 384) float; what stands at padded places means nothing
    """

    def __init__(self, vocabulary=30522, width=384, layers=6, heads=12, inner=1536, positions=512, kinds=2):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, width, positions, kinds)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(width, heads, inner) for _ in range(layers))})

    def forward(self, ids, mask=None, kinds=None):
        x = self.embeddings(ids, torch.zeros_like(ids) if kinds is None else kinds)
        mask = None if mask is None or mask.all() else mask[:, None, None]
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return x


def pool(states, mask=None):
    """Mean of the token states, scaled to length 1: (B, N, D) -> (B, D). Reimers and Gurevych 2019, arXiv:1908.10084."""
    if mask is None:
        return F.normalize(states.mean(1), dim=-1)
    weight = mask[..., None].to(states.dtype)
    return F.normalize((states * weight).sum(1) / weight.sum(1), dim=-1)


class Reader(nn.Module):
    """Where in a text the answer to a question begins and ends, from the word pieces that the index keeps.

    Each piece of the text is seen with the question's pieces that it resembles, softly aligned (Chen et al. 2017,
    arXiv:1704.00051, sec. 3.2), then all pieces of question and text look at each other in `layers` layers.

    asked:   (B, M, 128) float, unit pieces of the question;  asked_mask (B, M) bool
    text:    (B, N, 128) float, unit pieces of the text;      text_mask (B, N) bool
    flags:   (B, N, 3) float: also in the question, in the sentence that fits best, how rare
    returns (B, 1 + N, 2) float: scores of beginning and of ending; first those of "not in this text"
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

    def forward(self, asked, asked_mask, text, text_mask, flags):
        alike = (text @ asked.transpose(1, 2)).masked_fill(~asked_mask[:, None], -1)
        aligned = (alike * 8).softmax(-1) @ asked
        seen = self.text(self.dropout(torch.cat([text, aligned, text * aligned * 8, alike.amax(-1, keepdim=True), flags], -1)))
        seen = seen * text_mask[..., None]
        seen = seen + F.gelu(self.near(seen.transpose(1, 2)).transpose(1, 2))
        none = self.kinds[0].expand(len(text), 1, -1)
        x = torch.cat([none, self.asked(self.dropout(asked)) + self.kinds[1], seen + self.kinds[2]], 1)
        mask = torch.cat([text_mask.new_ones(len(text), 1), asked_mask, text_mask], 1)[:, None, None]
        for layer in self.layers:
            x = self.dropout(layer(x, mask))
        scores = self.head(x)
        text_scores = scores[:, 1 + asked.shape[1] :].masked_fill(~text_mask[..., None], -1e4)
        return torch.cat([scores[:, :1], text_scores], 1)
