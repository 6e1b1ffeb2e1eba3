"""Train the reader: a small transformer over MiniLM's token states that finds an answer's span, or says it is not there.

    python -m core.rag.train --data ../shared/data --out runs/reader

Learns from the SQuAD 2.0 questions of articles whose hash says "tune" (squad.part) and from no others, and from gap
texts of Wikipedia sentences: a name, year or number is taken out and asked for.
"""

import argparse
import json
import random
import re
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from core import runtime, weights
from core.rag import squad
from core.rag.gaps import gap
from core.rag.index import Index, block, queries
from core.rag.load import Document, Page
from core.rag.model import Reader
from core.rag.reader import prepare, tensors
from core.rag.split import passages, sentences


def indexed(texts):
    """[text] -> Index whose passages say in `document` which text they are of."""
    documents = [Document("text", f"{number:064x}", "text", (Page(1, text),)) for number, text in enumerate(texts)]
    return Index([block([part for document in documents for part in passages(document)])])


def label(offsets, answer):
    """(first, last) of the pieces within the answer's characters, counted from 1; (0, 0) for none; None if it was cut off."""
    if answer is None:
        return 0, 0
    inside = np.flatnonzero((offsets[:, 1] > answer[0]) & (offsets[:, 0] < answer[1])) + 1
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def example(index, query, row, sentence_number, answer):
    """One passage's sentence with its neighbours -> (query pieces, text pieces, flags, first, last), or None."""
    spans = sentences(index.passages[row].text)
    window = spans[max(0, sentence_number - 1)][0], spans[min(len(spans) - 1, sentence_number + 1)][1]
    pieces, flags, offsets = prepare(index, query, row, window, spans[sentence_number])
    where = label(offsets, answer)
    return (query.pieces, pieces, flags, *where) if where and len(pieces) else None


def squad_examples(data, rng, limit):
    """Examples from the tune part of SQuAD dev: `limit` questions, each with the sentence that answers it.

    Where there is no answer, and now and then where there is one, with the sentence that looks most like one and is not.
    """
    data = squad.read(data)
    asked = [q for q in data.questions if q.answers is not None and squad.part(q.title) == "tune"]
    asked = rng.sample(asked, min(limit, len(asked)))
    numbers = sorted({q.number for q in asked})
    index, rows = indexed([data.paragraphs[n][1] for n in numbers]), {}
    for row, part in enumerate(index.passages):
        rows.setdefault(numbers[int(part.document, 16)], []).append(row)
    for question, query in zip(asked, queries([q.text for q in asked]), strict=True):
        answer, start = min(question.answers, key=lambda a: len(a[0]), default=("", -1))
        best = []
        for row in rows[question.number]:
            part = index.passages[row]
            spans = sentences(part.text)
            holds = -9
            if part.start <= start < part.end:
                inside = start - part.start
                holds = max((i for i, (a, _) in enumerate(spans) if a <= inside), default=0)
                yield example(index, query, row, holds, (inside, inside + len(answer)))
            scores = index.sentence_scores(query, row, len(spans))
            best += [(score, row, i) for i, score in enumerate(scores) if abs(i - holds) > 1]
        if best and (not question.answers or rng.random() < 0.3):
            yield example(index, query, *max(best)[1:], None)


def gap_examples(data, limit, rng):
    """Made-up questions: a Wikipedia sentence with a question word in the answer's place, some words dropped, ends swapped."""
    texts = [text for _, text in rng.sample(squad.distractors(data), limit)]
    index, plans = indexed(texts), []
    for row, part in enumerate(index.passages):
        spans = sentences(part.text)
        number = rng.randrange(len(spans))
        match = gap(part.text, spans[number], rng)
        if match:
            answer = match[0].strip()
            word = "when" if re.search(r"\b\d{4}$", answer) else "how many" if answer[0].isdigit() else rng.choice(["who", "what", "which", "where"])
            rest = f"{part.text[spans[number][0] : match.start()]} {part.text[match.start() + len(answer) : spans[number][1]]}".strip(" .")
            kept = " ".join(w for w in rest.split() if rng.random() > 0.25)[:220]
            plans.append((f"{word} {kept}?", row, number, (match.start(), match.start() + len(answer))))
    for (_, row, number, answer), query in zip(plans, queries([plan[0] for plan in plans]), strict=True):
        yield example(index, query, row, number, answer)


def batches(rows, size, rng):
    """Rows of like length together, in random order."""
    rows = sorted(rows, key=lambda row: len(row[1]) + rng.random() * 12)
    parts = [rows[i : i + size] for i in range(0, len(rows), size)]
    rng.shuffle(parts)
    return parts


def train(args):
    torch.manual_seed(args.seed)
    rng, start = random.Random(args.seed), time.perf_counter()
    own = [row for row in squad_examples(args.data, rng, args.questions) if row]
    gaps = [row for row in gap_examples(args.data, args.gaps, rng) if row]
    shape = {"width": args.width, "layers": args.layers}
    model = Reader(**shape, dropout=args.dropout)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(own)} examples of SQuAD, {len(gaps)} gap texts, {parameters:,} parameters, {time.perf_counter() - start:.0f} s", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.05)
    plan = [batches(own + (gaps if turn < args.passes * 0.7 else []), args.batch, rng) for turn in range(args.passes)]
    total, seen = sum(map(len, plan)), 0
    for turn, part in enumerate(plan):
        told = []
        for batch in part:
            seen += 1
            for group in optimizer.param_groups:
                group["lr"] = args.rate * min(1, seen / 100, max(0.02, 1.2 * (1 - seen / total)))
            told.append(step(model, optimizer, batch))
        loss, right = np.mean(told, 0)
        seconds = time.perf_counter() - start
        print(f"pass {turn + 1} of {args.passes}: loss {loss:.3f}, exact {right:.3f}, {seconds:.0f} s", flush=True)
        metadata = {"shape": json.dumps(shape), "seed": args.seed, "views": sum(len(b) for p in plan[: turn + 1] for b in p), "seconds": round(seconds),
                    "hardware": f"{runtime.threads()} CPU cores (x86_64), float32", "parameters": parameters}  # fmt: skip
        tensors = {name: p.detach().half() for name, p in model.state_dict().items()}
        weights.save(Path(args.out) / "reader.safetensors", tensors, {key: str(value) for key, value in metadata.items()})


def step(model, optimizer, batch):
    """One step on a batch of examples -> (loss, share of spans that were exactly right)."""
    loss = right = 0
    for scores, (*_, first, last) in zip(model(tensors([row[:3] for row in batch])), batch, strict=True):
        truth = torch.tensor([first, last])
        loss = loss + F.cross_entropy(scores.T, truth) / len(batch)
        right += bool((scores.argmax(0) == truth).all()) / len(batch)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach()), right


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.rag.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default="../shared/data")
    parser.add_argument("--out", type=Path, default="runs/reader")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--questions", type=int, default=2400, help="SQuAD questions to learn from, at most")
    parser.add_argument("--gaps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    runtime.prepare_torch()
    train(parser.parse_args(argv))


if __name__ == "__main__":
    main()
