"""Reading a warning from XML: tolerantly what real senders write, and nothing that could do harm.

Begin at `read`. No entity is expanded, nothing is fetched, a document type is refused as such. Members are found by their
local names in any order, since real warnings leave out, repeat and reorder what the schema demands.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final, cast, get_args

from lxml import etree

from backend.campaign.cap import Alert, Area, Circle, Info, MsgType, Oddity, Reference, Status
from backend.errors import Invalid
from backend.geo.place import LonLat

LARGEST_BYTES: Final = 4_000_000
MOST_INFOS: Final = 200
"""One warning of a national service has some; more is no warning."""
MOST_POINTS: Final = 100_000
ENCODINGS: Final = ("utf-8", "gb18030", "utf-16")
EARLIEST_YEAR, LATEST_YEAR = 1970, 2199
GZIP: Final = b"\x1f\x8b"
"""What packed bytes begin with."""
DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")


def read(content: bytes, zone: tzinfo = UTC) -> Alert:
    """The warning in these bytes; zone: for times that say none. Raises Invalid with a code and a sentence why not."""
    root = parse(content)
    if local_name(root) != "alert":
        raise Invalid(
            f"这不是 CAP 预警，而是“{local_name(root)}”。",
            f"That is no CAP alert but <{local_name(root)}>.",
            code="not_an_alert",
        )
    return _Reader(zone).alert(root)


def parse(content: bytes, *, as_signed: bool = False) -> etree._Element:
    """The root of a document that can do no harm; as_signed: with comments and instructions, which a signature may be over.

    Raises Invalid `too_large`, `has_doctype`, `packed`, `not_xml`.
    """
    if len(content) > LARGEST_BYTES:
        raise Invalid(
            f"预警超过 {LARGEST_BYTES // 1_000_000} MB，不予读取。",
            f"The alert is larger than {LARGEST_BYTES // 1_000_000} MB and is not read.",
            code="too_large",
        )
    if b"<!DOCTYPE" in content[:10_000] or b"<!ENTITY" in content[:10_000]:
        raise _doctype()
    if content.startswith(GZIP):
        raise Invalid("内容是压缩的，请解压后提交。", "The content is compressed; hand it in unpacked.", code="packed")
    try:
        root = etree.fromstring(content, _parser(as_signed=as_signed))
    except (etree.XMLSyntaxError, ValueError) as fault:
        root = _in_another_encoding(content, fault, as_signed=as_signed)
    if root.getroottree().docinfo.doctype:
        raise _doctype()
    return root


def _parser(*, as_signed: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=not as_signed,
        remove_pis=not as_signed,
    )


def _doctype() -> Invalid:
    return Invalid(
        "预警含有文档类型或实体定义，不予读取。",
        "The alert has a document type or entities and is not read.",
        code="has_doctype",
    )


def _in_another_encoding(content: bytes, fault: Exception, *, as_signed: bool) -> etree._Element:
    """What says one encoding and is in another: as text, without what it says."""
    for encoding in ENCODINGS:
        try:
            text = DECLARATION.sub("", content.decode(encoding).lstrip("\ufeff"), count=1)
            return etree.fromstring(text.encode(), _parser(as_signed=as_signed))
        except (UnicodeError, etree.XMLSyntaxError, ValueError):
            continue
    raise Invalid(f"不是可读的 XML：{fault}", f"That is not readable XML: {fault}", code="not_xml") from fault


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(etree.QName(element).localname)


class _Reader:
    """One reading: collects what was odd."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._odd: dict[str, Oddity] = {}

    def alert(self, root: etree._Element) -> Alert:
        sent = self._moment(root, "sent")
        if sent is None:
            raise _lacks("sent", "发布时间")
        blocks = list(_children(root, "info"))
        if len(blocks) > MOST_INFOS:
            raise Invalid("预警内容段过多，不予读取。", "The alert has too many info blocks.", code="too_large")
        infos = [self._info(child) for child in blocks]
        return Alert(
            identifier=_demanded(root, "identifier", "编号"),
            sender=_demanded(root, "sender", "发布单位"),
            sent=sent,
            status=cast(Status, _one_of(root, "status", get_args(Status), "状态")),
            msg_type=cast(MsgType, _one_of(root, "msgType", get_args(MsgType), "类型")),
            scope=_text(root, "scope") or "Public",
            note=_text(root, "note"),
            references=tuple(self._references(_text(root, "references"))),
            infos=tuple(infos),
            has_signature=any(True for _ in _children(root, "Signature")),
            oddities=tuple(self._odd.values()),
        )

    def _info(self, info: etree._Element) -> Info:
        return Info(
            language=_text(info, "language") or "en-US",
            event=_text(info, "event"),
            categories=tuple(_words(child) for child in _children(info, "category")),
            urgency=_text(info, "urgency") or "Unknown",
            severity=_text(info, "severity") or "Unknown",
            certainty=_text(info, "certainty") or "Unknown",
            event_codes=tuple(_pairs(info, "eventCode")),
            parameters=tuple(_pairs(info, "parameter")),
            effective=self._moment(info, "effective"),
            onset=self._moment(info, "onset"),
            expires=self._moment(info, "expires"),
            sender_name=_text(info, "senderName"),
            headline=_text(info, "headline"),
            description=_text(info, "description"),
            instruction=_text(info, "instruction"),
            areas=tuple(self._area(child) for child in _children(info, "area")),
        )

    def _area(self, area: etree._Element) -> Area:
        rings = self._shapes(area, "polygon", _ring)
        circles = self._shapes(area, "circle", _circle)
        words = _text(area, "areaDesc")
        return Area(words=words, polygons=rings, circles=circles, geocodes=tuple(_pairs(area, "geocode")))

    def _shapes[S](self, area: etree._Element, name: str, read_one: Callable[[str], S]) -> tuple[S, ...]:
        """Those that can be read; one that cannot costs the others nothing."""
        found: list[S] = []
        for child in _children(area, name):
            try:
                found.append(read_one(_words(child)))
            except ValueError:
                self._note("bad_shape", "有一处范围无法识别，已略过。", "A shape could not be read and was left out.")
        return tuple(found)

    def _references(self, text: str) -> Iterator[Reference]:
        for part in text.split():
            sender, _, rest = part.partition(",")
            identifier, _, sent = rest.rpartition(",") if "," in rest else (rest, "", "")
            if not sender or not identifier:
                self._note("bad_reference", "有一处引用无法识别。", "A reference could not be read.")
                continue
            yield Reference(sender, identifier, self._time(sent) if sent else None)

    def _moment(self, within: etree._Element, name: str) -> datetime | None:
        text = _text(within, name)
        if not text:
            return None
        found = self._time(text)
        if found is None:
            self._note("bad_time", f"时间“{text[:40]}”无法识别。", f"The time '{text[:40]}' could not be read.")
        return found

    def _time(self, text: str) -> datetime | None:
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
            return None
        if found.tzinfo is None:
            self._note("no_zone", "时间没有时区，按本市时间理解。", "A time has no zone and was taken as the city's.")
            found = found.replace(tzinfo=self._zone)
        return found

    def _note(self, code: str, zh: str, en: str) -> None:
        self._odd.setdefault(code, Oddity(code, zh, en))


def _children(within: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in within if isinstance(child.tag, str) and local_name(child).lower() == name.lower())


def _words(element: etree._Element) -> str:
    return " ".join("".join(cast("Iterator[str]", element.itertext())).split())


def _text(within: etree._Element, name: str) -> str:
    """The words of the first member of this name; "" when there is none."""
    return next((_words(child) for child in _children(within, name)), "")


def _pairs(within: etree._Element, name: str) -> Iterator[tuple[str, str]]:
    """valueName and value of each; CAP 1.0 wrote `name=value`."""
    for child in _children(within, name):
        key, value = _text(child, "valueName"), _text(child, "value")
        if not key and "=" in _words(child):
            key, _, value = _words(child).partition("=")
        if key:
            yield key, value


def _demanded(root: etree._Element, name: str, zh: str) -> str:
    text = _text(root, name)
    if not text:
        raise _lacks(name, zh)
    return text


def _one_of(root: etree._Element, name: str, allowed: tuple[str, ...], zh: str) -> str:
    """As the standard spells it. What is neither cannot be told from a test or an exercise, so it is refused."""
    text = _demanded(root, name, zh)
    known = {one.lower(): one for one in allowed}
    if text.lower() not in known:
        raise Invalid(
            f"预警的{zh}“{text[:40]}”不在标准之内。",
            f"The alert's {name} '{text[:40]}' is none of {', '.join(allowed)}.",
            code=f"bad_{name}",
        )
    return known[text.lower()]


def _lacks(name: str, zh: str) -> Invalid:
    return Invalid(f"预警缺少{zh}（{name}）。", f"The alert has no {name}.", code=f"no_{name}")


def _ring(text: str) -> tuple[LonLat, ...]:
    """`lat,lon lat,lon …`, closed. Raises ValueError."""
    pairs = text.split()
    if not 3 <= len(pairs) <= MOST_POINTS:
        raise ValueError(text[:40])
    ring = tuple(_place(pair) for pair in pairs)
    return ring if ring[0] == ring[-1] else (*ring, ring[0])


def _circle(text: str) -> Circle:
    """`lat,lon radius` in kilometres. Raises ValueError."""
    place, _, radius = text.partition(" ")
    circle = Circle(_place(place), float(radius or 0))
    if not 0 <= circle.radius_km <= 20_000:
        raise ValueError(text[:40])
    return circle


def _place(pair: str) -> LonLat:
    lat, lon = (float(part) for part in pair.split(","))
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(pair)
    return LonLat(lon, lat)
