"""How somebody looked to the person who saw them: what helps to tell people apart, and never an identity.

A reporter fills in what they noticed and no more, so everything may be unknown. Triage and duplicates read it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

Sex = Literal["male", "female", "unknown"]
AgeBand = Literal["infant", "child", "teen", "adult", "old", "unknown"]
Posture = Literal["lying", "sitting", "standing", "walking", "unknown"]


Word = Annotated[str, Meta(max_length=40)]
Words = Annotated[tuple[Word, ...], Meta(max_length=20)]


class Looks(Struct, frozen=True, forbid_unknown_fields=True):
    """What was noticed of one person, or of the one who stands out among several.

    colours, belongings: short words as the reporter's form offers them ("red", "wheelchair", "dog").
    moving_deg: the direction they moved in, degrees clockwise from north.
    """

    sex: Sex = "unknown"
    age_band: AgeBand = "unknown"
    posture: Posture = "unknown"
    colours: Words = ()
    belongings: Words = ()
    moving_deg: Annotated[float, Meta(ge=0, le=360)] | None = None


COLOURS: frozenset[str] = frozenset(
    {
        *("black", "grey", "white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "beige"),
        *("gold", "silver", "dark", "light", "mixed", "camouflage"),
    }
)
BELONGINGS: frozenset[str] = frozenset(
    {
        *("bedding", "quilt", "bag", "bags", "cart", "cardboard", "bottles", "dog", "cat", "crutches", "stick"),
        *("wheelchair", "stretcher", "tent", "umbrella", "bicycle", "suitcase", "instrument", "tools", "child"),
    }
)
"""The words of the report form. They stand in the log for ever; any other word is somebody's own and belongs to the
description, which is sealed and removed when its time is over."""


def own_words(looks: Looks) -> tuple[Looks, list[str]]:
    """Looks in the words of the form, and whatever else was written in their place."""
    colours, belongings = _listed(looks.colours, COLOURS), _listed(looks.belongings, BELONGINGS)
    others = [w for w in (*looks.colours, *looks.belongings) if w not in (*colours, *belongings)]
    return structs.replace(looks, colours=colours, belongings=belongings), others


def _listed(words: Words, listed: frozenset[str]) -> Words:
    return tuple(word for word in words if word in listed)


YOUNG: frozenset[AgeBand] = frozenset({"infant", "child", "teen"})
"""Age bands of minors."""
