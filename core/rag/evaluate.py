"""How good the chatbot is, on public questions with known answers.

    python -m core.rag.evaluate squad FILE_OR_ZIP_OR_DIR [--distractors ZIP_OR_DIR] [--limit N] [--json]
    python -m core.rag.evaluate cranfield ZIP_OR_DIR [--json]
    python -m core.rag.evaluate canaries [--json]
    python -m core.rag.evaluate easy [--json]

squad: all paragraphs go into one index, every question is asked of the whole index, and nothing tells which paragraph
it came from. "report" holds the figures over the articles that neither the reader nor its thresholds have seen. The few
weights of the search (index.py) were chosen on samples of all articles and on Cranfield, so finding has no untouched part.
"""

import argparse
import json
import random
import re
import string
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from core.errors import BadInput, StudioError
from core.metrics import auroc
from core.rag import canaries, load, squad
from core.rag.index import Index, block, queries
from core.rag.load import Document, Page
from core.rag.split import passages

DEEP = 60  # passages that are ranked for a question


def normal(text):
    """As the SQuAD script compares answers: lower case, no punctuation, no articles. Rajpurkar et al. 2016, arXiv:1606.05250."""
    text = "".join(" " if c in string.punctuation else c for c in text.lower())
    return " ".join(word for word in text.split() if word not in ("a", "an", "the"))


def exact(said, truths):
    return float(any(normal(said) == normal(truth) for truth in truths))


def f1(said, truths):
    """Best overlap of words with any of the true answers: harmonic mean of precision and recall."""

    def one(a, b):
        a, b = normal(a).split(), normal(b).split()
        shared = sum((Counter(a) & Counter(b)).values())
        return 2 * shared / (len(a) + len(b)) if shared else 0.0

    return max(one(said, truth) for truth in truths)


def ndcg(ranking, gains, k=10):
    """Jarvelin and Kekalainen 2002: gain over log2(rank + 1), as a share of the best possible. gains: {item: gain}"""
    found = sum(gains.get(item, 0) / np.log2(rank + 2) for rank, item in enumerate(ranking[:k]))
    ideal = sum(gain / np.log2(rank + 2) for rank, gain in enumerate(sorted(gains.values(), reverse=True)[:k]))
    return float(found / ideal) if ideal else 0.0


def index_of(texts):
    """[(title, text)] -> (Index, number of the text that each passage is of)."""
    documents = [Document(title, f"{number:064x}", "text", (Page(1, text),)) for number, (title, text) in enumerate(texts)]
    parts = [part for document in documents for part in passages(document)]
    return Index([block(parts)]), np.array([int(part.document, 16) for part in parts])


def ranking(index, owner, query, by):
    """Numbers of the texts, best first, each once."""
    return list(dict.fromkeys(owner[hit.number] for hit in index.search(query, DEEP, by)))


def encoded(texts, at_once=512):
    for start in range(0, len(texts), at_once):
        yield from queries(texts[start : start + at_once])


WAYS = {"bm25": "bm25", "minilm": "dense", "ours": "hybrid"}


def retrieval(index, owner, asked, found):
    """{way: {part: figures}} and the encoded questions."""
    places = {way: [] for way in WAYS}
    for question, query in zip(asked, found, strict=True):
        for way, by in WAYS.items():
            order = ranking(index, owner, query, by)
            places[way].append(order.index(question.number) if question.number in order else np.inf)
    report = np.array([squad.part(q.title) == "report" for q in asked])

    def figures(place):
        return {"recall@1": float((place < 1).mean()), "recall@5": float((place < 5).mean()), "mrr": float((1 / (place + 1)).mean()), "n": len(place)}

    return {way: {"all": figures(np.array(p)), **({"report": figures(np.array(p)[report])} if report.any() else {})} for way, p in places.items()}


def graded(candidate, question):
    """How right a Candidate is: {"em", "f1", "hit"}, 0 to 1; hit: whether the sentence that is quoted holds the answer."""
    text, truths = candidate.hit.passage.text, [answer for answer, _ in question.answers]
    said, quoted = text[candidate.start : candidate.end], normal(text[slice(*candidate.sentence)])
    return {"em": exact(said, truths), "f1": f1(said, truths), "hit": float(any(normal(truth) in quoted for truth in truths))}


def answers(index, asked, progress=None):
    """Ask each question of the whole index. -> list of dict with what was said and how right it is."""
    from core.rag.answer import confidence_of, look

    rows = []
    for number, question in enumerate(asked):
        start = time.perf_counter()
        _, _, found, best, features = look(index, question.text)
        row = {"answerable": bool(question.answers), "part": squad.part(question.title), "seconds": time.perf_counter() - start}
        row |= {"confidence": 0.0, "em": 0.0, "f1": 0.0, "hit": 0.0}
        if best is not None:
            row["confidence"] = confidence_of(features)
            if question.answers:
                row |= graded(found[best], question)
        rows.append(row)
        if progress and number % 200 == 199:
            progress(number + 1)
    return rows


def summary(rows):
    """Figures of answered questions. em, f1, sentence_hit over the answerable, whether or not the answer would be withheld."""
    from core.rag.answer import settings

    threshold = settings()["threshold"]
    yes = [row for row in rows if row["answerable"]]
    no = [row for row in rows if not row["answerable"]]

    def mean(part, key):
        return float(np.mean([row[key] for row in part])) if part else None

    def share(part):
        return float(np.mean([row["confidence"] >= threshold for row in part])) if part else None

    return {"n": len(rows), "answerable": len(yes), "em": mean(yes, "em"), "f1": mean(yes, "f1"), "sentence_hit": mean(yes, "hit"),
            "auroc_answerable": auroc([row["confidence"] for row in rows], [row["answerable"] for row in rows]) if yes and no else None,
            "threshold": threshold, "answered_of_answerable": share(yes), "answered_of_unanswerable": share(no),
            "ms_median": float(np.median([1000 * row["seconds"] for row in rows])) if rows else None}  # fmt: skip


def measure_squad(args):
    start = time.perf_counter()
    data = squad.read(there(args.source))
    asked = [q for q in data.questions if args.part in (None, squad.part(q.title))]
    if args.limit is not None and args.limit < len(asked):
        asked = random.Random(0).sample(asked, args.limit)
    extra = squad.distractors(args.distractors) if args.distractors else []
    index, owner = index_of(data.paragraphs + extra)
    say(f"{len(index)} passages indexed, {time.perf_counter() - start:.0f} s")
    out = {}
    if asked:
        ways = retrieval(index, owner, asked, list(encoded([q.text for q in asked])))
        ours = ways["ours"]["all"]
        out = {"n": len(asked), "passages": len(data.paragraphs) + len(extra), **{k: ours[k] for k in ("recall@1", "recall@5", "mrr")}, "retrieval": ways}
        say(f"{len(asked)} questions looked up, {time.perf_counter() - start:.0f} s")
    known = [q for q in data.questions if q.answers is not None and (args.ask or args.part) in (None, squad.part(q.title))]
    if args.answers is not None and args.answers < len(known):
        known = random.Random(1).sample(known, args.answers)
    if known:
        rows = answers(index, known, lambda n: say(f"{n} of {len(known)} answered, {time.perf_counter() - start:.0f} s"))
        kept = [row for row in rows if row["part"] == "report"]
        out |= {k: v for k, v in summary(rows).items() if k in ("em", "f1", "auroc_answerable")}
        out |= {"answers": {"all": summary(rows), "report": summary(kept)}}
    return out | {"seconds": round(time.perf_counter() - start, 1)}


def there(path):
    """The path; BadInput if there is nothing."""
    if not path.exists():
        raise BadInput(f"There is no {path}. Please check the path.")
    return path


def measure_cranfield(args):
    documents, asked, relevant = squad.cranfield(there(args.source))
    index, owner = index_of([(f"abstract {i}", text) for i, text in enumerate(documents)])
    found = list(encoded(asked))
    ways = {way: float(np.mean([ndcg(ranking(index, owner, q, by), relevant.get(i, {})) for i, q in enumerate(found)])) for way, by in WAYS.items()}
    return {"n": len(asked), "documents": len(documents), "ndcg@10": ways["ours"], "retrieval": ways}


EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples" / "rag-chatbot"
EASY = {
    "Who designed the lighthouse?": "Agnes Holloway",
    "When was the lighthouse first lit?": "14 March 1867",
    "How much does a ticket cost?": "4 crowns",
    "How long does the ferry take?": "25 minutes",
    "Who is the duty engineer?": "Mirela Costin",
    "How many grams of salt are in a country loaf?": "20 grams",
}


def examples_index():
    """The Index of the example documents."""
    documents = [document for name in ("lighthouse.pdf", "bakery.md", "birds.csv") for document in load.read(EXAMPLES / name)]
    return Index([block([part for document in documents for part in passages(document)])])


def measure_easy():
    """answered: easy questions that are not withheld; right: those whose quoted sentence holds the answer"""
    from core.rag.answer import extractive

    index = examples_index()
    told = [(extractive(index, question), words) for question, words in EASY.items()]
    right = sum(answer.found and words in answer.citations[0].quote for answer, words in told)
    return {"n": len(told), "answered": sum(answer.found for answer, _ in told), "right": right}


MEASURES = {"squad": measure_squad, "cranfield": measure_cranfield, "canaries": lambda _: canaries.measure(), "easy": lambda _: measure_easy()}


def say(text):
    print(text, file=sys.stderr, flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.rag.evaluate", description="How good is it, measured.")
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser("squad", help="SQuAD 2.0: retrieval, answers, abstention")
    asked.add_argument("--distractors", type=Path, help="more passages for the index: text_2wiki_corpus.zip or its folder")
    asked.add_argument("--limit", type=int, help="look up a random sample of this many questions; 0 for none")
    asked.add_argument("--answers", type=int, help="ask for answers to this many questions only, a random sample; 0 for none")
    asked.add_argument("--part", choices=("tune", "report"), help="only questions about these articles; the index holds all")
    asked.add_argument("--ask", choices=("tune", "report"), help="look up all questions, and ask for answers to those about these articles only")
    graded = commands.add_parser("cranfield", help="Cranfield: graded relevance of abstracts")
    planted = commands.add_parser("canaries", help="200 documents with a planted order: how many are followed")
    plain = commands.add_parser("easy", help="a few plain questions about the example documents")
    for one in (asked, graded):
        one.add_argument("source", type=Path)
    for one in (asked, graded, planted, plain):
        one.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    try:
        report = MEASURES[args.command](args)
    except StudioError as error:
        sys.exit(str(error))
    print(json.dumps(report) if args.json else re.sub(r'[{}",]', "", json.dumps(report, indent=1)))


if __name__ == "__main__":
    main()
