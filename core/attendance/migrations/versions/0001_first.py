"""People, faces, sessions, records, corrections, settings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def id_():
    return sa.Column("id", sa.String(32), primary_key=True)


def belongs_to(table, name):
    return sa.Column(name, sa.String(32), sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, index=True)


def needed(name, kind):
    return sa.Column(name, kind, nullable=False)


def upgrade():
    text, moment = sa.String(100), sa.String(25)
    op.create_table(
        "people", id_(), needed("name", sa.String(200)), sa.Column("number", text, unique=True), needed("group", text),
        needed("consent", sa.Text), needed("consent_at", moment), needed("created_at", moment),
    )  # fmt: skip
    op.create_table(
        "faces", id_(), belongs_to("people", "person"), needed("vector", sa.LargeBinary), sa.Column("photo", sa.LargeBinary), needed("created_at", moment)
    )
    op.create_table(
        "sessions", id_(), needed("day", sa.String(10)), needed("name", text), needed("starts", sa.String(5)), needed("late_after", sa.Integer),
        needed("group", text), sa.UniqueConstraint("day", "name", name="one_session_of_a_name_a_day"),
    )  # fmt: skip
    op.create_index("sessions_by_day", "sessions", ["day"])
    op.create_table(
        "records", id_(), belongs_to("people", "person"), belongs_to("sessions", "session"), sa.Column("first_at", moment), sa.Column("last_at", moment),
        sa.Column("distance", sa.Float), needed("source", sa.String(20)), sa.Column("status", sa.String(10)),
        sa.UniqueConstraint("person", "session", name="one_record_of_a_person_a_session"),
    )  # fmt: skip
    op.create_table(
        "corrections", id_(), belongs_to("people", "person"), belongs_to("sessions", "session"), needed("before", sa.String(10)),
        needed("after", sa.String(10)), needed("reason", sa.Text), needed("who", text), needed("at", moment),
    )  # fmt: skip
    op.create_table("settings", sa.Column("key", sa.String(50), primary_key=True), needed("value", sa.Text))


def downgrade():
    for table in ("settings", "corrections", "records", "sessions", "faces", "people"):
        op.drop_table(table)
