"""Those who went home, and the visits they get there."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "returnees",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("facilities", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("stay_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("is_prone", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("relapses", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("relapsed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("home_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("end_note_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name=op.f("ck_returnees_ended_at_some_time")),
        sa.CheckConstraint(
            "state IN ('followed', 'registered', 'elsewhere', 'ended')", name=op.f("ck_returnees_state")
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_returnees_ended_for_some_reason")
        ),
        sa.CheckConstraint("until > since", name=op.f("ck_returnees_followed_for_some_time")),
        sa.ForeignKeyConstraint(
            ["city_id", "person_id"], ["persons.city_id", "persons.id"], name=op.f("fk_returnees_persons")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_returnees")),
        comment="Somebody who went home. region: where they live now; relapses: the cases and stays by which they were found away again.",
    )
    op.create_index("ix_returnees_city_id_person_id", "returnees", ["city_id", "person_id"], unique=False)
    op.create_index(
        "ix_returnees_live",
        "returnees",
        ["city_id", "until"],
        unique=False,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "uq_returnees_one_live",
        "returnees",
        ["city_id", "person_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_table(
        "home_visits",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("returnee_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("fires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("in_region", sa.Boolean(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("found_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name=op.f("ck_home_visits_done_at_some_time")),
        sa.CheckConstraint(
            "(state = 'due') = (fires_at IS NOT NULL)", name=op.f("ck_home_visits_fires_exactly_while_it_is_due")
        ),
        sa.CheckConstraint("state IN ('due', 'done', 'cancelled')", name=op.f("ck_home_visits_state")),
        sa.CheckConstraint("(done_at IS NULL) = (outcome IS NULL)", name=op.f("ck_home_visits_done_with_an_outcome")),
        sa.ForeignKeyConstraint(
            ["city_id", "returnee_id"], ["returnees.city_id", "returnees.id"], name=op.f("fk_home_visits_returnees")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_home_visits")),
        comment="Visits of those who went home and may be on the street again; one is due while they are followed.",
    )
    op.create_index("ix_home_visits_city_id_due_at", "home_visits", ["city_id", "due_at"], unique=False)
    op.create_index(
        "ix_home_visits_fire",
        "home_visits",
        ["city_id", "fires_at"],
        unique=False,
        postgresql_where=sa.text("fires_at IS NOT NULL"),
    )
    op.create_index(
        "uq_home_visits_one_due",
        "home_visits",
        ["city_id", "returnee_id"],
        unique=True,
        postgresql_where=sa.text("state = 'due'"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
