"""Collections of indexed documents on disk, a separate library for every visitor.

A document is one folder, written beside its place and moved there when it is whole: work that stops half-way leaves
what was there before. Arrays are .npy and text is JSON, nothing that could run.

    LIBRARY/COLLECTION/meta.json
    LIBRARY/COLLECTION/SHA256/{document.json, passages.json, source, vectors.npy, ...}
"""

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import threading
import time
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import runtime
from core.errors import BadInput
from core.rag import load
from core.rag.index import Block, Index, block
from core.rag.split import Passage, passages

MAX_PASSAGES = 50_000  # of a collection
_locks = defaultdict(threading.RLock)  # collection folder -> who may change it


def root():
    """Where collections stay: `STUDIO_DATA`, else ~/.local/share/vitrine."""
    return Path(os.environ.get("STUDIO_DATA") or Path.home() / ".local" / "share" / "vitrine") / "rag"


def new_key():
    """A visitor's secret: whoever has it sees his collections."""
    return secrets.token_urlsafe(24)


def valid_key(text):
    """The text if it can be one of our keys, else None: nobody may choose a guessable one."""
    return text if isinstance(text, str) and re.fullmatch(r"[\w-]{32}", text) else None


def library(key):
    """The Library of the visitor with this key. The folder's name does not give the key away."""
    return Library(root() / hashlib.sha256(f"vitrine {key}".encode()).hexdigest()[:40])


@dataclass
class Report:
    """What became of the files: names, and sentences for those that were refused."""

    added: list = field(default_factory=list)
    same: list = field(default_factory=list)
    replaced: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def good_news(self):
        """What was done, a sentence an item; `refused` and `notes` hold the rest."""
        said = []
        if self.added:
            said.append(f"Added {_names(self.added)}.")
        if self.replaced:
            said.append(f"{_names(self.replaced)} had changed: the new version took the old one's place.")
        if self.same:
            said.append(f"{_names(self.same)} was already here, unchanged.")
        return said


def _names(names):
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


class Library:
    """One visitor's collections."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def collections(self):
        """[Collection], oldest first."""
        found = [Collection(path.parent) for path in self.folder.glob("*/meta.json")]
        return sorted(found, key=lambda c: (c.meta()["created"], c.folder.name))

    def create(self, name):
        name = self._free(name)
        one = Collection(self.folder / secrets.token_hex(8))
        one.folder.mkdir(parents=True)
        one.write({"name": name, "created": time.time()})
        return one

    def first(self):
        """The oldest collection; a fresh one where there is none."""
        return next(iter(self.collections()), None) or self.create("My documents")

    def rename(self, one, name):
        one.write(one.meta() | {"name": self._free(name, one)})

    def _free(self, name, but=None):
        name = " ".join((name or "").split())[:60]
        if not name:
            raise BadInput("Please give the collection a name.")
        if any(c.name.lower() == name.lower() for c in self.collections() if but is None or c.folder != but.folder):
            raise BadInput(f"There is already a collection called {name}. Please choose another name.")
        return name

    def merge(self, into, other):
        """Everything of `other` moves into `into`; what both hold is kept once."""
        with _locks[into.folder], _locks[other.folder]:
            for path in other.document_folders():
                if not (into.folder / path.name).exists():
                    path.rename(into.folder / path.name)
            other.erase()


class Collection:
    """Documents that are asked together."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @property
    def name(self):
        return self.meta()["name"]

    def meta(self):
        return json.loads((self.folder / "meta.json").read_text(encoding="utf-8"))

    def write(self, meta):
        part = self.folder / ".meta.part"
        part.write_text(json.dumps(meta), encoding="utf-8")
        part.replace(self.folder / "meta.json")

    def document_folders(self):
        return sorted(path.parent for path in self.folder.glob("*/document.json") if not path.parent.name.startswith("."))

    def documents(self):
        """[dict] with name, sha256, kind, pages, passages, bytes, added, note; in the order they came."""
        rows = [json.loads((path / "document.json").read_text(encoding="utf-8")) for path in self.document_folders()]
        return sorted(rows, key=lambda row: (row["added"], row["name"]))

    def add(self, files, progress=None):
        """Read, split and index files.

        files:    [(bytes or path, name)]
        progress: called with (share done 0 to 1, what is being done); it may raise to stop, and what was done stays
        returns Report
        """
        report = Report()
        with _locks[self.folder]:
            for number, (source, name) in enumerate(files):

                def step(share, what, number=number):
                    if progress:
                        progress((number + share) / len(files), what)

                step(0, f"Reading {name}")
                try:
                    for document in load.read(source, name, report.refused.append):
                        self._add(document, report, step)
                except BadInput as error:
                    report.refused.append(str(error))
        return report

    def _add(self, document, report, step):
        there = {row["sha256"]: row for row in self.documents()}
        if document.sha256 in there:
            report.same.append(document.name)
            return
        parts = list(passages(document))
        if sum(row["passages"] for row in there.values()) + len(parts) > MAX_PASSAGES:
            raise BadInput(f"{document.name} does not fit: a collection holds {MAX_PASSAGES:,} passages. Please start another collection.")
        done = block(parts, lambda n, total: step(n / max(total, 1), f"Indexing {document.name}: {n:,} of {total:,} passages"))
        part = self.folder / f".part-{document.sha256[:16]}-{secrets.token_hex(4)}"
        part.mkdir(parents=True)
        try:
            row = {"name": document.name, "sha256": document.sha256, "kind": document.kind, "pages": len(document.pages), "paged": document.paged,
                   "passages": len(parts), "bytes": len(document.data), "added": time.time(), "note": document.note}  # fmt: skip
            (part / "source").write_bytes(document.data)
            (part / "document.json").write_text(json.dumps(row), encoding="utf-8")
            (part / "passages.json").write_text(json.dumps([p.as_dict() for p in parts]), encoding="utf-8")
            for name in Block.ARRAYS:
                np.save(part / f"{name}.npy", getattr(done, name), allow_pickle=False)
            part.replace(self.folder / document.sha256)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        old = [sha for sha, row in there.items() if row["name"] == document.name]
        for sha in old:
            shutil.rmtree(self.folder / sha)
        (report.replaced if old else report.added).append(document.name)
        if document.note:
            report.notes.append(document.note)

    def remove(self, sha):
        with _locks[self.folder]:
            if any(row["sha256"] == sha for row in self.documents()):
                shutil.rmtree(self.folder / sha)

    def source(self, sha):
        """The bytes of a document as it came."""
        return (self.folder / sha / "source").read_bytes()

    def export(self):
        """Bytes of a zip with the documents as they came; dropped on any collection it gives them all again."""
        buffer, used = io.BytesIO(), set()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for row in self.documents():
                name = row["name"] if row["name"] not in used else f"{row['sha256'][:8]} {row['name']}"
                used.add(name)
                archive.writestr(name, self.source(row["sha256"]))
        return buffer.getvalue()

    def erase(self):
        with _locks[self.folder]:
            shutil.rmtree(self.folder)

    def index(self):
        """The Index of all documents, made once for each state of the collection and shared by all who ask."""
        folders = self.document_folders()
        key = ("rag", str(self.folder), *(path.name for path in folders))
        return runtime.models().get(key, lambda: Index([_block(path) for path in folders]), lambda index: index.vectors.nbytes * 3)


def _block(folder):
    rows = json.loads((folder / "passages.json").read_text(encoding="utf-8"))
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r" if name == "pieces" else None, allow_pickle=False) for name in Block.ARRAYS}
    return Block([Passage(**row) for row in rows], **arrays)
