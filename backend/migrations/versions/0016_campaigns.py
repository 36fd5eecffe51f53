"""Campaigns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "campaigns",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("hazard", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=True),
        sa.Column("season", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column(
            "basis", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("chain_id", sa.Uuid(), nullable=True),
        sa.Column("chains", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("warning_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column(
            "drawn",
            sa.LargeBinary(),
            nullable=True,
            comment="the ground, where it is not just the regions: WKB in WGS-84",
        ),
        sa.Column(
            "plan", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("escalates_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(close_reason IS NULL) = (state <> 'closed')", name=op.f("ck_campaigns_closed_for_a_reason")
        ),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (state IN ('proposed', 'running'))", name=op.f("ck_campaigns_over_at_some_time")
        ),
        sa.CheckConstraint("cause IN ('warning', 'observed', 'hand')", name=op.f("ck_campaigns_cause")),
        sa.CheckConstraint(
            "close_reason IN ('lifted', 'expired', 'hand', 'downgraded')", name=op.f("ck_campaigns_close_reason")
        ),
        sa.CheckConstraint(
            "escalates_at IS NULL OR state = 'proposed'", name=op.f("ck_campaigns_escalates_only_while_proposed")
        ),
        sa.CheckConstraint(
            "state <> 'running' OR opened_at IS NOT NULL", name=op.f("ck_campaigns_running_once_opened")
        ),
        sa.CheckConstraint("state IN ('proposed', 'running', 'closed', 'declined')", name=op.f("ck_campaigns_state")),
        sa.CheckConstraint(
            "(opened_at IS NULL) = (opened_by IS NULL)", name=op.f("ck_campaigns_opened_by_somebody_at_some_time")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("city_id", "number", name=op.f("uq_campaigns_city_id_number")),
        comment="What was set going against extreme weather, why, and until when. chains: all warnings' chains that it is about.",
    )
    op.create_index("ix_campaigns_city_id_proposed_at", "campaigns", ["city_id", "proposed_at"], unique=False)
    op.create_index(
        "ix_campaigns_open",
        "campaigns",
        ["city_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('proposed', 'running')"),
    )
    op.create_index(
        "uq_campaigns_one_open_of_a_chain",
        "campaigns",
        ["city_id", "chain_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'running')"),
    )
    op.create_table(
        "campaign_calls",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "why", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"], name=op.f("fk_campaign_calls_campaigns")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_campaign_calls_teams")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_campaign_calls")),
        sa.UniqueConstraint(
            "city_id", "campaign_id", "team_id", name=op.f("uq_campaign_calls_city_id_campaign_id_team_id")
        ),
        comment="Teams off duty that a campaign called in 召集, why these, and when they came.",
    )
    op.create_table(
        "campaign_points",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (state <> 'closed')", name=op.f("ck_campaign_points_closed_at_some_time")
        ),
        sa.CheckConstraint(
            "state <> 'open' OR opened_at IS NOT NULL", name=op.f("ck_campaign_points_open_once_opened")
        ),
        sa.CheckConstraint("state IN ('wanted', 'open', 'closed')", name=op.f("ck_campaign_points_state")),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"], name=op.f("fk_campaign_points_campaigns")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "facility_id"],
            ["facilities.city_id", "facilities.id"],
            name=op.f("fk_campaign_points_facilities"),
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_campaign_points")),
        sa.UniqueConstraint(
            "city_id", "campaign_id", "facility_id", name=op.f("uq_campaign_points_city_id_campaign_id_facility_id")
        ),
        comment="Temporary points 临时御寒(防暑)点 that a campaign wants open, and since when they are.",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
