"""The log can be added to and nothing else; and the office keeps a time that does not jump when a machine's clock is set."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Only adds; no version of the programme ever changed an event."""
    op.execute(
        """
        CREATE FUNCTION refuse_to_change_the_log() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the event log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_log()
        """
    )
    op.create_table(
        "office_time",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("offset_s", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("machine_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("office_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city_id", name=op.f("pk_office_time")),
        comment="What the office's time is ahead of the database's clock, and when both were last seen together.",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
