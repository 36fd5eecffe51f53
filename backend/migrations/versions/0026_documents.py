"""Documents."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("house", sa.Text(), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("facilities", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("teams", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("pdf_sha256", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=True),
        sa.Column("stay_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("replaced_by", sa.Uuid(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("pdf_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(content_sealed IS NULL) = (pdf_sealed IS NULL)",
            name=op.f("ck_documents_what_it_says_and_its_file_go_together"),
        ),
        sa.CheckConstraint(
            "(replaced_by IS NULL) = (replaced_at IS NULL)", name=op.f("ck_documents_replaced_at_some_time")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_documents")),
        sa.UniqueConstraint("city_id", "code", name=op.f("uq_documents_city_id_code")),
        sa.UniqueConstraint("city_id", "number", name=op.f("uq_documents_city_id_number")),
        comment="Forms that were issued: a number, a code by which anybody checks them, digests of what they say and of the file. What they are about may be removed in time, and so is what they say; that they were issued stays.",
    )
    op.create_index("ix_documents_city_id_issued_at", "documents", ["city_id", "issued_at"], unique=False)
    op.create_index(
        "ix_documents_city_id_person_id",
        "documents",
        ["city_id", "person_id"],
        unique=False,
        postgresql_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_index(
        "ix_documents_city_id_referral_id",
        "documents",
        ["city_id", "referral_id"],
        unique=False,
        postgresql_where=sa.text("referral_id IS NOT NULL"),
    )
    op.create_index(
        "ix_documents_city_id_stay_id",
        "documents",
        ["city_id", "stay_id"],
        unique=False,
        postgresql_where=sa.text("stay_id IS NOT NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
