"""The ledger: leaves, full tiles, checkpoints and what witnesses signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("ledger_tiles", "ledger_checkpoints", "ledger_cosignatures")

OTHERWISE = (
    "NEW.salt IS NOT NULL OR NEW.{0} <> OLD.{0} OR NEW.{1} <> OLD.{1} OR NEW.{2} <> OLD.{2} OR NEW.{3} <> OLD.{3}"
)
"""A leaf may lose its salt, when the event's personal data are erased; nothing else of it ever changes."""


def upgrade() -> None:
    _leaves()
    _tiles()
    _checkpoints()
    _cosignatures()
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgres()
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    for table in APPEND_ONLY:
        for act in ("UPDATE", "DELETE"):
            _refuse_sqlite(table, act)
    _refuse_sqlite("ledger_leaves", "DELETE")
    _refuse_sqlite("ledger_leaves", "UPDATE", f" WHEN {OTHERWISE.format('number', 'position', 'entry', 'hash')}")


def _refuse_sqlite(table: str, act: str, when: str = "") -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}{when} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _guard_postgres() -> None:
    for table in APPEND_ONLY:
        _refuse_postgres(table, "UPDATE OR DELETE OR TRUNCATE", "STATEMENT")
    _refuse_postgres("ledger_leaves", "DELETE OR TRUNCATE", "STATEMENT")
    changed = OTHERWISE.format("number", "position", "entry", "hash")
    _refuse_postgres("ledger_leaves", "UPDATE", f"ROW WHEN ({changed})", name="ledger_leaves_only_lose_salts")


def _refuse_postgres(table: str, acts: str, each: str, name: str | None = None) -> None:
    op.execute(
        f"CREATE TRIGGER {name or f'{table}_append_only'} BEFORE {acts} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION songda_append_only()"
    )


def _leaves() -> None:
    op.create_table(
        "ledger_leaves",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_ledger_leaves"),
        sa.UniqueConstraint("position", name="uq_ledger_leaves_position"),
    )


def _tiles() -> None:
    op.create_table(
        "ledger_tiles",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_ledger_tiles"),
    )


def _checkpoints() -> None:
    op.create_table(
        "ledger_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_ledger_checkpoints"),
    )


def _cosignatures() -> None:
    op.create_table(
        "ledger_cosignatures",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["ledger_checkpoints.size"], name="fk_ledger_cosignatures_size"),
        sa.PrimaryKeyConstraint("size", "witness", name="pk_ledger_cosignatures"),
    )
