"""Train the reader: small corrections inside MiniLM that find an answer's span in three sentences, or say it is not there.

    python -m core.rag.train --data ../shared/data --out runs/reader

Learns from the SQuAD 2.0 questions whose article's hash says "tune" (squad.part), never from the others, and from
gap texts made of Wikipedia sentences: a name, year or number is taken out and asked for. Saves after every pass.
"""

import argparse
import json
import random
import re
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from core import runtime, weights
from core.rag import squad
from core.rag.encoder import encoder
from core.rag.index import terms
from core.rag.model import Reader
from core.rag.reader import collate, pair
from core.rag.split import sentences

NAME = r"(?:[A-Z][\w'’-]+(?: (?:of|the|de|von|van|and) (?=[A-Z]))? ?)+"
GAP = re.compile(rf"(?<=\s)(?:(?:\d{{1,2}} )?(?:January|February|March|April|May|June|July|August|September|October|November|December) (?:\d{{1,2}}, )?\d{{4}}|\d[\d,.]*\d|\d|{NAME})(?=[\s,.;)])")


def window(spans, at, text):
    """Sentence `at` with its neighbours: (start, end) characters."""
    return spans[max(0, at - 1)][0], spans[min(len(spans) - 1, at + 1)][1]


def overlap(question, text):
    return len(set(terms(question)) & set(terms(text)))


def squad_examples(data):
    """Yield (question, text, (start, end) or None) from the tune part of SQuAD dev."""
    for question in squad.read(data).questions:
        if question.answers is None or squad.part(question.title) != "tune":
            continue
        spans = sentences(question.paragraph)
        ranked = sorted(range(len(spans)), key=lambda i: -overlap(question.text, question.paragraph[slice(*spans[i])]))
        if question.answers:
            answer, start = min(question.answers, key=lambda a: len(a[0]))
            holds = max((i for i, (a, _) in enumerate(spans) if a <= start), default=0)
            begin, end = window(spans, holds, question.paragraph)
            yield question.text, question.paragraph[begin:end], (start - begin, start - begin + len(answer))
            ranked = [i for i in ranked if abs(i - holds) > 1][:1]
        else:
            ranked = ranked[:1]
        for i in ranked:
            begin, end = window(spans, i, question.paragraph)
            yield question.text, question.paragraph[begin:end], None


def gap_examples(data, limit, rng):
    """Yield made-up questions: the sentence with the answer replaced by a question word, which then comes first."""
    passages = squad.distractors(data)
    rng.shuffle(passages)
    for _, text in passages[:limit]:
        spans = sentences(text)
        if not spans:
            continue
        at = rng.randrange(len(spans))
        a, b = spans[at]
        found = [m for m in GAP.finditer(text, a, b) if m.start() > a + 15]
        if not found:
            continue
        match = rng.choice(found)
        answer = match[0].strip()
        word = "when" if re.search(r"\b\d{4}$", answer) else "how many" if answer[0].isdigit() else rng.choice(["who", "what", "which", "where"])
        before, after = text[a : match.start()].strip(), text[match.start() + len(answer) : b].strip(" .")
        words = [w for w in f"{before} {after}".split() if rng.random() > 0.15]
        begin, end = window(spans, at, text)
        yield f"{word} {' '.join(words)[:220]} ?", text[begin:end], (match.start() - begin, match.start() - begin + len(answer))


def encode(tokenizer, example):
    """-> (ids, kinds, first, last) with the answer's tokens, 0 and 0 where there is none; None if it was cut off."""
    question, text, answer = example
    ids, kinds, offsets = pair(tokenizer, question, text)
    if answer is None:
        return ids, kinds, 0, 0
    inside = [i for i, (a, b) in enumerate(offsets) if a >= 0 and b > answer[0] and a < answer[1]]
    return (ids, kinds, inside[0], inside[-1]) if inside else None


def batches(rows, size, rng):
    """Rows of like length together, in random order."""
    rows = sorted(rows, key=lambda row: len(row[0]) + rng.random() * 12)
    parts = [rows[i : i + size] for i in range(0, len(rows), size)]
    rng.shuffle(parts)
    return parts


def train(args):
    torch.manual_seed(args.seed)
    rng, shared = random.Random(args.seed), encoder()
    model = Reader(shared.copy(), args.rank, args.from_layer)
    own = list(squad_examples(args.data))
    gaps = list(gap_examples(args.data, args.gaps, rng))
    plan = [gaps + own[::3]] + [own] * args.passes
    total = sum(len(part) for part in plan)
    print(f"{len(own)} examples of SQuAD, {len(gaps)} gap texts, {sum(p.numel() for p in model.learned().values()):,} numbers to learn", flush=True)
    optimizer = torch.optim.AdamW(model.learned().values(), lr=args.rate, weight_decay=0.01)
    seen, start = 0, time.perf_counter()
    for number, part in enumerate(plan):
        rows = [row for row in (encode(shared.tokenizer, example) for example in part) if row]
        loss_sum = right = count = 0
        for batch in batches(rows, args.batch, rng):
            for group in optimizer.param_groups:
                group["lr"] = args.rate * min(1, (seen + 1) / 500) * max(0.02, 1 - seen / total)
            ids, mask, kinds = collate(batch)
            scores = F.dropout(model.network(ids, mask, kinds), 0.1)
            scores = model.head(scores).masked_fill(~mask[..., None], -1e4)
            first, last = (torch.tensor([row[at] for row in batch]) for at in (2, 3))
            loss = (F.cross_entropy(scores[..., 0], first) + F.cross_entropy(scores[..., 1], last)) / 2
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.learned().values(), 1.0)
            optimizer.step()
            seen += len(batch)
            loss_sum, count = loss_sum + float(loss.detach()) * len(batch), count + len(batch)
            right += int(((scores[..., 0].argmax(1) == first) & (scores[..., 1].argmax(1) == last)).sum())
            if (count // args.batch) % 40 == 0:
                print(f"pass {number} {count}/{len(rows)} loss {loss_sum / count:.3f} exact {right / count:.3f} {seen / (time.perf_counter() - start):.1f}/s", flush=True)
        seconds = time.perf_counter() - start
        metadata = {"rank": str(args.rank), "from_layer": str(args.from_layer), "seed": str(args.seed), "views": str(seen), "seconds": f"{seconds:.0f}",
                    "hardware": f"{runtime.threads()} CPU cores, float32", "options": json.dumps(vars(args), default=str)}  # fmt: skip
        weights.save(Path(args.out) / "reader.safetensors", {name: p.detach().half() for name, p in model.learned().items()}, metadata)
        print(f"pass {number}: loss {loss_sum / count:.3f}, exact {right / count:.3f}, {seconds / 60:.1f} min", flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.rag.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default="../shared/data")
    parser.add_argument("--out", type=Path, default="runs/reader")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--from-layer", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--passes", type=int, default=2, help="over the SQuAD questions, after the first one over gap texts")
    parser.add_argument("--gaps", type=int, default=1300)
    parser.add_argument("--seed", type=int, default=0)
    runtime.prepare_torch()
    train(parser.parse_args(argv))


if __name__ == "__main__":
    main()
