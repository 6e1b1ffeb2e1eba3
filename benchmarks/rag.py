"""The chatbot's index beside the usual LangChain recipe: the same passages of SQuAD, the same questions, in one process.

    python benchmarks/rag.py --data ../shared/data [--passages 800] [--questions 200] [--json]

The recipe: RecursiveCharacterTextSplitter (1,000 characters, 200 shared), all-MiniLM-L6-v2 through sentence-transformers
in batches of 32, InMemoryVectorStore. Questions are asked of both in turns, so that a noisy machine disturbs both alike.
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
from core.rag import evaluate, squad  # noqa: E402
from core.rag.encoder import encoder  # noqa: E402


def recipe(texts):
    """-> (ask: question -> numbers of the texts found, seconds to load, seconds to index)"""
    runtime.prepare_torch()
    start = time.perf_counter()
    from langchain_core.documents import Document
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
    loaded, start = time.perf_counter() - start, time.perf_counter()
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    store = InMemoryVectorStore(MiniLM())
    store.add_documents(splitter.split_documents([Document(text, metadata={"number": n}) for n, (_, text) in enumerate(texts)]))
    return lambda question: [d.metadata["number"] for d in store.similarity_search(question, k=5)], loaded, time.perf_counter() - start


def ours(texts):
    runtime.prepare_torch()
    start = time.perf_counter()
    encoder().embed_query("warm")
    loaded, start = time.perf_counter() - start, time.perf_counter()
    index, owner = evaluate.index_of(texts)
    return lambda question: [owner[hit.number] for hit in index.search(question, 5)], loaded, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default="../shared/data")
    parser.add_argument("--passages", type=int, default=800)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    data = squad.read(args.data)
    texts = data.paragraphs[: args.passages]
    asked = random.Random(0).sample([q for q in data.questions if q.number < len(texts)], args.questions)
    sides = {"vitrine": ours(texts), "langchain recipe": recipe(texts)}
    times, right = {name: [] for name in sides}, dict.fromkeys(sides, 0)
    for question in asked:
        for name, (ask, _, _) in sides.items():
            start = time.perf_counter()
            found = ask(question.text)
            times[name].append((time.perf_counter() - start) * 1000)
            right[name] += question.number in found
    report = {"passages": len(texts), "questions": len(asked), "threads": runtime.threads()}
    for name, (_, loaded, indexed) in sides.items():
        report[name] = {"load_s": round(loaded, 2), "index_s": round(indexed, 1), "query_p50_ms": round(float(np.percentile(times[name], 50)), 1),
                        "query_p95_ms": round(float(np.percentile(times[name], 95)), 1), "recall@5": round(right[name] / len(asked), 3)}  # fmt: skip
    report["indexing_times_faster"] = round(report["langchain recipe"]["index_s"] / report["vitrine"]["index_s"], 2)
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
