"""Every kind of file becomes text with true places in it, and what cannot be read gets one sentence."""

import json

import pytest

from core.errors import BadInput, Unavailable
from core.rag import load, picture, web
from core.rag.split import LONGEST, passages, sentences
from tests import documents

PDF = documents.pdf(
    [["The first page tells of apples.", "It has two lines (with brackets)."], ["The second page tells of pears and of exam-", "ples that were cut."]]
)


def one(data, name):
    (document,) = load.read(data, name)
    return document


def test_pdf_pages_and_joined_words():
    document = one(PDF, "fruit.pdf")
    assert document.paged and [page.number for page in document.pages] == [1, 2]
    assert "two lines (with brackets)." in document.pages[0].text and "examples that were cut" in document.pages[1].text


def test_every_passage_is_its_pages_text():
    long = one(documents.pdf([[f"Line {n} of page {p} says that there are {n * p} geese." for n in range(40)] for p in range(1, 4)]), "geese.pdf")
    parts = list(passages(long))
    assert {part.page for part in parts} == {1, 2, 3} and max(len(part.text) for part in parts) <= LONGEST
    for part in parts:
        assert long.pages[part.page - 1].text[part.start : part.end] == part.text
    said = "".join("".join(part.text.split()) for part in parts)
    assert said == "".join("".join(page.text.split()) for page in long.pages)


@pytest.mark.parametrize(
    ("text", "count"),
    [("Dr. Smith met J. R. Ewing at 3.5 p.m. on Monday. They left.", 2), ("One! Two? Three.", 3), ("no end at all", 1), ("", 0), ("First.\n\nSecond", 2),
     ("- one\n- two\n- three", 3), ("A heading\nThen a sentence.", 2), ("He said \"Stop.\" Then he ran.", 2)],
)  # fmt: skip
def test_sentences(text, count):
    spans = sentences(text)
    assert len(spans) == count and all(text[a:b] == text[a:b].strip() for a, b in spans)


def test_docx_html_markdown_csv_epub_and_subtitles():
    word = one(documents.docx([("Heading 1", "Rules"), (None, "Dogs may come in."), [["Day", "Hour"], ["Monday", "9"]]]), "rules.docx")
    assert "Dogs may come in." in word.pages[0].text and "Monday; 9" in word.pages[0].text and word.pages[0].marks == ((0, "Rules"),)
    page = one(b"<html><head><title>t</title><script>bad()</script></head><body><h2>News</h2><p>It <b>rains</b> today.</p><nav>menu</nav></body>", "a.html")
    assert page.pages[0].text == "News\nIt rains today.\n" and page.pages[0].marks == ((0, "News"),)
    assert one(b"# Top\n\ntext\n\n## Deep\n\nmore", "a.md").pages[0].marks == ((0, "Top"), (13, "Deep"))
    table = one(b"name;price\nTea;3\nCoffee;4\n", "menu.csv")
    assert table.pages[0].text.splitlines() == ["name: Tea; price: 3.", "name: Coffee; price: 4."] and table.pages[0].marks[1][1] == "row 3"
    book = one(documents.epub(["<html><body><h1>One</h1><p>It was dark.</p></body></html>", "<html><body><p>Then light.</p></body></html>"]), "b.epub")
    assert [p.number for p in book.pages] == [1, 2] and "Then light." in book.pages[1].text
    srt = b"1\n00:00:01,000 --> 00:00:03,000\nHello there.\n\n2\n01:02:03,000 --> 01:02:05,000\nGood bye.\n"
    film = one(srt, "film.srt").pages[0]
    assert film.text == "Hello there. Good bye. " and film.marks == ((0, "0:01"), (13, "1:02:03"))
    copied = one(b"0:00\nwelcome back\n0:07\ntoday we bake bread\n", "youtube.txt").pages[0]
    assert copied.marks == ((0, "0:00"), (13, "0:07"))
    spoken = one(json.dumps([{"text": "hi", "start": 2.5, "duration": 1}]).encode(), "t.json").pages[0]
    assert spoken.text == "hi " and spoken.marks == ((0, "0:02"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding):
    text = "Die Straße ist für Züge gesperrt, und größere Brücken fehlen. Äpfel kosten fünf Euro. Süßes gibt es überall."
    document = one(text.encode(encoding), "a.txt")
    assert document.pages[0].text == text and ("not UTF-8" in document.note) == (encoding == "cp1252")


BAD = {
    "locked.pdf": (lambda: documents.pdf([["secret"]], encrypt=True), "password"),
    "scan.pdf": (lambda: documents.pdf([[], []]), "looks scanned"),
    "broken.pdf": (lambda: PDF[:200], "damaged"),
    "bomb.zip": (documents.bomb, "unpack to more than 200 MB"),
    "deep.zip": (lambda: documents.pack({"a.zip": documents.pack({"b.txt": "x"})}), "zip inside a zip"),
    "many.zip": (lambda: documents.pack({f"{n}.txt": "x" for n in range(1001)}), "1,001 files"),
    "lie.docx": (lambda: b"plain", "no DOCX"),
    "hollow.docx": (lambda: documents.pack({"word/document.xml": "<a", "[Content_Types].xml": "<b"}), "damaged DOCX"),
    "hollow.epub": (lambda: documents.pack({"META-INF/container.xml": "<a/>"}), "damaged EPUB"),
    "empty.txt": (lambda: b"", "is empty"),
    "blank.txt": (lambda: b" \n ", "holds no text"),
    "old.doc": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "old format"),
    "picture.png": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "not a document"),
    "huge.txt": (lambda: b"a" * (61 * 2**20), "61 MB"),
    "sheet.xlsx": (lambda: documents.pack({"xl/workbook.xml": "x"}), "spreadsheet"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_gets_one_sentence(name):
    make, words = BAD[name]
    with pytest.raises(BadInput, match=words) as caught:
        list(load.read(make(), name))
    assert "\n" not in str(caught.value)


def test_a_bad_file_in_a_zip_stops_nothing():
    skipped = []
    found = list(load.read(documents.pack({"a.txt": "Good text.", "b.pdf": b"%PDF-1.4 no", "c/d.md": "# More\ntext"}), "x.zip", skipped.append))
    assert [d.name for d in found] == ["a.txt", "d.md"] and len(skipped) == 1 and "b.pdf" in skipped[0]


def test_hostile_html_and_xml():
    assert one(b"<div>" * 150 + b"deep down" + b"</div>" * 150, "deep.html").pages[0].text.strip() == "deep down"
    with pytest.raises(BadInput):  # deeper than any page made by people
        one(b"<div>" * 20000 + b"deep down" + b"</div>" * 20000, "deeper.html")
    lol = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><container><rootfiles>&b;</rootfiles></container>'
    with pytest.raises(BadInput):
        list(load.read(documents.pack({"META-INF/container.xml": lol}), "x.epub"))


def test_the_page_picture_marks_the_words():
    import io

    import numpy as np
    from PIL import Image

    text = one(PDF, "fruit.pdf").pages[0].text
    start = text.index("two lines")
    pictures = [picture.page_picture(PDF, "fruit.pdf", 1, a, b) for a, b in ((start, start + 9), (0, 0))]
    marked, plain = (np.asarray(Image.open(io.BytesIO(p)).convert("RGB")).astype(int) for p in pictures)
    where = np.argwhere(np.abs(marked - plain).sum(2) > 60)
    top, left = where.min(0) / 1000 * 595
    bottom, right = where.max(0) / 1000 * 595
    assert 70 < top < bottom < 105 and 60 < left < right < 200 and len(where) > 500  # the second line, some words in


@pytest.mark.parametrize(
    "address",
    ["http://localhost:7860/", "http://127.0.0.1/", "http://10.0.0.1/x", "http://192.168.1.1", "http://169.254.169.254/latest", "http://[::1]/",
     "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://2130706433/", "http://[fd00::1]/", "http://100.64.0.1/"],
)  # fmt: skip
def test_addresses_inside_the_network_are_refused(address):
    with pytest.raises(BadInput, match="local network"):
        web.fetch(address)


@pytest.mark.parametrize("address", ["ftp://a.example/", "file:///etc/passwd", "nonsense", "http://user@host/", "http://[::1", "http://x:99999/"])
def test_what_is_no_web_address(address):
    with pytest.raises((BadInput, Unavailable)):
        web.fetch(address)


def test_a_page_is_fetched_and_a_redirect_into_the_network_is_not(monkeypatch, stand_in):
    def reply(handler):
        if handler.path == "/away":
            handler.send_response(302)
            handler.send_header("Location", "http://169.254.169.254/")
            handler.end_headers()
        else:
            handler.say(200, b"<html><body><p>Fresh bread at nine.</p></body></html>", "text/html; charset=utf-8")

    url = stand_in(reply)
    real = web.public_address
    monkeypatch.setattr(web, "public_address", lambda host, port: host if host == "127.0.0.1" else real(host, port))
    data, name = web.fetch(f"{url}/bread")
    assert name == "127.0.0.1 bread.html" and "Fresh bread at nine." in one(data, name).pages[0].text
    with pytest.raises(BadInput, match="local network"):
        web.fetch(f"{url}/away")


def test_a_thousand_pages():
    document = one(documents.pdf([[f"Page {n} says that the flock has {n * 7} sheep."] for n in range(1, 1001)]), "flock.pdf")
    parts = list(passages(document))
    assert len(document.pages) == len(parts) == 1000 and parts[776].page == 777 and "5439 sheep" in parts[776].text


def test_a_long_text_is_split_in_good_time():
    document = one(("It rained on day {}. " * 3 + "\n").format(1, 2, 3).encode() * 20_000, "rain.txt")
    parts = list(passages(document))
    assert document.characters > 1_200_000 and 1200 < len(parts) < 1800
