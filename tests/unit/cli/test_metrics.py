import json

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.jobs import HeteroSecureBoost, Party
from airflow_provider_fate.metrics import JobMetrics
from tests.support.fake_flow import Script
from tests.unit.cli.conftest import finish
from tests.unit.metrics.samples import facts_of, metrics_of


def train(site, **script):
    site.plan(Script(**{"metrics": facts_of("boosting.guest")["metrics"]} | script))
    recipe = HeteroSecureBoost(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")], num_trees=2, holdout=0.2)
    with FlowClient(site.settings) as flow:
        return flow.job.submit(recipe.dag()).job_id


@pytest.fixture
def job(site):
    job_id = train(site)
    finish(site)
    return job_id


def test_numbers_and_last_losses_are_a_table(job, fate):
    ran = fate("metrics", job)
    assert ran.out.splitlines()[0].split() == ["task", "metric", "model", "rows", "fold", "label", "iteration", "value"]
    assert ["evaluation_0", "auc", "sbt_0_validate", "test", "-", "-", "-", "0.745536"] in ran.rows
    assert ["sbt_0", "sbt_loss", "-", "train", "-", "-", "1", "0.476502"] in ran.rows
    assert "There is more (curves: 23, tables: 2). " in ran.err
    assert "Missing: evaluation_0: PSI of scores. " in ran.err
    assert "Missing: metrics of host 10000. " in ran.err


def test_curves_are_listed(job, fate):
    ran = fate("metrics", job, "--curves")
    roc = next(line for line in ran.out.splitlines() if " roc " in line and " test " in line)
    assert "101" in roc
    assert "false positive rate" in roc
    assert "true positive rate" in roc
    assert len(ran.out.splitlines()) == 24


def test_json_is_the_whole_document(job, fate):
    ran = fate("metrics", job, "-o", "json")
    metrics = JobMetrics.model_validate(ran.json)
    assert metrics.curve("roc", dataset="test") == metrics_of("boosting.guest").curve("roc", dataset="test")
    assert ran.err == ""


def test_all_of_it_goes_into_a_file(job, fate, tmp_path):
    fate("metrics", job, "--output-file", str(tmp_path / "all.json"))
    ran = fate("metrics", job, "--output-file", str(tmp_path / "all.parquet"))
    assert JobMetrics.read(tmp_path / "all.json").job.job_id == job
    assert (tmp_path / "all.parquet").read_bytes()[:4] == b"PAR1"
    assert f"Wrote {tmp_path / 'all.parquet'}." in ran.err


def test_another_party_is_asked(job, fate):
    ran = fate("metrics", job, "--party", "host:10000")
    assert "evaluation_0" not in ran.out
    assert "Missing: evaluation_0: evaluation. It does not run at host 10000" in ran.err


def test_a_job_that_runs_shows_what_there_is_so_far(site, fate):
    job_id = train(site, stall="evaluation")
    site.clock.advance(3600)
    ran = fate("metrics", job_id)
    assert "is running: these are the metrics so far" in ran.err
    assert "auc" not in ran.out
    assert ["sbt_0", "sbt_loss", "-", "train", "-", "-", "1", "0.476502"] in ran.rows


def test_a_job_without_metrics_says_so(site, fate):
    job_id = train(site, metrics={name: [] for name in facts_of("boosting.guest")["metrics"]})
    finish(site)
    ran = fate("metrics", job_id, "--party", "host:10000")
    assert (ran.status, ran.out) == (0, "")
    assert f"host 10000 has measured nothing in job {job_id}." in ran.err


def test_bad_arguments_are_one_line(job, fate, tmp_path):
    for arguments, said in (
        ((job, "--party", "guest"), "--party 'guest' is not a party"),
        ((job, "--output-file", str(tmp_path / "a.csv")), "Let its name end with .json"),
        (("1" * 21,), "does not know job"),
        ((job, "--party", "host:7"), f"Job {job} has no host 7 on this site"),
    ):
        ran = fate("metrics", *arguments)
        assert ran.status == 1
        assert said in ran.err
        assert ran.err.count("\n") == 1
    assert json.dumps(list(tmp_path.iterdir())) == "[]"
