"""A city without limits on senders, for runs in which one process plays everybody, or many clients have one address."""

import dataclasses

import msgspec

from backend.city import City
from backend.policy.sections import BySender, Limits

PLENTY = 10_000_000


def without_limits(city: City) -> City:
    """The same city, where one sender may ask as much as it likes."""
    policy = city.policy
    most = dict.fromkeys(BySender.__struct_fields__, PLENTY)
    single = {name: PLENTY for name in Limits.__struct_fields__ if name not in ("requests_per_minute", "at_once")}
    limits = Limits(**single, requests_per_minute=BySender(**most), at_once=BySender(**most))
    intake = msgspec.structs.replace(
        policy.intake, rate_per_minute=dict.fromkeys(policy.intake.rate_per_minute, PLENTY)
    )
    return dataclasses.replace(city, policy=msgspec.structs.replace(policy, limits=limits, intake=intake))
