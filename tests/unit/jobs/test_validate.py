from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_fate.errors import FateInvalidJobError
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, check_dag, require_valid

Dag = dict[str, Any]


@pytest.fixture
def job(reference: Callable[[str], Dag]) -> Dag:
    return reference("sbt_plain")


@pytest.fixture
def coordinated(reference: Callable[[str], Dag]) -> Dag:
    return reference("coordinated_lr")


def problems(job: Dag, **site: Any) -> list[str]:
    return [str(problem) for problem in check_dag(job, **site)]


def test_a_job_that_ran_is_found_valid(job: Dag) -> None:
    before = copy.deepcopy(job)
    assert check_dag(job, party_id="9999", cores=4) == []
    assert job == before


def change(job: Dag, edit: Callable[[Dag], object]) -> Dag:
    edit(job["dag"])
    return job


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda dag: dag["tasks"]["sbt_0"].update(component_ref="hetero_secureboot"),
            "tasks.sbt_0.component_ref = 'hetero_secureboot': FATE 2.2 has no such component. "
            "Did you mean 'hetero_secureboost'?",
        ),
        (
            lambda dag: dag["parties"][1].update(party_id=[]),
            "parties.1.party_id = []: the role host has no party. Name one, or drop the role.",
        ),
        (
            lambda dag: dag["parties"].pop(1),
            "psi without host",
        ),
        (
            lambda dag: dag["party_tasks"].pop("host_10000"),
            "party_tasks.host_10000.tasks.reader_0.parameters: the reader does not know which table host 10000 has",
        ),
        (
            lambda dag: dag["party_tasks"]["host_10000"]["tasks"]["reader_0"]["parameters"].pop("name"),
            "which table host 10000 has: name missing",
        ),
        (
            lambda dag: dag["tasks"]["psi_0"].pop("inputs"),
            "tasks.psi_0.inputs.data.input_data: psi cannot run without it. Wire the output of an earlier task to it.",
        ),
        (
            lambda dag: dag["tasks"]["sbt_0"]["parameters"].update(num_tree=3),
            "tasks.sbt_0.parameters.num_tree = 3: hetero_secureboost has no such parameter. Did you mean 'num_trees'?",
        ),
        (
            lambda dag: source(dag, "sbt_0", "train_data").update(producer_task="psi_1"),
            "producer_task = 'psi_1': there is no such task, and the job would fail without a reason, or wait for "
            "it forever. Did you mean 'psi_0'?",
        ),
        (
            lambda dag: source(dag, "sbt_0", "train_data").update(output_artifact_key="output"),
            "output_artifact_key = 'output': psi_0 (psi) has no such data output. Did you mean 'output_data'?",
        ),
        (
            lambda dag: dag["tasks"]["sbt_0"]["inputs"]["data"].update(
                train=dag["tasks"]["sbt_0"]["inputs"]["data"].pop("train_data")
            ),
            "hetero_secureboost has no such data input",
        ),
        (
            lambda dag: source(dag, "psi_0", "input_data").update(
                producer_task="sbt_0", output_artifact_key="train_output_data"
            ),
            "these tasks wait for each other",
        ),
        (
            lambda dag: dag["conf"]["task"]["engine_run"].update(cores=64),
            "conf.task.engine_run.cores = 64: the cluster has 8 cores",
        ),
        (lambda dag: dag["conf"].update(cores=16), "conf.cores = 16: the cluster has 8 cores"),
        (
            lambda dag: dag["tasks"]["sbt_0"].update(conf={"engine_run": {"cores": 9}}),
            "tasks.sbt_0.conf.engine_run.cores = 9: the cluster has 8 cores",
        ),
        (lambda dag: dag["conf"]["task"]["engine_run"].update(cores="many"), "is not a number of cores"),
        (
            lambda dag: dag["parties"][0].update(role="gest"),
            "parties.0.role = 'gest': there is no such role. Did you mean 'guest'?",
        ),
        (
            lambda dag: dag["tasks"]["evaluation_0"].update(parties=[{"role": "guest", "party_id": ["1"]}]),
            "tasks.evaluation_0.parties = 'guest 1': this party is not in the job",
        ),
        (
            lambda dag: dag["party_tasks"]["guest_9999"]["tasks"].update(reader={"parameters": {}}),
            "party_tasks.guest_9999.tasks.reader = 'reader': there is no such task. Did you mean 'reader_0'?",
        ),
        (lambda dag: dag.update(tasks={}), "there is nothing to do"),
        (lambda dag: dag.update(task={}), "a job has no such field. Did you mean 'tasks'?"),
        (lambda dag: dag["conf"].update(core=3), "conf.core = 3: FATE has no such setting. Did you mean 'cores'?"),
        (lambda dag: dag["tasks"]["sbt_0"].update(stage="training"), "there is no such stage. Did you mean 'train'?"),
        (
            lambda dag: dag["parties"].append({"role": "host", "party_id": ["10000"]}),
            "parties.host = '10000': is listed 2 times",
        ),
    ],
)
def test_each_mistake_has_its_own_message(job: Dag, edit: Callable[[Dag], object], message: str) -> None:
    found = problems(change(job, edit), party_id="9999", cores=8)
    assert any(message in problem for problem in found), found


def source(dag: Dag, task: str, key: str) -> Dag:
    found: Dag = dag["tasks"][task]["inputs"]["data"][key]["task_output_artifact"]
    return found


def test_a_job_without_reader_says_so(job: Dag) -> None:
    del job["dag"]["tasks"]["reader_0"], job["dag"]["tasks"]["psi_0"]["inputs"]
    for party in job["dag"]["party_tasks"].values():
        del party["tasks"]["reader_0"]
    assert any("Add a reader" in problem for problem in problems(job))


def test_a_connection_to_a_party_that_does_not_take_part_is_refused(job: Dag) -> None:
    [problem] = check_dag(job, party_id="8888")
    assert problem.reason == "the connection is to party 8888, which does not take part"
    assert "guest 9999, host 10000" in str(problem)


def test_a_host_may_submit_too_if_it_takes_part(job: Dag) -> None:
    assert check_dag(job, party_id="10000") == []


def test_a_coordinated_job_without_arbiter_would_wait_forever(coordinated: Dag) -> None:
    assert check_dag(coordinated) == []
    coordinated["dag"]["parties"] = coordinated["dag"]["parties"][:2]
    [problem] = check_dag(coordinated)
    assert problem.value == "coordinated_lr without arbiter"


@pytest.mark.parametrize("where", ["job", "task"])
def test_components_of_somebody_elses_provider_are_accepted(job: Dag, where: str) -> None:
    task = job["dag"]["tasks"]["sbt_0"]
    task["component_ref"] = "homo_llm"
    task["parameters"] = {"whatever": 1}
    conf = {"provider": "fate_llm:2.2.0@local"}
    if where == "job":
        job["dag"]["conf"]["task"].update(conf)
    else:
        task["conf"] = conf
    assert check_dag(job) == []


def test_fates_own_provider_does_not_excuse_an_unknown_component(job: Dag) -> None:
    job["dag"]["tasks"]["sbt_0"]["component_ref"] = "nope"
    job["dag"]["conf"]["task"]["provider"] = "fate:2.2.0@local"
    assert check_dag(job)


def test_a_local_upload_job_is_valid() -> None:
    upload = {
        "parties": [{"role": "local", "party_id": ["0"]}],
        "tasks": {"upload_0": {"component_ref": "upload", "parameters": {"file": "/data/x.csv"}}},
    }
    assert check_dag({"dag": upload, "schema_version": "2.2.0"}, party_id="9999") == []


def test_all_problems_are_raised_together(job: Dag) -> None:
    job["dag"]["tasks"]["sbt_0"]["component_ref"] = "nope"
    with pytest.raises(FateInvalidJobError, match="for 2 reasons") as caught:
        require_valid(job, party_id="1")
    assert [problem.field for problem in caught.value.problems] == ["parties", "tasks.sbt_0.component_ref"]


@pytest.mark.parametrize("nonsense", [{"parties": 3}, {"tasks": []}, {"tasks": {"a": None}}, {"conf": []}])
def test_nonsense_is_reported_and_does_not_crash(job: Dag, nonsense: Dag) -> None:
    job["dag"].update(nonsense)
    try:
        found = check_dag(job)
    except FateInvalidJobError as error:
        found = list(error.problems)  # type: ignore[arg-type]
    assert found or nonsense == {"conf": []}
    json.dumps([str(problem) for problem in found])


def test_a_binning_that_applies_what_it_has_learned_needs_no_partner_unless_it_measures_again() -> None:
    party = {"guest": Party("9999", "a.b"), "hosts": [Party("10000", "a.c")]}
    job: Dag = HeteroSecureBoost(**party, holdout=0.2, binning={"transform": "bin_idx"}).dag()
    applied = job["dag"]["tasks"]["binning_0_validate"]
    applied["parties"] = [{"role": "guest", "party_id": ["9999"]}]
    assert check_dag(job) == []
    applied["parameters"]["skip_metrics"] = False
    assert any("hetero_feature_binning without host" in problem for problem in problems(job))
