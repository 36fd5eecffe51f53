"""The register of people, whom a case is about, and what may be the same person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "persons",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("age_band", sa.Text(), nullable=False),
        sa.Column("is_identified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("identity_source", sa.Text(), nullable=True),
        sa.Column("identified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("teams", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("facilities", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("from_case", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_by", sa.Text(), nullable=True),
        sa.Column("root_id", sa.Uuid(), nullable=False),
        sa.Column("told_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("identity_sealed", sa.LargeBinary(), nullable=True),
        sa.Column(
            "name_index", sa.LargeBinary(), nullable=True, comment="finds a name without telling it (backend.personal)"
        ),
        sa.Column(
            "id_number_index",
            sa.LargeBinary(),
            nullable=True,
            comment="finds the number of a document without telling it",
        ),
        sa.CheckConstraint("(merged_into IS NULL) = (merged_by IS NULL)", name=op.f("ck_persons_merged_by_somebody")),
        sa.CheckConstraint(
            "(merged_into IS NULL) = (root_id = id)", name=op.f("ck_persons_its_own_root_exactly_while_unmerged")
        ),
        sa.CheckConstraint(
            "is_identified = (identified_at IS NOT NULL)", name=op.f("ck_persons_identified_at_some_time")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_persons")),
        sa.UniqueConstraint("city_id", "number", name=op.f("uq_persons_city_id_number")),
        comment="Somebody met, known by name or not. merged_into: found to be the same as that record; root_id: what it leads to in the end, its own id while it stands alone. listed_at: on the list of vulnerable people since.",
    )
    op.create_index("ix_persons_city_id_created_at_id", "persons", ["city_id", "created_at", "id"], unique=False)
    op.create_index("ix_persons_city_id_root_id", "persons", ["city_id", "root_id"], unique=False)
    op.create_index(
        "ix_persons_id_number_index",
        "persons",
        ["city_id", "id_number_index"],
        unique=False,
        postgresql_where=sa.text("id_number_index IS NOT NULL"),
    )
    op.create_index(
        "ix_persons_name_index",
        "persons",
        ["city_id", "name_index"],
        unique=False,
        postgresql_where=sa.text("name_index IS NOT NULL"),
    )
    op.create_table(
        "person_suggestions",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column(
            "reasons", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(decided_by IS NULL) = (state = 'open')", name=op.f("ck_person_suggestions_decided_by_somebody")
        ),
        sa.CheckConstraint("state IN ('open', 'merged', 'different')", name=op.f("ck_person_suggestions_state")),
        sa.CheckConstraint("person_id < other_id", name=op.f("ck_person_suggestions_each_pair_once")),
        sa.ForeignKeyConstraint(
            ["city_id", "other_id"], ["persons.city_id", "persons.id"], name="fk_person_suggestions_other"
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "person_id"], ["persons.city_id", "persons.id"], name=op.f("fk_person_suggestions_persons")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_person_suggestions")),
        sa.UniqueConstraint(
            "city_id", "person_id", "other_id", name=op.f("uq_person_suggestions_city_id_person_id_other_id")
        ),
        comment="Two records that may be one person; a person decides. reasons: codes and weights, never what was written.",
    )
    op.create_index(
        "ix_person_suggestions_city_id_other_id", "person_suggestions", ["city_id", "other_id"], unique=False
    )
    op.create_table(
        "case_people",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("handling_id", sa.Uuid(), nullable=True),
        sa.Column("family_group", sa.Uuid(), nullable=True),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("linked_by", sa.Text(), nullable=False),
        sa.Column("unlinked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_case_people_cases")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "person_id"], ["persons.city_id", "persons.id"], name=op.f("fk_case_people_persons")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_case_people")),
        comment="Whom a case is about. family_group: those with the same one belong together and stay together.",
    )
    op.create_index("ix_case_people_city_id_person_id", "case_people", ["city_id", "person_id"], unique=False)
    op.create_index(
        "uq_case_people_once",
        "case_people",
        ["city_id", "case_id", "person_id"],
        unique=True,
        postgresql_where=sa.text("unlinked_at IS NULL"),
    )
    op.add_column("photos", sa.Column("person_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_photos_city_id_person_id",
        "photos",
        ["city_id", "person_id"],
        unique=False,
        postgresql_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_table_comment(
        "photos",
        "Of a sighting; or of a case, and then kind, taken_at and team_id (who took it); or of a person, and then kind and taken_at. file: the key in the store. picture_digest: of the picture and a salt that is sealed with it. leaving_at: its time is over, the files go first and then the row.",
        existing_comment="Of a sighting; or of a case, and then kind, taken_at and team_id (who took it). file: the key in the store. picture_digest: of the picture and a salt that is sealed with it. leaving_at: its time is over, the files go first and then the row.",
        schema=None,
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
