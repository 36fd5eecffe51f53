"""Signing in: second factor, lock-out, keys that rotate."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Only adds."""
    at = sa.DateTime(timezone=True)
    for column in (
        sa.Column(
            "totp_sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="the second factor's secret; counts once totp_confirmed_at is set",
        ),
        sa.Column("totp_confirmed_at", at, nullable=True),
        sa.Column(
            "totp_last_step",
            sa.BigInteger(),
            nullable=True,
            comment="the time step of the last code used: no code is good twice",
        ),
        sa.Column(
            "recovery_hashes",
            sa.ARRAY(sa.LargeBinary()),
            server_default=sa.text("'{}'::bytea[]"),
            nullable=False,
        ),
    ):
        op.add_column("accounts", column)
    op.add_column("sessions", sa.Column("source", sa.Text(), nullable=True))
    for other in (
        sa.Column(
            "actions",
            sa.ARRAY(sa.Text()),
            nullable=True,
            comment="the actions it is limited to; NULL: all that its roles have",
        ),
        sa.Column("expires_at", at, nullable=True),
        sa.Column("last_used_at", at, nullable=True),
        sa.Column("replaces", sa.Uuid(), nullable=True),
    ):
        op.add_column("api_keys", other)
    op.create_table(
        "known_devices",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("device_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", at, nullable=False),
        sa.PrimaryKeyConstraint("city_id", "account_id", "device_hash", name=op.f("pk_known_devices")),
        sa.ForeignKeyConstraint(
            ["city_id", "account_id"],
            ["accounts.city_id", "accounts.id"],
            name=op.f("fk_known_devices_accounts"),
        ),
        comment="Where somebody has signed in before: a stranger's failures elsewhere do not lock that device out.",
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", at, nullable=False),
        sa.Column("locked_until", at, nullable=True),
        sa.PrimaryKeyConstraint("city_id", "key", name=op.f("pk_sign_in_attempts")),
        comment="Failures to sign in per login, device, second factor and source; keys are hashes, swept after a day.",
    )
    op.create_index("ix_sign_in_attempts_last_at", "sign_in_attempts", ["city_id", "last_at"])


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
