"""Reads a Mapbox vector tile (version 2.1) as far as tests ask: layers, and of each feature its properties and kind of geometry."""

from collections.abc import Iterator
from typing import Any

KINDS = {1: "point", 2: "line", 3: "polygon"}


def layers_of(tile: bytes) -> dict[str, list[dict[str, Any]]]:
    """Layer → its features; a feature is its properties, and "geometry": point, line or polygon."""
    return dict(_layer(layer) for number, layer in _fields(tile) if number == 3)


def _layer(layer: bytes) -> tuple[str, list[dict[str, Any]]]:
    fields = list(_fields(layer))
    keys = [value.decode() for number, value in fields if number == 3]
    values = [_value(value) for number, value in fields if number == 4]
    name = next(value.decode() for number, value in fields if number == 1)
    return name, [_feature(feature, keys, values) for number, feature in fields if number == 2]


def _feature(feature: bytes, keys: list[str], values: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, value in _fields(feature):
        if number == 2:
            tags = list(_numbers(value))
            found |= {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
        elif number == 3:
            found["geometry"] = KINDS[value]
    return found


def _value(value: bytes) -> Any:
    number, told = next(_fields(value))
    return told.decode() if number == 1 else told


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value: Any
            value, at = _varint(message, at)
        elif tag & 7 == 2:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        else:
            width = {1: 8, 5: 4}[tag & 7]
            value, at = message[at : at + width], at + width
        yield tag >> 3, value


def _numbers(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        number, at = _varint(packed, at)
        yield number


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[at] & 127) << shift
        shift += 7
        at += 1
        if message[at - 1] < 128:
            return value, at
