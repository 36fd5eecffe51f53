"""Personal fields get a sealed column beside the plain one."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
phase = "before"

# In the order in which the tables have them at their end.
SEALED = (
    ("sightings", ("address", "description")),
    ("sighting_contacts", ("phone", "name", "recording_ref")),
    ("cases", ("address",)),
    ("approvals", ("reason", "answer")),
    ("handlings", ("record", "verdict_note")),
    ("outbox", ("letter",)),
)


def upgrade() -> None:
    """Only adds. What processes of the version before write meanwhile stays plain until 0006."""
    for table, names in SEALED:
        for name in names:
            op.add_column(table, sa.Column(f"{name}_sealed", sa.LargeBinary(), nullable=True))
    _phone_index()
    _photos()
    _tables()
    # This version does not write them any more, and they may not be NULL.
    op.alter_column("approvals", "reason", server_default="")


def _phone_index() -> None:
    comment = "finds a number without telling it (backend.sealing)"
    op.add_column("sighting_contacts", sa.Column("phone_index", sa.LargeBinary(), nullable=True, comment=comment))
    op.create_index(
        "ix_sighting_contacts_phone_index",
        "sighting_contacts",
        ["city_id", "phone_index"],
        postgresql_where=sa.text("phone_index IS NOT NULL"),
    )


def _photos() -> None:
    for name in ("file", "thumbnail_file", "picture_digest"):
        op.add_column("photos", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("photos", sa.Column("leaving_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("sha256", "thumbnail_sha256"):
        op.alter_column("photos", name, server_default="")
    op.create_table_comment(
        "photos",
        "file: the key in the store. picture_digest: of the picture and a salt that is sealed with it. leaving_at: its "
        "time is over, the files go first and then the row.",
    )


def _tables() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "event_words",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("said_at", at, nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "event_id", name=op.f("pk_event_words")),
        sa.ForeignKeyConstraint(
            ["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_event_words_cases")
        ),
        comment="What somebody wrote as a reason, apart from the event: the log keeps for ever, words about people do not.",
    )
    op.create_index("ix_event_words_city_id_case_id", "event_words", ["city_id", "case_id"])
    op.create_table(
        "retention_runs",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("claimed_at", at, nullable=False),
        sa.Column("claimed_until", at, nullable=False),
        sa.Column("ended_at", at, nullable=True),
        sa.Column("removed", sa.dialects.postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "day", name=op.f("pk_retention_runs")),
        comment="Which day's removal is under way or done: claimed, so that several workers do not repeat it.",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
