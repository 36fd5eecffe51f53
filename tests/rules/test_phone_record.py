"""What the phone tells a crew is missing, beside what the server refuses: the crew learns it in the street, not hours later."""

import json
from pathlib import Path
from typing import Any

import msgspec

from backend.dispatch.protection import Handling, check
from backend.policy import default_policy

RECORDS = Path(__file__).resolve().parents[2] / "web" / "src" / "phone" / "officer" / "fixtures" / "records.json"
SAID_TOGETHER = {"hand_over_unsigned"}
"""The server says it once the paper has a name; the phone says both at once."""


def _judged() -> list[tuple[str, set[str], set[str]]]:
    """Every record: its name, what the phone says, what the server says."""
    found: list[dict[str, Any]] = json.loads(RECORDS.read_text(encoding="utf-8"))
    policy = default_policy()
    return [
        (
            one["name"],
            set(one["missing"]),
            {violation.code for violation in check(msgspec.convert(one["record"], Handling), policy)},
        )
        for one in found
    ]


def test_whatever_the_server_refuses_the_phone_has_said_before() -> None:
    unsaid = {name: server - phone for name, phone, server in _judged() if server - phone}
    assert unsaid == {}


def test_the_phone_asks_for_nothing_that_the_server_takes_without() -> None:
    demanded = {name: phone - server for name, phone, server in _judged() if phone - server - SAID_TOGETHER}
    assert demanded == {}
