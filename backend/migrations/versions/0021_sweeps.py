"""Sweeps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "sweep_cells",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column(
            "why", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("laid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("detection", sa.Double(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_because", sa.Text(), nullable=True),
        sa.Column("unserved_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(dropped_because IS NOT NULL) = (state = 'dropped')", name=op.f("ck_sweep_cells_dropped_for_a_reason")
        ),
        sa.CheckConstraint(
            "(leased_until IS NOT NULL) = (state = 'leased')",
            name=op.f("ck_sweep_cells_until_a_moment_exactly_while_leased"),
        ),
        sa.CheckConstraint(
            "(team_id IS NOT NULL) = (state = 'leased')", name=op.f("ck_sweep_cells_a_team_exactly_while_leased")
        ),
        sa.CheckConstraint(
            "state <> 'covered' OR looked_at IS NOT NULL", name=op.f("ck_sweep_cells_covered_only_once_looked_at")
        ),
        sa.CheckConstraint("state IN ('due', 'leased', 'covered', 'dropped')", name=op.f("ck_sweep_cells_state")),
        sa.CheckConstraint(
            "(looked_at IS NULL) = (detection IS NULL)", name=op.f("ck_sweep_cells_a_chance_exactly_once_looked_at")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"], name=op.f("fk_sweep_cells_campaigns")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_sweep_cells_teams")
        ),
        sa.PrimaryKeyConstraint("city_id", "campaign_id", "cell", name=op.f("pk_sweep_cells")),
        comment="Ground that a campaign covers, cell by cell (H3): the stop in it, why it is worth a look, and how it stands now.",
    )
    op.create_index(
        "uq_sweep_cells_one_lease_per_team",
        "sweep_cells",
        ["city_id", "campaign_id", "team_id"],
        unique=True,
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_table(
        "sweep_tours",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("cells", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("minutes", sa.ARRAY(sa.Double()), server_default=sa.text("'{}'::double precision[]"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (state = 'current')", name=op.f("ck_sweep_tours_ended_at_some_time")),
        sa.CheckConstraint("state IN ('current', 'replaced', 'done')", name=op.f("ck_sweep_tours_state")),
        sa.CheckConstraint(
            "cardinality(cells) = cardinality(minutes)", name=op.f("ck_sweep_tours_minutes_to_each_stop")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"], name=op.f("fk_sweep_tours_campaigns")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_sweep_tours_teams")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_sweep_tours")),
        comment="Which cells a team was to look at in which order, and why it was planned so.",
    )
    op.create_index(
        "ix_sweep_tours_of_a_campaign", "sweep_tours", ["city_id", "campaign_id", "planned_at"], unique=False
    )
    op.create_index(
        "uq_sweep_tours_one_current_per_team",
        "sweep_tours",
        ["city_id", "team_id"],
        unique=True,
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_table(
        "sweeps",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("laid_for", sa.Text(), nullable=True),
        sa.Column("laid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("considered", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("claim", sa.Uuid(), nullable=True),
        sa.Column("claim_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"], name=op.f("fk_sweeps_campaigns")
        ),
        sa.PrimaryKeyConstraint("city_id", "campaign_id", name=op.f("pk_sweeps")),
        comment="How far the machine is with a campaign's sweep, and who lays out or plans now: a schedule.",
    )
    op.create_index(
        "ix_sweeps_going", "sweeps", ["city_id"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "sweep_looks",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("detection", sa.Double(), nullable=False),
        sa.Column("is_passing", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("off_by_m", sa.Double(), nullable=True),
        sa.Column("refuted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("by IN ('track', 'hand')", name=op.f("ck_sweep_looks_by")),
        sa.CheckConstraint("ended_at >= began_at", name=op.f("ck_sweep_looks_ends_after_it_began")),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id", "cell"],
            ["sweep_cells.city_id", "sweep_cells.campaign_id", "sweep_cells.cell"],
            name="fk_sweep_looks_sweep_cells",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_sweep_looks_teams")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_sweep_looks")),
        comment="Each presence of a team in a cell that counts, by its track or by hand with a reason.",
    )
    op.create_index("ix_sweep_looks_of_a_cell", "sweep_looks", ["city_id", "campaign_id", "cell"], unique=False)
    op.create_index(
        "ix_sweep_looks_of_a_team", "sweep_looks", ["city_id", "campaign_id", "team_id", "ended_at"], unique=False
    )
    op.create_table(
        "sweep_passes",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["city_id", "campaign_id", "cell"],
            ["sweep_cells.city_id", "sweep_cells.campaign_id", "sweep_cells.cell"],
            name="fk_sweep_passes_sweep_cells",
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_sweep_passes_teams")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_sweep_passes")),
        comment="A team says that a cell cannot be reached now, and why.",
    )
    op.create_index("ix_sweep_passes_of_a_cell", "sweep_passes", ["city_id", "campaign_id", "cell"], unique=False)
    op.add_column("cases", sa.Column("campaign_id", sa.Uuid(), nullable=True))
    op.add_column("presence", sa.Column("swept_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("presence", sa.Column("late_from", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
