"""Revocation data that was fetched, and until when the proof packs hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("this_update", sa.BigInteger(), nullable=False),
        sa.Column("next_update", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("certificate", name="pk_revocations"),
    )
    op.create_table(
        "archives",
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=True),
        sa.Column("holds_until", sa.Date(), nullable=True),
        sa.Column("pack", sa.Text(), nullable=True),
        sa.Column("renewed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_archives_delivery"),
        sa.PrimaryKeyConstraint("delivery", name="pk_archives"),
    )
    op.create_index("ix_archives_holds_until", "archives", ["holds_until"])
