"""Crews that call for help."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Only adds."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "distress_calls",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("raised_at", at, nullable=False),
        sa.Column("received_at", at, nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("place_at", at, nullable=True),
        sa.Column("presses", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("escalates_at", at, nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", at, nullable=True),
        sa.Column("over_by", sa.Text(), nullable=True),
        sa.Column("over_at", at, nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(answered_by IS NULL) = (answered_at IS NULL)",
            name=op.f("ck_distress_calls_answered_by_somebody_at_some_time"),
        ),
        sa.CheckConstraint(
            "escalates_at IS NULL OR answered_at IS NULL",
            name=op.f("ck_distress_calls_escalates_only_while_unanswered"),
        ),
        sa.CheckConstraint(
            "over_at IS NULL OR answered_at IS NOT NULL", name=op.f("ck_distress_calls_over_only_once_answered")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_distress_calls_teams")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_distress_calls")),
        comment="A crew calls for help: who, when by its own clock and where; what was answered, until it is over.",
    )
    op.create_index(
        "ix_distress_calls_escalate",
        "distress_calls",
        ["city_id", "escalates_at"],
        unique=False,
        postgresql_where=sa.text("escalates_at IS NOT NULL"),
    )
    op.create_index(
        "ix_distress_calls_open",
        "distress_calls",
        ["city_id", "raised_at"],
        unique=False,
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_index(
        "uq_distress_calls_one_unanswered_per_team",
        "distress_calls",
        ["city_id", "team_id"],
        unique=True,
        postgresql_where=sa.text("answered_at IS NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
