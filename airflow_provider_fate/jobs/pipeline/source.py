"""Take a function out of its module, to run it in another Python: its source, and proof that it needs no more."""

from __future__ import annotations

import ast
import builtins
import inspect
import symtable
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_fate.jobs.pipeline.errors import FatePipelineError

__all__ = ["FunctionSource", "function_source"]


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """A function as text.

    :ivar name: its name.
    :ivar text: its ``def``, without decorators, at the margin.
    :ivar filename: where it is written.
    :ivar first_line: the line of ``text``'s first line there.
    """

    name: str
    text: str
    filename: str
    first_line: int


def function_source(function: Callable[..., object]) -> FunctionSource:
    """Return the source of a function that stands by itself.

    :raises FatePipelineError: it has no source (a lambda, a partial, typed into a shell), or uses names from outside.
    """
    function = inspect.unwrap(function)
    name = getattr(function, "__name__", repr(function))
    if not inspect.isfunction(function) or name == "<lambda>":
        raise FatePipelineError(
            f"{name} is not a plain function", hint="Write it with def, at the place where it is used."
        )
    try:
        lines, start = inspect.getsourcelines(function)
    except (OSError, TypeError):
        raise FatePipelineError(
            f"the source of {name} cannot be found", hint="Define it in a file; it runs in another process."
        ) from None
    text = textwrap.dedent("".join(lines))
    definition = ast.parse(text).body[0]
    if not isinstance(definition, ast.FunctionDef):
        kind = "a coroutine" if isinstance(definition, ast.AsyncFunctionDef) else "not a plain function"
        raise FatePipelineError(f"{name} is {kind}", hint="Write it with def.")
    _refuse_what_is_outside(name, text, definition)
    # Lines before `def` are decorators: they belong to Airflow and are not there in the other Python.
    bare = "\n".join(text.splitlines()[definition.lineno - 1 :]) + "\n"
    filename = inspect.getsourcefile(function) or "<unknown>"
    return FunctionSource(name, bare, filename, start + definition.lineno - 1)


def _refuse_what_is_outside(name: str, text: str, definition: ast.FunctionDef) -> None:
    outside = _outer_names(name, text) | _names_in_signature(definition)
    unknown = sorted(outside - vars(builtins).keys() - {name})
    if unknown:
        raise FatePipelineError(
            f"{name} uses {', '.join(unknown)} from outside of itself, and it runs in another Python, without them",
            hint="Import inside the function, and pass values as arguments.",
        )


def _outer_names(name: str, text: str) -> set[str]:
    def collect(table: symtable.SymbolTable) -> set[str]:
        names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
        return names.union(*(collect(child) for child in table.get_children()))

    module = symtable.symtable(text, "<function>", "exec")
    functions = [child for child in module.get_children() if child.get_name() == name]
    return set().union(*(collect(function) for function in functions))


def _names_in_signature(definition: ast.FunctionDef) -> set[str]:
    # Defaults are evaluated outside of the function. Annotations are not: the runner postpones them.
    defaults = [*definition.args.defaults, *(default for default in definition.args.kw_defaults if default)]
    return {node.id for default in defaults for node in ast.walk(default) if isinstance(node, ast.Name)}
