"""Retrieval against closed forms, the encoder against the library it replaces, and collections that lose nothing."""

import math
import threading

import numpy as np
import pytest

from core import weights
from core.errors import BadInput
from core.rag import library
from core.rag.encoder import Encoder
from core.rag.evaluate import EXAMPLES
from core.rag.index import BM25, HybridRetriever, Index, block, queries, shrink, terms
from core.rag.split import passages
from tests import documents
from tests.rag.conftest import index_of

TEXT = "The lamp burned paraffin until 1921."
LONGER = "A longer text beside it, so that the two go through the network in one row and must not see each other."


def test_the_encoder_gives_what_transformers_gives():
    from core import runtime

    torch = runtime.prepare_torch()
    from transformers import BertModel

    plain = Encoder(whole=False)
    theirs = BertModel.from_pretrained(weights.installed("minilm").parent).eval()
    with torch.inference_mode():
        states = theirs(input_ids=torch.tensor([plain.tokenizer.encode(TEXT).ids])).last_hidden_state[0].numpy()
    ((_, ours), _) = plain.states([TEXT, LONGER])
    assert np.abs(ours - states).max() < 1e-4
    vector = np.array(plain.embed_query(TEXT))
    assert vector == pytest.approx(np.array(plain.embed_documents([TEXT, "x"])[0]), abs=1e-5) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_whole_numbers_change_little_and_neighbours_nothing():
    plain, whole = Encoder(whole=False), Encoder(whole=True)
    for text in (TEXT, LONGER):
        assert float(plain.vector(text) @ whole.vector(text)) > 0.99
    ((_, beside), _), ((_, alone),) = whole.states([TEXT, LONGER]), whole.states([TEXT])
    assert (beside == alone).all()


def test_bm25_by_hand():
    bm25 = BM25(["red fish", "blue fish fish", "green bird"])
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert bm25.scores("red")[0] == pytest.approx(idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / (7 / 3))), rel=1e-5)
    assert (bm25.scores("bird") > 0).tolist() == [False, False, True] and bm25.scores("zebra").sum() == 0
    assert bm25.rarity("red zebra")["zebra"] > bm25.rarity("red fish")["red"] > bm25.rarity("red fish")["fish"]
    assert terms("the running runners run") == ["run", "runner", "run"]


def test_small_pieces_keep_the_angles():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(200, 384)).astype(np.float32)
    states[100:] = states[:100] + 0.5 * rng.normal(size=(100, 384))
    whole, scale = shrink(states)
    small = whole * scale[:, None]
    true = states / np.linalg.norm(states, axis=1, keepdims=True)
    assert np.linalg.norm(small, axis=1) == pytest.approx(1, abs=1e-3)
    assert np.corrcoef((small @ small.T).ravel(), (true @ true.T).ravel())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Who designed the lighthouse?", "Agnes Holloway"),
        ("How long is the bread baked?", "45 minutes"),
        ("puffins on Great Holm", "1275"),
        ("What is the sourdough's name?", "Bruno"),
    ],
)
def test_the_right_passage_comes_first(index, question, words):
    for way in ("hybrid", "dense", "bm25"):
        assert words in " ".join(hit.passage.text for hit in index.search(question, 3, way))
    assert words in index.search(question)[0].passage.text
    found = HybridRetriever(index=index, k=2).invoke(question)
    assert len(found) == 2 and words in found[0].page_content and found[0].metadata["name"]


def test_late_interaction_by_hand(index):
    (query,) = queries(["emergency radio channel"])
    rows = np.arange(len(index))
    whole, sentence = index.closer(query, rows)
    weights, (each,) = index.idf[query.ids] / index.idf[query.ids].sum(), index.blocks
    for row in rows:
        part = slice(each.first[row], each.first[row + 1])
        pieces = each.pieces[part] * each.scales[part][:, None]
        assert whole[row] == pytest.approx(float((pieces @ query.pieces.T).max(0) @ weights), abs=1e-4)
        assert sentence[row] <= whole[row] + 1e-5
        assert sentence[row] == pytest.approx(index.sentence_scores(query, row, 99).max(), abs=1e-5)


def test_an_empty_index_and_a_question_of_nothing_known(index):
    assert Index([]).search("anything") == []
    assert len(index.search("?!", 3)) == 3 and len(index.search("zzzz qqqq", 50)) == len(index)


def test_collections_persist_and_notice_duplicates_and_changes(tmp_path):
    mine = library.Library(tmp_path)
    one = mine.create("Sea")
    report = one.add([(EXAMPLES / "bakery.md", "bakery.md"), (b"%PDF-1.4 no", "bad.pdf"), (b"Seals sleep on Gull Rock.", "seals.txt")])
    assert report.added == ["bakery.md", "seals.txt"] and len(report.refused) == 1
    assert one.add([(b"Seals sleep on Gull Rock.", "copy.txt")]).same == ["copy.txt"]
    assert one.add([(b"Seals sleep on Tern Rock.", "seals.txt")]).replaced == ["seals.txt"]
    again = library.Library(tmp_path).collections()[0]
    assert [row["name"] for row in again.documents()] == ["bakery.md", "seals.txt"]
    fresh = Index([block(p for p in passages(d)) for d in []])
    assert len(fresh) == 0 and "Tern Rock" in again.index().search("Where do the seals sleep?")[0].passage.text
    stored, straight = again.index().search("How is the bread baked?"), index_of(EXAMPLES / "bakery.md", (b"Seals sleep on Tern Rock.", "seals.txt"))
    assert [h.passage for h in stored] == [h.passage for h in straight.search("How is the bread baked?")]
    assert not list(tmp_path.rglob("*.pkl")) and not list(tmp_path.rglob("*part*"))


def test_merge_export_rename_erase(tmp_path):
    mine = library.Library(tmp_path)
    a, b = mine.create("A"), mine.create("B")
    a.add([(b"One thing.", "1.txt"), (b"Both.", "both.txt")])
    b.add([(b"Another thing.", "2.txt"), (b"Both.", "both.txt")])
    with pytest.raises(BadInput, match="already a collection"):
        mine.rename(a, "b")
    with pytest.raises(BadInput, match="name"):
        mine.create("  ")
    mine.merge(a, b)
    assert [c.name for c in mine.collections()] == ["A"] and sorted(r["name"] for r in a.documents()) == ["1.txt", "2.txt", "both.txt"]
    c = mine.create("C")
    assert sorted(c.add([(a.export(), "A.zip")]).added) == ["1.txt", "2.txt", "both.txt"]
    a.erase()
    assert [x.name for x in mine.collections()] == ["C"]


def test_stopped_half_way_nothing_is_lost(tmp_path):
    one = library.Library(tmp_path).create("X")
    one.add([(b"Kept for good.", "kept.txt")])

    class Stop(BaseException):
        pass

    def stop(share, what):
        if "Indexing long" in what and share > 0.1:
            raise Stop

    long = documents.pdf([[f"Page {p} line {n} is about {p * n} sheep." for n in range(45)] for p in range(40)])
    with pytest.raises(Stop):
        one.add([(b"First comes this.", "first.txt"), (long, "long.pdf")], stop)
    assert [r["name"] for r in one.documents()] == ["kept.txt", "first.txt"]
    assert not [p for p in one.folder.iterdir() if p.name.startswith(".part")]


def test_two_who_add_at_once(tmp_path):
    one = library.Library(tmp_path).create("X")
    work = [threading.Thread(target=one.add, args=([(f"Text number {n}.".encode(), f"{n}.txt")],)) for n in range(4)]
    [w.start() for w in work]
    [w.join() for w in work]
    assert len(one.documents()) == 4 and len(one.index()) == 4


def test_keys_are_long_and_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path))
    key = library.new_key()
    assert library.valid_key(key) == key and not any(library.valid_key(x) for x in ("", "me", None, "../../etc", "a" * 33))
    assert library.library(key).folder != library.library(library.new_key()).folder and key not in str(library.library(key).folder)
