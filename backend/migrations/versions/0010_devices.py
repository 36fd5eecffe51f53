"""Devices that notices are pushed to, how far each notice has come, and a duty phone of accounts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Adds; and takes a check away that would refuse the new ways out, which nobody of the version before writes."""
    _devices()
    _notices()
    _receipts()
    op.add_column("accounts", sa.Column("duty_phone_sealed", sa.LargeBinary(), nullable=True))
    op.drop_constraint(op.f("ck_outbox_way"), "outbox", type_="check")


def _devices() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "devices",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column(
            "address_index",
            sa.LargeBinary(),
            nullable=False,
            comment="finds the same device again without telling its address",
        ),
        sa.Column("created_at", at, nullable=False),
        sa.Column("last_used_at", at, nullable=True),
        sa.Column("gone_at", at, nullable=True),
        sa.Column("gone_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_devices")),
        sa.ForeignKeyConstraint(
            ["city_id", "account_id"], ["accounts.city_id", "accounts.id"], name=op.f("fk_devices_accounts")
        ),
        sa.CheckConstraint("kind IN ('web_push', 'fcm', 'jpush')", name=op.f("ck_devices_kind")),
        sa.CheckConstraint("(gone_at IS NULL) = (gone_because IS NULL)", name=op.f("ck_devices_gone_for_a_reason")),
        comment="Where a session's notices can be pushed to: a browser's subscription, or a token of a push service.",
    )
    alive = sa.text("gone_at IS NULL")
    op.create_index("uq_devices_address", "devices", ["city_id", "address_index"], unique=True, postgresql_where=alive)
    op.create_index("ix_devices_account", "devices", ["city_id", "account_id"], postgresql_where=alive)


def _notices() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "notices",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("told", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("rung", sa.Text(), nullable=False),
        sa.Column("began_at", at, nullable=False),
        sa.Column("climbs_at", at, nullable=True),
        sa.Column("reached_at", at, nullable=True),
        sa.Column("ended_at", at, nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_notices")),
        sa.CheckConstraint("rung IN ('socket', 'push', 'sms', 'not_reached')", name=op.f("ck_notices_rung")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name=op.f("ck_notices_ended_for_a_reason")),
        sa.CheckConstraint("climbs_at IS NULL OR ended_at IS NULL", name=op.f("ck_notices_climbs_only_while_it_runs")),
        comment="What a team or a role is being told, and how far up the ladder it has come; the id is the outbox message's.",
    )
    op.create_index(
        "ix_notices_climb",
        "notices",
        ["city_id", "climbs_at"],
        postgresql_where=sa.text("climbs_at IS NOT NULL"),
    )


def _receipts() -> None:
    op.create_table(
        "notice_receipts",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("receiver", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "notice_id", "receiver", name=op.f("pk_notice_receipts")),
        sa.ForeignKeyConstraint(
            ["city_id", "notice_id"], ["notices.city_id", "notices.id"], name=op.f("fk_notice_receipts_notices")
        ),
        comment="Who has a notice, said by the phone itself. receiver: the device, or the session of a live feed.",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
