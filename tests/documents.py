"""Documents for tests, made here: PDF without any library, DOCX, EPUB, zips, and those that break chatbots."""

import io
import zipfile


def pdf(pages, size=11, encrypt=False):
    """[[line, ...], ...] -> bytes of a PDF with a page for each list, in Helvetica. `encrypt`: locked with a password nobody knows."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"]
    kids = []
    safe = str.maketrans({sign: "\\" + sign for sign in "()\\"})
    for lines in pages:
        shown = "".join(f"({line.translate(safe)}) Tj T*\n" for line in lines)
        stream = f"BT /F1 {size} Tf {size * 1.4:.1f} TL 60 760 Td\n{shown}ET"
        objects.append(f"<< /Length {len(stream.encode('cp1252'))} >>\nstream\n{stream}\nendstream")
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R /Resources << /Font << /F1 3 0 R >> >> >>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = io.BytesIO(b"%PDF-1.4\n"), []
    out.seek(0, 2)
    for number, text in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{text}\nendobj\n".encode("cp1252"))
    start = out.tell()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -44 >> /ID [<{'43' * 16}> <{'43' * 16}>] " if encrypt else ""
    out.write(
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {lock}>>\nstartxref\n{start}\n%%EOF".encode()
    )
    return out.getvalue()


def docx(blocks):
    """[(style or None, text) or [[cell, ...], ...]] -> bytes of a DOCX with headings, paragraphs and tables."""
    import docx as library

    document, buffer = library.Document(), io.BytesIO()
    for block in blocks:
        if isinstance(block, list):
            table = document.add_table(len(block), len(block[0]))
            for row, cells in zip(table.rows, block, strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text
        else:
            document.add_paragraph(block[1], style=block[0])
    document.save(buffer)
    return buffer.getvalue()


def pack(files):
    """{name: bytes or str} -> bytes of a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def epub(chapters):
    """[html] -> bytes of an EPUB."""
    items = "".join(f'<item id="c{i}" href="c{i}.xhtml" media-type="application/xhtml+xml"/>' for i in range(len(chapters)))
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    files = {"mimetype": "application/epub+zip",
             "META-INF/container.xml": '<container><rootfiles><rootfile full-path="O/book.opf"/></rootfiles></container>',
             "O/book.opf": f'<package><manifest>{items}</manifest><spine>{spine}</spine></package>'}  # fmt: skip
    return pack(files | {f"O/c{i}.xhtml": text for i, text in enumerate(chapters)})


def bomb(megabytes=201):
    """A zip of a few hundred kilobytes that would unpack to this much."""
    return pack({"bomb.txt": b"0" * (megabytes * 2**20)})
