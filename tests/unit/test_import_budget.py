"""Every DAG file pays for what our operators import, at every parse: so the price is a test."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.bench.bench_import import our_modules

BUDGET = 45
"""Modules besides those that hold the operators, of which there will be more."""
APPROVAL = "airflow_provider_fate.operators.approval"
AIRFLOWS = "airflow.providers.standard.operators.hitl"
"""What an approval is a kind of: a DAG that asks a person pays for this one, whoever's operator it is."""
HEAVY = ("aiohttp", "fate_client", "kubernetes", "numpy", "pandas", "requests", "sklearn", "torch", "yaml")

PROBE = """
import importlib, sys
from airflow.sdk import BaseOperator, DAG, task
before = set(sys.modules)
for module in sys.argv[1:]:
    importlib.import_module(module)
print("ADDED", *sorted(set(sys.modules) - before))
"""


def added_by(*modules: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *modules], capture_output=True, text=True, check=True, timeout=300
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("ADDED"))
    return line.split()[1:]


@pytest.fixture(scope="module")
def added() -> list[str]:
    return added_by(*(module for module in our_modules() if module != APPROVAL))


def test_all_operator_modules_together_add_few_modules(added: list[str]) -> None:
    assert our_modules(), "no operator module was found"
    besides = sorted(set(added) - set(our_modules()))
    assert len(besides) < BUDGET, f"{len(besides)} modules: {' '.join(besides)}"


def test_nothing_heavy_is_imported_for_a_dag_file(added: list[str]) -> None:
    assert not {name.partition(".")[0] for name in added} & set(HEAVY)


def test_our_http_clients_and_recipes_wait_until_a_task_runs(added: list[str]) -> None:
    ours = {name for name in added if name.startswith("airflow_provider_fate.")}
    light = {"airflow_provider_fate.data", "airflow_provider_fate.data.table", "airflow_provider_fate.data.given"}
    ours -= light  # which import nothing
    assert not {name for name in ours if name.split(".")[1] in {"clients", "jobs", "data", "local"}}


def test_an_approval_costs_what_airflows_own_does() -> None:
    ours = set(added_by(APPROVAL)) - set(added_by(AIRFLOWS))
    assert APPROVAL in ours
    assert {name for name in ours if name.count(".") > 1} == {APPROVAL}
