"""What the reader learns from: SQuAD questions as they are, spoilt ones that lost their answer, and questions made of sentences.

A spoilt question asks for something else than its text says: a name, a year or a number in it is swapped for another of
the same kind, as people did who wrote SQuAD's unanswerable ones (Rajpurkar et al. 2018, arXiv:1806.03822); or the sentence
that answers it is left out of the text. Of half of SQuAD's questions the answer is not known here: an earlier reader guesses
it, and its doubts are learned with it.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from core.rag import squad
from core.rag.against import OPPOSITE
from core.rag.gaps import GAP, MONTH
from core.rag.index import STOP, stem
from core.rag.load import Document, Page
from core.rag.reader import excerpt, question_ids
from core.rag.split import passages, sentences


@dataclass(frozen=True)
class Example:
    """A question and a text as word pieces. first, last: the answer's, or of what looks like it; -1 where nothing does.

    about: whether the text is the one that was asked about; says: whether it answers, None if nobody wrote that down
    """

    asked: list
    text: tuple
    first: int
    last: int
    about: bool
    says: bool | None


def example(question, text, answer=None, says=True, without=False):
    """A question about a passage's text -> Example, or None if nothing of the answer can be seen.

    answer: (start, end) in the text; without: whether to leave the sentence that holds it out
    """
    spans = sentences(text)
    focus = max((i for i, (start, _) in enumerate(spans) if start <= answer[0]), default=0) if answer else len(spans) // 2
    if without:
        spans = spans[:focus] + spans[focus + 1 :]
        if not spans:
            return None
        focus, answer = min(focus, len(spans) - 1), None
    ids, offsets, _ = excerpt(text, spans, focus)
    if not len(ids):
        return None
    inside = np.flatnonzero((offsets[:, 1] > answer[0]) & (offsets[:, 0] < answer[1])) if answer else np.zeros(0, int)
    if answer and not len(inside):
        return None
    first, last = (int(inside[0]), int(inside[-1])) if answer else (-1, -1)
    return Example(question_ids(question), tuple(ids.tolist()), first, last, answer is not None, bool(answer) and says)


def kind(text):
    """What sort of thing a name, year or number is: things of one kind are swapped for each other."""
    if re.search(r"\b1\d{3}$|\b20\d\d$", text):
        return "date" if re.search(MONTH, text) else "year"
    return "number" if text[0].isdigit() else "name"


def things(text):
    """Names, dates, years and numbers in a text: {kind: [str]}"""
    out = defaultdict(list)
    for match in GAP.finditer(f" {text} "):
        word = match[0].strip()
        if word.lower() not in STOP:
            out[kind(word)].append(word)
    return out


def spoilt(question, text, elsewhere, rng):
    """A question with one thing in it swapped, so that the text does not answer it; None if it names nothing to swap.

    text: the passage, whose own things are the likeliest to be mistaken; elsewhere: things() of other texts
    """
    own, swaps = things(text), []
    for match in GAP.finditer(question.replace("?", " ") + " "):
        word = match[0].strip()
        near, far = ([w for w in place[kind(word)] if not _alike(w, word)] for place in (own, elsewhere))
        pool = near if near and (rng.random() < 0.6 or not far) else far
        if pool and word.lower() not in STOP:
            swaps.append((match.start(), match.start() + len(word), rng.choice(pool)))
    for match in re.finditer(r"[a-z]+", question):
        if match[0] in OPPOSITE:
            swaps.append((*match.span(), rng.choice(OPPOSITE[match[0]])))
    if not swaps:
        return None
    start, end, other = rng.choice(swaps)
    return question[:start] + other + question[end:]


def _alike(a, b):
    return not {*a.lower().split()}.isdisjoint(b.lower().split())


WORD = re.compile(r"[A-Za-z][\w'’-]+")


def chunks(text, span):
    """(start, end) of runs of up to four words of a sentence with none of the commonest words in them."""
    out, run = [], []
    for match in [*re.finditer(r"[\w'’-]+|[^\w\s]", text[slice(*span)]), None]:
        if match and WORD.fullmatch(match[0]) and match[0].lower() not in STOP:
            run.append(match.span())
            continue
        if 1 <= len(run) <= 4:
            out.append((span[0] + run[0][0], span[0] + run[-1][1]))
        run = []
    return out


def asked_for(text, answer, rng):
    """The word that asks for an answer."""
    word, before = text[slice(*answer)], text[max(0, answer[0] - 12) : answer[0]].lower().split()
    before = before[-1] if before else ""
    if kind(word) in ("year", "date"):
        return rng.choice(["when", "when", "what year", "in what year", "on what date" if kind(word) == "date" else "in which year"])
    if word[0].isdigit():
        return rng.choice(["how many", "how many", "how much", "what", "what number of"])
    if not word[0].isupper():
        return rng.choice(["what", "what", "what", "which", "what kind of", "what type of", "how", "why"])
    if before in ("in", "at", "from", "near"):
        return rng.choice(["where", "where", "what place", "which", "what"])
    return rng.choice(["who", "who", "who", "whom", "what"] if before == "by" else ["who", "who", "what", "what", "which", "where"])


def cloze(text, span, rng, variants):
    """A question made of a sentence: (question, (start, end) of its answer in the text), or None.

    A name, date, number or few words are taken out and asked for; words are dropped, bent or put in another order.
    variants: {stem: [words]}
    """
    found = [(m.start(), m.start() + len(m[0].strip())) for m in GAP.finditer(text, *span) if m[0].strip().lower() not in STOP]
    if not found or rng.random() < 0.4:
        found = chunks(text, span) or found
    if not found:
        return None
    answer = rng.choice(found)
    before, after = text[span[0] : answer[0]], text[answer[1] : span[1]].rstrip(" .!?")
    if rng.random() < 0.6:  # only the clause that it stands in
        cut, rest = re.split(r"[,;:()]", before)[-1], re.split(r"[,;:()]", after)[0]
        if len((cut + rest).split()) >= 5:
            before, after = cut, rest
    word, turn = asked_for(text, answer, rng), rng.random()
    if len(before.split()) <= 1 or turn < 0.15:
        parts = [before, word, after]
    elif turn < 0.45:
        parts = [word, rng.choice(["did", "was", "is", "were", "does", "are"]), before, after]
    else:
        parts = [word, before, after] if turn < 0.8 else [word, after, before]
    kept = []
    for piece in " ".join(" ".join(parts).split()).split():
        if piece in word.split() or rng.random() > (0.3 if piece.lower() in STOP else 0.15):
            kept.append(rng.choice(variants.get(stem(piece), [piece])) if piece.islower() and rng.random() < 0.3 else piece)
    return (" ".join(kept)[:220].strip(" ,") + "?", answer) if len(kept) > 3 else None


def variants_of(texts):
    """{stem: the words of some texts that have it}, where there are several."""
    out = defaultdict(set)
    for text in texts:
        for word in set(re.findall(r"\b[a-z]{4,}\b", text)):
            out[stem(word)].add(word)
    return {key: sorted(words) for key, words in out.items() if len(words) > 1}


def parts_of(text):
    """[(start, text)] of the passages that a paragraph is indexed as."""
    return [(part.start, part.text) for part in passages(Document("", "0" * 64, "text", (Page(1, text),)))]


def holding(parts, answer):
    """The passage that an answer (text, offset) of the paragraph begins in, and where: (text, (start, end))."""
    start, text = next(((a, t) for a, t in parts if a <= answer[1] < a + len(t)), (0, ""))
    return (text, (answer[1] - start, answer[1] - start + len(answer[0]))) if text else (parts[0][1], None)


@dataclass(frozen=True)
class Lessons:
    """own: people's questions as they are; spoilt: with a text that does not answer them; made: questions made of sentences, some spoilt;
    undecided: people's questions whose answers nobody wrote down.

    aside: as own, of the articles that are kept aside: measured on, never learned from
    """

    own: list
    spoilt: list
    made: list
    undecided: list
    aside: list


def lessons(data, rng, made=20000, limit=None):
    """Lessons out of SQuAD's tune articles and Wikipedia. data: folder;  made: sentences to ask about;  limit: questions, for trials"""
    known = squad.read(data)
    tune = [n for n, (title, _) in enumerate(known.paragraphs) if squad.part(title) == "tune"]
    parts = {n: parts_of(known.paragraphs[n][1]) for n in tune}
    of_title = defaultdict(list)
    for n in tune:
        of_title[known.paragraphs[n][0]].append(n)
    learned = [n for n in tune if not squad.aside(known.paragraphs[n][0])]
    elsewhere = things(" ".join(known.paragraphs[n][1] for n in learned))
    asked = [q for q in known.questions if squad.part(q.title) == "tune"]
    asked = rng.sample(asked, min(limit, len(asked))) if limit else asked
    own, worse, undecided, aside = [], [], [], []
    for q in asked:
        apart = squad.aside(q.title)
        if q.answers is not None:
            answers = sorted(set(q.answers or q.plausible), key=lambda a: (len(a[0]), a[1]))
            for answer in answers[:1] if apart else dict.fromkeys((answers[0], answers[len(answers) // 2])) if answers else ():
                text, where = holding(parts[q.number], answer)
                (aside if apart else own).append(example(q.text, text, where, bool(q.answers)))
            if q.answers and not apart:
                worse.append(example(q.text, text, where, without=True))
                for _ in range(2):
                    other = spoilt(q.text, text, elsewhere, rng)
                    worse.append(other and example(other, text, where, False))
        else:  # of SQuAD's test part: no answer of it is measured, so none of its articles needs to be kept aside
            apart = False
            if len(parts[q.number]) == 1:
                undecided.append(replace(example(q.text, parts[q.number][0][1]), about=True, says=None))
        others = [n for n in of_title[q.title] if n != q.number]
        if others and not apart:
            _, text = rng.choice(parts[rng.choice(others)])
            if not any(answer in text for answer, _ in q.answers or ()):
                worse.append(example(q.text, text))
    texts = [text for _, text in squad.distractors(data)] + [text for n in learned for _, text in parts[n]] * 3
    return Lessons(_real(own), _real(worse), list(_made(texts, made, rng)), undecided, _real(aside))


def _real(rows):
    return [row for row in rows if row is not None]


def _made(texts, count, rng):
    """Examples out of sentences: four in six as they are, the others spoilt one way or another."""
    variants, elsewhere = variants_of(texts), things(" ".join(rng.sample(texts, min(400, len(texts)))))
    for turn in range(count):
        text = parts_of(rng.choice(texts))[0][1]
        spans = sentences(text)
        asked = cloze(text, rng.choice(spans), rng, variants)
        if asked is None:
            continue
        question, answer = asked
        if turn % 6 == 0:
            out = example(question, rng.choice(texts)) if rng.random() < 0.3 else example(question, text, answer, without=True)
        elif turn % 6 == 1:
            other = spoilt(question, text, elsewhere, rng)
            out = other and example(other, text, answer, False)
        else:
            out = example(question, text, answer)
        if out:
            yield out
