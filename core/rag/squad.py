"""The public question sets that train.py learns from and evaluate.py measures on, and which questions are for which.

The rule lives here so that the two can never disagree: an article of SQuAD is for tuning or for the report as a whole,
by the hash of its title.
"""

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput


@dataclass(frozen=True)
class Question:
    """answers: [(text, offset)], [] if the paragraph does not say, None if nobody wrote down whether it does.

    plausible: (text, offset) of what looks like an answer and is none, where somebody wrote one down
    """

    text: str
    paragraph: str
    number: int  # of its paragraph
    title: str
    answers: list | None
    plausible: tuple = ()


@dataclass(frozen=True)
class Questions:
    paragraphs: list  # [(title, text)]
    questions: list


def part(title):
    """ "tune" for two articles in three, "report" for the rest."""
    return "tune" if _number(title) % 3 else "report"


def aside(title):
    """Whether a tune article is kept from the reader's training, to weigh what it says and to set its threshold: two in seven."""
    return part(title) == "tune" and _number(title) // 3 % 7 in (4, 5)


def _number(title):
    return int(hashlib.sha256(title.encode()).hexdigest(), 16)


def read(source):
    """SQuAD 2.0 from a JSON file, a zip of such files, or the folder that holds text_squad2_half.zip. -> Questions"""
    source = Path(source)
    source = source / "text_squad2_half.zip" if source.is_dir() else source
    paragraphs, questions = [], []
    try:
        for article in _articles(source):
            for paragraph in article["paragraphs"]:
                for asked in paragraph["qas"]:
                    known = bool(asked["answers"]) or "is_impossible" in asked
                    answers = [(a["text"], a["answer_start"]) for a in asked["answers"]] if known else None
                    plausible = tuple((a["text"], a["answer_start"]) for a in asked.get("plausible_answers", ()))
                    questions.append(Question(asked["question"].strip(), paragraph["context"], len(paragraphs), article["title"], answers, plausible))
                paragraphs.append((article["title"], paragraph["context"]))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        raise BadInput(f"{source} holds no questions in the form of SQuAD 2.0. Please name its JSON file, or a zip of such files.") from None
    return Questions(paragraphs, questions)


def _articles(source):
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json"):
                    yield from json.loads(archive.read(name))["data"]
    else:
        yield from json.loads(source.read_text(encoding="utf-8"))["data"]


def distractors(source):
    """[(title, text)] of the passages in text_2wiki_corpus.zip, or in the folder that holds it."""
    source = Path(source)
    source = source / "text_2wiki_corpus.zip" if source.is_dir() else source
    with zipfile.ZipFile(source) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".json"))
        return [(row["title"], row["text"]) for row in json.loads(archive.read(name))]


GAIN = {1: 4, 2: 3, 3: 2, 4: 1}  # of Cleverdon's codes; everything else is of no interest


def cranfield(source):
    """-> (documents, questions, {question number: {document number: gain}}); numbers count from 0."""
    source = Path(source)
    source = source / "text_cranfield.zip" if source.is_dir() else source
    with zipfile.ZipFile(source) as archive:
        text = {name: archive.read(name).decode("latin-1").replace("\r", "") for name in ("cran.all.1400", "cran.qry", "cranqrel")}
    fields = [
        dict(re.findall(r"^\.([TW])\s*\n(.*?)(?=^\.[A-Z]\s*$|\Z)", record, re.M | re.S)) for record in re.split(r"^\.I ", text["cran.all.1400"], flags=re.M)[1:]
    ]
    documents = [f.get("W", "").strip() if f.get("W", "").startswith(f.get("T", "")) else f"{f.get('T', '')}\n{f.get('W', '')}".strip() for f in fields]
    questions = [record.split(".W", 1)[1].strip() for record in re.split(r"^\.I ", text["cran.qry"], flags=re.M)[1:]]
    relevant = {}
    for line in text["cranqrel"].splitlines():
        if line.split():
            question, document, code = map(int, line.split())
            relevant.setdefault(question - 1, {})[document - 1] = GAIN.get(code, 0)
    return documents, questions, relevant
