"""Stays at stations, and the deadlines that run on them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "stays",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("place_kind", sa.Text(), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("came", sa.Text(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_by", sa.Text(), nullable=False),
        sa.Column("unknown_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="present", nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("referral_id", sa.Uuid(), nullable=True),
        sa.Column("continues", sa.Uuid(), nullable=True),
        sa.Column("continued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dna_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dna_answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dna_matched", sa.Boolean(), nullable=True),
        sa.Column("settlement_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("prolonged_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_by", sa.Text(), nullable=True),
        sa.Column("how", sa.Text(), nullable=True),
        sa.Column("arrival_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("notice_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("leaving_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'left') = (left_at IS NOT NULL)", name=op.f("ck_stays_left_at_some_time")),
        sa.CheckConstraint("state IN ('present', 'left')", name=op.f("ck_stays_state")),
        sa.CheckConstraint("(left_at IS NULL) = (how IS NULL)", name=op.f("ck_stays_left_somehow")),
        sa.ForeignKeyConstraint(
            ["city_id", "facility_id"], ["facilities.city_id", "facilities.id"], name=op.f("fk_stays_facilities")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "person_id"], ["persons.city_id", "persons.id"], name=op.f("fk_stays_persons")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_stays")),
        comment="Somebody's stay at a station: how they came, what was done to find out who they are, how they left.",
    )
    op.create_index(
        "ix_stays_city_id_facility_id_arrived_at", "stays", ["city_id", "facility_id", "arrived_at"], unique=False
    )
    op.create_index("ix_stays_city_id_person_id", "stays", ["city_id", "person_id"], unique=False)
    op.create_index(
        "uq_stays_one_present",
        "stays",
        ["city_id", "person_id"],
        unique=True,
        postgresql_where=sa.text("state = 'present'"),
    )
    op.create_table(
        "stay_clocks",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stay_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("span", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("yellow_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("misses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "fires_at IS NULL OR state IN ('running', 'missed')", name=op.f("ck_stay_clocks_fires_only_while_it_runs")
        ),
        sa.CheckConstraint("state IN ('running', 'met', 'missed', 'cancelled')", name=op.f("ck_stay_clocks_state")),
        sa.ForeignKeyConstraint(
            ["city_id", "stay_id"], ["stays.city_id", "stays.id"], name=op.f("fk_stay_clocks_stays")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_stay_clocks")),
        sa.UniqueConstraint("city_id", "stay_id", "kind", name=op.f("uq_stay_clocks_city_id_stay_id_kind")),
        comment="The deadlines that run on somebody at a station; what they follow from stands in stays and persons.",
    )
    op.create_index(
        "ix_stay_clocks_fire",
        "stay_clocks",
        ["city_id", "fires_at"],
        unique=False,
        postgresql_where=sa.text("fires_at IS NOT NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
