"""Templates that FATE-LLM fills in at the sites, written so that Airflow leaves them alone."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator

from airflow_provider_fate.jobs.problems import Problem

__all__ = ["fields_of", "template_problems", "to_jinja"]


def fields_of(template: str) -> list[str]:
    """Return the names in braces.

    :raises ValueError: a brace has no other side.
    """
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


def to_jinja(template: str) -> str:
    """Return a template with names in single braces as the Jinja template that FATE-LLM takes.

    Airflow would fill in double braces itself, before the job is made.
    """
    parts = []
    for text, name, _, _ in string.Formatter().parse(template):
        parts.append("{% raw %}" + text + "{% endraw %}" if "{" in text else text)
        if name is not None:
            parts.append("{{" + name + "}}")
    return "".join(parts)


def template_problems(
    field: str, template: str, *, needed: Collection[str] = (), only: Collection[str] | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with a template.

    :param needed: names of which one has to be in it.
    :param only: the names that are filled in; ``None``: any column.
    """
    try:
        names = fields_of(template)
    except ValueError as error:
        yield Problem(
            field, template, f"it cannot be filled in: {error}", "Write {name} for a column, and double other braces."
        )
        return
    shown = " or ".join(f"{{{name}}}" for name in needed)
    if needed and not set(needed) & set(names):
        yield Problem(
            field, template, "all rows would come out alike: what they differ in is nowhere in it", f"Write {shown}."
        )
    for name in names:
        if only is not None and name not in only:
            yield Problem(
                field,
                template,
                f"nothing is filled in for {{{name}}}, and the task would fail there",
                f"Write {' or '.join(f'{{{known}}}' for known in only)} only, and double braces that are text.",
            )
        elif not name.isidentifier():
            yield Problem(field, template, f"{{{name}}} is not the name of a column", "Write it as in {question}.")
