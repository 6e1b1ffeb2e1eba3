"""A register in SQLite (WAL, written through to the disk) or PostgreSQL, by SQLAlchemy and alembic."""

import contextlib
import threading
from dataclasses import asdict, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.attendance import tables as t
from core.attendance.records import Correction, Person, Record, Register, Session, StoredFace, new_id
from core.errors import BadInput, StudioError, Unavailable

NEEDS = ("psycopg", "psycopg-binary")  # SQLAlchemy loads it by the name in the address
WAIT = 30  # seconds that a writer waits for its turn
MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = 0x5649545249  # PostgreSQL's advisory lock for migrating, any number


class SqlRegister(Register):
    def __init__(self, url):
        url = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            self.url = sa.make_url(url)
            self.engine = _engine(self.url)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError):
            raise BadInput(
                "DATABASE_URL is not understood. Please write sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or mongodb://HOST/NAME."
            ) from None
        self.lite = self.url.get_backend_name() == "sqlite"
        self.kind = "SQLite" if self.lite else "PostgreSQL"
        self.writing = self.engine.execution_options(write=True)
        self.insert = (sqlite if self.lite else postgresql).insert
        with self._told():
            self._migrate()

    def _migrate(self):
        with self.writing.begin() as connection:
            if not self.lite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            elif connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
                raise StudioError(_damaged(self.url.database))
            upgrade(connection)

    @contextlib.contextmanager
    def _told(self):
        """A fault of the database as the sentence a visitor can act on."""
        try:
            yield
        except sa.exc.IntegrityError:
            raise BadInput("That person or session is no longer in the register. Please reload the page.") from None
        except sa.exc.DBAPIError as error:
            raise _sentence(error, self) from None
        except sa.exc.TimeoutError:
            raise Unavailable("The register is busy. Please try again in a moment; nothing was saved.") from None

    @contextlib.contextmanager
    def _write(self):
        with self._told(), self.writing.begin() as connection:
            yield connection

    def _rows(self, kind, query):
        with self._told(), self.engine.connect() as connection:
            return [kind(**row._mapping) for row in connection.execute(query)]

    def version(self):
        return int(self.setting("version") or 0)

    def _changed(self, connection):
        grown = sa.cast(sa.cast(t.settings.c.value, sa.Integer) + 1, sa.Text)
        insert = self.insert(t.settings).values(key="version", value="1")
        connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": grown}))

    def people(self):
        return self._rows(Person, sa.select(t.people).order_by(sa.func.lower(t.people.c.name), t.people.c.id))

    def add_person(self, person, faces):
        with self._write() as connection:
            self._number_is_free(connection, person)
            connection.execute(t.people.insert(), asdict(person))
            if faces:
                connection.execute(t.faces.insert(), [asdict(face) for face in faces])
            self._changed(connection)

    def _number_is_free(self, connection, person):
        if person.number:
            taken = connection.execute(sa.select(t.people.c.name).where(t.people.c.number == person.number, t.people.c.id != person.id)).scalar()
            if taken:
                raise BadInput(f"The id {person.number} already belongs to {taken}. Please choose another id, or leave it empty.")

    def change_person(self, person):
        with self._write() as connection:
            self._number_is_free(connection, person)
            connection.execute(t.people.update().where(t.people.c.id == person.id).values(name=person.name, number=person.number, group=person.group))
            self._changed(connection)

    def erase(self, person):
        with self._write() as connection:
            connection.execute(t.people.delete().where(t.people.c.id == person))
            self._changed(connection)
        with self._told():
            self._wipe()

    def _wipe(self):
        """What was deleted leaves the files too: SQLite overwrites it (secure_delete), also in its log; PostgreSQL vacuums."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)" if self.lite else "VACUUM people, faces, records, corrections")

    def add_faces(self, faces):
        with self._write() as connection:
            connection.execute(t.faces.insert(), [asdict(face) for face in faces])
            self._changed(connection)

    def faces(self, person=None):
        query = sa.select(t.faces).order_by(t.faces.c.created_at, t.faces.c.id)
        return self._rows(StoredFace, query if person is None else query.where(t.faces.c.person == person))

    def add_session(self, session):
        with self._write() as connection:
            connection.execute(self.insert(t.sessions).values(asdict(session)).on_conflict_do_nothing(index_elements=["day", "name"]))
            row = connection.execute(sa.select(t.sessions).where(t.sessions.c.day == session.day, t.sessions.c.name == session.name)).one()
            return Session(**row._mapping)

    def change_session(self, session):
        values = {"starts": session.starts, "late_after": session.late_after, "group": session.group}
        with self._write() as connection:
            connection.execute(t.sessions.update().where(t.sessions.c.id == session.id).values(values))

    def sessions(self, first=None, last=None):
        query = sa.select(t.sessions).order_by(t.sessions.c.day, t.sessions.c.starts, t.sessions.c.name)
        query = query if first is None else query.where(t.sessions.c.day >= first)
        return self._rows(Session, query if last is None else query.where(t.sessions.c.day <= last))

    def check_in(self, record, seen_before):
        mine = (t.records.c.person == record.person) & (t.records.c.session == record.session)
        with self._write() as connection:
            insert = self.insert(t.records).values(asdict(record)).on_conflict_do_nothing(index_elements=["person", "session"])
            if connection.execute(insert.returning(t.records.c.id)).first():
                return record, True
            stands = Record(**connection.execute(sa.select(t.records).where(mine)).one()._mapping)
            if stands.first_at is None:  # noted as absent or excused beforehand, and here all the same
                connection.execute(t.corrections.insert(), asdict(arrived(stands, record)))
                values = asdict(replace(record, id=stands.id))
                connection.execute(t.records.update().where(mine).values(values))
                return Record(**values), True
            if stands.last_at < seen_before:
                connection.execute(t.records.update().where(mine, t.records.c.last_at < record.last_at).values(last_at=record.last_at))
                stands = replace(stands, last_at=max(stands.last_at, record.last_at))
            return stands, False

    def records(self, sessions=None, person=None):
        query = sa.select(t.records).order_by(t.records.c.first_at, t.records.c.id)
        query = query if sessions is None else query.where(t.records.c.session.in_(list(sessions)))
        return self._rows(Record, query if person is None else query.where(t.records.c.person == person))

    def correct(self, record, correction):
        with self._write() as connection:
            insert = self.insert(t.records).values(asdict(record))
            connection.execute(insert.on_conflict_do_update(index_elements=["person", "session"], set_={"status": record.status}))
            connection.execute(t.corrections.insert(), asdict(correction))

    def corrections(self, person=None, session=None):
        query = sa.select(t.corrections).order_by(t.corrections.c.at.desc(), t.corrections.c.id)
        query = query if person is None else query.where(t.corrections.c.person == person)
        return self._rows(Correction, query if session is None else query.where(t.corrections.c.session == session))

    def setting(self, key):
        with self._told(), self.engine.connect() as connection:
            return connection.execute(sa.select(t.settings.c.value).where(t.settings.c.key == key)).scalar()

    def set_setting(self, key, value, only_new=False):
        insert = self.insert(t.settings).values(key=key, value=value)
        with self._write() as connection:
            if only_new:
                connection.execute(insert.on_conflict_do_nothing(index_elements=["key"]))
            else:
                connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
            return connection.execute(sa.select(t.settings.c.value).where(t.settings.c.key == key)).scalar()

    def close(self):
        self.engine.dispose()


def arrived(stands, record):
    """The Correction that a sighting makes of a status noted beforehand."""
    why = f"seen by the {record.source}"
    return Correction(new_id(), record.person, record.session, stands.status or "absent", "arrived", why, "the system", record.first_at)


def _engine(url):
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    if url.database and url.database != ":memory:":
        path = Path(url.database)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Unavailable(f"The folder {path.parent} cannot be made ({error.strerror}). Please name another one in STUDIO_ATTENDANCE.") from None
    engine = sa.create_engine(url, connect_args={"timeout": WAIT})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection, _):
        connection.isolation_level = None  # the driver would begin late, and two writers would collide
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", f"busy_timeout={WAIT * 1000}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine


_migrating = threading.Lock()  # alembic keeps its context in a global


def upgrade(connection):
    """Bring the database to the newest tables, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _migrating:
        command.upgrade(config, "head")


def _damaged(path):
    return f"The register {path} is damaged. Nothing was changed: please put a copy of it back, or move it away to begin a new one."


def _sentence(error, register):
    """DBAPIError -> StudioError"""
    said = str(error.orig).lower()
    if "full" in said or "no space" in said:
        return Unavailable("The disk is full: this was not saved, everything saved before is there. Please free some space and try again.")
    if "malformed" in said or "not a database" in said:
        return StudioError(_damaged(register.url.database))
    if "unable to open" in said or "readonly" in said or "read-only" in said:
        where = register.url.database
        return Unavailable(f"The register {where} cannot be written. Please check who owns its folder, or name another one in STUDIO_ATTENDANCE.")
    if "locked" in said or "busy" in said:
        return Unavailable("The register is busy. Please try again in a moment; nothing was saved.")
    return Unavailable(f"The register in {register.kind} does not answer. Please check DATABASE_URL and that the database runs; nothing was lost.")
