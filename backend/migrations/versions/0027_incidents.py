"""Incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="yyyymmdd and a counter of three digits"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("handling_id", sa.Uuid(), nullable=True),
        sa.Column("stay_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("home_visit_id", sa.Uuid(), nullable=True),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("teams", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("facilities", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("owes", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("misses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reported_by", sa.Text(), nullable=True),
        sa.Column("follow_ups", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("told_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (state = 'open')", name=op.f("ck_incidents_ended_exactly_when_over")),
        sa.CheckConstraint(
            "(fires_at IS NOT NULL) = (state = 'open')", name=op.f("ck_incidents_fires_exactly_while_open")
        ),
        sa.CheckConstraint("(owes IS NOT NULL) = (state = 'open')", name=op.f("ck_incidents_owes_exactly_while_open")),
        sa.CheckConstraint("cause IN ('hand', 'handling', 'stay', 'visit')", name=op.f("ck_incidents_cause")),
        sa.CheckConstraint(
            "kind IN ('death', 'missing', 'accident', 'abuse', 'trafficking', 'violence')",
            name=op.f("ck_incidents_kind"),
        ),
        sa.CheckConstraint("owes IN ('report', 'follow_up')", name=op.f("ck_incidents_owes")),
        sa.CheckConstraint(
            "state <> 'concluded' OR reported_at IS NOT NULL", name=op.f("ck_incidents_concluded_only_when_reported")
        ),
        sa.CheckConstraint("state IN ('open', 'concluded', 'withdrawn')", name=op.f("ck_incidents_state")),
        sa.CheckConstraint(
            "(reported_at IS NULL) = (reported_by IS NULL)", name=op.f("ck_incidents_reported_by_somebody")
        ),
        sa.ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_incidents_cases")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("city_id", "number", name=op.f("uq_incidents_city_id_number")),
        comment="Death, somebody missing, an accident, abuse, trafficking, violence: reported up at once, through every level.",
    )
    op.create_index(
        "ix_incidents_city_id_case_id",
        "incidents",
        ["city_id", "case_id"],
        unique=False,
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index(
        "ix_incidents_city_id_person_id",
        "incidents",
        ["city_id", "person_id"],
        unique=False,
        postgresql_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_index("ix_incidents_city_id_raised_at", "incidents", ["city_id", "raised_at"], unique=False)
    op.create_index(
        "ix_incidents_fire",
        "incidents",
        ["city_id", "fires_at"],
        unique=False,
        postgresql_where=sa.text("fires_at IS NOT NULL"),
    )
    op.create_table(
        "incident_recipients",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False, comment="from 0, the nearest"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False, comment="how often they were told"),
        sa.Column("fires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(acknowledged_at IS NOT NULL) = (state = 'acknowledged')",
            name=op.f("ck_incident_recipients_acknowledged_at_some_time"),
        ),
        sa.CheckConstraint(
            "(acknowledged_by IS NOT NULL) = (state = 'acknowledged')",
            name=op.f("ck_incident_recipients_acknowledged_by_somebody"),
        ),
        sa.CheckConstraint(
            "(fires_at IS NOT NULL) = (state = 'waiting')",
            name=op.f("ck_incident_recipients_fires_exactly_while_it_waits"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'acknowledged', 'absent', 'passed')", name=op.f("ck_incident_recipients_state")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "incident_id"],
            ["incidents.city_id", "incidents.id"],
            name=op.f("fk_incident_recipients_incidents"),
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_incident_recipients")),
        sa.UniqueConstraint(
            "city_id", "incident_id", "level", name=op.f("uq_incident_recipients_city_id_incident_id_level")
        ),
        comment="Who is told of an incident, level by level, and who has acknowledged it. absent: nobody has that role there.",
    )
    op.create_index(
        "ix_incident_recipients_fire",
        "incident_recipients",
        ["city_id", "fires_at"],
        unique=False,
        postgresql_where=sa.text("fires_at IS NOT NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
