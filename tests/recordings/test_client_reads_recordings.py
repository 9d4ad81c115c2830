"""The client reads every recorded answer: as a model, or as the error that it is.

``traffic/`` comes from ``record.py`` and one server, ``pair/`` from two real sites that cannot see each other: the
answers about partners that are down, hang, are unknown, or refuse.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings, models
from airflow_provider_fate.errors import FateError, FateServerError

from .record import TRAFFIC

PAIR = Path(__file__).parent / "pair"
EMPTY = {1001, 2000, 3000}
"""Codes that say that there is nothing: no job or task fits, or a standalone server has no party id."""
TASK = {"job_id": "1", "role": "guest", "party_id": "9999", "task_name": "psi_0"}
PARTY = {"job_id": "1", "role": "guest", "party_id": "9999"}
TABLE = {"namespace": "a", "name": "b"}
MODEL = {"model_id": "1", "model_version": "0"}
META = models.UploadMeta(match_id_name="id")

# By endpoint, the call whose answer is recorded.
CALLS: dict[str, Callable[[FlowClient], object]] = {
    "POST /job/submit": lambda flow: flow.job.submit({}),
    "GET /job/query": lambda flow: flow.job.query(job_id="1"),
    "POST /job/stop": lambda flow: flow.job.stop("1"),
    "POST /job/rerun": lambda flow: flow.job.rerun("1"),
    "POST /job/clean": lambda flow: flow.job.clean("1"),
    "POST /job/queue/clean": lambda flow: flow.job.clean_queue(),
    "GET /job/list/query": lambda flow: flow.job.list(),
    "GET /job/task/query": lambda flow: flow.task.query(job_id="1"),
    "GET /job/task/list/query": lambda flow: flow.task.versions(),
    "POST /job/log/download": lambda flow: flow.job.download_logs("1", io.BytesIO()),
    "GET /job/data/view": lambda flow: flow.job.data_view(**PARTY),
    "POST /job/notes/add": lambda flow: flow.job.add_notes(**PARTY, notes="x"),
    "GET /job/dag/dependency": lambda flow: flow.job.dependencies(**PARTY),
    "POST /data/component/upload": lambda flow: flow.data.upload_server_file("x", **TABLE, meta=META),
    "POST /data/component/upload/file": lambda flow: flow.data.upload_file([b"x"], **TABLE, meta=META),
    "POST /data/component/dataframe/transformer": lambda flow: flow.data.transform(models.TableRef(**TABLE), **TABLE),
    "GET /data/download": lambda flow: flow.data.download(**TABLE, to=io.BytesIO()),
    "GET /table/query": lambda flow: flow.table.query(**TABLE),
    "POST /table/delete": lambda flow: flow.table.delete(**TABLE),
    "POST /table/bind/path": lambda flow: flow.table.bind_path(**TABLE, path="/x"),
    "GET /output/metric/key/query": lambda flow: flow.output.metric_keys(**TASK),
    "GET /output/metric/query": lambda flow: flow.output.metrics(**TASK),
    "GET /output/model/query": lambda flow: flow.output.model(**TASK),
    "GET /output/model/download": lambda flow: flow.output.download_model(**TASK, to=io.BytesIO()),
    "GET /output/data/download": lambda flow: flow.output.download_data(**TASK, to=io.BytesIO()),
    "GET /output/data/table": lambda flow: flow.output.data_tables(**TASK),
    "GET /output/data/display": lambda flow: flow.output.data_display(**TASK),
    "GET /log/count": lambda flow: flow.log.count("task_info", **TASK),
    "GET /log/query": lambda flow: flow.log.query("task_info", **TASK),
    "POST /model/export": lambda flow: flow.model.export(**MODEL, role="guest", party_id="9999", path="/x"),
    "POST /model/import": lambda flow: flow.model.import_([b"x"], **MODEL),
    "POST /model/delete": lambda flow: flow.model.delete(**MODEL),
    "POST /provider/register": lambda flow: flow.provider.register("x", "1", "local", {}),
    "GET /provider/query": lambda flow: flow.provider.query(name="fate"),
    "POST /provider/delete": lambda flow: flow.provider.delete(name="fate"),
    "GET /server/fateflow": lambda flow: flow.server.version(),
    "GET /server/query/all": lambda flow: flow.server.configuration(),
    "GET /server/query": lambda flow: flow.server.query("x"),
    "POST /server/registry": lambda flow: flow.server.register("x", "h", 1),
    "POST /server/delete": lambda flow: flow.server.delete("x"),
    "GET /server/service/query": lambda flow: flow.server.query_service("x", "y"),
    "POST /server/service/registry": lambda flow: flow.server.register_service("x", "y", "/z"),
    "POST /server/service/delete": lambda flow: flow.server.delete_service("x", "y"),
    "GET /site/info/query": lambda flow: flow.site.info(),
    "POST /app/client/create": lambda flow: flow.app.create_client("x"),
    "POST /app/client/delete": lambda flow: flow.app.delete_client("1"),
    "GET /app/client/query": lambda flow: flow.app.query_clients(app_id="1"),
    "POST /app/site/create": lambda flow: flow.app.create_site("1"),
    "GET /app/site/query": lambda flow: flow.app.query_sites("1"),
    "POST /app/partner/create": lambda flow: flow.app.create_partner("1", app_id="1", app_token=SecretStr("x")),
    "POST /app/partner/delete": lambda flow: flow.app.delete_partner("1"),
    "GET /app/partner/query": lambda flow: flow.app.query_partners("1"),
    "POST /permission/grant": lambda flow: flow.permission.grant("1", "client"),
    "POST /permission/delete": lambda flow: flow.permission.revoke("1", "client"),
    "GET /permission/query": lambda flow: flow.permission.query("1"),
    "GET /permission/role/query": lambda flow: flow.permission.roles(),
    "POST /permission/resource/grant": lambda flow: flow.permission.grant_resources("1", components=["psi"]),
    "POST /permission/resource/delete": lambda flow: flow.permission.revoke_resources("1", components=["psi"]),
    "GET /permission/resource/query": lambda flow: flow.permission.query_resources("1"),
}


@dataclass(frozen=True)
class Recorded:
    """One recorded answer."""

    name: str
    endpoint: str
    body: Any
    content_type: str


def _recorded(folder: Path) -> Iterator[Recorded]:
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        endpoint = f"{content['method']} {content['path']}"
        yield Recorded(f"{folder.name}/{path.stem}", endpoint, content["body"], content["content_type"])


RECORDED = [item for item in (*_recorded(TRAFFIC), *_recorded(PAIR)) if item.endpoint in CALLS]


@pytest.mark.parametrize("recorded", RECORDED, ids=[item.name for item in RECORDED])
def test_every_answer_is_read(recorded: Recorded) -> None:
    body = b"a file" if recorded.body is None else json.dumps(recorded.body).encode()

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        return httpx.Response(200, content=body, headers={"Content-Type": recorded.content_type})

    flow = FlowClient(FlowSettings(host="127.0.0.1", retries=0))
    flow._transport._client = httpx.Client(transport=httpx.MockTransport(answer))
    code = recorded.body.get("code", 0) if isinstance(recorded.body, dict) else 0
    error: FateError | None = None
    try:
        CALLS[recorded.endpoint](flow)
    except FateError as raised:
        error = raised

    if error is None:
        assert code == 0 or code in EMPTY
    else:
        assert code != 0, error
        assert "unexpected" not in error.message
        assert "Traceback" not in error.message
        assert not (type(error) is FateServerError and code in range(5000, 6000)), error


def test_there_are_recordings_of_one_server_and_of_a_pair() -> None:
    assert {item.name.split("/")[0] for item in RECORDED} == {"traffic", "pair"}


def test_every_endpoint_of_the_client_that_was_recorded_is_covered() -> None:
    stubs = {"POST /model/load", "POST /model/migrate", "POST /model/store", "POST /model/restore"}
    strange = {"GET /nope", "GET /job/submit"}

    assert {item.endpoint for item in _recorded(TRAFFIC)} - stubs - strange <= set(CALLS)
