"""签名 A signature drawn on a screen, kept as its strokes: sharp on paper at any size, small in a sealed column. Pure.

Begin at `Drawn`. The field `SignaturePad.vue` of the web apps draws it.
"""

from itertools import pairwise
from math import hypot
from typing import Annotated, Final

from msgspec import Meta, Struct

from backend.errors import Invalid

WIDTH: Final = 1000
HEIGHT: Final = 400
MOST_POINTS: Final = 3000
"""Of all strokes together; a name has two or three hundred once the screen has left out what lies on a line."""
LEAST_INK: Final = 60
"""So far the pen has gone at least: a slip of the finger is no signature."""

Point = Annotated[tuple[int, ...], Meta(min_length=2, max_length=2)]
Stroke = Annotated[tuple[Point, ...], Meta(min_length=1, max_length=1000)]


class Drawn(Struct, frozen=True, forbid_unknown_fields=True):
    """手写签名. strokes: where the pen went, each as points [x, y], whole numbers in a box of 1000 by 400, the origin above on the left."""

    strokes: Annotated[tuple[Stroke, ...], Meta(min_length=1, max_length=100)]


def demand_written(drawn: Drawn | None, field: str) -> None:
    """None is nobody's signature, and not refused here. Raises Invalid `bad_signature` for strokes that nobody can have written."""
    if drawn is None:
        return
    points = [point for stroke in drawn.strokes for point in stroke]
    if len(points) > MOST_POINTS or any(not (0 <= x <= WIDTH and 0 <= y <= HEIGHT) for x, y in points):
        zh, en = "签名数据超出画框或过长，请重新签名。", "The signature leaves its box or is too long: sign again."
        raise Invalid(zh, en, field=field, code="bad_signature")
    if ink(drawn) < LEAST_INK:
        zh, en = "签名太短，请完整签写姓名。", "That is too short for a signature: write the whole name."
        raise Invalid(zh, en, field=field, code="bad_signature")


def ink(drawn: Drawn) -> float:
    """How far the pen went while it touched, in units of the box."""
    return sum(hypot(b[0] - a[0], b[1] - a[1]) for stroke in drawn.strokes for a, b in pairwise(stroke))


def as_svg(drawn: Drawn, *, colour: str = "#10202e", pen: int = 9) -> str:
    """As a picture of 1000 by 400, the corners of the strokes rounded as a pen would."""
    drawing = "".join(_path(stroke) for stroke in drawn.strokes)
    style = f'fill="none" stroke="{colour}" stroke-width="{pen}" stroke-linecap="round" stroke-linejoin="round"'
    box = f'xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f"<svg {box}><g {style}>{drawing}</g></svg>"


def _path(stroke: Stroke) -> str:
    """From point to point; each point bends the line between the middles on either side of it."""
    (x, y), *rest = stroke
    if not rest:
        return f'<path d="M{x} {y}h1"/>'
    bends = "".join(f"Q{a[0]} {a[1]} {(a[0] + b[0]) / 2:g} {(a[1] + b[1]) / 2:g}" for a, b in pairwise(rest))
    return f'<path d="M{x} {y}{bends}L{rest[-1][0]} {rest[-1][1]}"/>'
