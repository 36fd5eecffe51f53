"""Photos of a case: the spot, and two signatures."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Only adds. No row has a case yet, so the index holds nothing when it is made."""
    op.add_column("photos", sa.Column("kind", sa.Text(), nullable=True))
    op.add_column("photos", sa.Column("team_id", sa.Uuid(), nullable=True))
    op.add_column("photos", sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_photos_city_id_case_id",
        "photos",
        ["city_id", "case_id"],
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_table_comment(
        "photos",
        "Of a sighting; or of a case, and then kind, taken_at and team_id (who took it). file: the key in the store. "
        "picture_digest: of the picture and a salt that is sealed with it. leaving_at: its time is over, the files go first and "
        "then the row.",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
