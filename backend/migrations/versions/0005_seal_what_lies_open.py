"""What is there already is sealed: a step of its own, so that the tables are not locked while it takes its time."""

from alembic import op

from backend.migrations.plain_text import seal_what_lies_open

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Changes rows, one after the other, and no table: only who changes the same row at that moment waits."""
    seal_what_lies_open(op.get_bind())
    op.execute("UPDATE photos SET file = sha256, thumbnail_file = thumbnail_sha256 WHERE file IS NULL AND sha256 <> ''")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
