"""Stock."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "stock_moves",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("from_place", sa.Text(), nullable=False),
        sa.Column("to_place", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("cause IN ('moved', 'counted', 'given')", name=op.f("ck_stock_moves_cause")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_stock_moves_moves_something")),
        sa.CheckConstraint("from_place <> to_place", name=op.f("ck_stock_moves_moves_somewhere")),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"], name=op.f("fk_stock_moves_campaigns")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_stock_moves_cases")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_stock_moves_teams")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_stock_moves")),
        comment="Supplies from one place to another: what lies where is the sum of its moves.",
    )
    op.create_index(
        "ix_stock_moves_case",
        "stock_moves",
        ["city_id", "case_id"],
        unique=False,
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index(
        "ix_stock_moves_campaign",
        "stock_moves",
        ["city_id", "campaign_id"],
        unique=False,
        postgresql_where=sa.text("campaign_id IS NOT NULL"),
    )
    op.create_index("ix_stock_moves_city_id_at", "stock_moves", ["city_id", "at"], unique=False)
    op.create_index("ix_stock_moves_from", "stock_moves", ["city_id", "from_place", "item"], unique=False)
    op.create_index("ix_stock_moves_to", "stock_moves", ["city_id", "to_place", "item"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
