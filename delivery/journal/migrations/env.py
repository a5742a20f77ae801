"""What Alembic runs: the steps, on the connection that `upgrade` handed over."""

from __future__ import annotations

from alembic import context

from delivery.journal.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
