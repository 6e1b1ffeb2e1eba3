"""Files in, text out: PDF, DOCX, HTML, Markdown, text, CSV, EPUB, subtitles, and zips of them.

What a file is, its first bytes say; the name only decides where they cannot. A document is a list of pages, and every
place in it is (page number, offset into that page's text), so that a citation can be found again.
"""

import csv
import hashlib
import io
import json
import re
import threading
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import BadInput
from core.zips import ZIP_DAMAGE

MAX_BYTES = 60 * 2**20  # of one file
MAX_UNPACKED = 200 * 2**20  # of all that a zip, DOCX or EPUB holds
MAX_FILES = 1000  # in a zip
MAX_CHARACTERS = 12_000_000  # of one document: about 4,000 printed pages
KINDS = "PDF, DOCX, HTML, Markdown, TXT, CSV, EPUB, SRT, VTT or a zip of them"
SUFFIXES = ("pdf", "docx", "html", "htm", "md", "txt", "csv", "tsv", "epub", "srt", "vtt", "json", "zip")
PDFIUM = threading.Lock()  # pdfium may be used by one thread at a time


@dataclass(frozen=True)
class Page:
    """A page, a chapter, or the whole of a file that has neither. marks: (offset, heading or time) in order."""

    number: int
    text: str
    marks: tuple = ()


@dataclass(frozen=True)
class Document:
    """One file's text. `paged` says whether its page numbers mean something to a reader; `note` what he should know."""

    name: str
    sha256: str
    kind: str
    pages: tuple
    paged: bool = False
    note: str = ""
    data: bytes = b""  # the file itself

    @property
    def characters(self):
        return sum(len(page.text) for page in self.pages)


def read(source, name=None, skipped=None):
    """Yield a Document for a file, or one for each file of a zip.

    source:  path or bytes
    skipped: called with a sentence for each file of a zip that cannot be read; None raises BadInput instead
    """
    name = Path(str(name or source)).name
    if not isinstance(source, bytes):
        source = _file(Path(source))
    if not source:
        raise BadInput(f"{name} is empty.")
    if len(source) > MAX_BYTES:
        raise BadInput(f"{name} has {len(source) / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB. Please split it into parts.")
    kind = kind_of(source, name)
    if kind != "zip":
        yield _document(source, name, kind)
        return
    with unzip(source, name) as archive:
        members = [i for i in archive.infolist() if not i.is_dir() and "__MACOSX" not in i.filename and not PurePosixPath(i.filename).name.startswith(".")]
        for info in members:
            try:
                data = extract(archive, info, name)
                if not data:
                    raise BadInput(f"{info.filename} in {name} is empty.")
                inner = kind_of(data, info.filename)
                if inner == "zip":
                    raise BadInput(f"{info.filename} is a zip inside a zip. Please unpack it first.")
                yield _document(data, PurePosixPath(info.filename).name, inner)
            except BadInput as error:
                if skipped is None:
                    raise
                skipped(str(error))


def _file(path):
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path.name} has {path.stat().st_size / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB. Please split it into parts.")
        return path.read_bytes()
    except OSError:
        raise BadInput(f"There is no file {path.name} that can be read. Please check the path.") from None


def kind_of(data, name):
    """ "pdf", "docx", "epub", "zip", "html", "markdown", "text", "table" or "subtitles"; BadInput for anything else."""
    suffix = Path(name).suffix.lower().lstrip(".")
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data[:4] in (b"PK\3\4", b"PK\5\6"):
        with unzip(data, name) as archive:
            names = set(archive.namelist())
        if "word/document.xml" in names:
            return "docx"
        if "META-INF/container.xml" in names:
            return "epub"
        if {"xl/workbook.xml", "ppt/presentation.xml"} & names:
            raise BadInput(f"{name} is a spreadsheet or a slide show. Please save it as CSV or PDF.")
        return "zip"
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise BadInput(f"{name} is in Word's old format (.doc). Please save it as .docx or PDF.")
    if suffix in ("pdf", "docx", "epub", "zip"):
        raise BadInput(f"{name} is damaged, or is no {suffix.upper()} at all. Please check the file.")
    if b"\0" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise BadInput(f"{name} is not a document that can be read here. Please use {KINDS}.")
    return {"html": "html", "htm": "html", "xhtml": "html", "md": "markdown", "markdown": "markdown", "csv": "table", "tsv": "table",
            "srt": "subtitles", "vtt": "subtitles", "json": "subtitles"}.get(suffix) or _by_content(data)  # fmt: skip


def _by_content(data):
    head = data[:1024].lstrip().lower()
    return "html" if head.startswith((b"<!doctype html", b"<html")) else "subtitles" if head.startswith(b"webvtt") else "text"


def _document(data, name, kind):
    pages, note = READERS[kind](data, name)
    pages = tuple(pages)
    document = Document(name, hashlib.sha256(data).hexdigest(), kind, pages, kind == "pdf", note, data)
    if not any(page.text.strip() for page in pages):
        why = "It looks scanned: pictures of pages without text behind them. Please run it through text recognition (OCR) first." if kind == "pdf" else ""
        raise BadInput(f"{name} holds no text. {why}".strip())
    if document.characters > MAX_CHARACTERS:
        raise BadInput(f"{name} holds {document.characters / 1e6:.0f} million characters; the limit is {MAX_CHARACTERS / 1e6:.0f}. Please split it into parts.")
    return document


# Zips, and what is made of them


def unzip(data, name):
    """Bytes -> ZipFile whose declared size is within the limits."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError) as error:
        raise BadInput(f"{name} cannot be unpacked ({error}). Please pack it again.") from None
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise BadInput(f"{name} holds {len(infos):,} files; the limit is {MAX_FILES:,}. Please send them in parts.")
    if sum(info.file_size for info in infos) > MAX_UNPACKED:
        raise BadInput(f"{name} would unpack to more than {MAX_UNPACKED // 2**20} MB. Please send the documents in parts.")
    return archive


def extract(archive, info, name):
    """One member's bytes; what it declares is what it gives, or it is refused."""
    try:
        with archive.open(info) as file:
            data = file.read(info.file_size + 1)
    except (*ZIP_DAMAGE, KeyError) as error:
        raise BadInput(f"{name} cannot be unpacked ({error}). Please pack it again, without a password.") from None
    if len(data) > info.file_size:
        raise BadInput(f"{name} unpacks to more than it says. Please pack it again.")
    return data


# Readers: (bytes, name) -> (pages, note)


def decode(data, name):
    """Bytes -> (text, note). A byte-order mark or UTF-8 is believed; else the likeliest encoding is taken, and said."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        guess = from_bytes(data[:65536]).best()
        encoding = guess.encoding if guess else "cp1252"
        return data.decode(encoding, "replace"), f"{name} is not UTF-8; it was read as {encoding}."


def _lines(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")


TIME = re.compile(r"^\[?(\d{1,2}:)?\d{1,2}:\d\d\]?$")


def _text(data, name):
    text, note = decode(data, name)
    text = _lines(text)
    lines = text.split("\n", 200)[:200]
    if sum(bool(TIME.match(line.strip())) for line in lines) > len(lines) / 4:  # a transcript copied from the player
        return [_transcript(_copied(text))], note
    return [Page(1, text)], note


def _markdown(data, name):
    text, note = decode(data, name)
    text = _lines(text)
    return [Page(1, text, tuple((m.start(), m[1].strip()) for m in re.finditer(r"^#{1,6} +(.+?)#*$", text, re.M)))], note


def _table(data, name):
    """Every row becomes one line that names its columns, so that it can be understood alone."""
    text, note = decode(data, name)
    try:
        dialect = csv.Sniffer().sniff(text[:8192], ",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if name.lower().endswith(".tsv") else csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(_lines(text)), dialect) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise BadInput(f"{name} cannot be read as a table ({error}). Please save it as CSV again.") from None
    if not rows:
        return [Page(1, "")], note
    head, *body = rows
    lines = ["; ".join(f"{h.strip()}: {c.strip()}" if h.strip() else c.strip() for h, c in zip(head, row, strict=False) if c.strip()) + "." for row in body]
    marks, at = [], 0
    for number, line in enumerate(lines, 2):
        marks.append((at, f"row {number}"))
        at += len(line) + 1
    return [Page(1, "\n".join(lines or [", ".join(head)]), tuple(marks))], note


SKIP = {"script", "style", "noscript", "template", "svg", "nav", "form", "head", "iframe", "button"}
BLOCKS = {"p", "div", "section", "article", "li", "ul", "ol", "table", "tr", "br", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "dt", "dd",
          "figcaption", "main", "header", "footer", "aside", "body"}  # fmt: skip


class _Flow:
    """Text of an element tree in reading order, white space folded, with its headings."""

    def __init__(self):
        self.parts, self.size, self.marks = [], 0, []

    def add(self, text):
        text = re.sub(r"\s+", " ", text or "")
        if text and (self.parts and self.parts[-1][-1:] in (" ", "\n", "") or not self.parts):
            text = text.lstrip()
        if text:
            self.parts.append(text)
            self.size += len(text)

    def line(self):
        if self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")
            self.size += 1

    def walk(self, root):
        """Without recursion: a page nested ten thousand deep is only a long page."""
        todo = [(root, False)]
        while todo:
            node, leaving = todo.pop()
            tag = node.tag.rsplit("}", 1)[-1].lower() if isinstance(node.tag, str) else "script"
            if leaving:
                if tag in BLOCKS:
                    self.line()
                elif tag in ("td", "th"):
                    self.add(" ")
            elif tag not in SKIP:
                if tag in BLOCKS:
                    self.line()
                if re.fullmatch("h[1-6]", tag):
                    self.marks.append((self.size, re.sub(r"\s+", " ", "".join(node.itertext())).strip()[:120]))
                self.add(node.text)
                todo.append((node, True))
                todo.extend((child, False) for child in reversed(node))
                continue
            if node is not root:
                self.add(node.tail)

    def page(self, number=1):
        return Page(number, "".join(self.parts), tuple(self.marks))


def _tree(data):
    from lxml import etree, html

    try:
        return html.document_fromstring(data, parser=html.HTMLParser(no_network=True, remove_comments=True, huge_tree=False))
    except (etree.LxmlError, ValueError, AssertionError):
        return None


def _html(data, name):
    text, note = data, ""
    if not re.search(rb"charset\s*=", data[:4096], re.I):
        text, note = decode(data, name)
        text = text.encode("utf-8")
        text = b'<meta charset="utf-8">' + text
    tree = _tree(text)
    flow = _Flow()
    if tree is not None:
        flow.walk(tree)
    return [flow.page()], note


def _epub(data, name):
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    with unzip(data, name) as archive:
        infos = {info.filename: info for info in archive.infolist()}

        def member(path):
            if path not in infos:
                raise BadInput(f"{name} is damaged: {path} is missing in it. Please get the book again.")
            return extract(archive, infos[path], name)

        try:
            root = etree.fromstring(member("META-INF/container.xml"), parser).find(".//{*}rootfile").get("full-path")
            package = etree.fromstring(member(root), parser)
            files = {item.get("id"): item.get("href") for item in package.iterfind(".//{*}manifest/{*}item")}
            chapters = [files[ref.get("idref")] for ref in package.iterfind(".//{*}spine/{*}itemref")]
        except (etree.LxmlError, AttributeError, KeyError, TypeError, ValueError):
            raise BadInput(f"{name} is a damaged EPUB. Please get the book again.") from None
        pages = []
        for number, chapter in enumerate(chapters, 1):
            path = (PurePosixPath(root).parent / chapter.split("#")[0]).as_posix()
            page = _html(member(path), name)[0][0]
            pages.append(Page(number, page.text, page.marks))
    return pages, ""


def _docx(data, name):
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table

    try:
        blocks = list(docx.Document(io.BytesIO(data)).iter_inner_content())
    except (PackageNotFoundError, KeyError, ValueError, zipfile.BadZipFile, zlib.error, SyntaxError):
        raise BadInput(f"{name} is a damaged DOCX. Please open it in a word processor and save it again.") from None
    lines, marks, at = [], [], 0
    for block in blocks:
        if isinstance(block, Table):
            text = "\n".join("; ".join(dict.fromkeys(cell.text.strip() for cell in row.cells if cell.text.strip())) for row in block.rows)
        else:
            text = block.text.strip()
            if text and block.style is not None and (block.style.name or "").startswith(("Heading", "Title")):
                marks.append((at, text[:120]))
        if text:
            lines.append(text)
            at += len(text) + 1
    return [Page(1, "\n".join(lines), tuple(marks))], ""


def clean(raw):
    """pdfium's text -> (text for people, index of each of its characters in the raw text).

    Line ends become one newline, words hyphenated over a line's end are joined again, control characters go.
    """
    out, places = [], []
    for match in re.finditer(
        r"[-\u00ad]\r?\n(?=[a-z])|[\ufffe\x02](?:\r?\n)?|\r\n?|[\x00-\x08\x0b-\x1f\ufffd\ufffe\uffff]|[^\x00-\x08\x0b-\x1f\ufffe\uffff\ufffd\-\u00ad]+|.",
        raw,
        re.S,
    ):
        part = match[0]
        if part[0] in "\r":
            out.append("\n")
            places.append(match.start())
        elif part[0] in "-\u00ad" and len(part) > 1 or part[0] < " " and part[0] not in "\n\t" or part[0] in "\ufffe\uffff":
            continue
        else:
            out.append(part)
            places.extend(range(match.start(), match.end()))
    return "".join(out), places


def open_pdf(data, name):
    """Bytes -> pypdfium2.PdfDocument; hold PDFIUM while you use it."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise BadInput(f"{name} is protected by a password. Please save it without one.") from None
        raise BadInput(f"{name} is a damaged PDF. Please get it again, or print it to a new PDF.") from None


def _pdf(data, name):
    import pypdfium2

    pages, empty = [], 0
    with PDFIUM:
        document = open_pdf(data, name)
        try:
            for number in range(1, len(document) + 1):
                try:
                    page = document[number - 1]
                    text_page = page.get_textpage()
                    text = clean(text_page.get_text_range())[0]
                    text_page.close()
                    page.close()
                except pypdfium2.PdfiumError:
                    text = ""
                empty += not text.strip()
                pages.append(Page(number, text))
        finally:
            document.close()
    note = f"{empty} of {len(pages)} pages of {name} hold no text (scanned?) and cannot be searched." if empty else ""
    return pages, note


# Subtitles and transcripts: (seconds, text) cues -> one page whose marks are times

CUE = re.compile(r"^(?:(\d+):)?(\d{1,2}):(\d\d)[.,]\d+ --> ")


def _seconds(text):
    value = 0
    for part in text.strip("[] ").split(":"):
        value = value * 60 + int(part)
    return value


def _copied(text):
    at, cues = 0, []
    for line in map(str.strip, text.split("\n")):
        if TIME.match(line):
            at = _seconds(line)
        elif line:
            cues.append((at, line))
    return cues


def _subtitles(data, name):
    text, note = decode(data, name)
    text = _lines(text)
    if name.lower().endswith(".json"):
        try:
            rows = json.loads(text)
            rows = rows if isinstance(rows, list) else rows.get("snippets") or rows.get("events")
            cues = [(float(row["start"]), str(row["text"])) for row in rows]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return [Page(1, text)], note  # some other JSON: plain text
        return [_transcript(cues)], note
    cues, at, last = [], None, ""
    for line in map(str.strip, text.split("\n")):
        cue = CUE.match(line)
        line = re.sub(r"<[^>]*>", "", line)
        if cue:
            at = int(cue[1] or 0) * 3600 + int(cue[2]) * 60 + int(cue[3])
        elif at is not None and line and not line.isdigit() and line != last:
            cues.append((at, line))
            last = line  # rolling captions say every line twice
    return [_transcript(cues)], note


def _transcript(cues):
    parts, marks, at = [], [], 0
    for seconds, line in cues:
        line = " ".join(line.split()) + " "
        minutes, rest = divmod(int(seconds), 60)
        marks.append((at, f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"))
        parts.append(line)
        at += len(line)
    return Page(1, "".join(parts), tuple(marks))


READERS = {"pdf": _pdf, "docx": _docx, "epub": _epub, "html": _html, "markdown": _markdown, "text": _text, "table": _table, "subtitles": _subtitles}
