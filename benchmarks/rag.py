"""The chatbot's index beside the usual LangChain recipe: the same passages of SQuAD, the same questions, in one process.

    python benchmarks/rag.py --data ../shared/data [--passages 800] [--questions 200] [--json]

The recipe: RecursiveCharacterTextSplitter (1,000 characters, 200 shared), all-MiniLM-L6-v2 through sentence-transformers
in batches of 32, InMemoryVectorStore. Both index in turns, a slice of the passages each, and questions are asked of both
in turns, so that a noisy machine disturbs both alike.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import apps  # noqa: E402, F401
from core import runtime, weights  # noqa: E402
from core.rag import squad  # noqa: E402
from core.rag.encoder import encoder  # noqa: E402
from core.rag.index import Index, block  # noqa: E402
from core.rag.load import Document, Page  # noqa: E402
from core.rag.split import passages  # noqa: E402

SLICE = 50  # passages that one side indexes before it is the other's turn


def recipe():
    """-> (add: [(number, text)] into the store, ask: question -> numbers of the texts found); models loaded."""
    from langchain_core.documents import Document as Text
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(weights.installed("minilm").parent), device="cpu")

    class MiniLM(Embeddings):  # what langchain-huggingface does; the package itself would hold huggingface-hub back
        def embed_documents(self, texts):
            return model.encode([t.replace("\n", " ") for t in texts], show_progress_bar=False).tolist()

        def embed_query(self, text):
            return self.embed_documents([text])[0]

    model.encode(["warm"])
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    store = InMemoryVectorStore(MiniLM())

    def add(texts):
        store.add_documents(splitter.split_documents([Text(text, metadata={"number": n}) for n, text in texts]))

    return add, lambda question: [d.metadata["number"] for d in store.similarity_search(question, k=5)]


def ours():
    """The same of core/rag: a block for every slice, and one index over all of them."""
    encoder().embed_query("warm")
    blocks, made = [], []

    def add(texts):
        documents = [Document("text", f"{n:064x}", "text", (Page(1, text),)) for n, text in texts]
        blocks.append(block([part for document in documents for part in passages(document)]))
        made[:] = [Index(blocks)]  # asked or not, it is ready after every slice, like the store

    return add, lambda question: [int(hit.passage.document, 16) for hit in made[0].search(question, 5)]


def timed(call, *given):
    start = time.perf_counter()
    return call(*given), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default="../shared/data")
    parser.add_argument("--passages", type=int, default=800)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    data = squad.read(args.data)
    texts = [(n, text) for n, (_, text) in enumerate(data.paragraphs[: args.passages])]
    asked = random.Random(0).sample([q for q in data.questions if q.number < len(texts)], args.questions)
    runtime.prepare_torch()
    sides = {name: timed(make) for name, make in {"vitrine": ours, "langchain recipe": recipe}.items()}
    indexing, times, right = {name: [] for name in sides}, {name: [] for name in sides}, dict.fromkeys(sides, 0)
    for start in range(0, len(texts), SLICE):
        for name, ((add, _), _) in sides.items():
            indexing[name].append(timed(add, texts[start : start + SLICE])[1])
        print(f"{min(start + SLICE, len(texts))} of {len(texts)} indexed", file=sys.stderr, flush=True)
    for question in asked:
        for name, ((_, ask), _) in sides.items():
            found, seconds = timed(ask, question.text)
            times[name].append(seconds * 1000)
            right[name] += question.number in found
    report = {"passages": len(texts), "questions": len(asked), "threads": runtime.threads()}
    for name, (_, loaded) in sides.items():
        report[name] = {"load_s": round(loaded, 2), "index_s": round(sum(indexing[name]), 1), "query_p50_ms": round(float(np.percentile(times[name], 50)), 1),
                        "query_p95_ms": round(float(np.percentile(times[name], 95)), 1), "recall@5": round(right[name] / len(asked), 3)}  # fmt: skip
    ratios = np.divide(indexing["langchain recipe"], indexing["vitrine"])  # of slices: a neighbour's noise in one does not move their median
    report["indexing_times_faster"] = round(float(np.median(ratios)), 2)
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
