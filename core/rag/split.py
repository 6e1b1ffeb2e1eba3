"""Documents into passages, passages into sentences; every piece knows its page and its offsets there."""

import bisect
import re
from dataclasses import asdict, dataclass

HEADING = 100  # characters up to which a piece is taken for a heading and stays with what follows
LONGEST = 1000  # characters of a passage: 150 to 250 word pieces, within what the encoder reads


@dataclass(frozen=True)
class Passage:
    """text == page.text[start:end] of page `page` of the document `document`; `section` is the last heading or time before it."""

    document: str  # SHA-256 of the file
    name: str
    page: int
    start: int
    end: int
    text: str
    section: str = ""
    paged: bool = False

    @property
    def place(self):
        """Where it stands, in words: "report.pdf, page 3"."""
        where = [self.name]
        if self.paged:
            where.append(f"page {self.page}")
        if self.section:
            where.append(self.section)
        return ", ".join(where)

    def as_dict(self):
        return asdict(self)


SHORT = (
    "mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|e\\.g|i\\.e|cf|fig|no|vol|pp|approx|inc|ltd|co|corp|dept|gen|col|lt|sgt|rev|hon|"
    "jan|feb|mar|apr|aug|sept|oct|nov|dec|bzw|z\\.b|u\\.a"
)
NO_END = re.compile(rf"(?:\b(?:{SHORT})|\b[A-Z]|\b[A-Z](?:\.[A-Z])+)\.$", re.I)
# A full stop, an empty line, the next item of a list, and the end of a short line that is a heading of its own.
END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”]?|\n\s*\n|\n(?=\s*(?:[-*•#]|\d+[.)])\s)|(?:(?<=\n)|\A)[^\n.,;:]{2,50}\n(?=[A-Z])")


def sentences(text):
    """[(start, end)] of the sentences of a text, in order, white space at their ends left out."""
    spans, start = [], 0
    for match in [*END.finditer(text), None]:
        end = match.end() if match else len(text)
        if match and match[0][0] == "." and len(match[0]) == 1:
            after = text[end : end + 40].lstrip()
            initial = NO_END.search(text, max(0, end - 12), end)
            if after[:1].islower() or (initial and not text.endswith(("etc.", "Inc.", "Ltd."), start, end)):
                continue
        piece = text[start:end]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            spans.append((start + lead, start + len(piece.rstrip())))
        start = end
    return spans


def _short(spans, text, longest):
    """Break sentences that are longer than a passage at a line end, a comma or a blank."""
    for start, end in spans:
        while end - start > longest:
            cut = max(text.rfind(mark, start + longest // 2, start + longest) for mark in ("\n", "; ", ", ", " "))
            cut = cut + 1 if cut > 0 else start + longest
            yield start, cut
            start = cut
        if text[start:end].strip():
            yield start, end


def passages(document, longest=LONGEST):
    """Yield the Passages of a Document: whole sentences up to `longest` characters, never across a page or a heading.

    A paragraph's end is preferred as a border once a passage is half full.
    """
    for page in document.pages:
        offsets = [offset for offset, _ in page.marks]
        hard = set(offsets) if len(offsets) < len(page.text) / 200 else set()  # times and rows come too often to be borders

        def passage(start, end, page=page, offsets=offsets):
            at = bisect.bisect_right(offsets, start) - 1
            section = page.marks[at][1] if at >= 0 else ""
            return Passage(document.sha256, document.name, page.number, start, end, page.text[start:end], section, document.paged)

        begin = last = None
        for start, end in _short(sentences(page.text), page.text, longest):
            if begin is not None:
                gap = page.text[last:start]
                full = end - begin > longest or ("\n\n" in gap and last - begin > longest / 2) or ("\n" in gap and last - begin > longest * 0.8)
                if full or (last - begin > HEADING and any(last <= mark <= start for mark in hard)):
                    yield passage(begin, last)
                    begin = None
            begin = start if begin is None else begin
            last = end
        if begin is not None:
            yield passage(begin, last)
