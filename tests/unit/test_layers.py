"""The house as a drawing: no module imports itself in a circle, no arrow goes up, and the lower floors know no Airflow.

Every import counts: those at the top of a module, those inside functions, and those for type checkers only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import airflow_provider_fate

LAYERS = (  # from the top; a module belongs to the longest name that it begins with
    ("operators", "sensors", "triggers", "decorators", "links", "cli", "ui", "retry_policy", "get_provider_info"),
    ("remote.kinds",),
    ("remote",),
    ("serving",),
    ("llm", "models", "metrics"),
    ("assets", "site"),
    ("hooks",),
    ("clusters", "federation", "jobs", "data", "storage", "local", "notebooks", "llm.folder", "llm.texts"),
    ("clients.fate_flow", "clients.flow"),
    ("clients.http", "clients"),
    ("compat", "errors", "text"),
)
FREE_OF_AIRFLOW = (
    "clients",
    "clusters",
    "errors",
    "federation",
    "jobs",
    "local",
    "data",
    "llm",
    "metrics",
    "models",
    "serving",
    "notebooks",
    "site",
)

# What is known to be wrong and waits for its repair. A test fails, too, where one of these is mended and still listed.
KNOWN_CIRCLES: set[frozenset[str]] = set()
KNOWN_ARROWS_UP: set[tuple[str, str]] = set()

PACKAGE = airflow_provider_fate.__name__
ROOT = Path(airflow_provider_fate.__file__).parent


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(file): file for file in sorted(ROOT.rglob("*.py")) if "payload" not in file.parts}


def _imported(file: Path) -> Iterator[str]:
    """The full names of all that a module imports: ``a.b`` for ``from a import b``, whatever ``b`` is."""
    package = [PACKAGE, *file.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*above, *filter(None, [node.module]), alias.name]) for alias in node.names)


@cache
def arrows() -> dict[str, frozenset[str]]:
    """Which modules of the package each of them imports."""
    found = {}
    for name, file in FILES.items():
        ours = {full.removeprefix(f"{PACKAGE}.") for full in _imported(file) if full.startswith(f"{PACKAGE}.")}
        modules = {full if full in FILES else full.rpartition(".")[0] for full in ours}
        found[name] = frozenset(modules - {name})
    return found


def circles() -> Iterator[frozenset[str]]:
    """Modules that reach each other."""
    graph = arrows()
    reached: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        ahead = list(graph[start])
        while ahead:
            if (name := ahead.pop()) not in seen:
                seen.add(name)
                ahead += graph[name]
        reached[start] = seen
    for name in graph:
        if name in reached[name]:
            yield frozenset(other for other in reached[name] if name in reached[other])


def layer(name: str) -> int:
    """How deep a module stands; 0 is the top. The package itself, which holds its version, is the ground."""
    if not name:
        return len(LAYERS)
    for parts in range(name.count(".") + 1, 0, -1):
        place = ".".join(name.split(".")[:parts])
        for depth, names in enumerate(LAYERS):
            if place in names:
                return depth
    pytest.fail(f"{PACKAGE}.{name} stands in no layer: give its folder a place in LAYERS")


def test_the_drawing_shows_the_package() -> None:
    assert len(FILES) > 200
    assert "hooks.fate" in arrows()["hooks.flow"]
    assert "clients.fate_flow" in arrows()["hooks.fate"], "imports inside functions count"
    assert "clients.fate_flow.models.job" in arrows()["clients.fate_flow.models.state"], "relative imports count"


def test_no_module_imports_itself_in_a_circle() -> None:
    assert set(circles()) == KNOWN_CIRCLES


def test_no_arrow_goes_up() -> None:
    up = {(name, other) for name, others in arrows().items() for other in others if layer(other) < layer(name)}
    assert up == KNOWN_ARROWS_UP


def test_the_lower_floors_know_no_airflow() -> None:
    for name, file in FILES.items():
        if name.split(".")[0] in FREE_OF_AIRFLOW:
            assert not [full for full in _imported(file) if full.split(".")[0] == "airflow"], name


def test_no_two_classes_have_one_name() -> None:
    """Who reads a traceback, or searches, must not take one for the other."""
    named: dict[str, list[str]] = {}
    for name, file in FILES.items():
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                named.setdefault(node.name, []).append(name)
    assert {name: places for name, places in named.items() if len(places) > 1} == {}
