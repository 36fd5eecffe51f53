"""What docs/partners.md tells a partner to do works."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.notify.webhook import DELIVERY, NOT_NOW, SIGNATURE, TOLERANCE_S, sign

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "partners.md").read_text(encoding="utf-8")


def test_the_example_tells_genuine_from_forged() -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    is_genuine: Callable[..., bool] = names["is_genuine"]
    header = sign("secret", b"{}", 1_000)
    assert is_genuine("secret", header, b"{}", 1_000 + TOLERANCE_S)
    assert not is_genuine("secret", header, b"{}", 1_001 + TOLERANCE_S)
    assert not is_genuine("secret", header, b"[]", 1_000)
    assert is_genuine("secret", f"{sign('other', b'{}', 1_000)},{header.partition(',')[2]}", b"{}", 1_000)


def test_the_headers_and_final_answers_are_those_of_the_code() -> None:
    assert f"`{SIGNATURE}`" in PAGE
    assert f"`{DELIVERY}`" in PAGE
    [named] = re.findall(r"（除 ([0-9、]+)）", PAGE)
    assert {int(status) for status in named.split("、")} == NOT_NOW
