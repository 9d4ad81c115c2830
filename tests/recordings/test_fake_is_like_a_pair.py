"""A fake with an invisible partner answers as each of two real sites did: its own records, and nothing of the other's.

The job of the recording (PSI, SecureBoost, evaluation) is submitted to the fake, and the guest's site is asked the
same questions about both parties.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.fake_flow.tables import Table

from .scenario import Conversation
from .shapes import differences, shape
from .test_client_reads_recordings import PAIR

JOB_ID = re.compile(r"\b20\d{19}\b")
GUEST = {"role": "guest", "party_id": "9999"}
HOST = {"role": "host", "party_id": "10000"}
TASK = {"task_name": "sbt_0"}
LINES = {"begin": 1, "end": 3}
PAGE = {"limit": 2, "page": 1}

# By recording, what was asked; where `job_id` is wanted it is that of the job.
QUESTIONS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "site_info": ("/site/info/query", None),
    "job_query": ("/job/query", {}),
    "job_query__role_guest": ("/job/query", GUEST),
    "job_query__role_host": ("/job/query", HOST),
    "job_list_query__role_host": ("/job/list/query", {"role": "host"} | PAGE),
    "task_query": ("/job/task/query", {}),
    "task_query__role_guest": ("/job/task/query", GUEST),
    "task_query__role_host": ("/job/task/query", HOST),
    "task_list_query": ("/job/task/list/query", {"limit": 20, "page": 1}),
    "dag_dependency__guest": ("/job/dag/dependency", GUEST),
    "dag_dependency__host": ("/job/dag/dependency", HOST),
    "data_view__guest": ("/job/data/view", GUEST),
    "data_view__host": ("/job/data/view", HOST),
    "data_table__host": ("/output/data/table", HOST | TASK),
    "data_display__host": ("/output/data/display", HOST | TASK),
    "metric_key__host": ("/output/metric/key/query", HOST | TASK),
    "metric_query__host": ("/output/metric/query", HOST | TASK),
    "model_query__host": ("/output/model/query", HOST | TASK),
    "log_count__guest": ("/log/count", {"log_type": "task_info"} | GUEST | TASK),
    "log_count__host": ("/log/count", {"log_type": "task_info"} | HOST | TASK),
    "log_query__guest": ("/log/query", {"log_type": "task_info"} | GUEST | TASK | LINES),
    "log_query__host": ("/log/query", {"log_type": "task_info"} | HOST | TASK | LINES),
    "log_schedule_error": ("/log/query", {"log_type": "schedule_error"} | GUEST | TASK | LINES),
    "table_query__mine": ("/table/query", {"namespace": "experiment", "name": "breast_hetero_guest"}),
    "table_query__partners": ("/table/query", {"namespace": "experiment", "name": "breast_hetero_host"}),
}


def recorded(name: str) -> Any:
    """What the guest's site of the pair answered."""
    return json.loads((PAIR / f"osx_{name}.json").read_text())["body"]


@dataclass(frozen=True)
class Site:
    """The guest's site, a fake, and the job on it."""

    fake: FakeFlow
    talk: Conversation
    job_id: str

    def ask(self, path: str, params: dict[str, Any] | None) -> Any:
        about_job = params is not None and "/list/" not in path and path != "/table/query"
        return self.talk.ask("", "GET", path, params={"job_id": self.job_id, **params} if about_job else params)


def job_of(name: str) -> dict[str, Any]:
    """The job of a recording, as it can be submitted again."""
    job: dict[str, Any] = recorded(name)["data"][0]["dag"]
    return job


def submitted(fake: FakeFlow, job: dict[str, Any]) -> Site:
    """A site with this job."""
    talk = Conversation(fake.url, patience=20, pause=0.02)
    reply = talk.ask("", "POST", "/job/submit", body={"dag_schema": job})
    assert reply["code"] == 0, reply
    return Site(fake, talk, reply["job_id"])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """After the job's success."""
    with FakeFlow(partner_visible=False, script=Script(waiting=0.0, seconds=0.02)) as fake:
        columns, rows = ["id", "y", "x0"], [["1", "0", "0.5"]]
        fake.tables.add(Table("experiment", "breast_hetero_guest", "dataframe", columns, rows))
        found = submitted(fake, job_of("guest__job_query"))
        assert found.talk.until_over(found.job_id) == "success"
        yield found


def without_ids(body: Any) -> Any:
    """A message names the job, whose id differs."""
    return JOB_ID.sub("<job>", str(body.get("message")))


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_guests_site_answers_alike(name: str, site: Site) -> None:
    real, fake = recorded(f"guest__{name}"), site.ask(*QUESTIONS[name])

    assert (fake["code"], without_ids(fake)) == (real["code"], without_ids(real))
    assert differences(shape(real), shape(fake)) == []


PARTIES = ("role", "party_id", "task_name", "status", "party_status")


def records(body: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Whose records an answer has, and in which states."""
    return sorted(tuple(str(record.get(key)) for key in PARTIES) for record in body["data"])


@pytest.mark.parametrize("name", ["job_query", "task_query"])
def test_it_has_records_of_its_own_party_only(name: str, site: Site) -> None:
    assert records(site.ask(*QUESTIONS[name])) == records(recorded(f"guest__{name}"))


def test_a_table_that_only_the_partner_misses_fails_the_job_without_a_reason_here() -> None:
    missing = Failure("No found table", party=("host", "10000"))
    with FakeFlow(partner_visible=False, script=Script(waiting=0.0, seconds=0.02, fail={"reader_0": missing})) as fake:
        found = submitted(fake, job_of("missing_table__guest_job_query"))
        assert found.talk.until_over(found.job_id) == "failed"

        assert records(found.ask("/job/query", {})) == records(recorded("missing_table__guest_job_query"))
        task = {"log_type": "task_error", "task_name": "reader_0"} | LINES
        assert found.ask("/log/query", GUEST | task)["data"] == []
        assert recorded("missing_table__guest_log_task_error_reader_0")["data"] == []


@pytest.mark.parametrize("name", ["job_query", "task_query"])
def test_a_stop_leaves_the_same_states(name: str) -> None:
    with FakeFlow(partner_visible=False, script=Script(waiting=0.0, seconds=60.0)) as fake:
        found = submitted(fake, job_of("guest_stop__guest_job_query"))
        fake.clock.advance(1.0)
        assert found.talk.ask("", "POST", "/job/stop", body={"job_id": found.job_id}) == recorded("guest_stop__stop")
        assert found.talk.until_over(found.job_id) == "canceled"

        assert records(found.ask(f"/job/{'' if name == 'job_query' else 'task/'}query", {})) == records(
            recorded(f"guest_stop__guest_{name}")
        )
