"""Hand-over notes between shifts, and a policy that is written at the desk."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Only adds."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "shift_notes",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_at", at, nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("taken_at", at, nullable=True),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_shift_notes")),
        sa.CheckConstraint(
            "(taken_by IS NULL) = (taken_at IS NULL)", name=op.f("ck_shift_notes_taken_by_somebody_at_some_time")
        ),
        sa.CheckConstraint(
            "taken_by IS NULL OR taken_by <> written_by", name=op.f("ck_shift_notes_never_taken_by_its_writer")
        ),
        comment="What one shift leader hands over to the next; regions: those it is about, with all above them.",
    )
    op.create_index("ix_shift_notes_city_id_written_at", "shift_notes", ["city_id", "written_at"])
    op.create_table(
        "policies",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="1, 2, 3 …: the highest is in force"),
        sa.Column("policy_hash", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_at", at, nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_policies")),
        sa.UniqueConstraint("city_id", "number", name=op.f("uq_policies_city_id_number")),
        comment="The city's own policy.toml as it was written by hand; until there is one, the file of the city's folder is in force.",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
