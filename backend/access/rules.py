"""The city's roles in the form that `permissions.allowed` asks for."""

from typing import cast

from backend.access.permissions import Roles
from backend.office import Office


def rules(office: Office) -> Roles:
    """Role → the lines `action@scope` it holds, out of the city's policy."""
    return cast("Roles", office.city.policy.roles)
