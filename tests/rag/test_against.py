"""What the wording of a question says against a passage, and that an answer is less sure for it."""

import pytest

from core.rag.against import against
from core.rag.answer import extractive
from core.rag.evaluate import EASY
from core.rag.release import wording
from core.rag.squad import Question

SENTENCE = "The lamp was first lit in 1867 by Agnes Holloway."
PASSAGE = f"{SENTENCE} Its northern wall is stronger than the others, and the keeper's garden is common land."


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who lit the lamp in 1867?", [0, 0, 0]),
        ("Who did not light the lamp?", [1, 0, 0]),
        ("Who didn't light it?", [1, 0, 0]),
        ("Wasn't the lamp lit in 1867?", [0, 0, 0]),  # asks whether it was
        ("Which lamp is no. 1867?", [0, 0, 0]),
        ("Which lamp was last lit?", [0, 1, 0]),
        ("Which wall is weaker?", [0, 1, 0]),
        ("Which wall is taller?", [0, 0, 0]),  # no opposite in the table: nothing is claimed
        ("Why is the southern wall stronger?", [0, 1, 0]),
        ("Is the northern wall stronger than the southern?", [0, 1, 0]),
        ("Which land is uncommon?", [0, 1, 0]),
        ("Who lit the lamp in 1868?", [0, 0, 1]),
        ("Was the lamp lit by Edmund?", [0, 0, 1]),
        ("Which lamp was never lit by Edmund in 1868?", [1, 0, 1]),
        ("WHO LIT THE OLD LAMP?", [0, 0, 0]),  # all capitals name nothing
        ("Did Agnés Holloway's hand light it?", [0, 0, 0]),  # accents and case do not matter
        ("", [0, 0, 0]),
    ],
)
def test_wording(question, expected):
    assert against(question, SENTENCE, PASSAGE).features == expected


def test_a_denial_that_is_answered_by_one_is_not_held_against_it():
    told = "The lamp was not lit in 1917."
    assert against("When was the lamp not lit?", told, told).features == [0, 0, 0]


def test_the_title_of_a_document_names_things_too():
    assert against("Who runs the Skerry lighthouse?", SENTENCE, PASSAGE).strangers == ("Skerry",)
    assert against("Who runs the Skerry lighthouse?", SENTENCE, PASSAGE, "skerry.pdf").strangers == ()


def test_a_visitor_is_told(index):
    answer = extractive(index, "Why did Ole Ness never visit the lighthouse on Ushant?")
    assert answer.note == "The nearest passage does not deny what the question denies and does not mention Ole, Ness and Ushant."
    assert extractive(index, "Who designed the lighthouse?").note == ""


def test_the_same_question_turned_round_is_answered_with_less_confidence(index):
    for question, turned in (
        ("Who designed the lighthouse?", "Who did not design the lighthouse?"),
        ("Who designed the lighthouse?", "Who designed the lighthouse of Ushant?"),
    ):
        assert extractive(index, turned).confidence < extractive(index, question).confidence - 0.1


def test_how_much_the_wording_counts_is_learned(index):
    """Of questions whose unanswerable half denies something, denial comes out as what speaks against, and nothing else."""
    turned = [question.replace(" was ", " was never ").replace(" is ", " is not ").replace(" did ", " did not ") for question in EASY]
    asked = [Question(text, "", 0, "", [("", 0)] if text in EASY else []) for text in dict.fromkeys([*EASY, *turned])]
    denied, opposite, stranger = wording(index, asked)
    assert denied < -0.5 and abs(opposite) < 0.3 and abs(stranger) < 0.3
