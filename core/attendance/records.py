"""What a register keeps, and the small interface behind which SQLite, PostgreSQL and MongoDB are alike.

Times are ISO 8601 text in UTC with seconds ("2026-11-21T08:59:03+00:00"): they sort as they read, in every store.
Days and starts are local ("2026-11-21", "09:00"): a session begins by the clock on the wall.
"""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

STATUSES = ("on time", "late", "absent", "excused")


def new_id():
    return uuid4().hex


def now():
    """The time, as it is written in a register."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    number: str | None  # the visitor's own id of that person: a matriculation or staff number
    group: str
    consent: str  # the words agreed to
    consent_at: str
    created_at: str


@dataclass(frozen=True)
class StoredFace:
    id: str
    person: str
    vector: bytes  # sealed
    photo: bytes | None  # sealed JPEG, kept only when asked for
    created_at: str


@dataclass(frozen=True)
class Session:
    id: str
    day: str
    name: str
    starts: str
    late_after: int  # minutes
    group: str = ""  # who is expected; "" is everyone


@dataclass(frozen=True)
class Record:
    """One person in one session; there is never a second one. Distances are those of core.faces, or None by hand."""

    id: str
    person: str
    session: str
    first_at: str | None  # None: noted by hand without having been there
    last_at: str | None
    distance: float | None
    source: str  # "webcam", "photo", "video", "camera", "command line" or "by hand"
    status: str | None = None  # set by hand; None follows the clock


@dataclass(frozen=True)
class Correction:
    id: str
    person: str
    session: str
    before: str
    after: str
    reason: str
    who: str
    at: str


class Register(ABC):
    """Where people, faces, sessions and records stay. What a method has returned from is on disk.

    Every method may raise a StudioError with one sentence: store gone, full, damaged, or a rule broken.
    """

    kind = ""  # how the page calls it

    @abstractmethod
    def version(self):
        """A number that grows with every change of people or faces, whoever makes it. -> int"""

    @abstractmethod
    def people(self):
        """-> list of Person, by name"""

    @abstractmethod
    def add_person(self, person, faces):
        """Person and their StoredFaces, all or nothing; a `number` in use raises BadInput."""

    @abstractmethod
    def change_person(self, person):
        """Save the name, number and group of a Person that exists."""

    @abstractmethod
    def erase(self, person):
        """Person id: the person, faces, records and corrections are gone."""

    @abstractmethod
    def add_faces(self, faces):
        """StoredFaces of people that exist; a face of a person who is gone raises BadInput."""

    @abstractmethod
    def faces(self, person=None):
        """-> list of StoredFace, of everyone or of one person id"""

    @abstractmethod
    def add_session(self, session):
        """Save it unless the day already has one of that name. -> the Session that stands"""

    @abstractmethod
    def change_session(self, session):
        """Save the start, minutes of grace and group of a Session that exists."""

    @abstractmethod
    def sessions(self, first=None, last=None):
        """-> list of Session from day to day, both included, by day and start"""

    @abstractmethod
    def check_in(self, record, seen_before):
        """Note a sighting. -> (Record that stands, whether it is new)

        A person's first sighting in a session makes the one record; later ones move `last_at`, but only where it is
        older than `seen_before`, so that a camera at 25 pictures a second writes once a minute.
        """

    @abstractmethod
    def records(self, sessions=None, person=None):
        """-> list of Record, of the session ids or of the person id given"""

    @abstractmethod
    def correct(self, record, correction):
        """Set the status of a person in a session by hand (the Record is made where there is none) and keep the Correction."""

    @abstractmethod
    def corrections(self, person=None, session=None):
        """-> list of Correction, newest first"""

    @abstractmethod
    def setting(self, key):
        """-> str or None"""

    @abstractmethod
    def set_setting(self, key, value, only_new=False):
        """Save a text; with only_new, not over one that stands. -> the text that stands"""

    def close(self):  # noqa: B027  (most stores have nothing to close)
        pass


def data_folder():
    """Where register and key stay: `STUDIO_ATTENDANCE`, else ~/.local/share/vitrine/attendance."""
    return Path(os.environ.get("STUDIO_ATTENDANCE") or Path.home() / ".local" / "share" / "vitrine" / "attendance")


def open_register(url=None):
    """The Register at `url`, else at `DATABASE_URL`, else SQLite in data_folder().

    sqlite:///FILE, postgresql://..., mongodb://...
    """
    url = url or os.environ.get("DATABASE_URL") or f"sqlite:///{data_folder() / 'register.sqlite'}"
    if url.startswith("mongodb"):
        from core.attendance.mongo import MongoRegister

        return MongoRegister(url)
    from core.attendance.sql import SqlRegister

    return SqlRegister(url)
