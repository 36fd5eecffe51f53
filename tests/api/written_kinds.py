"""Every kind of event that the code can write, read from the code itself.

Looked for are the `kind=` of each `Entry(...)` and `Change(...)`. A kind that is handed down is followed to where it comes
from: through parameters to the callers, through names, tables and functions to their values. `team.{state}` is `team.*`.
A kind whose origin cannot be read fails, so that nothing is overlooked.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("backend", "mobile_api", "ops")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """An expression, and what it stands in."""

    node: ast.expr
    function: Function | None
    module: ast.Module
    file: str


def kinds_written() -> set[str]:
    """All kinds, `*` for what is filled in at run time."""
    modules = {
        str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8"))
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
    }
    calls = [call for file, module in modules.items() for call in _calls(file, module)]
    found: set[str] = set()
    for call in calls:
        assert isinstance(call.node, ast.Call)
        if _name(call.node.func) in ("Entry", "Change"):
            for keyword in call.node.keywords:
                if keyword.arg == "kind":
                    found |= _values(Place(keyword.value, call.function, call.module, call.file), calls)
    return found


def _calls(file: str, module: ast.Module) -> Iterator[Place]:
    """Every call with the innermost function around it."""

    def walk(node: ast.AST, function: Function | None) -> Iterator[Place]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield Place(child, function, module, file)
            yield from walk(child, child if isinstance(child, Function) else function)

    return walk(module, None)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _values(place: Place, calls: list[Place]) -> set[str]:
    node = place.node
    match node:
        case ast.Constant(value=str(kind)):
            return {kind}
        case ast.JoinedStr(values=[ast.Constant(value=str(beginning)), *_]):
            return {beginning + "*"}
        case ast.IfExp(body=one, orelse=other):
            return _all(place, [one, other], calls)
        case ast.Attribute(attr="kind"):
            return set()  # copied from an entry or a change that stands elsewhere
        case ast.Subscript(value=ast.Name(id=table)):
            return _of_dict(place, table, calls)
        case ast.Call(func=ast.Name(id=function)):
            return _returned(place, function, calls)
        case ast.Name(id=name):
            return _of_name(place, name, calls)
    raise AssertionError(f"{place.file}:{node.lineno}: the kind of event cannot be read: {ast.unparse(node)}")


def _all(place: Place, nodes: Iterable[ast.expr], calls: list[Place]) -> set[str]:
    return set().union(*(_values(Place(node, place.function, place.module, place.file), calls) for node in nodes))


def _assigned(place: Place, name: str) -> list[ast.expr]:
    scope: ast.AST = place.function or place.module
    return [
        node.value
        for node in (*ast.walk(scope), *place.module.body)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _of_name(place: Place, name: str, calls: list[Place]) -> set[str]:
    """A parameter: what the callers give. Else what is assigned."""
    function = place.function
    parameters = [a.arg for a in function.args.args] if function else []
    others = [a.arg for a in function.args.kwonlyargs] if function else []
    if function is None or name not in (*parameters, *others):
        found = _assigned(place, name)
        assert found, f"{place.file}: where does '{name}' come from?"
        return _all(place, found, calls)
    given: set[str] = set()
    for call in calls:
        assert isinstance(call.node, ast.Call)
        if _name(call.node.func).lstrip("_") == function.name.lstrip("_") and _reaches(call, place, function, calls):
            by_name = [keyword.value for keyword in call.node.keywords if keyword.arg == name]
            by_place = call.node.args[parameters.index(name) :][:1] if name in parameters else []
            given |= _all(call, by_name or by_place, calls)
    assert given, f"{place.file}: who calls {function.name} with '{name}'?"
    return given


def _reaches(call: Place, place: Place, function: Function, calls: list[Place]) -> bool:
    """Whether the call is of this function and not of another with the same name; a module may pass the function on."""
    if function.name.startswith("_") or call.module is place.module:
        return call.module is place.module
    own = f"{_dotted(place)}.{function.name}"
    homes = {_dotted(place), *(_dotted(one) for one in calls if own in _imported(one.module))}
    return not homes.isdisjoint(_imported(call.module)) or own in _imported(call.module)


def _dotted(place: Place) -> str:
    return place.file.removesuffix(".py").replace("/", ".")


@cache
def _imported(module: ast.Module) -> frozenset[str]:
    return frozenset(
        f"{node.module}.{alias.name}"
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def _of_dict(place: Place, name: str, calls: list[Place]) -> set[str]:
    found = [node for node in _assigned(place, name) if isinstance(node, ast.Dict)]
    assert found, f"{place.file}: what is '{name}'?"
    return _all(place, [value for node in found for value in node.values], calls)


def _returned(place: Place, name: str, calls: list[Place]) -> set[str]:
    functions = [node for node in place.module.body if isinstance(node, Function) and node.name == name]
    assert functions, f"{place.file}: where is {name}?"
    [function] = functions
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return _all(Place(returns[0], function, place.module, place.file), returns, calls)
