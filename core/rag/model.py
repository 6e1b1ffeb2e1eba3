"""MiniLM in plain torch: the BERT encoder of Devlin et al. 2018 (arXiv:1810.04805), six layers, 384 wide; and the reader.

The published weights load strictly under their own names. Written out here because transformers takes seconds to
import, and the first question waits for it.
"""

import math

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


class Adapted(nn.Module):
    """A frozen linear layer and a small trained correction: y = W x + b + up(down(x)). Hu et al. 2021, arXiv:2106.09685."""

    def __init__(self, linear, rank):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x):
        return self.linear(x) + (x @ self.down.T) @ self.up.T

    def merged(self):
        """One plain linear layer that answers the same."""
        out = nn.Linear(self.linear.in_features, self.linear.out_features)
        out.weight, out.bias = nn.Parameter(self.linear.weight + self.up @ self.down), self.linear.bias
        return out


class Reader(nn.Module):
    """Where in a text the answer to a question begins and ends: MiniLM with corrections and a head of two scores a token.

    ids, mask, kinds: as MiniLM's, "[CLS] question [SEP] text [SEP]"
    returns (B, N, 2) float: scores of beginning and of ending at each token; those at [CLS] mean "not in this text"
    """

    def __init__(self, network, rank=16, from_layer=2):
        super().__init__()
        self.network = network.requires_grad_(False)
        self.from_layer = from_layer
        for layer in network.encoder["layer"][from_layer:]:
            own = layer.attention["self"]
            for holder, name in [(own, "query"), (own, "key"), (own, "value"), (layer.attention["output"], "dense"), (layer.intermediate, "dense"), (layer.output, "dense")]:
                holder[name] = Adapted(holder[name], rank)
        self.head = nn.Linear(384, 2)

    def forward(self, ids, mask, kinds):
        return self.head(self.network(ids, mask, kinds))

    def learned(self):
        """The tensors that training changes, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def merge(self):
        """Fold the corrections into plain layers, for speed; the model can then no longer be trained."""
        for module in list(self.network.modules()):
            for name, child in list(module._modules.items()):
                if isinstance(child, Adapted):
                    module._modules[name] = child.merged()
        return self
