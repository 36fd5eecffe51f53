"""Call-backs to reporters, and calls that the hotline has put aside."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Only adds."""
    _call_backs()
    _parked_calls()


def _call_backs() -> None:
    op.create_table(
        "call_backs",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sighting_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("satisfied", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_call_backs")),
        sa.ForeignKeyConstraint(
            ["city_id", "sighting_id"], ["sightings.city_id", "sightings.id"], name=op.f("fk_call_backs_sightings")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_call_backs_cases")
        ),
        sa.CheckConstraint(
            "satisfied IS NULL OR (reached AND satisfied BETWEEN 1 AND 5)", name=op.f("ck_call_backs_satisfied")
        ),
        comment="Each try to ring a reporter back, reached or not; what they said is in event_words.",
    )
    op.create_index(
        "uq_call_backs_reached_once",
        "call_backs",
        ["city_id", "sighting_id", "case_id"],
        unique=True,
        postgresql_where=sa.text("reached"),
    )
    op.create_index("ix_call_backs_city_id_case_id", "call_backs", ["city_id", "case_id"])


def _parked_calls() -> None:
    at = sa.DateTime(timezone=True)
    texts = sa.ARRAY(sa.Text())
    op.create_table(
        "parked_calls",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("roles", texts, server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("regions", texts, server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("started_at", at, nullable=False),
        sa.Column("parked_at", at, nullable=False),
        sa.Column("draft_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_parked_calls")),
        comment="A call that the hotline has put aside for a moment, with what was typed so far; gone within a day.",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
