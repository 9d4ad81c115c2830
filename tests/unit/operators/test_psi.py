import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateOverlapError, FateServerError
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi
from airflow_provider_fate.operators.psi import FatePsiOperator
from tests.support.fake_flow import FakeFlow, Script
from tests.support.task import CONN_ID, Task, connect

PARTIES = {"guest": Party("9999", "credit.bank_{{ day }}"), "hosts": [Party("10000", "credit.telco")]}


def overlap(**kwargs):
    arguments = {"task_id": "task", "job": Psi(**PARTIES), "fate_conn_id": CONN_ID, "check_tables": False} | kwargs
    return Task(lambda: FatePsiOperator(**arguments), templates={"day": "20260101", "least": "0.5"})


def measured(rows, common):
    summary = {"input_count": rows, "intersect_count": common, "intersect_rate": common / rows, "method": "curve25519"}
    metric = {"name": "summary", "type": None, "groups": [], "step_axis": None, "data": summary}
    return Script(metrics={"psi_0": [metric]})


# -- enough --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_tells_what_is_in_common_and_where_the_rows_are(site, deferrable):
    site.plan(measured(400, 100))
    task = overlap(deferrable=deferrable)
    found = dict(task.run())
    assert task.ti.xcoms["overlap"] == found
    (job_id,) = site.jobs
    table = {key: found.pop(key) for key in ("namespace", "name")}
    assert found == {
        "job_id": job_id,
        "overlap": 100,
        "own_rows": 400,
        "share": 0.25,
        "host_rows": {"10000": 400},
    }
    assert all(table.values())


@pytest.mark.parametrize("kwargs", [{"min_overlap": 100}, {"min_share": 0.25}, {"min_overlap": 1, "min_share": "0.25"}])
def test_thresholds_that_are_reached_pass(site, kwargs):
    site.plan(measured(400, 100))
    assert overlap(**kwargs).run()["overlap"] == 100


def test_a_real_site_does_not_see_the_rows_of_the_host(fake_site, monkeypatch, capsys):
    connect(monkeypatch, fake_site)
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")
    fake_site.plan(measured(400, 100))
    found = overlap().run()
    assert found["host_rows"] == {"10000": None}
    assert "How many rows host 10000 has cannot be seen from here" in capsys.readouterr().out


# -- too little ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "asked"),
    [
        ({"min_overlap": 101}, "min_overlap=101"),
        ({"min_share": 0.3}, "min_share=0.3"),
        ({"min_share": "{{ least }}"}, "min_share=0.5"),
        ({"min_overlap": "200", "min_share": 0.3}, "min_overlap=200 and min_share=0.3"),
    ],
)
def test_too_little_in_common_fails_with_figures_and_the_way_out(site, kwargs, asked):
    site.plan(measured(400, 100))
    task = overlap(**kwargs)
    with pytest.raises(AirflowFailException) as caught:
        task.run()
    text = str(caught.value)
    assert f"Only 100 of 400 rows of the own table are in common with host 10000 (25.0%), less than {asked}" in text
    assert "hashed" in text
    error = caught.value.__cause__
    assert isinstance(error, FateOverlapError)
    (job_id,) = site.jobs
    assert (error.overlap, error.own_rows, error.job_id) == (100, 400, job_id)
    assert task.ti.xcoms["overlap"]["share"] == 0.25


def test_nothing_in_common_is_told_as_such(site):
    site.plan(measured(400, 0))
    with pytest.raises(AirflowFailException, match=r"Only 0 of 400 rows .* \(0\.0%\)"):
        overlap(min_overlap=1).run()


def test_a_task_cleared_after_its_thresholds_were_lowered_judges_the_same_job(site):
    site.plan(measured(400, 100))
    strict = overlap(min_share=0.5, on_clear="attach")
    with pytest.raises(AirflowFailException):
        strict.run()
    strict.clear()
    mild = overlap(min_share=0.2, on_clear="attach")
    mild.ti = strict.ti
    assert mild.run()["overlap"] == 100
    assert len(site.jobs) == 1


# -- what is wrong before anything is submitted --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"min_overlap": 0}, "min_overlap=0"),
        ({"min_overlap": -1}, "min_overlap=-1"),
        ({"min_overlap": 0.5}, "min_overlap=0.5"),
        ({"min_overlap": "many"}, "min_overlap='many'"),
        ({"min_overlap": "{{ nothing }}"}, "min_overlap=''"),
        ({"min_share": 0}, "min_share=0"),
        ({"min_share": 1.5}, "min_share=1.5"),
        ({"min_share": 20}, "min_share=20"),
        ({"min_share": "nan"}, "min_share='nan'"),
        ({"job": {"dag": {}}}, "job of task is a dict"),
        ({"job": HeteroSecureBoost(**PARTIES)}, "job of task is a HeteroSecureBoost"),
    ],
)
def test_what_cannot_be_is_refused_before_the_submit(site: FakeFlow, kwargs, said):
    with pytest.raises(AirflowFailException, match=said):
        overlap(**kwargs).start()
    assert site.jobs == {}


def test_figures_that_cannot_be_read_are_an_error_and_no_overlap_of_nothing(site):
    site.plan(Script(metrics={"psi_0": []}))
    with pytest.raises(FateServerError, match="cannot be read"):
        overlap(min_overlap=1).run()
