"""Where alembic begins; core/attendance/sql.py hands over the connection and its transaction."""

from alembic import context

from core.attendance.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
