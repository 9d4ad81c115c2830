"""Ten and more broken set-ups, each named by its problem within five seconds, and a good one that passes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FatePreflightError
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi
from airflow_provider_fate.operators.preflight import FatePreflightOperator
from airflow_provider_fate.site.permissions import grant
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task, connect

AT_MOST = 5.0
META = {"match_id_name": "id", "label_name": "y"}
TRAINING = HeteroSecureBoost(
    guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")], num_trees=2, job_cores=4
)


def bank(columns: tuple[str, ...] = ("extend_sid", "id", "y", "x0", "x1"), rows: int = 3, **rest: Any) -> Table:
    content = [[f"0f{row}", str(row), str(row % 2), *["1.5"] * (len(columns) - 3)] for row in range(rows)]
    return Table("credit", "bank", rest.pop("kind", "dataframe"), list(columns), content, meta=META, **rest)


@pytest.fixture
def site(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    """A guest's site that has its table, and has worked with the host just now."""
    fake_site.tables.add(bank())
    connect(monkeypatch, fake_site, cores=32)
    ended(fake_site)
    return fake_site


def ended(fake: FakeFlow, script: Script | None = None) -> str:
    """A job with the host that has come to its end."""
    fake.plan(script or Script(waiting=0.0, seconds=0.0))
    with FlowClient(fake.settings) as flow:
        job_id = flow.job.submit(TRAINING.document()).job_id
    fake.state_of(job_id)
    return job_id


def task(**arguments: Any) -> Task:
    given: dict[str, Any] = {"job": TRAINING, "fate_conn_id": CONN_ID, "task_id": "preflight"} | arguments
    return Task(lambda: FatePreflightOperator(**given))


def results(found: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["result"] for check in found["checks"]}


def test_a_good_site_passes_and_nothing_is_submitted(site: FakeFlow) -> None:
    before = len(site.jobs)
    good = task(tables={"credit.bank": {"min_rows": 3, "columns": ["x0", "x1"], "label": "y", "match_id": "id"}})
    found = good.run()
    assert found["ok"]
    assert found["seconds"] < AT_MOST
    assert set(results(found).values()) == {"pass", "unknown"}
    assert [name for name, result in results(found).items() if result == "unknown"] == [
        "setting job_cores",
        "setting task_timeout",
        "permission at 10000",
    ]
    assert all(check["advice"] for check in found["checks"] if check["result"] == "unknown")
    assert good.ti.xcoms["checks"] == found
    assert len(site.jobs) == before
    assert {call.method for call in site.requests.calls[-20:] if call.path != "/job/submit"} == {"GET"}


# -- broken set-ups: what is wrong, the check that fails, and words of what it says ------------------------------------


def _down(site: FakeFlow, change: Callable[..., None]) -> AbstractContextManager[None]:
    return site.refusing()


def _wrong_host(site: FakeFlow, change: Callable[..., None]) -> None:
    change(host="no-such-host.invalid")


def _hangs(site: FakeFlow, change: Callable[..., None]) -> None:
    site.faults.hang(times=None)


def _web_page(site: FakeFlow, change: Callable[..., None]) -> None:
    site.faults.html(status=200, body="<html>Welcome</html>", times=None)


def _old(site: FakeFlow, change: Callable[..., None]) -> None:
    site.version = "2.0.0"


def _wrong_party(site: FakeFlow, change: Callable[..., None]) -> None:
    site.party_id = "9998"


def _wrong_token(site: FakeFlow, change: Callable[..., None]) -> None:
    site.gate.on = True
    change(login=site.gate.add("tests", role="client").app_id, password="guess")


def _clock(site: FakeFlow, change: Callable[..., None]) -> None:
    site.gate.on = True
    site.gate.skew = 120.0
    app = site.gate.add("tests", role="client")
    change(login=app.app_id, password=app.token)


def _no_table(site: FakeFlow, change: Callable[..., None]) -> None:
    site.tables.remove("credit", "bank")


def _no_column(site: FakeFlow, change: Callable[..., None]) -> None:
    site.tables.add(bank(("extend_sid", "id", "y", "x0")))


def _few_rows(site: FakeFlow, change: Callable[..., None]) -> None:
    site.tables.add(bank(rows=1))


def _raw(site: FakeFlow, change: Callable[..., None]) -> None:
    site.tables.add(bank(kind="table"))


def _no_label(site: FakeFlow, change: Callable[..., None]) -> None:
    site.tables.add(bank())
    site.tables.get("credit", "bank").meta = {"match_id_name": "id"}  # type: ignore[union-attr]


def _stuck(site: FakeFlow, change: Callable[..., None]) -> None:
    ended(site, Script(waiting=1e9))
    site.clock.advance(3600)


def _small(site: FakeFlow, change: Callable[..., None]) -> None:
    site.cores = 2


def _unreachable(site: FakeFlow, change: Callable[..., None]) -> None:
    job = site.jobs[ended(site, Script(waiting=1e9))]
    job.status = dict.fromkeys(job.parties, "failed")
    job.tag = "job_end"
    answers = {
        "guest": {"9999": {"code": 0, "message": "success"}},
        "host": {"10000": {"code": 104, "message": "Federated schedule error, Connection refused"}},
    }
    job.schedule_errors = [f"Exception: {('create job failed', answers)}"]


def _no_model(site: FakeFlow, change: Callable[..., None]) -> None:
    job = next(iter(site.jobs.values()))
    job.deleted_models.add(("sbt_0", ("guest", "9999")))


def _no_app_ids(site: FakeFlow, change: Callable[..., None]) -> None:
    site.gate.on = site.gate.sites = True
    change(login="admin", password="fate_flow_admin")


BROKEN = {
    "down": (_down, "reachable", "is not reached"),
    "wrong host": (_wrong_host, "reachable", "no-such-host.invalid"),
    "hangs": (_hangs, "reachable", "within 1 s"),
    "not FATE-Flow": (_web_page, "version", "is not FATE-Flow"),
    "wrong version": (_old, "version", "FATE-Flow 2.0.0"),
    "wrong party": (_wrong_party, "party", "'9998'"),
    "wrong token": (_wrong_token, "signature", "varify failed"),
    "clock skew": (_clock, "clock", "s ahead of this machine's"),
    "missing table": (_no_table, "table credit.bank", "no such table"),
    "no column": (_no_column, "table credit.bank", "no column x1"),
    "too few rows": (_few_rows, "table credit.bank", "1 rows, needed are 2"),
    "raw table": (_raw, "table credit.bank", "of type 'table'"),
    "no label": (_no_label, "labels", "has none"),
    "stuck queue": (_stuck, "queue", "has waited for 1:00:0"),
    "too many cores": (_small, "cores", "the cluster has 2 cores"),
    "unreachable partner": (_unreachable, "partner 10000", "host 10000 cannot be reached"),
    "deleted model": (_no_model, "model {model}", "was deleted"),
    "no app ids": (_no_app_ids, "partner 10000 app ids", "cannot ask this site"),
}


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the connection."""

    def change(**fields: Any) -> None:
        name = f"AIRFLOW_CONN_{CONN_ID.upper()}"
        monkeypatch.setenv(name, json.dumps(json.loads(os.environ[name]) | fields))

    return change


@pytest.fixture
def broken(
    request: pytest.FixtureRequest, site: FakeFlow, change: Callable[..., None]
) -> Iterator[tuple[FakeFlow, str, str]]:
    """A site that is broken in one way, the check that is to name it, and words of it."""
    arrange, name, words = BROKEN[request.param]
    model = next(iter(site.jobs))
    with arrange(site, change) or nullcontext():
        yield site, name.format(model=model), words
    site.faults.clear()


@pytest.mark.parametrize("broken", BROKEN, indirect=True)
def test_a_broken_set_up_is_named_by_its_problem_within_seconds(broken: tuple[FakeFlow, str, str]) -> None:
    site, name, words = broken
    model = next(iter(site.jobs))
    needed = {"credit.bank": {"min_rows": 2, "columns": ["x0", "x1"]}}
    look = task(tables=needed, model=model, timeout=1)
    began = time.monotonic()
    with pytest.raises(FatePreflightError) as caught:
        look.run()
    assert time.monotonic() - began < AT_MOST
    found = look.ti.xcoms["checks"]
    failed = {check["name"]: check for check in found["checks"] if check["result"] == "fail"}
    assert set(failed) == {name}, "this problem, and no other"
    assert words in failed[name]["found"]
    assert failed[name]["advice"]
    assert f"  - {name}: " in caught.value.message
    assert "nothing was submitted" in caught.value.message
    assert failed[name]["advice"] in (caught.value.hint or "")
    assert found["ok"] is False


def test_all_problems_are_listed_at_once(site: FakeFlow) -> None:
    site.tables.remove("credit", "bank")
    site.version = "2.0.0"
    _stuck(site, lambda: None)
    with pytest.raises(FatePreflightError, match="for 3 reasons") as caught:
        task().run()
    assert [line.split(":")[0] for line in caught.value.message.splitlines()[1:]] == [
        "  - version",
        "  - table credit.bank",
        "  - queue",
    ]


def test_a_check_without_an_answer_stops_no_other(site: FakeFlow) -> None:
    site.faults.hang("/table/query", times=None)
    site.tables.add(Table("credit", "more", "dataframe", ["id"], [["1"]]))
    look = task(tables=["credit.more"], timeout=0.5)
    found = look.run()
    assert results(found)["table credit.more"] == "warn"
    assert results(found)["queue"] == "pass"
    assert found["seconds"] < 2
    with pytest.raises(FatePreflightError, match=r"table credit\.more: .*within 0\.5 s"):
        task(tables=["credit.more"], timeout=0.5, fail_on="warn").run()
    site.faults.clear()


def test_a_job_that_cannot_run_is_named_with_each_of_its_faults(site: FakeFlow) -> None:
    document = TRAINING.document()
    document["dag"]["tasks"]["psi_0"]["component_ref"] = "psy"
    document["dag"]["conf"]["colour"] = "red"
    look = task(job=document)
    with pytest.raises(FatePreflightError):
        look.run()
    (job,) = (check for check in look.ti.xcoms["checks"]["checks"] if check["name"] == "job")
    assert "tasks.psi_0.component_ref" in job["found"]
    assert "conf.colour" in job["found"]
    assert "Did you mean 'psi'?" in job["advice"]


def test_what_is_no_job_is_said_beside_all_else(site: FakeFlow) -> None:
    look = task(job="recipe: HeteroSecureBoost\nguest: 1\n")
    with pytest.raises(FatePreflightError, match="job: "):
        look.run()
    assert results(look.ti.xcoms["checks"])["queue"] == "pass"


def test_cores_of_all_parties_count_where_one_server_serves_them(
    fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, fake_flow)
    fake_flow.cores = 6
    for name in ("bank", "telco"):
        fake_flow.tables.add(Table("credit", name, "dataframe", ["id"], [["1"]]))
    job = Psi(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")], job_cores=4)
    with pytest.raises(FatePreflightError, match="2 parties with 4 cores, and the site has 6") as caught:
        task(job=job).run()
    assert "wait for ever" in str(caught.value)


@pytest.mark.parametrize(
    ("conf", "result", "found"),
    [
        ({"cores": 2, "task": {"engine_run": {"cores": 1}}}, "pass", "2 cores asked, of 3"),
        ({"cores": 2, "task": {"engine_run": {"cores": 3}}}, "pass", "3 cores asked, of 3"),
        ({"task": {"engine_run": {"cores": 1}}}, "warn", "4 cores (4 are FATE's default"),
        ({"cores": 1}, "warn", "4 cores (4 are FATE's default"),
    ],
)
def test_a_job_takes_what_it_names_and_what_its_tasks_take(
    site: FakeFlow, conf: dict[str, Any], result: str, found: str
) -> None:
    site.cores = 3
    document = TRAINING.document()
    document["dag"]["conf"] = conf
    (cores,) = (check for check in task(job=document).run()["checks"] if check["name"] == "cores")
    assert cores["result"] == result
    assert found in cores["found"]


def test_a_connection_with_other_cores_than_the_server_is_a_warning(site: FakeFlow) -> None:
    site.cores = 16
    assert results(task().run())["cores of the site"] == "warn"


def test_a_table_must_not_have_another_order_than_its_contract(site: FakeFlow) -> None:
    contract = {"label": "y", "columns": ["x1", "x0"]}
    with pytest.raises(FatePreflightError, match=r"columns: the order is another: column 1 is x0, agreed is x1"):
        task(tables={"credit.bank": {"contract": contract}}).run()


def test_types_of_columns_are_compared(site: FakeFlow) -> None:
    assert task(tables={"credit.bank": {"types": {"x0": "float32"}}}).run()["ok"]
    with pytest.raises(FatePreflightError, match="x0 is float32, needed is int64"):
        task(tables={"credit.bank": {"types": {"x0": "int64"}}}).run()


def test_an_old_success_with_a_partner_is_a_warning(site: FakeFlow) -> None:
    site.clock.advance(7200)
    assert results(task().run())["partner 10000"] == "pass"
    assert results(task(contact_age=timedelta(hours=1)).run())["partner 10000"] == "warn"


def test_a_failure_that_is_not_of_the_partner_is_a_warning(site: FakeFlow) -> None:
    _unreachable(site, lambda: None)
    site.clock.advance(3600)
    assert results(task().run())["partner 10000"] == "warn", "it may be there again"


def test_clocks_that_differ_are_a_warning_where_nothing_is_signed(site: FakeFlow) -> None:
    site.gate.skew = -90.0
    found = task().run()
    (clock,) = (check for check in found["checks"] if check["name"] == "clock")
    assert clock["result"] == "warn"
    assert "90 s behind" in clock["found"] or "89 s behind" in clock["found"]


def test_a_host_learns_what_it_has_not_granted(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.party_id = "10000"
    fake_site.gate.sites = True
    fake_site.tables.add(Table("credit", "telco", "dataframe", ["id"], [["1"]]))
    connect(monkeypatch, fake_site, party_id="10000", role="host")
    with FlowClient(fake_site.settings) as flow:
        grant(flow, "9999", tables=[TableName("credit", "telco")], components=["psi"])
        look = task()
        with pytest.raises(FatePreflightError):
            look.run()
        (permission,) = (c for c in look.ti.xcoms["checks"]["checks"] if c["name"] == "permission of 9999")
        assert permission["found"] == "it may not use hetero_secureboost"
        grant(flow, "9999", tables=[], components=["hetero_secureboost"])
        assert results(look.run())["permission of 9999"] == "pass"


def test_the_earlier_job_of_a_warm_start_is_a_model_that_must_be_here(site: FakeFlow) -> None:
    earlier = next(iter(site.jobs))
    job = HeteroSecureBoost.model_validate({**TRAINING.model_dump(), "warm_start": earlier})
    found = results(task(job=job).run())
    assert (found[f"model {earlier}"], found["job"]) == ("pass", "pass")
    _no_model(site, lambda: None)
    with pytest.raises(FatePreflightError, match=f"model {earlier}: .*was deleted"):
        task(job=job).run()


def test_models_that_a_job_names_are_looked_for(site: FakeFlow) -> None:
    earlier = next(iter(site.jobs))
    document = TRAINING.document()
    document["dag"]["conf"]["model_warehouse"] = {"model_id": earlier, "model_version": "0"}
    assert results(task(job=document).run())[f"model {earlier}"] == "pass"
    document["dag"]["conf"]["model_warehouse"]["model_id"] = "imported"
    assert results(task(job=document).run())["model imported"] == "unknown"


def test_an_app_that_may_not_look_at_app_ids_is_told_so(site: FakeFlow, change: Callable[..., None]) -> None:
    site.gate.on = site.gate.sites = True
    app = site.gate.add("tests", role="client")
    change(login=app.app_id, password=app.token)
    found = task().run()
    assert (results(found)["signature"], results(found)["partner 10000 app ids"]) == ("pass", "unknown")


def test_a_token_that_nobody_checks_is_not_known_to_be_right(site: FakeFlow, change: Callable[..., None]) -> None:
    change(login="some-app", password="guess")
    assert results(task().run())["signature"] == "unknown"


def test_a_check_that_is_broken_itself_hides_no_other(site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("airflow_provider_fate.site.preflight.plan.queue_check", broken)
    found = task().run()
    assert results(found)["queue"] == "warn"
    assert results(found)["cores"] == "pass"


def test_no_token_is_told(site: FakeFlow, change: Callable[..., None]) -> None:
    _wrong_token(site, change)
    change(password="a-secret-of-the-site")
    look = task()
    with pytest.raises(FatePreflightError) as caught:
        look.run()
    assert "a-secret-of-the-site" not in json.dumps(look.ti.xcoms) + str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"tables": ["bank"]}, "'namespace.name'"),
        ({"tables": {"credit.bank": {"row": 3}}}, "'row'"),
        ({"tables": {"credit.bank": {"columns": "x0"}}}, "columns"),
        ({"min_rows": "many"}, "min_rows: 'many'"),
        ({"partners": "10 000"}, "partners"),
        ({"model": {"status": "success"}}, "model="),
        ({"tables": {"credit.bank": {"contract": "/no/such/file.yaml"}}}, "no/such/file"),
    ],
)
def test_wrong_arguments_are_told_before_the_site_is_asked(site: FakeFlow, arguments: Any, names: str) -> None:
    site.requests.clear()
    with pytest.raises(AirflowFailException, match=names):
        task(**arguments).run()
    assert site.requests.count() == 0


def test_templates_in_the_job_and_beside_it_are_rendered(site: FakeFlow) -> None:
    job = TRAINING.model_copy(update={"guest": Party("9999", "credit.{{ day }}")})
    for tables in (["credit.{{ day }}"], {"credit.{{ day }}": {"min_rows": "{{ rows }}"}}):
        look = task(job=job, tables=tables, min_rows="{{ rows }}")
        look.templates = {"day": "bank", "rows": 3}
        assert results(look.run())["table credit.bank"] == "pass"


def test_an_unknown_fail_on_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="fail_on='never'"):
        task(fail_on="never").make()
