"""Warnings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "warnings",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chain_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("sent", sa.DateTime(timezone=True), nullable=False),
        sa.Column("msg_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("hazard", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=True),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column(
            "drawn",
            sa.LargeBinary(),
            nullable=True,
            comment="the part of the city that the warning draws, WKB in WGS-84",
        ),
        sa.Column("is_elsewhere", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "refers_to", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "told", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="as it came, packed"),
        sa.CheckConstraint(
            "state IN ('live', 'replaced', 'lifted', 'over', 'ignored', 'refused')", name=op.f("ck_warnings_state")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_warnings")),
        sa.UniqueConstraint("city_id", "sender", "identifier", name=op.f("uq_warnings_city_id_sender_identifier")),
        comment="What weather services said (CAP), what each did here, and what holds now.",
    )
    op.create_index("ix_warnings_city_id_received_at", "warnings", ["city_id", "received_at"], unique=False)
    op.create_index(
        "ix_warnings_expire",
        "warnings",
        ["city_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_index(
        "uq_warnings_one_live_of_a_chain",
        "warnings",
        ["city_id", "chain_id"],
        unique=True,
        postgresql_where=sa.text("state = 'live'"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
