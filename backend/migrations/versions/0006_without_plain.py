"""Plain personal fields go, once no process of the version before is serving."""

from alembic import op

from backend.migrations.plain_text import COLUMNS, seal_what_lies_open

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
phase = "after"


def upgrade() -> None:
    """Seals what is left and drops the plain columns, then writes the tables anew: a dropped column's text would lie on
    in the rows that had it. Backups and the write-ahead log of before still have it (docs/privacy.md)."""
    seal_what_lies_open(op.get_bind())
    op.execute("UPDATE photos SET file = sha256, thumbnail_file = thumbnail_sha256 WHERE file IS NULL AND sha256 <> ''")
    for column in COLUMNS:
        op.drop_column(column.table, column.name)
    for name in ("sha256", "thumbnail_sha256"):
        op.drop_column("photos", name)
    for table in sorted({"photos", *(column.table for column in COLUMNS)}):
        op.execute(f"CLUSTER {table} USING pk_{table}")
        op.execute(f"ALTER TABLE {table} SET WITHOUT CLUSTER")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
