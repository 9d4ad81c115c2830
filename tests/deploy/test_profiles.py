"""What the file starts on request: two sites, a notebook, MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.deploy.engine import Engine

pytestmark = [pytest.mark.fate, pytest.mark.slow, pytest.mark.thorough, pytest.mark.timeout(2400)]

MINE = ("fate", "fate-clinic", "fate-laboratory", "notebook", "mlflow")


@pytest.fixture(scope="module")
def engine(services: Callable[..., Any]) -> Iterator[Engine]:
    home, found = services("fate", "pair", "notebook", "mlflow")
    with Engine(home, {name: found[name] for name in MINE}).running() as running:
        yield running


@pytest.mark.parametrize(
    ("site", "party", "partner"),
    [(("fate-clinic", "9381"), "9999", "10000"), (("fate-laboratory", "9382"), "10000", "9999")],
)
def test_either_site_of_the_pair_runs_a_job_with_the_other(
    engine: Engine, site: tuple[str, str], party: str, partner: str
) -> None:
    done = engine.visit("-m", "tests.deploy.play", "toy", *site, party, partner)
    assert done.returncode == 0, done.stderr
    # A site that plays both parties would have both records.
    assert json.loads(done.stdout) == {"end": "success", "records": [f"guest {party}"]}


def test_mlflow_answers_by_the_name_in_airflows_connection(engine: Engine) -> None:
    env = {"PATH": "/usr/bin:/bin:/usr/sbin"}
    url = "http://mlflow:5000/api/2.0/mlflow/experiments/search?max_results=1"
    done = engine.room.run(["curl", "--fail", "--silent", url], env, engine.home)
    assert json.loads(done.stdout)["experiments"]
    done = engine.room.run(["curl", "--silent", "--header", "Host: elsewhere.example.org", url], env, engine.home)
    assert "experiments" not in done.stdout


def test_the_notebook_asks_for_its_token_and_its_kernel_finds_the_site(engine: Engine) -> None:
    notebook = engine.services["notebook"]
    env = engine.environment(notebook)
    url = "http://notebook:8888/api/kernels"
    done = engine.room.run(["curl", "--silent", url], env, engine.home)
    assert "Forbidden" in done.stdout
    token = f"Authorization: token {notebook.environment['JUPYTER_TOKEN']}"
    done = engine.room.run(["curl", "--fail", "--silent", "--header", token, url], env, engine.home)
    assert json.loads(done.stdout) == []
    done = engine.room.run(["pipeline", "site-info"], env, engine.home)
    assert "9999" in done.stdout, done.stdout + done.stderr
