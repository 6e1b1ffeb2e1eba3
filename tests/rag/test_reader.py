"""The reader: what it is shown, what it learns from, and that MiniLM's own weights stay as they are."""

import json
import random
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core import weights
from core.rag import examples, release, squad, train
from core.rag.encoder import encoder, minilm
from core.rag.model import LowRank, MiniLM, Reader, ReadingLayer, WholeLayer
from core.rag.reader import ANSWER, LONGEST, best_spans, excerpt, kinds, whole_words
from core.rag.split import sentences

TEXT = "The lighthouse of Ostmark was built in 1821 by Ada Quill. Its keeper lives alone. The ferry from Karsk takes 40 minutes."


def words(ids):
    return encoder().tokenizer.decode(list(ids))


def test_an_excerpt_is_whole_sentences_around_one():
    ids, offsets, owners = excerpt(TEXT, sentences(TEXT), 1)
    assert [words(ids[owners == k])[:9] for k in range(3)] == ["the light", "its keepe", "the ferry"]
    assert words(ids).startswith("the lighthouse") and TEXT[offsets[0][0] : offsets[-1][1]] == TEXT
    long = " ".join(f"Sentence number {n} says that the bridge of Karsk has {n} arches." for n in range(30))
    spans = sentences(long)
    ids, offsets, _ = excerpt(long, spans, 20)
    assert LONGEST - 25 < len(ids) <= LONGEST and offsets[0][0] in {a for a, _ in spans} and offsets[-1][1] in {b for _, b in spans}
    assert offsets[0][0] < spans[20][0] and spans[20][1] < offsets[-1][1]
    kept = [spans[3], spans[5]]  # as if a sentence between them spoke to an assistant
    assert words(excerpt(long, kept, 0)[0]).count("arches") == 2 and "number 4" not in words(excerpt(long, kept, 0)[0])
    assert len(excerpt("pa " * 900, [(0, 2699)], 0)[0]) == LONGEST and len(excerpt("\u200b", [(0, 1)], 0)[0]) == 0


def test_the_best_span_of_each_sentence_by_hand():
    begin, end = np.array([0.0, 3, 0, 9, 0, 0]), np.array([9.0, 0, 2, 0, 0, 4])
    owners = np.array([0, 0, 0, 2, 2, 2])
    assert best_spans(begin, end, owners, 3) == [(0, 0, 9.0), None, (3, 5, 13.0)]  # never backwards, never across a border
    far = np.zeros(60)
    far[0] = 5
    ((first, last, score),) = best_spans(far, far[::-1], np.zeros(60, int), 1)
    assert last - first < ANSWER and score == 5
    assert whole_words("the lighthouses here", 6, 14) == (4, 15)
    assert kinds(np.array([1, 2]), np.array([2, 5])).tolist() == [0, 1, 3, 2]


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return MiniLM(vocabulary=50, width=24, layers=3, heads=2, inner=48, positions=32).requires_grad_(False).eval()


def moved(module):
    """Give additions that are nothing yet some weight."""
    for part in module.modules():
        if isinstance(part, LowRank):
            torch.nn.init.normal_(part.up, std=0.3)
    return module


def test_additions_are_nothing_at_first_and_can_be_folded_in(tiny):
    layer, x = tiny.encoder["layer"][2], torch.randn(9, 24)
    mine = ReadingLayer(layer, 4, 0.0).eval()
    assert torch.allclose(mine(x, [4, 5]), layer(x, [4, 5]), atol=1e-5)
    moved(mine)
    changed = mine(x, [4, 5])
    assert not torch.allclose(changed, layer(x, [4, 5]), atol=1e-2)
    assert torch.allclose(mine.folded()(x, [4, 5]), changed, atol=1e-5)
    assert torch.nn.functional.cosine_similarity(WholeLayer(mine.folded())(x, [4, 5]), changed).min() > 0.98


def test_lower_and_upper_layers_one_after_the_other_are_the_whole(tiny):
    ids, sizes = torch.randint(0, 50, (9,)), [4, 5]
    halfway = tiny(ids, sizes, 2)
    assert torch.allclose(tiny.encoder["layer"][2](halfway, sizes), tiny(ids, sizes), atol=1e-6)


def pair(asked, text):
    return torch.randn(asked, 24), torch.randn(text, 24), torch.tensor([0] * asked + [3] * text)


def test_a_pair_is_read_the_same_alone_and_beside_others(tiny):
    model = moved(Reader(tiny, depth=1, rank=4)).eval()
    torch.nn.init.normal_(model.kinds)
    pairs = [pair(3, 6), pair(5, 4), pair(4, 9)]
    spans, verdicts, sizes = model(pairs)
    assert sizes == [5, 3, 8] and spans.shape == (16, 2) and verdicts.shape == (3, 2)
    alone, verdict, _ = model(pairs[1:2])
    assert torch.allclose(alone, spans[5:8], atol=1e-5) and torch.allclose(verdict[0], verdicts[1], atol=1e-5)
    folded, told, _ = model.folded()(pairs)
    assert torch.allclose(folded, spans, atol=1e-4) and torch.allclose(told, verdicts, atol=1e-4)


def test_an_example_marks_its_answer():
    asked = examples.example("Who built it?", TEXT, (47, 56))
    assert words(asked.text[asked.first : asked.last + 1]) == "ada quill" and asked.about and asked.says
    without = examples.example("Who built it?", TEXT, (47, 56), without=True)
    assert "ada quill" not in words(without.text) and "keeper" in words(without.text) and (without.first, without.about, without.says) == (-1, False, False)
    assert examples.example("Who built it?", "Ada Quill did.", (0, 9), without=True) is None
    looks = examples.example("Who burnt it?", TEXT, (47, 56), says=False)
    assert looks.first == asked.first and looks.about and not looks.says


def test_a_spoilt_question_asks_for_something_else():
    elsewhere = examples.things("In 1704 Jon Brask came to Vestwick with 12 men.")
    seen = {examples.spoilt("Who built the lighthouse of Ostmark in 1821?", TEXT, elsewhere, random.Random(n)) for n in range(40)}
    assert {sum(word in q for word in ("built", "Ostmark", "1821")) for q in seen} == {2}  # one of the three is another
    assert any("1704" in q for q in seen) and any("Karsk" in q for q in seen)  # a year for a year, a name for a name
    assert examples.spoilt("who did?", TEXT, elsewhere, random.Random(0)) is None


def test_a_made_question_leaves_its_answer_out():
    made = [examples.cloze(TEXT, span, random.Random(n), {}) for n in range(30) for span in sentences(TEXT)]
    made = [one for one in made if one]
    assert len(made) > 40
    for question, (start, end) in made:
        assert question.endswith("?") and TEXT[start:end].strip() and TEXT[start:end] not in question


@pytest.fixture
def data(tmp_path):
    """A folder with questions of an article to learn from, one kept aside, one for the report and two without answers, and a few passages."""
    titles = {"Force": "tune", "Normans": "tune", "Huguenot": "report", "Oxygen": "tune", "Warsaw": "report"}
    assert {title: squad.part(title) for title in titles} == titles and [t for t in titles if squad.aside(t)] == ["Normans"]
    said = {"plausible_answers": [{"text": "40 minutes", "answer_start": 109}], "answers": [], "is_impossible": True}
    asked = [
        {"question": "Who built the lighthouse of Ostmark?", "answers": [{"text": "Ada Quill", "answer_start": 47}], "is_impossible": False},
        {"question": "How long does the train from Karsk take?", **said},
    ]
    paragraphs = [{"context": TEXT, "qas": asked}, {"context": TEXT.replace("Ostmark", "Nordmark").replace("Ada Quill", "Jon Brask"), "qas": []}]
    articles = [{"title": title, "paragraphs": json.loads(json.dumps(paragraphs).replace("lighthouse", title.lower() + "house"))} for title in titles]
    for article in articles[3:]:
        article["paragraphs"][0]["qas"] = [{"question": "When was it built?", "answers": []}]
    for article in articles:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                for answer in question["answers"] + question.get("plausible_answers", []):
                    answer["answer_start"] = paragraph["context"].index(answer["text"])
    with zipfile.ZipFile(tmp_path / "text_squad2_half.zip", "w") as archive:
        archive.writestr("dev.json", json.dumps({"data": articles}))
    with zipfile.ZipFile(tmp_path / "text_2wiki_corpus.zip", "w") as archive:
        archive.writestr("corpus.json", json.dumps([{"title": "Karsk", "text": "Karsk is a town in Vestwick. It was founded in 1704 by Lena Storr."}] * 3))
    return tmp_path


def test_lessons_come_from_the_articles_for_tuning_alone(data):
    lessons = examples.lessons(data, random.Random(0), made=60)
    assert [e.says for e in lessons.own] == [True, False] and all(e.about and e.first >= 0 for e in lessons.own) and len(lessons.aside) == 2
    (undecided,) = lessons.undecided
    assert (undecided.about, undecided.says, undecided.first) == (True, None, -1) and "oxygenhouse" in words(undecided.text)
    assert lessons.spoilt and not any(e.says for e in lessons.spoilt) and sum(e.says for e in lessons.made) > 20
    learned = " ".join(words(e.text) for e in [*lessons.own, *lessons.spoilt, *lessons.made])
    assert "forcehouse" in learned and "normanshouse" not in learned and "huguenothouse" not in learned
    assert all("normanshouse" in words(e.text) for e in lessons.aside)


def arguments(data, out, views):
    small = {"begin": None, "depth": 5, "rank": 2, "rate": 1e-2, "dropout": 0.1, "batch": 2, "made": 20, "questions": None, "tell": 100, "save": 0, "seed": 0}
    return SimpleNamespace(data=data, out=out, views=views, **small)


@pytest.fixture
def one_thread(monkeypatch):
    """Several threads may share a sum out differently the second time, which shows in its last digit."""
    before = torch.get_num_threads()
    monkeypatch.setenv("STUDIO_THREADS", "1")  # prepare_torch goes by it
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_training_goes_on_where_it_was_interrupted_and_leaves_minilm_alone(data, tmp_path, monkeypatch, one_thread):
    """Two steps, an interruption and two more are the same as four; the frozen weights stay, the additions move."""
    base = minilm()
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    monkeypatch.setattr(train, "minilm", lambda: base)
    train.train(arguments(data, tmp_path / "whole", 8))
    step, count = train.loss_of, []

    def interrupted(*args):
        if len(count) == 2:
            raise KeyboardInterrupt
        count.append(1)
        return step(*args)

    monkeypatch.setattr(train, "loss_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train(arguments(data, tmp_path / "broken", 8))
    monkeypatch.setattr(train, "loss_of", step)
    train.train(arguments(data, tmp_path / "broken", 8))
    (whole, told), (broken, also) = (weights.read(tmp_path / name / "reader.safetensors") for name in ("whole", "broken"))
    assert told["step"] == also["step"] == "4" and told["views"] == "8" and whole.keys() == broken.keys()
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    assert any(name.endswith(".up") and tensor.abs().max() > 0 for name, tensor in whole.items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in base.parameters())


def test_what_nobody_wrote_down_is_learned_from_the_reader_before(data, tmp_path):
    train.train(arguments(data, tmp_path / "first", 8))
    first = tmp_path / "first" / "reader.safetensors"
    again = arguments(data, tmp_path / "again", 8)
    again.begin = first
    train.train(again)
    (before, told), (after, also) = weights.read(first), weights.read(tmp_path / "again" / "reader.safetensors")
    assert (told["views"], also["views"]) == ("8", "16") and any(not torch.equal(before[name], after[name]) for name in before)

    teacher, lower = Reader(minilm(), depth=5, rank=2), train.Lower(5, "cpu")
    teacher.load_state_dict(before)
    teacher.folded()
    lessons = examples.lessons(data, random.Random(0), made=0)
    batch = [lessons.own[0], *lessons.undecided]
    verdicts, (known, guessed) = train.truths(lower, batch, teacher)
    scores, logits, sizes = teacher(lower.pairs(batch))
    assert verdicts[0].tolist() == [1, 1] and torch.allclose(verdicts[1], logits[1].sigmoid(), atol=1e-5)
    assert known.argmax(1).tolist() == [batch[0].first, batch[0].last] and known.sum() == 2
    assert torch.allclose(guessed, scores[sizes[0] :].softmax(0).T, atol=1e-5)
    shares = [e.says is None for e in train.plan(lessons, 400, random.Random(0), again=True)]
    assert 0.1 < np.mean(shares) < 0.3 and not any(e.says is None for e in train.plan(lessons, 400, random.Random(0)))


def test_the_weights_of_the_evidence_follow_what_was_right():
    """Of candidates with noise in all features but the fourth, whose largest is right, the weighed choice finds nearly all."""
    rng, rows = np.random.default_rng(0), []
    for _ in range(120):
        features = rng.normal(size=(8, 5))
        rows.append((features, (np.arange(8) == features[:, 3].argmax()).astype(float)))
    choice = release.weigh(rows)
    assert np.mean([worth[(features @ choice).argmax()] for features, worth in rows]) > 0.95
    assert np.argmax(np.abs(choice)) == 3 and choice[3] > 0


def test_few_questions_do_not_make_a_sure_verdict():
    """Logistic regression on perfectly parted evidence stays finite, and is not swayed by a number that is always the same."""
    told, bias = release.logistic([[0.0, 7.0], [1.0, 7.0], [0.1, 7.0], [0.9, 7.0]], [0, 1, 0, 1])
    sure = 1 / (1 + np.exp(-(told[0] * np.array([0.0, 1.0]) + told[1] * 7 + bias)))
    assert 0.01 < sure[0] < 0.4 and 0.6 < sure[1] < 0.99
