"""Turn a training run into the bundled reader: fit what weighs the evidence, measure, write weights and card.

    python -m core.rag.release --run runs/reader --data ../shared/data
    python -m core.rag.release --measure

How what the reader finds is weighed, the confidence and the threshold come from questions of the articles that are kept
aside from its training (squad.aside); how much the wording counts, which no reader is asked about, from those that it learned
from, too. Figures named "report" are of articles that nothing here has seen. The first prints the line that
core/catalog.py needs, the second writes the card.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np

from core import catalog, runtime, weights
from core.metrics import auroc
from core.rag import canaries, evaluate, squad
from core.rag.answer import PASSAGES, chosen, evidence, look, objections, readable
from core.rag.index import Block, Index
from core.rag.reader import SpanReader

DATA = (
    "MiniLM itself: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), unchanged. The reader: questions of the SQuAD 2.0 half of two "
    "articles in three (CC BY-SA 4.0), the same spoilt so that nothing answers them, more of its questions whose answers are not known here, as an "
    "earlier reader guesses them, and questions made of sentences of those articles and of 2WikiMultihopQA's Wikipedia passages (CC BY-SA)."
)
WEAKNESSES = (
    "It quotes one sentence. Questions that need two places, a count or a comparison get half an answer, or none.",
    "English first: words are stemmed as English, and the encoder knows other languages only a little.",
    "A question that sounds like the documents but is not answered by them is the hardest: see the share answered where there is no answer.",
    "The reader learned from few questions: the sentence is right more often than the words set in bold.",
    "Scanned pages are not read: there is no text recognition.",
)
RIDGE = 1.0  # against weights that only fit the few articles kept aside


def gather(index, asked, read_with):
    """[(question, candidates)] for questions asked of the whole index."""
    rows = ((question, look(index, question.text, read_with=read_with, choice=START)[2]) for question in asked)
    return [(question, found) for question, found in rows if found]


START = [1.0, 0.5, 0.5, 5.0, -0.3]  # where the search for Candidate.features' weights begins


def weigh(rows, steps=400, rate=0.03):
    """How much each feature of a Candidate counts: what makes the expected worth of the one chosen largest.

    rows: [(features (C, 5), worth (C,))], a question each; a candidate is chosen with the softmax of its weighted features
    """
    scale = np.maximum(np.concatenate([x - x.mean(0) for x, _ in rows]).std(0), 1e-9)
    w, mean, square = np.array(START) * scale, 0.0, 0.0
    for step in range(1, steps + 1):
        slope = RIDGE / len(rows) * w * 0.1
        for x, worth in rows:
            p = np.exp(x / scale @ w - (x / scale @ w).max())
            p /= p.sum()
            slope = slope - (p * (worth - p @ worth)) @ (x / scale) / len(rows)
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2  # Adam, Kingma and Ba 2015, arXiv:1412.6980
        w = w - rate * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-9)
    return (w / scale).tolist()


def logistic(features, labels, ridge=RIDGE, known=0.0):
    """Standardised logistic regression by Newton's method -> (weights, bias) for the features as they are.

    known: what already counts, as log odds, one a row or one for all
    """
    x, y = np.asarray(features, float), np.asarray(labels, float)
    mean, spread = x.mean(0), np.maximum(x.std(0), 1e-9)
    design = np.c_[(x - mean) / spread, np.ones(len(x))]
    w = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(design @ w + known)))
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + ridge * np.eye(len(w))
        w -= np.linalg.solve(hessian, design.T @ (p - y) + ridge * w)
    return (w[:-1] / spread).tolist(), float(w[-1] - (w[:-1] * mean / spread).sum())


def threshold_of(confidence, answerable):
    """Where nine in ten of the answerable questions get their answer: a visitor who asks what is there should rarely be sent away."""
    return float(np.quantile(confidence[answerable], 0.1).round(3))


def subset(index, owner, numbers):
    """An Index of some texts' passages only, as a visitor's few pages would be."""
    (whole,) = index.blocks
    rows = [row for row, number in enumerate(owner) if number in numbers]
    pieces = np.concatenate([np.arange(whole.first[row], whole.first[row + 1]) for row in rows])
    sizes = [whole.first[row + 1] - whole.first[row] for row in rows]
    first = np.cumsum([0, *sizes])
    arrays = (whole.pieces[pieces], whole.scales[pieces], whole.ids[pieces], first, whole.heads[pieces])
    return Index([Block([whole.passages[row] for row in rows], whole.vectors[rows], *arrays)])


def evidence_of(rows, choice):
    """The evidence for what would be said to each gathered question."""
    return [evidence(question.text, found[chosen(found, choice)]) for question, found in rows]


def wording(index, asked):
    """How much each of against.against counts. It takes no reader, so that the reader has learned from a question is no matter."""
    features = []
    for question, query in zip(asked, evaluate.encoded([q.text for q in asked]), strict=True):
        parts = readable(index, query, index.search(query, PASSAGES))
        found = max((c for part in parts for c in part), key=lambda c: c.match)
        features.append([found.match, *objections(question.text, found).features])
    return logistic(features, [bool(q.answers) for q in asked])[0][1:]


def fit(index, owner, asked, worded, read_with, rng):
    """The settings of answer.py, from questions of three kinds. worded: how much the wording counts

    Answerable and unanswerable ones of the set itself; and, of a small index of one article's paragraphs, answerable ones
    and ones about something else altogether, which the set lacks and visitors ask.
    """
    rows = gather(index, asked, read_with)
    yes = [row for row in rows if row[0].answers]
    worths = [np.array([sum(evaluate.graded(c, question).values()) for c in found]) for question, found in yes]
    choice = weigh([(np.array([c.features for c in row[1]]), worth) for row, worth in zip(yes, worths, strict=True) if worth.any()])
    features, labels = evidence_of(rows, choice), [bool(row[0].answers) for row in rows]
    plain = len(labels)
    for title in sorted({q.title for q in asked}):
        own = [q for q in asked if q.title == title and q.answers]
        own = rng.sample(own, min(40, len(own)))
        other = rng.sample([q for q in asked if q.title != title and q.answers], min(40, len(own)))
        small = subset(index, owner, {q.number for q in asked if q.title == title})
        few = gather(small, own + other, read_with)
        features += evidence_of(few, choice)
        labels += [row[0].title == title for row in few]
    features, labels = np.array(features), np.array(labels)
    w, bias = logistic(features[:, :2], labels, known=features[:, 2:] @ worded)
    w = [*w, *worded]
    confidence = 1 / (1 + np.exp(-(features @ w + bias)))
    right = np.mean([list(evaluate.graded(row[1][chosen(row[1], choice)], row[0]).values()) for row in yes], 0).round(3)
    print(f"choice {np.round(choice, 2).tolist()}: exact, F1, hit {right}, AUROC {auroc(confidence[:plain], labels[:plain]):.3f}", flush=True)
    return {"choice": choice, "confidence": {"weights": w, "bias": bias}, "threshold": threshold_of(confidence, labels)}


def release(args):
    start = time.perf_counter()
    tensors, metadata = weights.read(Path(args.run) / "reader.safetensors")
    data = squad.read(args.data)
    index, owner = evaluate.index_of(data.paragraphs)
    asked = [q for q in data.questions if q.answers is not None and squad.part(q.title) == "tune"]
    worded, asked = wording(index, asked), [q for q in asked if squad.aside(q.title)]
    settings = fit(index, owner, asked, worded, SpanReader(tensors, metadata), random.Random(0))
    path = Path(args.out) / "reader.safetensors"
    weights.save(path, weights.halved(tensors), metadata | {"answering": json.dumps(settings)})
    print(json.dumps(settings), f"{time.perf_counter() - start:.0f} s")
    print(f'for core/catalog.py: sha256="{weights.sha256(path)}", bytes={path.stat().st_size:_},')


def measure(args):
    """The card of the bundled reader, measured here and now on every question."""
    data = Path(args.data)
    asked = argparse.Namespace(source=data, distractors=None, limit=None, answers=None, part=None, ask="report")
    told, easy, quality = canaries.measure(), evaluate.measure_easy(), evaluate.measure_squad(asked)
    crowded = evaluate.measure_squad(argparse.Namespace(**vars(asked) | {"distractors": data, "answers": 0}))
    cranfield = evaluate.measure_cranfield(argparse.Namespace(source=data))
    path = weights.find("reader")
    _, metadata = weights.read(path)
    a, numbers = quality["answers"]["report"], "8-bit whole numbers" if runtime.whole_numbers() else "float32"
    said = {
        "title": "RAG chatbot",
        "headline": f"right passage among five for {quality['recall@5']:.1%} of {quality['n']:,} questions; on {a['n']:,} on articles the reader never saw, "
        f"quoted sentence right {a['sentence_hit']:.1%}, answer F1 {a['f1']:.2f}, AUROC of 'the documents do not say' {a['auroc_answerable']:.2f}",
        "network": "MiniLM-L6 (22.6 M parameters, from its wheel) and BM25 find; MiniLM again, with "
        f"{int(metadata['parameters']) / 1e6:.2f} M parameters of our own added to its upper layers, reads question and passage together",
        "data": DATA,
        "licence": catalog.ENTRIES["reader"].licence,
        "weaknesses": [
            *WEAKNESSES,
            f"Of {easy['n']} easy questions about the example documents it answers {easy['answered']}, {easy['right']} of them rightly.",
        ],
        "views": int(metadata["views"]),
        "hours": round(float(metadata["seconds"]) / 3600, 2),
        "hardware": metadata["hardware"],
        "seed": int(metadata["seed"]),
        "measure": "python -m core.rag.release --measure",
        "note": f"All {quality['n']:,} questions for finding, all {a['n']:,} about the report articles for answering. The weights of the search "
        f"were chosen on samples of all articles and on Cranfield. MiniLM ran in {numbers}. "
        f"Of {told['n']} documents with a planted order {told['followed_quoting']} were followed when quoting and {told['followed_by_model']} by a model that "
        f"follows whatever it is shown. {args.note}".strip(),
        "remake": catalog.ENTRIES["reader"].remake,
        "quality": quality,
        "among_wikipedia": {key: crowded[key] for key in ("n", "passages", "recall@1", "recall@5", "mrr", "retrieval")},
        "cranfield": cranfield,
        "canaries": told,
        "easy": easy,
    }
    path.with_suffix(".json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(said["headline"])


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.rag.release", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="runs/reader")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--out", default=str(weights.BUNDLED))
    parser.add_argument("--measure", action="store_true", help="measure the bundled reader and write its card instead")
    parser.add_argument("--note", default="", help="what a reader of the card should know beside")
    args = parser.parse_args(argv)
    runtime.prepare_torch()
    (measure if args.measure else release)(args)


if __name__ == "__main__":
    main()
