"""Tables that are made from the code, so that they cannot fall behind it; :mod:`generated` writes them into the pages.

Each function below returns Markdown.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in lines
    )


def plain(text: str) -> str:
    """The reStructuredText of a docstring as Markdown, as far as this project's docstrings use it."""
    text = re.sub(r":(?:class|meth|func|mod|attr|data):`~?([^`]*)`", lambda m: f"`{m[1].rpartition('.')[2]}`", text)
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


def parameters(cls: type) -> dict[str, str]:
    """Texts of the ``:param:`` fields in the docstrings of a class and its bases; the nearest counts."""
    found: dict[str, str] = {}
    for base in cls.__mro__:
        text = inspect.cleandoc(base.__doc__ or "") if base.__module__.startswith("airflow_provider_fate") else ""
        for name, description in re.findall(r"^:param (\w+): (.*?)(?=^:\w|\Z)", text, re.S | re.M):
            found.setdefault(name, plain(description))
    return found


# --- what pages can ask for ------------------------------------------------------------------------------------------


def connection_fields() -> str:
    """Every field of the connection form of a FATE site."""
    from airflow_provider_fate.hooks.fate import FateSite

    return _fields(FateSite)


def registry_fields() -> str:
    """Every field of the connection forms of model registries: MLflow's has all of them."""
    from airflow_provider_fate.hooks.mlflow import MlflowServer

    return _fields(MlflowServer)


def kubefate_fields() -> str:
    """Every field of the connection form of KubeFATE's service."""
    from airflow_provider_fate.hooks.kubefate import KubefateService

    return _fields(KubefateService)


def airflow_api_fields() -> str:
    """Every field of the connection form of an Airflow's API."""
    from airflow_provider_fate.hooks.airflow_api import AirflowServer

    return _fields(AirflowServer)


def fedlcm_fields() -> str:
    """Every field of the connection form of FedLCM."""
    from airflow_provider_fate.hooks.fedlcm import FedlcmService

    return _fields(FedlcmService)


def site_portal_fields() -> str:
    """Every field of the connection form of a site portal."""
    from airflow_provider_fate.hooks.site_portal import SitePortal

    return _fields(SitePortal)


def provider_options() -> str:
    """Options of the section ``[fate]`` of airflow.cfg."""
    from airflow_provider_fate.get_provider_info import get_provider_info

    options = get_provider_info()["config"]["fate"]["options"]
    return table(
        ("option", "environment variable", "default", "meaning"),
        [
            (
                f"`{name}`",
                f"`AIRFLOW__FATE__{name.upper()}`",
                f"`{o['default']}`" if o["default"] else "empty",
                o["description"],
            )
            for name, o in options.items()
        ],
    )


def errors() -> str:
    """The errors that a caller can do something about, with what that is, from the docstring of their module."""
    from airflow_provider_fate import errors as module

    rows = re.findall(r"^:class:`(\w+)`\s+(.*)$", module.__doc__ or "", re.M)
    result = []
    for name, what in rows:
        base = getattr(module, name)
        special = [
            f"`{kind.__name__}`: {plain((kind.__doc__ or '').split(':ivar')[0])}"
            for kind in vars(module).values()
            if inspect.isclass(kind) and issubclass(kind, base) and kind is not base and kind.__doc__
        ]
        result.append((f"`{name}`", what, " <br> ".join(special) or plain((base.__doc__ or "").split(":")[0])))
    return table(("class", "what to do", "which"), result)


def recipes() -> str:
    """One section per recipe: what it is, and its parameters beside those that all recipes have."""
    from airflow_provider_fate import jobs

    parts = []
    for kind in _recipes():
        texts = parameters(kind)
        rows = [
            (f"`{name}`", _default(field), texts.get(name, ""))
            for name, field in kind.model_fields.items()
            if name not in jobs.Recipe.model_fields
        ]
        about = plain(re.split(r"^:param", inspect.cleandoc(kind.__doc__ or ""), maxsplit=1, flags=re.M)[0])
        parts.append(f"### {kind.__name__}\n\n{about}\n\n" + table(("parameter", "default", "meaning"), rows))
    return "\n\n".join(parts)


def recipe_parameters() -> str:
    """What all recipes have."""
    from airflow_provider_fate import jobs

    texts = parameters(jobs.Recipe)
    rows = [(f"`{name}`", _default(field), texts.get(name, "")) for name, field in jobs.Recipe.model_fields.items()]
    return table(("parameter", "default", "meaning"), rows)


def steps() -> str:
    """The optional steps before and after the training."""
    from airflow_provider_fate import jobs

    rows = []
    for kind in (jobs.Statistics, jobs.Binning, jobs.Selection, jobs.Scaling, jobs.Evaluation, jobs.Encryption):
        about = plain(re.split(r"^:param", inspect.cleandoc(kind.__doc__ or ""), maxsplit=1, flags=re.M)[0])
        texts = parameters(kind)
        fields = " <br> ".join(f"`{n}` ({_default(f)}): {texts.get(n, '')}" for n, f in kind.model_fields.items())
        rows.append((f"`{kind.__name__}`", about, fields))
    return table(("step", "what it does", "parameters (default)"), rows)


def components() -> str:
    """The components that the checks know."""
    from airflow_provider_fate.jobs.catalogue import known_components

    rows = [
        (f"`{name}`", ", ".join(sorted(spec.roles)), "yes" if spec.needs_arbiter else "")
        for name, spec in sorted(known_components().items())
    ]
    return table(("component", "runs on", "needs an arbiter"), rows)


def fate_local_help() -> str:
    """Commands of ``fate-local``, as it prints them itself."""
    import argparse

    from airflow_provider_fate.local.cli import _parser

    parser = _parser()
    subcommands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    parts = []
    for choice in subcommands._choices_actions:
        parts.append(f"- `fate-local {choice.dest}`: {choice.help}.")
        for action in subcommands.choices[choice.dest]._actions:
            if action.option_strings and action.dest != "help":
                options = ", ".join(f"`{option}`" for option in action.option_strings)
                values = f" ({', '.join(map(str, action.choices))})" if action.choices else ""
                parts.append(f"  - {options}{values}" + (f": {action.help}" if action.help else ""))
    return "\n".join(parts)


def make_targets() -> str:
    """What ``make help`` prints."""
    from pathlib import Path

    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    rows = re.findall(r"^([a-z0-9-]+):.*?## (.*)$", makefile, re.M)
    return table(("target", "what it does"), [(f"`make {name}`", text.replace("|", "or")) for name, text in rows])


FACTS: dict[str, Callable[[], str]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(connection_fields, registry_fields, provider_options, errors, recipes, recipe_parameters, steps, components),
        *(fate_local_help, kubefate_fields, airflow_api_fields, fedlcm_fields, site_portal_fields, make_targets),
    )
}


def _fields(model: Any) -> str:
    from airflow_provider_fate.hooks.form import conn_fields, standard_fields

    rows = []
    for name, standard in standard_fields(model).items():
        default = model.model_fields[name].default
        shown = f"`{default}`" if isinstance(default, int) else "-"
        rows.append((standard.label, f"`{standard.name}`", shown, standard.description))
    for name, field in conn_fields(model).items():
        schema = field["schema"]
        default = f"`{str(schema['default']).lower()}`" if "default" in schema else "-"
        choice = f" One of {', '.join(f'`{value}`' for value in schema['enum'])}." if "enum" in schema else ""
        rows.append((field["label"], f"extra: `{name}`", default, field["description"] + choice))
    return table(("label in the form", "field", "default in the form", "meaning"), rows)


def _recipes() -> Iterator[Any]:
    from airflow_provider_fate import jobs

    usual_first = ("Psi", "HeteroSecureBoost")
    for name in (*usual_first, *(name for name in jobs.__all__ if name not in usual_first)):
        kind = getattr(jobs, name)
        if inspect.isclass(kind) and issubclass(kind, jobs.Recipe) and kind is not jobs.Recipe:
            yield kind


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return f"`{type(value).__name__}()`" if hasattr(value, "model_dump") else f"`{value!r}`"
