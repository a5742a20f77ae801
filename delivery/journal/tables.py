"""The schema: one for SQLite and PostgreSQL. `events` is the truth; the rest is made from it or stands beside it.

migrations/ builds it; a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from delivery.journal.encoding import instant, micros

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else instant(value)


Position = BigInteger().with_variant(Integer(), "sqlite")
"""Counts the rows of a table in the order in which they were committed. SQLite numbers rows for INTEGER alone."""


def _positioned(name: str, *rest: Any, position: str = "position") -> Table:
    return Table(
        name,
        metadata,
        Column(position, Position, primary_key=True, autoincrement=True),
        *rest,
        sqlite_autoincrement=True,
    )


submissions = Table(
    "submissions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("court", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    UniqueConstraint("source", "source_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("court", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("submission", Text, ForeignKey("submissions.id"), nullable=False),
    Column("case_number", Text, nullable=False),
    # The name alone: enough to find a person's deliveries, nothing by which to reach or to impersonate anybody.
    Column("party", Text, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("needed_by", Instant),
    Column("version", Integer, nullable=False),
    Column("reported", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("effective_date", Date),
    Column("due_at", Instant),
    Column("lease_until", Instant),
)
Index("ix_deliveries_submission", deliveries.c.submission)
Index("ix_deliveries_court_state_id", deliveries.c.court, deliveries.c.state, deliveries.c.id)
Index("ix_deliveries_court_case_number_id", deliveries.c.court, deliveries.c.case_number, deliveries.c.id)
Index("ix_deliveries_court_party_id", deliveries.c.court, deliveries.c.party, deliveries.c.id)
Index("ix_deliveries_court_id", deliveries.c.court, deliveries.c.id)
# Claims walk these two; concluded deliveries are in neither, so history does not slow them down.
_DUE, _LEASED = deliveries.c.due_at.is_not(None), deliveries.c.lease_until.is_not(None)
Index("ix_deliveries_due_at", deliveries.c.due_at, sqlite_where=_DUE, postgresql_where=_DUE)
Index("ix_deliveries_lease_until", deliveries.c.lease_until, sqlite_where=_LEASED, postgresql_where=_LEASED)

events = _positioned(
    "events",
    Column("delivery", Text, ForeignKey("deliveries.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("delivery", "seq"),
)

reports = _positioned(
    "reports",
    Column("id", Text, nullable=False, unique=True),
    Column("court", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("delivery", Text),
    Column("submission", Text, nullable=False),
    Column("sequence", Integer),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("delivery", "sequence"),
)
Index("ix_reports_court_client_position", reports.c.court, reports.c.client, reports.c.position)
Index("ix_reports_court_client_recorded_at", reports.c.court, reports.c.client, reports.c.recorded_at)

# How far each sink has come: everything up to `done_to`, and the single ones above it.
sinks = Table("sinks", metadata, Column("sink", Text, primary_key=True), Column("done_to", BigInteger, nullable=False))
publications = Table(
    "publications",
    metadata,
    Column("sink", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("sink", "position"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("delivery", Text, ForeignKey("deliveries.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("court", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("proposal", Text),
    Column("attempt", Text),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Column("decision", Text),
    PrimaryKeyConstraint("delivery", "id"),
)
_OPEN = tasks.c.closed_at.is_(None)
Index("ix_tasks_court_due_at", tasks.c.court, tasks.c.due_at, sqlite_where=_OPEN, postgresql_where=_OPEN)

references = _positioned(
    "attempt_references",
    Column("channel", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("attempt", Text, nullable=False),
    UniqueConstraint("channel", "reference", "attempt"),
)

raw_receipts = _positioned(
    "raw_receipts",
    Column("id", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("meta", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("delivery", Text),
    # When it is to be read (again); empty once nobody needs to.
    Column("read_at", Instant),
)
_UNREAD = raw_receipts.c.read_at.is_not(None)
Index("ix_raw_receipts_read_at", raw_receipts.c.read_at, sqlite_where=_UNREAD, postgresql_where=_UNREAD)
Index("ix_raw_receipts_state_position", raw_receipts.c.state, raw_receipts.c.position)

receipt_keys = Table(
    "receipt_keys",
    metadata,
    Column("receipt", Text, ForeignKey("raw_receipts.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("reference", Text, nullable=False),
    PrimaryKeyConstraint("channel", "reference", "receipt"),
)

documents = Table(
    "documents",
    metadata,
    Column("court", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("pages", Integer, nullable=False),
    PrimaryKeyConstraint("court", "sha256"),
)

seals = Table(
    "seals",
    metadata,
    Column("court", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sealed_sha256", Text, nullable=False),
    PrimaryKeyConstraint("court", "sha256"),
)

links = Table(
    "links",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("attempt", Text, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)
Index("ix_links_delivery", links.c.delivery)

tries = _positioned(
    "tries",
    Column("delivery", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_tries_delivery_at", tries.c.delivery, tries.c.at)

clients = Table(
    "clients",
    metadata,
    Column("court", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("webhook_url", Text),
    Column("webhook_secret", Text),
    PrimaryKeyConstraint("court", "client"),
)

clerks = Table(
    "clerks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("court", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
)
Index("ix_clerks_court", clerks.c.court)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("clerk", Text, ForeignKey("clerks.name"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_sessions_expires_at", sessions.c.expires_at)

looks = _positioned(
    "looks",
    Column("court", Text, nullable=False),
    Column("clerk", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("what", Text, nullable=False),
    Column("delivery", Text),
)
Index("ix_looks_court_position", looks.c.court, looks.c.position)
Index("ix_looks_delivery", looks.c.delivery)

stamps = Table(
    "stamps",
    metadata,
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("imprint", LargeBinary, nullable=False),
    Column("wanted_at", Instant, nullable=False),
    # When the last try was in vain; empty while nobody has tried.
    Column("failed_at", Instant),
    Column("token", LargeBinary),
    Column("stamped_at", Instant),
    Column("authority", Text),
    PrimaryKeyConstraint("kind", "subject"),
)
_UNSTAMPED = stamps.c.token.is_(None)
Index("ix_stamps_wanted_at", stamps.c.wanted_at, sqlite_where=_UNSTAMPED, postgresql_where=_UNSTAMPED)

# What was last fetched of each certificate, by the SHA-256 of its DER.
revocations = Table(
    "revocations",
    metadata,
    Column("certificate", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("this_update", Instant, nullable=False),
    Column("next_update", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# The mark of the renewal on each delivery, made at that version of it. `pack`: the kept container, of what `content`
# names until it is renewed. `former`: the renewed container of an earlier proof.
archives = Table(
    "archives",
    metadata,
    Column("delivery", Text, ForeignKey("deliveries.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("proof", Text),
    Column("holds_until", Date),
    Column("pack", Text),
    Column("renewed_at", Instant),
    Column("content", Text),
    Column("former", Text),
)
Index("ix_archives_holds_until", archives.c.holds_until)

# What a worker is renewing now, by the machine's clock.
renewals = Table(
    "renewals",
    metadata,
    Column("delivery", Text, ForeignKey("deliveries.id"), primary_key=True),
    Column("lease_until", Instant, nullable=False),
)

# --- the ledger: events in the order of their commits, each as one leaf ----------------------------------------------

ledger_leaves = Table(
    "ledger_leaves",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("entry", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # Empty once the personal data of the event were erased; nothing else of a leaf can change.
    Column("salt", LargeBinary),
)

# Full tiles alone. The hashes of an unfinished tile are the roots of those below it, or the last leaves.
ledger_tiles = Table(
    "ledger_tiles",
    metadata,
    Column("level", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "number"),
)

ledger_checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
)

ledger_cosignatures = Table(
    "ledger_cosignatures",
    metadata,
    Column("size", BigInteger, ForeignKey("ledger_checkpoints.size"), nullable=False),
    Column("witness", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("size", "witness"),
)

# --- the keys of seals: where each is and what was done with it, never a key ------------------------------------------

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("court", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("bits", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("certificate", Text, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
)
Index("ix_keys_court", keys.c.court)

key_acts = _positioned(
    "key_acts",
    Column("key", Text, ForeignKey("keys.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("act", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Instant),
    UniqueConstraint("key", "act", "by"),
)

APPEND_ONLY = (
    "events",
    "reports",
    "ledger_tiles",
    "ledger_checkpoints",
    "ledger_cosignatures",
    "keys",
    "key_acts",
)
"""Their rows are facts: the database itself refuses to change or delete them."""
