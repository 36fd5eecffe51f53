"""Referrals: who is to go into other hands, and who holds a place for them."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "referrals",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="yyyymmdd and a counter of five digits"),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("from_kind", sa.Text(), nullable=False),
        sa.Column("from_team", sa.Uuid(), nullable=True),
        sa.Column("from_facility", sa.Uuid(), nullable=True),
        sa.Column("to_kind", sa.Text(), nullable=False),
        sa.Column("to_facility", sa.Uuid(), nullable=True),
        sa.Column("place_kind", sa.Text(), nullable=True),
        sa.Column("people_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offered_by", sa.Text(), nullable=False),
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("consent_ground", sa.Text(), nullable=True),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=True),
        sa.Column("fires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("eta_s", sa.Double(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("reserved_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("to_words_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("receiver_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("hand_over_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(consent_ground IS NOT NULL) = (consent = 'not_needed')",
            name=op.f("ck_referrals_a_ground_where_nobody_consents"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('offered', 'accepted', 'arrived'))",
            name=op.f("ck_referrals_ended_exactly_when_over"),
        ),
        sa.CheckConstraint(
            "(fires_at IS NOT NULL) = (state IN ('offered', 'accepted', 'arrived'))",
            name=op.f("ck_referrals_fires_exactly_while_it_waits"),
        ),
        sa.CheckConstraint(
            "(from_kind = 'facility') = (from_facility IS NOT NULL)",
            name=op.f("ck_referrals_from_a_facility_that_is_named"),
        ),
        sa.CheckConstraint("consent IN ('given', 'not_needed')", name=op.f("ck_referrals_consent")),
        sa.CheckConstraint("from_kind IN ('team', 'facility', 'desk')", name=op.f("ck_referrals_from_kind")),
        sa.CheckConstraint(
            "state IN ('offered', 'accepted', 'refused', 'withdrawn', 'arrived', 'not_used', 'handed_over')",
            name=op.f("ck_referrals_state"),
        ),
        sa.CheckConstraint("people_count BETWEEN 1 AND 20", name=op.f("ck_referrals_people_count")),
        sa.CheckConstraint(
            "place_kind IS NULL OR to_facility IS NOT NULL", name=op.f("ck_referrals_places_are_of_a_facility")
        ),
        sa.ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_referrals_cases")),
        sa.ForeignKeyConstraint(
            ["city_id", "from_facility"], ["facilities.city_id", "facilities.id"], name="fk_referrals_from"
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "from_team"], ["teams.city_id", "teams.id"], name=op.f("fk_referrals_teams")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "to_facility"], ["facilities.city_id", "facilities.id"], name="fk_referrals_to"
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_referrals")),
        sa.UniqueConstraint("city_id", "number", name=op.f("uq_referrals_city_id_number")),
        comment="Somebody is to go from one pair of hands into another: asked, answered, on the way, handed over.",
    )
    op.create_index(
        "ix_referrals_city_id_case_id",
        "referrals",
        ["city_id", "case_id"],
        unique=False,
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index("ix_referrals_city_id_offered_at", "referrals", ["city_id", "offered_at"], unique=False)
    op.create_index(
        "ix_referrals_fire",
        "referrals",
        ["city_id", "fires_at"],
        unique=False,
        postgresql_where=sa.text("fires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_referrals_to",
        "referrals",
        ["city_id", "to_facility", "state"],
        unique=False,
        postgresql_where=sa.text("to_facility IS NOT NULL"),
    )
    op.create_table(
        "referral_people",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column(
            "person_index",
            sa.Integer(),
            nullable=True,
            comment="their place in the record of the case's handling, from 0",
        ),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("age_band", sa.Text(), nullable=False),
        sa.Column(
            "live", sa.Boolean(), nullable=False, comment="the referral is not over: nobody else is asked to take them"
        ),
        sa.Column("told_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(case_id IS NOT NULL AND person_index IS NOT NULL) OR person_id IS NOT NULL",
            name=op.f("ck_referral_people_somebody"),
        ),
        sa.CheckConstraint("person_index BETWEEN 0 AND 98", name=op.f("ck_referral_people_person_index")),
        sa.ForeignKeyConstraint(
            ["city_id", "referral_id"], ["referrals.city_id", "referrals.id"], name=op.f("fk_referral_people_referrals")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_referral_people")),
        comment="Who is referred, as far as the receiver has to know; no names.",
    )
    op.create_index(
        "ix_referral_people_city_id_referral_id", "referral_people", ["city_id", "referral_id"], unique=False
    )
    op.create_index(
        "uq_referral_people_of_a_case",
        "referral_people",
        ["city_id", "case_id", "person_index"],
        unique=True,
        postgresql_where=sa.text("live AND person_index IS NOT NULL"),
    )
    op.create_index(
        "uq_referral_people_of_the_register",
        "referral_people",
        ["city_id", "person_id"],
        unique=True,
        postgresql_where=sa.text("live AND person_id IS NOT NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
