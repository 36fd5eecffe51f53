"""The policy by hand: the city's own text, what another would change, and putting it in force."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch import policy_change
from backend.dispatch.policy_change import PolicyChanged, PolicyPreview, PolicyText
from backend.office import Office
from backend.policy import Policy
from backend.wording import NOT_BLANK

PolicyToml = Annotated[str, Meta(max_length=200_000)]


class PolicyNow(Struct, frozen=True):
    """The policy in force and the digest that every decision stores."""

    digest: str
    policy: Policy


class Preview(Struct, frozen=True, forbid_unknown_fields=True):
    """What the city would decide differently from the defaults, as TOML."""

    text: PolicyToml


class ChangePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """id: made by the client (UUIDv7), so that the same change sent twice is one. expected_digest: of the policy that was in
    force when the text was loaded."""

    id: UUID
    text: PolicyToml
    expected_digest: Annotated[str, Meta(min_length=1, max_length=64)]
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=NOT_BLANK)]


class PolicyByHand(Controller):
    """规则."""

    path = "/api/policy"
    tags = ("规则 The policy",)

    @get("/", summary="现行规则 The policy in force")
    async def policy(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> PolicyNow:
        """含摘要；每次派遣决策都记录该摘要。 With the digest that every decision stores."""
        demand(office.city.policy.roles, by, "policy:read")
        policy = office.city.policy
        return PolicyNow(policy.digest, policy)

    @get("/text", summary="本市规则原文 The city's own text")
    async def text(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> PolicyText:
        """只写与默认值不同之处；附默认值全文。 What differs from the defaults, and the defaults themselves."""
        demand(office.city.policy.roles, by, "policy:read")
        async with office.db.connect() as tx:
            return await policy_change.policy_text(tx, office)

    @post("/preview", summary="预览修改 What would change", status_code=200)
    async def preview(
        self, data: JSONBody[Preview], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> PolicyPreview:
        """不做任何改动；有错时逐条指出行号与正确写法。 Changes nothing; names every fault with its line."""
        demand(office.city.policy.roles, by, "policy:write")
        return await policy_change.preview(office, data.text, by=by)

    @post("/", summary="修改规则 Put a policy in force", status_code=200)
    async def change(
        self,
        data: JSONBody[ChangePolicy],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> PolicyChanged:
        """数秒内在所有进程生效，无需重启；进行中的时限不变。 In force everywhere within seconds; clocks that run keep their due time."""
        return await policy_change.change_policy(
            office,
            data.id,
            data.text,
            expected_digest=data.expected_digest,
            reason=data.reason,
            by=by,
            now=now,
        )
