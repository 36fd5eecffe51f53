"""What stands on a form, as values: rows of boxes, lists, signatures, or the paragraphs of a letter. Pure. Begin at `Sheet`.

A sheet is kept as it was issued and is all that its digest is made of, so every word of a form is in it: the printing
(backend/paper/government_form.typ) adds nothing that somebody could deny.
"""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from backend.referral.signature import Drawn

COLUMNS: Final = 12
"""A row of boxes is so wide; a label takes two of them."""
NOTHING: Final = "—"


class Box(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """栏 A label and what is filled in. width: columns, label included. ticks: choices, each with whether it is the one."""

    label: str
    text: str = ""
    width: int = COLUMNS
    ticks: tuple[tuple[str, bool], ...] = ()


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="row"):
    """Boxes side by side. high_mm: so high at least."""

    boxes: tuple[Box, ...]
    high_mm: int = 0


class Heading(Struct, frozen=True, kw_only=True, tag="heading"):
    """A shaded line across the form."""

    text: str


class Listing(Struct, frozen=True, kw_only=True, tag="listing"):
    """A list inside the form. widths: of its columns, in parts."""

    label: str
    heads: tuple[str, ...]
    widths: tuple[int, ...]
    lines: tuple[tuple[str, ...], ...]
    empty: str = "无"


class Signature(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """签名 Who signs as what. drawn: on the screen; picture: the name of a photo; on_paper: said to have signed on paper."""

    label: str
    name: str = ""
    at: str = ""
    drawn: Drawn | None = None
    picture: str = ""
    on_paper: bool = False


class Signatures(Struct, frozen=True, kw_only=True, tag="signatures"):
    """Side by side."""

    signatures: tuple[Signature, ...]


class Pictures(Struct, frozen=True, kw_only=True, tag="pictures"):
    """Photos by name, three in a row; digests: of what each showed."""

    label: str
    names: tuple[str, ...]
    digests: tuple[str, ...]


class Prose(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="prose"):
    """Paragraphs of a letter. to: whom it is addressed to."""

    paragraphs: tuple[str, ...]
    to: str = ""


class Seal(Struct, frozen=True, kw_only=True, tag="seal"):
    """落款 Who issues it and when, with room for the house's seal."""

    house: str
    date: str


class Cut(Struct, frozen=True, kw_only=True, tag="cut"):
    """A dotted line: what is below stays with the house (回执)."""

    text: str


Block = Row | Heading | Listing | Signatures | Pictures | Prose | Seal | Cut


class Sheet(Struct, frozen=True, kw_only=True):
    """One form. basis: by which rule it is kept; notes: what the small print below says."""

    title: str
    english: str
    house: str
    blocks: tuple[Block, ...]
    basis: str = ""
    notes: Annotated[tuple[str, ...], Meta(max_length=6)] = ()


def row(*boxes: Box, high_mm: int = 0) -> Row:
    return Row(boxes=boxes, high_mm=high_mm)


def ticked(label: str, names: Any, chosen: Any, width: int = COLUMNS) -> Box:
    """All choices of a closed list in Chinese, with those that are chosen. names: code → (zh, en)."""
    picked = set(chosen) if isinstance(chosen, (list, tuple, set, frozenset)) else {chosen}
    return Box(label=label, width=width, ticks=tuple((zh, code in picked) for code, (zh, _) in names.items()))


def pictures_of(sheet: Sheet) -> list[str]:
    """The names of all photos on it."""
    signed = [one.picture for block in sheet.blocks if isinstance(block, Signatures) for one in block.signatures]
    shown = [name for block in sheet.blocks if isinstance(block, Pictures) for name in block.names]
    return [name for name in (*signed, *shown) if name]
