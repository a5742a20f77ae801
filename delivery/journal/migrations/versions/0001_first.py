"""The first schema. The tables as they were on that day: later changes are later files."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite numbers rows by itself for INTEGER alone."""

APPEND_ONLY = ("events", "reports")


def upgrade() -> None:
    for create in TABLES:
        create()
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgres()
    else:
        _guard_sqlite()


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _guard_sqlite() -> None:
    """The database itself refuses to change a fact."""
    for table in APPEND_ONLY:
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _guard_postgres() -> None:
    op.execute(
        "CREATE FUNCTION songda_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION songda_append_only()"
        )


def _attempt_references() -> None:
    op.create_table(
        "attempt_references",
        sa.Column("position", POSITION, autoincrement=True, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_attempt_references"),
        sa.UniqueConstraint("channel", "reference", "attempt", name="uq_attempt_references_channel_reference_attempt"),
        sqlite_autoincrement=True,
    )


def _clerks() -> None:
    op.create_table(
        "clerks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_clerks"),
    )
    op.create_index("ix_clerks_court", "clerks", ["court"])


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("webhook_secret", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("court", "client", name="pk_clients"),
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("court", "sha256", name="pk_documents"),
    )


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
    )
    op.create_index("ix_links_delivery", "links", ["delivery"])


def _looks() -> None:
    op.create_table(
        "looks",
        sa.Column("position", POSITION, autoincrement=True, nullable=False),
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("clerk", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_looks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_looks_court_position", "looks", ["court", "position"])
    op.create_index("ix_looks_delivery", "looks", ["delivery"])


def _publications() -> None:
    op.create_table(
        "publications",
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sink", "position", name="pk_publications"),
    )


def _raw_receipts() -> None:
    op.create_table(
        "raw_receipts",
        sa.Column("position", POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_raw_receipts"),
        sa.UniqueConstraint("id", name="uq_raw_receipts_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_raw_receipts_read_at", "raw_receipts", ["read_at"], **_where("read_at IS NOT NULL"))
    op.create_index("ix_raw_receipts_state_position", "raw_receipts", ["state", "position"])


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("position", POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=True),
        sa.Column("submission", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_reports"),
        sa.UniqueConstraint("delivery", "sequence", name="uq_reports_delivery_sequence"),
        sa.UniqueConstraint("id", name="uq_reports_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reports_court_client_position", "reports", ["court", "client", "position"])
    op.create_index("ix_reports_court_client_recorded_at", "reports", ["court", "client", "recorded_at"])


def _seals() -> None:
    op.create_table(
        "seals",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("sealed_sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("court", "sha256", name="pk_seals"),
    )


def _sinks() -> None:
    op.create_table(
        "sinks",
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("done_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sink", name="pk_sinks"),
    )


def _submissions() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("source", "source_id", name="uq_submissions_source_source_id"),
    )


def _tries() -> None:
    op.create_table(
        "tries",
        sa.Column("position", POSITION, autoincrement=True, nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_tries"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tries_delivery_at", "tries", ["delivery", "at"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("submission", sa.Text(), nullable=False),
        sa.Column("case_number", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("needed_by", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reported", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["submission"], ["submissions.id"], name="fk_deliveries_submission"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_court_case_number_id", "deliveries", ["court", "case_number", "id"])
    op.create_index("ix_deliveries_court_id", "deliveries", ["court", "id"])
    op.create_index("ix_deliveries_court_party_id", "deliveries", ["court", "party", "id"])
    op.create_index("ix_deliveries_court_state_id", "deliveries", ["court", "state", "id"])
    op.create_index("ix_deliveries_due_at", "deliveries", ["due_at"], **_where("due_at IS NOT NULL"))
    op.create_index("ix_deliveries_lease_until", "deliveries", ["lease_until"], **_where("lease_until IS NOT NULL"))
    op.create_index("ix_deliveries_submission", "deliveries", ["submission"])


def _receipt_keys() -> None:
    op.create_table(
        "receipt_keys",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["receipt"], ["raw_receipts.id"], name="fk_receipt_keys_receipt"),
        sa.PrimaryKeyConstraint("channel", "reference", "receipt", name="pk_receipt_keys"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("clerk", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["clerk"], ["clerks.name"], name="fk_sessions_clerk"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("position", POSITION, autoincrement=True, nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_events_delivery"),
        sa.PrimaryKeyConstraint("position", name="pk_events"),
        sa.UniqueConstraint("delivery", "seq", name="uq_events_delivery_seq"),
        sqlite_autoincrement=True,
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("proposal", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_tasks_delivery"),
        sa.PrimaryKeyConstraint("delivery", "id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_court_due_at", "tasks", ["court", "due_at"], **_where("closed_at IS NULL"))


TABLES = (
    _attempt_references,
    _clerks,
    _clients,
    _documents,
    _links,
    _looks,
    _publications,
    _raw_receipts,
    _reports,
    _seals,
    _sinks,
    _submissions,
    _tries,
    _deliveries,
    _receipt_keys,
    _sessions,
    _events,
    _tasks,
)
