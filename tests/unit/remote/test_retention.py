"""What may be deleted, and that nothing else is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateConnectionError, FateInvalidParameterError
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.site import uploads as listing
from airflow_provider_fate.site.history import past_jobs
from airflow_provider_fate.site.policy import KINDS, Policy
from airflow_provider_fate.site.removal import carry_out
from airflow_provider_fate.site.retention import Item, Plan, plan
from airflow_provider_fate.site.uploads import records, uploads
from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.past import Past

WAITS = Script(waiting=1e9)
ALL = {"tables": 30, "models": 30, "jobs": 30}


@pytest.fixture
def past(fake_flow: FakeFlow) -> Iterator[Past]:
    with FlowClient(fake_flow.settings) as flow:
        yield Past(fake_flow, flow)


def planned(past: Past, older_than: Any = ALL, **keep: Any) -> Plan:
    past.come_back()
    return plan(past.flow, Policy.of(older_than, keep), datetime.now(tz=UTC))


def by_name(items: list[Item]) -> dict[str, str]:
    """Per item what becomes of it: ``delete``, or why it is kept."""
    return {item.name: item.reason or item.action for item in items}


def decided(past: Past, older_than: Any = ALL, **keep: Any) -> dict[str, str]:
    return by_name(planned(past, older_than, **keep).items)


def carried_out(past: Past, plan: Plan) -> dict[str, str]:
    return {item.name: f"{item.action} {item.reason}".strip() for item in carry_out(past.flow, plan)}


# --- tables -----------------------------------------------------------------------------------------------------------


def test_an_old_table_goes_with_the_job_that_uploaded_it(past):
    old, young = past.upload("credit.old", 40), past.upload("credit.young", 3)
    plan = planned(past)
    assert by_name(plan.items) == {"credit.old": "delete", old: "delete"}
    assert plan.young == {"tables": 1, "models": 0, "jobs": 1}
    (table,) = (item for item in plan.items if item.kind == "tables")
    assert (table.rows, round(table.age / timedelta(days=1))) == (3, 40)
    assert carried_out(past, plan) == {"credit.old": "deleted", old: "deleted"}
    assert past.has_table("credit.young")
    assert set(past.fake.jobs) == {young}


def test_a_table_that_was_uploaded_again_is_as_old_as_its_newest_upload(past):
    first, again = past.upload("credit.bank", 40), past.upload("credit.bank", 3)
    assert decided(past) == {first: "would take along table credit.bank, which is kept: only 3.0 days old"}
    carried_out(past, planned(past))
    assert past.has_table("credit.bank")
    assert set(past.fake.jobs) == {first, again}


def test_an_upload_that_failed_makes_a_table_no_younger(past):
    past.upload("credit.bank", 40)
    past.upload("credit.bank", 3, script=Script(fail={"upload_0": Failure()}))
    assert decided(past)["credit.bank"] == "delete"


def test_an_upload_that_succeeds_when_it_is_run_again_makes_its_table_younger(past):
    job = past.upload("credit.bank", 40, script=Script(fail={"upload_0": Failure()}))
    past.upload("credit.bank", 35)
    past.go_to(3)
    past.fake.jobs[job].script = Script()
    past.flow.job.rerun(job)
    for _ in range(2):
        past.fake.clock.advance(60)
        past.fake.state_of(job)
    assert planned(past, {"tables": 30}).young == {"tables": 1}


def test_what_is_on_the_keep_list_stays_and_so_does_its_job(past):
    job = past.upload("credit.bank", 40)
    assert decided(past, tables=["loans.*", "credit.b*"]) == {
        "credit.bank": "on the keep list: credit.b*",
        job: "would take along table credit.bank, which is kept: on the keep list: credit.b*",
    }


def test_a_table_that_a_waiting_job_reads_stays(past):
    upload = past.upload("credit.bank", 40)
    reader = past.psi("credit.bank", "credit.telco", 35, WAITS)
    assert decided(past) == {
        "credit.bank": f"used by job {reader}",
        upload: f"would take along table credit.bank, which is kept: used by job {reader}",
    }


def test_a_table_that_was_made_by_something_that_is_not_in_the_list_stays(past):
    past.upload("credit.bank", 40)
    past.fake.tables.add(Table("credit", "bank", "dataframe", source={"task_id": "2020_transformer_0"}))
    assert "made by 2020_transformer_0" in decided(past, {"tables": 30})["credit.bank"]


def test_a_name_that_is_a_bound_path_by_now_stays_and_its_jobs_may_go(past):
    upload = past.upload("credit.bank", 40)
    reader = past.psi("credit.bank", "credit.gone", 35)
    past.fake.tables.add(Table("credit", "bank", "data_directory", path="/data"))
    assert decided(past) == {
        "credit.bank": "a bound path, which FATE-Flow cannot delete",
        upload: "delete",
        reader: "delete",
    }


def test_a_table_that_is_gone_is_not_spoken_of(past):
    past.upload("credit.bank", 40)
    past.flow.table.delete("credit", "bank")
    assert decided(past, {"tables": 30}) == {}


def test_a_raw_table_without_a_maker_goes_too(past):
    job = past.upload("credit.bank", 40)
    past.fake.tables.get("credit", "bank").source = {"task_id": ""}
    assert decided(past) == {"credit.bank": "delete", job: "delete"}


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_goes_with_the_tables_that_it_has_read(past):
    for table in ("credit.bank", "credit.telco"):
        past.upload(table, 40)
    reader = past.psi("credit.bank", "credit.telco", 39)
    plan = planned(past)
    assert set(by_name(plan.items).values()) == {"delete"}
    assert [item.kind for item in plan.items] == ["tables"] * 2 + ["jobs"] * 3
    carried_out(past, plan)
    assert reader not in past.fake.jobs
    assert not past.has_table("credit.bank")


def test_a_job_whose_table_is_kept_stays_because_cleaning_deletes_what_it_has_read(past):
    past.upload("credit.bank", 3)
    past.upload("credit.telco", 3)
    reader = past.psi("credit.bank", "credit.telco", 2)
    assert decided(past, {"jobs": 1, "tables": 30})[reader].startswith("would take along table credit.bank")
    assert "tables are not to be deleted" in decided(past, {"jobs": 1})[reader]
    # That is what FATE-Flow does, and why the job has to stay.
    past.flow.job.clean(reader)
    assert not past.has_table("credit.bank")


def test_on_a_real_site_only_the_tables_of_its_own_party_hold_a_job(fake_site):
    with FlowClient(fake_site.settings) as flow:
        past = Past(fake_site, flow)
        past.fake.tables.add(Table("credit", "telco", "dataframe"))  # of the same name as the partner's
        reader = past.psi("credit.bank", "credit.telco", 40)
        assert decided(past, {"jobs": 30}) == {reader: "delete"}
        carried_out(past, planned(past, {"jobs": 30}))
        assert past.has_table("credit.telco")
        assert not past.fake.jobs


def test_a_table_of_unknown_age_holds_the_job_that_has_read_it(past):
    past.fake.tables.add(Table("credit", "bank", "dataframe"))
    reader = past.psi("credit.bank", "credit.telco", 40)
    assert "age not known" in decided(past)[reader]


def test_a_job_on_the_keep_list_stays_and_unfinished_jobs_are_no_subject(past):
    kept, failed, waiting = (past.psi("a.b", "a.c", 40, script) for script in (None, None, WAITS))
    assert decided(past, jobs=[f"*{kept[-6:]}"]) == {
        kept: f"on the keep list: *{kept[-6:]}",
        failed: "delete",
    }
    assert waiting in past.fake.jobs


def test_a_job_whose_results_a_waiting_job_takes_over_stays(past):
    source = past.psi("a.b", "a.c", 40)
    heir = past.psi("a.b", "a.c", 35, WAITS, inheritance={"job_id": source, "task_list": ["reader_0", "psi_0"]})
    assert decided(past) == {source: f"its results are used by job {heir}"}


@pytest.mark.parametrize("named", ["job_id", "namespace"])
def test_a_job_whose_output_a_waiting_job_reads_stays(past, named):
    source = past.psi("a.b", "a.c", 40)
    dag = copy.deepcopy(Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")]).dag())
    output = {
        "job_id": {"job_id": source, "producer_task": "psi_0", "output_artifact_key": "output_data"},
        "namespace": {"namespace": f"{source}_psi_0", "name": "0f"},
    }[named]
    dag["dag"]["tasks"]["psi_0"]["inputs"] = {"data": {"input_data": {"data_warehouse": output}}}
    reader = past.run(dag, 35, WAITS)
    assert decided(past) == {source: f"its results are used by job {reader}"}


def test_jobs_that_share_results_by_inheritance_go_together_or_not_at_all(past):
    source = past.psi("a.b", "a.c", 40)
    heir = past.psi("a.b", "a.c", 20, inheritance={"job_id": source, "task_list": ["reader_0", "psi_0"]})
    assert decided(past) == {source: f"shares stored results with job {heir}, which is kept: only 20.0 days old"}
    assert decided(past, {"jobs": 10}) == {source: "delete", heir: "delete"}


def test_heirs_of_one_job_hold_each_other_even_when_it_is_gone(past):
    source = past.psi("a.b", "a.c", 40)
    inheritance = {"job_id": source, "task_list": ["reader_0", "psi_0"]}
    older, younger = (past.psi("a.b", "a.c", days, inheritance=inheritance) for days in (35, 20))
    past.fake.remove_job(source)
    assert decided(past) == {older: f"shares stored results with job {younger}, which is kept: only 20.0 days old"}


# --- models -----------------------------------------------------------------------------------------------------------


def test_a_job_whose_model_is_kept_stays(past):
    job = past.train("a.b", "a.c", 40)
    model = f"{job}/0"
    assert decided(past, {"jobs": 30}) == {
        job: f"would take along model {model}, which is kept: models are not to be deleted"
    }
    assert decided(past, {"jobs": 30, "models": 100}) == {
        job: f"would take along model {model}, which is kept: only 40.0 days old"
    }
    assert decided(past, models=[job]) == {
        model: f"on the keep list: {job}",
        job: f"would take along model {model}, which is kept: on the keep list: {job}",
    }


def test_a_model_may_go_alone_and_its_job_later(past):
    job = past.train("a.b", "a.c", 40)
    plan = planned(past, {"models": 30})
    assert by_name(plan.items) == {f"{job}/0": "delete"}
    assert carried_out(past, plan) == {f"{job}/0": "deleted"}
    assert decided(past, {"models": 30}) == {}
    assert decided(past, {"jobs": 30}) == {job: "delete"}


def test_model_and_job_go_together(past):
    job = past.train("a.b", "a.c", 40)
    assert carried_out(past, planned(past)) == {f"{job}/0": "deleted", job: "deleted"}
    assert not past.fake.jobs


def test_a_model_that_a_waiting_job_predicts_with_stays(past):
    job = past.train("a.b", "a.c", 40)
    predict = past.psi("a.b", "a.c", 35, WAITS, model_warehouse={"model_id": job, "model_version": "0"})
    assert decided(past)[f"{job}/0"] == f"used by job {predict}"
    assert decided(past)[job] == f"would take along model {job}/0, which is kept: used by job {predict}"


def test_jobs_that_store_their_models_under_one_id_go_together_or_not_at_all(past):
    old = past.train("a.b", "a.c", 40, model_id="champion")
    young = past.train("a.b", "a.c", 5, model_id="champion")
    assert decided(past, {"models": 30, "jobs": 30}) == {
        old: "would take along model champion/0, which is kept: only 5.0 days old"
    }
    past.fake.jobs[old].without_models = True
    assert decided(past, {"models": 1, "jobs": 30}) == {
        "champion/0": "delete",
        old: f"shares stored results with job {young}, which is kept: only 5.0 days old",
    }


def test_a_model_whose_files_an_heir_has_stays_with_the_heirs(past):
    source = past.train("a.b", "a.c", 40)
    heir = past.train("a.b", "a.c", 20, inheritance={"job_id": source, "task_list": ["reader_0", "psi_0", "sbt_0"]})
    assert decided(past, {"models": 30}) == {
        f"{source}/0": f"shares its files with model {heir}/0, which is kept: only 20.0 days old"
    }


def test_a_model_whose_job_has_handed_on_other_results_only_may_go(past):
    source = past.train("a.b", "a.c", 40)
    heir = past.train("a.b", "a.c", 20, inheritance={"job_id": source, "task_list": ["reader_0", "psi_0"]})
    assert decided(past, {"models": 30, "jobs": 30}) == {
        f"{source}/0": "delete",
        source: f"shares stored results with job {heir}, which is kept: only 20.0 days old",
    }


def test_a_training_that_failed_has_no_model_and_may_go(past):
    job = past.train("a.b", "a.c", 40, Script(fail={"sbt_0": Failure()}))
    assert decided(past, {"jobs": 30}) == {job: "delete"}


# --- outputs ----------------------------------------------------------------------------------------------------------


def outputs_left(past: Past, job: str) -> int:
    """How many of the tables that FATE-Flow names for the PSI of a job are still there."""
    named = [
        (table.namespace, table.name)
        for role, party_id in (("guest", "9999"), ("host", "10000"))
        for tables in past.flow.output.data_tables(job, role, party_id, "psi_0").values()
        for table in tables
    ]
    assert named
    return sum(past.fake.tables.get(*table) is not None for table in named)


def test_outputs_of_a_job_that_stays_may_go_alone(past):
    past.upload("credit.bank", 3)
    job = past.psi("credit.bank", "credit.telco", 40)
    assert outputs_left(past, job) == 2
    plan = planned(past, {"outputs": 7, "jobs": 30})
    (outputs, kept) = plan.items
    assert (outputs.name, outputs.rows, kept.action) == (f"{job} (2 tables)", 2, "kept")
    assert carried_out(past, plan)[outputs.name] == "deleted"
    assert outputs_left(past, job) == 0
    assert job in past.fake.jobs
    assert past.has_table("credit.bank")
    assert decided(past, {"outputs": 7}) == {}


def test_outputs_of_a_job_that_goes_are_not_spoken_of(past):
    job = past.psi("a.b", "a.c", 40)
    assert decided(past, {"outputs": 7, "jobs": 30}) == {job: "delete"}


def test_outputs_that_an_heir_shares_stay_with_it(past):
    source = past.psi("a.b", "a.c", 40)
    heir = past.psi("a.b", "a.c", 5, inheritance={"job_id": source, "task_list": ["reader_0", "psi_0"]})
    name = f"{source} (2 tables)"
    assert decided(past, {"outputs": 7}) == {name: f"shared with job {heir}, whose results are kept: only 5.0 days old"}
    assert decided(past, {"outputs": 3}) == {name: "delete"}


def test_outputs_stay_of_jobs_on_the_keep_list_and_of_jobs_in_use(past):
    kept, source = past.psi("a.b", "a.c", 40), past.psi("a.b", "a.c", 39)
    heir = past.psi("a.b", "a.c", 35, WAITS, inheritance={"job_id": source, "task_list": ["reader_0"]})
    assert decided(past, {"outputs": 7}, jobs=[kept]) == {
        f"{kept} (2 tables)": f"on the keep list: {kept}",
        f"{source} (2 tables)": f"used by job {heir}",
    }


def test_outputs_that_a_new_job_takes_over_after_the_look_stay(past):
    job = past.psi("a.b", "a.c", 40)
    plan = planned(past, {"outputs": 7})
    heir = past.psi("a.b", "a.c", 0, WAITS, inheritance={"job_id": job, "task_list": ["psi_0"]})
    assert carried_out(past, plan) == {f"{job} (2 tables)": f"kept its results are used by job {heir} by now"}
    assert outputs_left(past, job) == 2


# --- the work ---------------------------------------------------------------------------------------------------------


def reading(past: Past) -> str:
    past.fake.plan(WAITS)
    return past.flow.job.submit(Psi(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "a.c")]).dag()).job_id


def test_a_job_that_starts_to_read_a_table_after_the_look_keeps_table_and_upload(past):
    upload = past.upload("credit.bank", 40)
    plan = planned(past)
    reader = reading(past)
    assert carried_out(past, plan) == {
        "credit.bank": f"kept used by job {reader} by now",
        upload: "kept would take along table credit.bank, which is still there",
    }
    assert past.has_table("credit.bank")


def test_a_table_that_is_uploaded_again_after_the_look_stays(past):
    upload = past.upload("credit.bank", 40)
    plan = planned(past)
    past.upload("credit.bank", 0)
    assert carried_out(past, plan)["credit.bank"] == "kept written anew meanwhile"
    assert past.has_table("credit.bank")
    assert upload in past.fake.jobs


@pytest.mark.parametrize("seconds", [0.2, 60])
def test_a_job_that_is_run_again_after_the_look_stays(past, seconds):
    job = past.psi("a.b", "a.c", 40)
    plan = planned(past)
    past.flow.job.rerun(job)
    past.fake.clock.advance(seconds)
    assert carried_out(past, plan) == {job: "kept it was started again meanwhile"}


def test_a_party_that_the_list_has_left_out_is_seen_before_the_job_is_cleaned(past):
    past.fake.tables.add(Table("a", "c", "dataframe"))
    job = past.psi("a.b", "a.c", 40)
    past.come_back()
    with_guest_only = past_jobs(record for record in records(past.flow) if record.role == "guest")
    incomplete = replace(
        planned(past, {"jobs": 50}),
        jobs=with_guest_only,
        items=[Item("jobs", job, timedelta(40), "delete", "", with_guest_only[job].ended, (job,))],
    )
    assert carried_out(past, incomplete) == {job: "kept would take along table a.c, which is still there"}


def test_a_job_that_is_inherited_from_after_the_look_stays(past):
    job = past.psi("a.b", "a.c", 40)
    plan = planned(past)
    heir = past.psi("a.b", "a.c", 0, WAITS, inheritance={"job_id": job, "task_list": ["reader_0"]})
    assert carried_out(past, plan) == {job: f"kept its results are used by job {heir} by now"}


def test_a_model_that_is_needed_after_the_look_stays_with_its_job(past):
    job = past.train("a.b", "a.c", 40)
    plan = planned(past)
    predict = past.psi("a.b", "a.c", 0, WAITS, model_warehouse={"model_id": job, "model_version": "0"})
    assert carried_out(past, plan) == {
        f"{job}/0": f"kept used by job {predict} by now",
        job: f"kept would take along model {job}/0, which is still there",
    }


def test_a_model_whose_heir_is_needed_after_the_look_stays(past):
    source = past.train("a.b", "a.c", 40)
    heir = past.train("a.b", "a.c", 39, inheritance={"job_id": source, "task_list": ["reader_0", "psi_0", "sbt_0"]})
    plan = planned(past, {"models": 30})
    predict = past.psi("a.b", "a.c", 0, WAITS, model_warehouse={"model_id": heir, "model_version": "0"})
    assert set(carried_out(past, plan).values()) == {f"kept used by job {predict} by now"}


def test_what_somebody_else_has_deleted_is_gone(past):
    upload, job = past.upload("credit.bank", 40), past.train("a.b", "a.c", 35)
    plan = planned(past)
    past.flow.table.delete("credit", "bank")
    past.flow.job.clean(job)
    done = carried_out(past, plan)
    assert {done[name].split()[0] for name in ("credit.bank", f"{job}/0", job)} == {"gone"}
    assert done[upload] == "deleted"


def test_one_failure_does_not_keep_the_rest(past):
    past.upload("credit.a", 40), past.upload("credit.b", 39)
    plan = planned(past, {"tables": 30})
    past.fake.faults.answer(6000, "OSError('disk')", "/table/delete")
    done = carried_out(past, plan)
    assert done["credit.a"].startswith("failed")
    assert "disk" in done["credit.a"]
    assert done["credit.b"] == "deleted"


def test_a_job_whose_table_could_not_be_deleted_stays(past):
    upload = past.upload("credit.a", 40)
    plan = planned(past)
    past.fake.faults.answer(6000, "OSError('disk')", "/table/delete")
    assert "still there" in carried_out(past, plan)[upload]


def test_a_site_that_goes_away_ends_the_work(past):
    past.upload("credit.a", 40)
    plan = planned(past)
    with past.fake.refusing(), pytest.raises(FateConnectionError):
        list(carry_out(past.flow, plan))


# --- lists ------------------------------------------------------------------------------------------------------------


def test_uploads_come_newest_first_over_all_pages(past, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 2)
    jobs = [past.upload("credit.bank", days) for days in (9, 8, 7)]
    past.psi("credit.bank", "credit.telco", 6)
    past.upload("credit.bank", 5, script=WAITS)
    assert [(str(table), record.job_id) for table, record in uploads(past.flow)] == [
        ("credit.bank", job) for job in reversed(jobs)
    ]


def test_no_record_comes_twice_when_a_job_begins_between_two_pages(past, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 2)
    jobs = {past.upload("credit.bank", days) for days in (9, 8, 7)}
    walk = records(past.flow)
    seen = [next(walk).job_id]
    past.upload("credit.new", 1)
    seen += [record.job_id for record in walk]
    assert sorted(seen) == sorted(jobs)


# --- any past ---------------------------------------------------------------------------------------------------------

NAMES = ("credit.a", "credit.b", "loans.c")
events = st.lists(
    st.tuples(
        st.sampled_from(["upload", "psi", "train", "inherit", "waits"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
    ),
    min_size=1,
    max_size=9,
)
ages = st.fixed_dictionaries({}, optional={kind: st.sampled_from([0, 3.5, 6.5, 20]) for kind in KINDS})


@settings(max_examples=60)
@given(events, ages.filter(bool), st.sampled_from([(), ("loans.*",), ("credit.a",)]))
def test_nothing_is_ever_deleted_that_has_to_stay(events, older_than, keep):
    with FakeFlow() as fake, FlowClient(fake.settings) as flow:
        past = Past(fake, flow)
        written: dict[str, float] = {}
        used: set[str] = set()
        waiting: set[str] = set()
        trained: dict[str, float] = {}
        last_psi = None
        for age, (kind, one, other) in zip(range(len(events), 0, -1), events, strict=True):
            match kind:
                case "upload":
                    past.upload(one, age)
                    written[one] = age
                case "psi":
                    last_psi = past.psi(one, other, age)
                case "train":
                    trained[past.train(one, other, age)] = age
                case "inherit" if last_psi:
                    past.psi(one, other, age, inheritance={"job_id": last_psi, "task_list": ["reader_0", "psi_0"]})
                case "waits":
                    waiting.add(past.psi(one, other, age, WAITS))
                    used |= {one, other}
        there = {name for name in NAMES if past.has_table(name)}
        plan = planned(past, older_than, tables=keep)
        done = list(carry_out(flow, plan))

        assert {item.action for item in done} <= {"deleted", "kept"}
        assert [item.action for item in done] == [
            a.replace("delete", "deleted") for a in (i.action for i in plan.items)
        ]
        limit = older_than.get("tables")
        for name in there:
            kept_by_list = any(name.startswith(pattern.rstrip("*")) for pattern in keep)
            stays = name in used or kept_by_list or limit is None or written[name] < limit
            assert past.has_table(name) is stays, name
        assert waiting <= set(fake.jobs)
        assert all(fake.state_of(job_id) == "waiting" for job_id in waiting)
        for job_id, age in trained.items():
            if "models" not in older_than or age < older_than["models"]:
                assert flow.output.model(job_id, "guest", "9999", "sbt_0")
        # What was kept is kept again, and nothing is left to do.
        assert not planned(past, older_than, tables=keep).deletions


# --- what a user writes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("older_than", "read"),
    [
        (30, dict.fromkeys(KINDS, 30)),
        (timedelta(hours=12), dict.fromkeys(KINDS, 0.5)),
        ({"tables": "7.5", "models": None, "jobs": 0}, {"tables": 7.5, "jobs": 0}),
        ({"tables": "None", "jobs": " 3 "}, {"jobs": 3}),
    ],
)
def test_ages_are_read(older_than, read):
    assert {k: age / timedelta(days=1) for k, age in Policy.of(older_than).older_than.items()} == read


@pytest.mark.parametrize(
    ("older_than", "keep", "says"),
    [
        (None, None, "names nothing"),
        ({}, None, "names nothing"),
        ({"table": 3}, None, r"'table', which is not a kind(?s:.*)tables, models, outputs, jobs"),
        ({"tables": -1}, None, "older_than of tables is -1"),
        ({"tables": "soon"}, None, "older_than of tables is 'soon'"),
        (True, None, "older_than of tables is True"),
        ({"jobs": float("nan")}, None, "older_than of jobs is nan"),
        ({"jobs": 1e30}, None, "not an age"),
        (30, {"tables": "credit.*"}, r"keep of tables is 'credit\.\*'"),
        (30, {"tables": [""]}, "keep of tables"),
        (30, {"table": ["a"]}, "'table'"),
        (30, ["credit.*"], "not a mapping"),
    ],
)
def test_what_is_no_age_and_no_pattern_is_refused(older_than, keep, says):
    with pytest.raises(FateInvalidParameterError, match=says):
        Policy.of(older_than, keep)
