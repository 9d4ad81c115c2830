"""From the text of a file to plain data, with the line of each value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from airflow_provider_fate.errors import FateInputError

__all__ = ["Lines", "line_of", "read_yaml"]

Lines = dict[tuple[str, ...], int]
"""Line of each value, counted from 1, by the path to it."""

_MOST_VALUES = 100_000
_DEEPEST = 50
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """YAML whose numbers are decimal, as YAML 1.2 has it: ``12:30`` is no number of minutes, and ``0010`` no octal."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in rules if tag not in (_INT, _FLOAT)]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))$"),
    list("-+0123456789."),
)


def read_yaml(text: str, name: str) -> tuple[dict[str, Any], Lines]:
    """Read a mapping; nothing of it is ever run.

    :param name: what to call it in messages.
    :raises FateInputError: it is not YAML, no mapping, has a key twice, or is far too large.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, (), name)) if node is not None else {}
        given = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        # Not the words of PyYAML: they quote the line, and somebody may have written a secret there.
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise FateInputError(
            f"{where} is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}."
        ) from None
    except RecursionError:
        raise _too_large(name) from None
    except ValueError as error:  # a day such as 2026-02-30
        raise FateInputError(f"{name} has a value that cannot be: {error}.") from None
    finally:
        loader.dispose()
    if not isinstance(given, dict):
        raise FateInputError(
            f"{name} is {'empty' if given is None else f'a {type(given).__name__}'}, not a mapping.",
            hint="Begin with 'federation: name-of-the-federation'.",
        )
    return given, lines


def _too_large(name: str) -> FateInputError:
    return FateInputError(f"{name} is far too large or refers to itself.", hint="Write it without references.")


def line_of(lines: Mapping[tuple[str, ...], int], path: tuple[str, ...]) -> int | None:
    """Line of a value, or of what should hold it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _lines(node: yaml.Node, path: tuple[str, ...], name: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Walk a document; references are followed, so that a small text cannot become a huge document."""
    count = 0
    ahead = [(node, path)]
    while ahead:
        here, path = ahead.pop()
        count += 1
        if count > _MOST_VALUES or len(path) > _DEEPEST:
            raise _too_large(name)
        if isinstance(here, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in here.value:
                word = str(key.value)
                if word in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise FateInputError(
                        f"{name}:{key.start_mark.line + 1}: {'.'.join((*path, word))} is given twice.",
                        hint="Keep one of them.",
                    )
                seen.add(word)
                yield (*path, word), key.start_mark.line + 1
                ahead.append((value, (*path, word)))
        elif isinstance(here, yaml.SequenceNode):
            for number, value in enumerate(here.value):
                yield (*path, str(number)), value.start_mark.line + 1
                ahead.append((value, (*path, str(number))))
