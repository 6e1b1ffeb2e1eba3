"""What in the wording of a question speaks against a sentence that seems to answer it.

Word pieces match as well between "Which battles were not won?" and a sentence about battles that were. Yet that is how people
ask for what a text does not say: they deny it, turn a word into its opposite, or put in another name or number (Rajpurkar
et al. 2018, arXiv:1806.03822, table 1).
"""

import re
import unicodedata
from dataclasses import dataclass

from core.rag.index import STOP, stem

DENIAL = re.compile(
    r"\b(not|never|no(?!\.\s?\d)|nor|neither|none|nobody|nothing|without|cannot|except|other than|rather than|instead of|unlike|\w+n['’]t)\b", re.I
)
ONLY_POLITE = re.compile(r"^\W*\w+n['’]t\b", re.I)  # "Isn't it red?" asks whether it is
NAMED = re.compile(r"(?<=\s)[A-Z][\w'’-]*\w|\d[\d,.]*\d|\d")
PREFIX = re.compile(r"\b(un|in|im|il|ir|dis|non|anti|mis)-?(?=\w{4})")
OPPOSITES = (
    "more less|most least|largest smallest|larger smaller|large small|big little|highest lowest|higher lower|high low|before after|first last|"
    "north south|east west|northern southern|eastern western|increase decrease|increased decreased|increases reduces|rise fall|rose fell|gain lose|"
    "oldest youngest|older younger|early late|earliest latest|earlier later|best worst|better worse|good bad|new old|men women|man woman|male female|"
    "win lose|won lost|begin end|began ended|start stop|same different|similar different|major minor|positive negative|public private|above below|"
    "inside outside|internal external|two three|four five|second third|strong weak|stronger weaker|strongest weakest|longer shorter|longest shortest|"
    "long short|fast slow|faster slower|fastest slowest|hot cold|rich poor|wealthy poor|easy hard|easy difficult|simple complex|accept reject|"
    "accepted rejected|allow forbid|allowed forbidden|permit prohibit|support oppose|supported opposed|agree disagree|include exclude|included excluded|"
    "attack defend|attacked defended|friend enemy|ally enemy|buy sell|import export|open close|opened closed|arrive leave|enter leave|create destroy|"
    "build destroy|built destroyed|succeed fail|success failure|victory defeat|legal illegal|common rare|often rarely|majority minority|maximum minimum|"
    "upper lower|left right|ancient modern|active passive|domestic foreign|urban rural|advantage disadvantage|weakness strength|alive dead|born died|"
    "love hate|peace war|true false|full empty|deep shallow|heavy light|dark light|wide narrow|thick thin|direct indirect|formal informal|"
    "natural artificial|voluntary compulsory"
)


def _opposites(form=str):
    out = {}
    for pair in OPPOSITES.split("|"):
        for one, other in (pair.split(), pair.split()[::-1]):
            out.setdefault(form(one), []).append(form(other))
    return out


OPPOSITE = _opposites()  # {word: words that say the opposite}
OPPOSITE_STEMS = _opposites(stem)


@dataclass(frozen=True)
class Objections:
    """denied: the question denies something and the sentence nothing; turned: words of it whose opposite the passage has;
    strangers: words of names, and numbers, that neither passage nor title has. All as the question writes them."""

    denied: bool
    turned: tuple
    strangers: tuple

    @property
    def features(self):
        """Three numbers, each 0.0 or 1.0."""
        return [float(self.denied), float(bool(self.turned)), float(bool(self.strangers))]

    @property
    def sentence(self):
        """What a reader should know, "" if there is nothing."""
        said = ["does not deny what the question denies"] if self.denied else []
        said += [f"says the opposite of {_listed(self.turned)}"] if self.turned else []
        said += [f"does not mention {_listed(self.strangers)}"] if self.strangers else []
        return f"The nearest passage {_listed(said)}." if said else ""


def against(question, sentence, passage, title=""):
    """A question, and a sentence of a passage as its answer -> Objections."""
    denied = bool(DENIAL.search(ONLY_POLITE.sub("", question))) and not DENIAL.search(sentence)
    words = set(_words(f"{title} {passage}"))
    told = {stem(word) for word in words}
    turned = tuple(written for word, written in _words(question, r"[\w-]+").items() if _turned(word, words, told))
    strangers = tuple(written for word, written in _named(question).items() if stem(word) not in told)
    return Objections(denied, turned, strangers)


def _turned(word, words, told):
    """Whether a text has the opposite of a word, and not the word. words: the text's; told: their stems"""
    if word in words or stem(word) in told:
        return False
    return not told.isdisjoint(OPPOSITE_STEMS.get(stem(word), ())) or stem(PREFIX.sub("", word)) in told


def _named(question):
    """Words of names, and numbers, in a question. One all in capitals names nothing: it could be any word."""
    found = () if question.isupper() else (_words(match[0]) for match in NAMED.finditer(question))
    return {word: written for words in found for word, written in words.items() if word not in STOP and word != "s"}


def _words(text, pattern=r"\w+"):
    """{word in small letters and without accents: as it is written}"""
    return {"".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c)): word for word in re.findall(pattern, text)}


def _listed(words):
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
