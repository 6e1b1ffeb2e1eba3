"""The tables of a register, as SQLAlchemy sees them. `migrations/` brings a database to this state."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()


def person_key():
    return Column("person", String(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True)


def session_key():
    return Column("session", String(32), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True)


people = Table(
    "people", metadata,
    Column("id", String(32), primary_key=True), Column("name", String(200), nullable=False), Column("number", String(100), unique=True),
    Column("group", String(100), nullable=False), Column("consent", Text, nullable=False), Column("consent_at", String(25), nullable=False),
    Column("created_at", String(25), nullable=False),
)  # fmt: skip
faces = Table(
    "faces", metadata,
    Column("id", String(32), primary_key=True), person_key(), Column("vector", LargeBinary, nullable=False), Column("photo", LargeBinary),
    Column("created_at", String(25), nullable=False),
)  # fmt: skip
sessions = Table(
    "sessions", metadata,
    Column("id", String(32), primary_key=True), Column("day", String(10), nullable=False), Column("name", String(100), nullable=False),
    Column("starts", String(5), nullable=False), Column("late_after", Integer, nullable=False), Column("group", String(100), nullable=False),
    UniqueConstraint("day", "name", name="one_session_of_a_name_a_day"),
)  # fmt: skip
records = Table(
    "records", metadata,
    Column("id", String(32), primary_key=True), person_key(), session_key(), Column("first_at", String(25)), Column("last_at", String(25)),
    Column("distance", Float), Column("source", String(20), nullable=False), Column("status", String(10)),
    UniqueConstraint("person", "session", name="one_record_of_a_person_a_session"),
)  # fmt: skip
corrections = Table(
    "corrections", metadata,
    Column("id", String(32), primary_key=True), person_key(), session_key(), Column("before", String(10), nullable=False),
    Column("after", String(10), nullable=False), Column("reason", Text, nullable=False), Column("who", String(100), nullable=False),
    Column("at", String(25), nullable=False),
)  # fmt: skip
settings = Table("settings", metadata, Column("key", String(50), primary_key=True), Column("value", Text, nullable=False))
Index("sessions_by_day", sessions.c.day)
