"""Two organisations, each with an Airflow that knows its own site only, from publishing a table to ending it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.site.permissions import Permissions, permissions_of
from dev.demo import start_run
from dev.localairflow import AirflowApi, AirflowApiError, LocalAirflow, Postgres
from dev.postgres import LocalPostgres
from tests.e2e.conftest import explain
from tests.support.evidence import watch
from tests.support.pair import Pair, PairSite, running_pair

pytestmark = [
    *(pytest.mark.fate, pytest.mark.pair, pytest.mark.thorough, pytest.mark.slow),
    pytest.mark.timeout(1500),
]

DAGS = Path(__file__).resolve().parents[2] / "dags"
FILES = {"9999": ("clinic.py", "audit.py"), "10000": ("laboratory.py", "who_used_it.py", "audit.py")}
CLINIC, LABORATORY, USED, AUDIT = (f"two_sites_{name}" for name in ("clinic", "laboratory", "who_used_it", "audit"))


@dataclass
class Organisation:
    """One of them."""

    site: PairSite
    airflow: LocalAirflow

    @property
    def api(self) -> AirflowApi:
        return self.airflow.api

    def audit(self, begin: datetime, end: datetime) -> Any:
        conf = {"site": self.site.conn_id, "begin": begin.isoformat(), "end": end.isoformat()}
        run = self.api.trigger(AUDIT, conf)
        assert self.api.wait(AUDIT, run, 200) == "success", explain(self.api, AUDIT, run)
        return self.api.xcom(AUDIT, run, "audit")


@pytest.fixture(scope="module")
def organisations(
    postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Organisation, Organisation]]:
    """Guest and host, on sites that check all that they are asked."""
    with ExitStack() as stack:
        pair: Pair = stack.enter_context(running_pair(tmp_path_factory.mktemp("sec"), secured=True))
        found = []
        for site in pair.sites:
            dags = tmp_path_factory.mktemp(f"dags-{site.party}")
            shutil.copy(DAGS / "example_tables.py", dags)
            for name in FILES[site.party]:
                shutil.copy(DAGS / "two_sites" / name, dags)
            home = tmp_path_factory.mktemp(f"airflow-{site.party}")
            watch(f"Airflow of {site.party}", home / "logs")
            # Airflow inherits no connection: each has that of its own site, and no other.
            env = {f"AIRFLOW_CONN_{site.conn_id.upper()}": site.fate.airflow_connection.json()}
            database = Postgres(postgres, f"airflow_{site.party}")
            airflow = stack.enter_context(LocalAirflow(home, dags, database=database, parallelism=2, env=env))
            found.append(Organisation(site, airflow))
        yield found[0], found[1]


def until(look: Callable[[], Any], seconds: float = 200) -> Any:
    """Wait for something, and give it back."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := look():
                return found
        except AirflowApiError as e:
            if e.status != 404:
                raise
        assert time.monotonic() < end, "it has not come in time"
        time.sleep(1)


def test_from_publishing_a_table_to_ending_it(organisations: tuple[Organisation, Organisation]) -> None:
    guest, host = organisations
    begin = datetime.now(tz=UTC)
    host.api.unpause(USED)
    clinic = start_run(guest.api, CLINIC)

    waits = until(lambda: guest.api.xcom(CLINIC, clinic, "train", "partners"))
    assert "host 10000" in waits["waits_for"], "the host has published nothing yet"
    assert "No Permission" in waits["waits_for"]
    assert guest.api.wait_task(CLINIC, clinic, "train", frozenset({"deferred"}), timeout=60), "no worker is held"

    laboratory = start_run(host.api, LABORATORY)
    host.api.wait_task(LABORATORY, laboratory, "window", frozenset({"deferred"}), timeout=300)
    granted = permissions_of(host.site.flow, "9999")
    assert len(granted.tables) == 2
    assert {"reader", "psi", "hetero_secureboost"} <= set(granted.components)

    assert guest.api.wait(CLINIC, clinic, 600) == "success", explain(guest.api, CLINIC, clinic)
    job_id = guest.api.xcom(CLINIC, clinic, "report")["job_id"]
    assert guest.site.status(job_id) == "success"
    assert host.site.until(job_id, "success") == "success"

    used = until(lambda: host.api.runs(USED))
    assert host.api.wait(USED, used[-1]["dag_run_id"], 200) == "success"
    noted = [host.api.xcom(USED, run["dag_run_id"], "note") for run in host.api.runs(USED) if run["state"] == "success"]
    assert (job_id, "9999") in {(job["job_id"], job["initiator"]) for jobs in noted for job in jobs}

    end = datetime.now(tz=UTC)
    book = host.audit(begin, end)
    assert book["partners"]["9999"]["jobs"] == book["jobs"] == 1
    assert set(book["partners"]["9999"]["tables"]) == {
        f"laboratory.{name.split('.')[1]}" for name in granted_names(host)
    }
    assert book["partners"]["9999"]["ends"] == {"success": 1}
    assert guest.audit(begin, end)["jobs"] == 0, "nobody has used the guest's site but the guest"

    host.api.mark(LABORATORY, laboratory, "window", "success")
    assert host.api.wait(LABORATORY, laboratory, 200) == "success", explain(host.api, LABORATORY, laboratory)
    assert permissions_of(host.site.flow, "9999") == Permissions("9999")

    guest.api.clear(CLINIC, clinic, ["train"])
    refused = until(lambda: guest.api.xcom(CLINIC, clinic, "train", "partners"))
    assert "No Permission" in refused["waits_for"]
    guest.api.mark(CLINIC, clinic, "train", "failed")
    for organisation in organisations:
        assert organisation.site.unfinished() == []


def granted_names(host: Organisation) -> list[str]:
    """The tables that the laboratory has published, as it calls them."""
    return [name.replace(":", "-") for name in permissions_of(host.site.flow, "9999").tables]
