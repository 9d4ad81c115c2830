"""What the tests on a real FATE share: tables that are loaded once, and recipes that are trained once."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.jobs import Recipe, require_valid
from tests.support.fate import RunningFate

PATIENCE = 900
"""Seconds for uploads on a busy two-core machine."""
GUEST = "9999"
LocalTable = tuple[Path, str | None, str]
"""A file, the name of its label, and the label's type."""


class Prepared:
    """Tables of the namespace ``recipes``, and jobs of recipes over them, each made when it is first asked for.

    All that is asked for at once runs side by side, which is quicker than one after the other.
    """

    def __init__(self, flow: FlowClient) -> None:
        self._flow = flow
        self._tables: set[str] = set()
        self._jobs: dict[str, str] = {}

    def tables(self, files: Mapping[str, LocalTable]) -> None:
        """Load the tables that are not there; those of one name have to be the same."""
        uploads = {
            name: self._flow.data.upload_file(
                path,
                namespace="recipes",
                name=name,
                meta=UploadMeta(match_id_name="id", label_name=label, label_type=kind),
                extend_sid=True,
            ).job_id
            for name, (path, label, kind) in files.items()
            if name not in self._tables
        }
        end = time.monotonic() + PATIENCE
        assert {name: self._ended(job_id, end) for name, job_id in uploads.items()} == dict.fromkeys(uploads, "success")
        self._tables |= uploads.keys()

    def jobs(self, recipes: Mapping[str, Recipe], asked: Collection[object]) -> dict[str, str]:
        """Ids of the jobs of those recipes that were asked for, by name; of equal recipes one job is trained."""
        chosen = {name: recipe.dag() for name, recipe in recipes.items() if name in asked}
        keys = {name: json.dumps(dag, sort_keys=True) for name, dag in chosen.items()}
        for name, dag in chosen.items():
            if keys[name] not in self._jobs:
                require_valid(dag, party_id=GUEST, cores=32)
                self._jobs[keys[name]] = self._flow.job.submit(dag).job_id
        return {name: self._jobs[key] for name, key in keys.items()}

    def stop(self) -> None:
        """Leave nothing running."""
        for job_id in self._jobs.values():
            if not all(record.status.is_terminal for record in self._flow.job.query(job_id=job_id)):
                self._flow.job.stop(job_id)

    def _ended(self, job_id: str, end: float) -> str:
        while time.monotonic() < end:
            records = self._flow.job.query(job_id=job_id)
            if all(record.status.is_terminal for record in records):
                return str(records[0].status)
            time.sleep(0.5)
        return "unfinished"


@pytest.fixture(scope="session")
def prepared(fate_full: RunningFate) -> Iterator[Prepared]:
    """What was made for one test serves the others, too: none of them changes or deletes it."""
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as flow:
        made = Prepared(flow)
        yield made
        made.stop()


def asked_for(request: pytest.FixtureRequest) -> set[object]:
    """Names of recipes in the parameters of the tests that will run in this module."""
    items = (item for item in request.session.items if item.path == request.path)
    return {item.callspec.params.get("name") for item in items if hasattr(item, "callspec")}
