"""Lists of warnings: Atom and RSS feeds that name where each CAP document lies, or hold it themselves. Pure.

Begin at `entries`. Read with the same care as warnings; an entry that cannot be read costs the others nothing.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

from lxml import etree
from msgspec import Struct

from backend.campaign.cap_read import local_name, parse
from backend.errors import Invalid

MOST_ENTRIES: Final = 5_000
CAP_TYPES: Final = ("application/cap+xml", "application/common-alerting-protocol+xml")


class Entry(Struct, frozen=True):
    """One warning of a list. mark: changes when the entry does, so that it is fetched once. content: where it lies within."""

    mark: str
    link: str | None = None
    content: bytes | None = None


def entries(content: bytes, base: str) -> list[Entry]:
    """What a document from `base` lists; a CAP document by itself is a list of one. Links that lead to another host are left out.

    Raises Invalid for what is neither.
    """
    root = parse(content)
    match local_name(root):
        case "alert":
            return [Entry(mark="", content=content)]
        case "feed":
            found = [_atom(one, base) for one in root.iter("{*}entry")]
        case "rss" | "RDF":
            found = [_rss(one, base) for one in root.iter("{*}item")]
        case other:
            raise Invalid(
                f"这不是 Atom、RSS 或 CAP，而是“{other}”。",
                f"That is neither Atom, RSS nor CAP but <{other}>.",
                code="not_a_list",
            )
    listed = [entry for entry in found if entry is not None]
    if len(listed) > MOST_ENTRIES:
        raise Invalid("列表条目过多，不予读取。", "The list has too many entries.", code="too_large")
    return list({entry.mark: entry for entry in listed}.values())


def _atom(entry: etree._Element, base: str) -> Entry | None:
    mark = "|".join(_text(entry, name) for name in ("id", "updated"))
    if (held := _held(entry)) is not None:
        return Entry(mark=mark, content=held)
    links = [
        link for link in entry.iter("{*}link") if link.get("rel", "alternate") in ("alternate", "related", "enclosure")
    ]
    links.sort(key=lambda link: (link.get("type") not in CAP_TYPES, link.get("rel") != "enclosure"))
    return next((Entry(mark, url) for link in links if (url := _ours(link.get("href"), base))), None)


def _rss(item: etree._Element, base: str) -> Entry | None:
    mark = "|".join(_text(item, name) for name in ("guid", "link", "pubDate", "date"))
    if (held := _held(item)) is not None:
        return Entry(mark=mark, content=held)
    enclosed = [one.get("url") for one in item.iter("{*}enclosure") if one.get("type") in CAP_TYPES]
    return next((Entry(mark, url) for link in (*enclosed, _text(item, "link")) if (url := _ours(link, base))), None)


def _held(entry: etree._Element) -> bytes | None:
    """A CAP document within the entry."""
    alert = next(iter(entry.iter("{*}alert")), None)
    return None if alert is None else bytes(etree.tostring(alert))


def _text(within: etree._Element, name: str) -> str:
    return next(_texts(within, name), "")


def _texts(within: etree._Element, name: str) -> Iterator[str]:
    return ((child.text or "").strip() for child in within.iter("{*}" + name))


def _ours(link: str | None, base: str) -> str | None:
    """The address, when it is on the host that the list came from: a list must not send us elsewhere."""
    url = urljoin(base, link or "")
    here, there = urlsplit(base), urlsplit(url)
    return url if link and (there.scheme, there.netloc) == (here.scheme, here.netloc) else None
