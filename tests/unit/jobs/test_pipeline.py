"""fate-client's pipelines are compiled in a real environment of their own, made once per test session."""

from __future__ import annotations

import logging
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateModelNotFound
from airflow_provider_fate.jobs import check_dag
from airflow_provider_fate.jobs.pipeline import (
    FatePipelineError,
    PipelineEnvironment,
    compile_function,
    compile_script,
)
from airflow_provider_fate.jobs.pipeline.replay import EarlierJob

OUTSIDE = "a global"


def decorated(**options: Any) -> Callable[[Any], Any]:
    return lambda function: function


@pytest.fixture(scope="session")
def environment() -> PipelineEnvironment:
    # In the user's cache, as a task would have it: the first run of the tests makes it, later ones are quick.
    made = PipelineEnvironment()
    made.interpreter()
    return made


# -- functions of users --------------------------------------------------------------------------------------------


@decorated(
    conn_id="fate_bank",
)
def build(trees: int, guest: str = "9999") -> Any:
    from fate_client.pipeline import FateFlowPipeline
    from fate_client.pipeline.components.fate import PSI, HeteroSecureBoost, Reader

    print("building", trees, "trees")
    pipeline = FateFlowPipeline().set_parties(guest=guest, host="10000")
    pipeline.conf.set("task", {"engine_run": {"cores": 1}})
    reader = Reader("reader_0")
    reader.guest.task_parameters(namespace="experiment", name="breast_hetero_guest")
    reader.hosts[0].task_parameters(namespace="experiment", name="breast_hetero_host")
    psi = PSI("psi_0", input_data=reader.outputs["output_data"])
    boost = HeteroSecureBoost("sbt_0", train_data=psi.outputs["output_data"], num_trees=trees)
    pipeline.add_tasks([reader, psi, boost])
    return pipeline


def fails(value: int) -> Any:
    import json

    limit = 3
    json.loads("{}")
    raise ValueError(f"{value} is more than {limit}")  # the line that the traceback shows


def uses_outside() -> Any:
    return OUTSIDE


def uses_outside_in_a_default(value: str = OUTSIDE) -> Any:
    return value


def needs_torch() -> Any:
    from fate_client.pipeline.components.fate.homo_nn import HomoNN

    return HomoNN


def needs_torch_hidden() -> Any:
    from fate_client.pipeline.components.fate import HomoNN

    return HomoNN


def needs_scikit_learn() -> Any:
    import sklearn.metrics

    return sklearn.metrics


def returns_a_number() -> Any:
    return 3


def ends_its_process() -> Any:
    import os

    print("last words")
    os._exit(3)


def never_ends() -> Any:
    import time

    time.sleep(60)


def shows_its_environment() -> Any:
    import os

    raise RuntimeError(",".join(sorted(os.environ)))


def uploads() -> Any:
    from fate_client.pipeline import FateFlowPipeline

    FateFlowPipeline().transform_local_file_to_dataframe(file="x.csv", namespace="a", name="b", meta={})


# -- compiling -----------------------------------------------------------------------------------------------------


def test_a_function_becomes_the_dag_of_its_pipeline(environment: PipelineEnvironment) -> None:
    document = compile_function(build, [7], {"guest": "1234"}, environment=environment)
    dag = document["dag"]
    assert isinstance(dag, dict)
    assert check_dag(document, party_id="1234") == []
    assert dag["tasks"]["sbt_0"]["parameters"]["num_trees"] == 7
    assert dag["conf"] == {"task": {"engine_run": {"cores": 1}}}


AS_EXAMPLES = """
import argparse

import pandas as pd
from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.components.fate import PSI, Reader
from fate_client.pipeline.utils import test_utils


def main(config):
    config = test_utils.load_job_config(config)
    parties = config.parties
    guest, host = parties.guest[0], parties.host[0]
    rows = pd.read_csv(f"{config.data_base_dir}/rows.csv")
    pipeline = FateFlowPipeline().set_parties(guest=guest, host=host)
    if config.task_cores:
        pipeline.conf.set("task_cores", config.task_cores)
    reader = Reader("reader_0")
    reader.guest.task_parameters(namespace="experiment", name=rows["name"][0])
    reader.hosts[0].task_parameters(namespace="experiment", name=rows["name"][1])
    psi = PSI("psi_0", input_data=reader.outputs["output_data"])
    pipeline.add_tasks([reader, psi])
    pipeline.compile()
    pipeline.fit()
    print(pipeline.get_task_info("psi_0").get_output_data())


if __name__ == "__main__":
    parser = argparse.ArgumentParser("PIPELINE DEMO")
    parser.add_argument("--config", type=str, default="../config.yaml")
    main(parser.parse_args().config)
"""


def test_a_script_that_begins_as_fates_own_examples_do_needs_nothing_more(
    environment: PipelineEnvironment, tmp_path: Path
) -> None:
    (tmp_path / "demo.py").write_text(AS_EXAMPLES)
    (tmp_path / "rows.csv").write_text("name\nours\ntheirs\n")
    (tmp_path / "config.yaml").write_text(
        f"parties:\n  guest: ['9999']\n  host: ['10000']\ndata_base_dir: {tmp_path}\n"
    )
    document = compile_script(
        tmp_path / "demo.py", ["--config", str(tmp_path / "config.yaml")], environment=environment
    )
    assert check_dag(document, party_id="9999") == []


def test_what_the_function_prints_goes_to_the_log(
    environment: PipelineEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        compile_function(build, [7], environment=environment)
    assert "[build] building 7 trees" in caplog.messages
    assert not any("does not install yet" in message for message in caplog.messages)


def test_an_error_keeps_the_users_traceback_with_the_right_lines(environment: PipelineEnvironment) -> None:
    with pytest.raises(FatePipelineError) as caught:
        compile_function(fails, [4], environment=environment)
    lines = Path(__file__).read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if line.endswith("# the line that the traceback shows"))
    assert "fails failed: ValueError: 4 is more than 3" in str(caught.value)
    assert f'File "{__file__}", line {number}, in fails' in str(caught.value)
    assert "runner.py" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (uses_outside, "uses OUTSIDE from outside of itself.*\nImport inside the function"),
        (uses_outside_in_a_default, "uses OUTSIDE from outside"),
        (lambda: None, "is not a plain function"),
        (needs_torch, r'need torch and transformers.*: requirements=\["torch"\]'),
        (needs_torch_hidden, r'need torch and transformers.*: requirements=\["torch"\]'),
        (needs_scikit_learn, r"Add it to the environment: requirements=\['scikit-learn'\]"),
        (returns_a_number, "returned int, not a pipeline\nReturn the FateFlowPipeline"),
        (ends_its_process, "status 3 and gave no pipeline\nlast words"),
        (uploads, "talks to FATE-Flow itself.*\nUpload with FateUploadOperator"),
    ],
)
def test_what_goes_wrong_is_said_with_the_way_out(
    environment: PipelineEnvironment, function: Callable[[], Any], message: str
) -> None:
    with pytest.raises(FatePipelineError, match=message):
        compile_function(function, environment=environment)


def test_a_closure_is_refused(environment: PipelineEnvironment) -> None:
    captured = 3

    def closure() -> Any:
        return captured

    with pytest.raises(FatePipelineError, match="uses captured from outside"):
        compile_function(closure, environment=environment)


def test_arguments_that_are_not_json_are_refused(environment: PipelineEnvironment) -> None:
    with pytest.raises(FatePipelineError, match="cannot be passed to another process"):
        compile_function(build, [object()], environment=environment)


def test_code_that_does_not_end_is_ended(environment: PipelineEnvironment) -> None:
    with pytest.raises(FatePipelineError, match="did not end within 1 s"):
        compile_function(never_ends, environment=environment, timeout=1)


def test_airflows_secrets_do_not_reach_the_code(
    environment: PipelineEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("AIRFLOW_CONN_FATE_BANK", "secret")
    with pytest.raises(FatePipelineError) as caught:
        compile_function(shows_its_environment, environment=environment)
    assert "AIRFLOW" not in str(caught.value)
    assert "PATH" in str(caught.value)


# -- scripts -------------------------------------------------------------------------------------------------------

SCRIPT = """
import argparse
from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.components.fate import PSI, Reader

parser = argparse.ArgumentParser()
parser.add_argument("--guest", default="9999")
pipeline = FateFlowPipeline().set_parties(guest=parser.parse_args().guest, host="10000")
reader = Reader("reader_0")
reader.guest.task_parameters(namespace="a", name="b")
reader.hosts[0].task_parameters(namespace="a", name="c")
pipeline.add_tasks([reader, PSI("psi_0", input_data=reader.outputs["output_data"])])
pipeline.compile()
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "train.py"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "end",
    [
        "try:\n    pipeline.fit()\nexcept Exception:\n    raise SystemExit(9)\n"
        "print(pipeline.get_task_info('psi_0').get_output_metric())",
        "",
    ],
    ids=["fit and what follows", "only compiled"],
)
def test_a_script_runs_unchanged_up_to_its_first_fit(
    environment: PipelineEnvironment, script: Callable[[str], Path], end: str
) -> None:
    dag = compile_script(script(SCRIPT + end), ["--guest", "77"], environment=environment)["dag"]
    assert isinstance(dag, dict)
    assert dag["parties"][0] == {"role": "guest", "party_id": ["77"]}


def test_a_script_that_fails_shows_its_own_line(
    environment: PipelineEnvironment, script: Callable[[str], Path]
) -> None:
    path = script("x = 1\n1 / 0\n")
    with pytest.raises(FatePipelineError, match=f'File "{path}", line 2'):
        compile_script(path, environment=environment)


def test_a_script_without_pipeline_is_refused(environment: PipelineEnvironment, script: Callable[[str], Path]) -> None:
    with pytest.raises(FatePipelineError, match="has no pipelines"):
        compile_script(script("x = 1\n"), environment=environment)
    with pytest.raises(FatePipelineError, match="there is no script"):
        compile_script("nowhere.py", environment=environment)


# -- code with several jobs ----------------------------------------------------------------------------------------

TRAINS_AND_PREDICTS = """
from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.components.fate import PSI, CoordinatedLR, Reader


def reader(name):
    made = Reader(name, runtime_parties={"guest": "9999", "host": "10000"})
    made.guest.task_parameters(namespace="a", name="b")
    made.hosts[0].task_parameters(namespace="a", name="c")
    return made


pipeline = FateFlowPipeline().set_parties(guest="9999", host="10000", arbiter="10000")
reader_0 = reader("reader_0")
psi_0 = PSI("psi_0", input_data=reader_0.outputs["output_data"])
lr_0 = CoordinatedLR("lr_0", train_data=psi_0.outputs["output_data"], epochs=2)
pipeline.add_tasks([reader_0, psi_0, lr_0])
pipeline.compile()
pipeline.fit()
lr = pipeline.get_task_info("lr_0")
print("metric", lr.get_output_metric(), "model", lr.get_output_model())
for key, frame in pipeline.get_task_info("psi_0").get_output_data().items():
    print("data", key, list(frame.columns), len(frame))

pipeline.deploy([psi_0, lr_0])
deployed = pipeline.get_deployed_pipeline()
reader_1 = reader("reader_1")
deployed.psi_0.input_data = reader_1.outputs["output_data"]
predict_pipeline = FateFlowPipeline()
predict_pipeline.add_tasks([reader_1, deployed])
predict_pipeline.compile()
predict_pipeline.predict()
print("the end")
"""
FITTED = EarlierJob("202601010000000000010", "guest", "9999", "the_model", "3", ("reader_0", "psi_0", "lr_0"))
PREDICTED = EarlierJob("202601010000000000020", "guest", "9999", "the_model", "3", ("reader_1", "psi_0", "lr_0"))


def left_behind(tmp_path: Path) -> Callable[[str, str, str], Any]:
    def output(what: str, job_id: str, task: str) -> Any:
        assert job_id == FITTED.job_id
        if what == "model":
            raise FateModelNotFound("This task has no model on this site.")
        if what == "metric":
            return [{"name": "auc", "data": 0.5}]
        place = tmp_path / "outputs" / "output_data"
        place.mkdir(parents=True, exist_ok=True)
        (place / "0.csv").write_text("id,x\n1,2\n3,4\n")
        return str(place.parent)

    return output


def test_a_script_with_two_jobs_is_told_the_first_one_for_the_second(
    environment: PipelineEnvironment, script: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = script(TRAINS_AND_PREDICTS.replace('"model", lr.get_output_model()', "1"))
    outputs = left_behind(tmp_path)

    first = compile_script(path, environment=environment)
    with caplog.at_level(logging.INFO):
        second = compile_script(path, environment=environment, earlier=[FITTED], outputs=outputs)
    third = compile_script(path, environment=environment, earlier=[FITTED, PREDICTED], outputs=outputs)

    assert first is not None
    assert second is not None
    trained: Any = first["dag"]
    assert set(trained["tasks"]) == {"reader_0", "psi_0", "lr_0"}
    dag: Any = second["dag"]
    assert dag["stage"] == "predict"
    assert dag["conf"]["model_warehouse"] == {"model_id": "the_model", "model_version": "3"}
    assert set(dag["tasks"]) == {"reader_1", "psi_0", "lr_0"}
    assert "metric [{'name': 'auc', 'data': 0.5}] 1" in caplog.text
    assert "data output_data ['id', 'x'] 2" in caplog.text
    assert third is None
    assert check_dag(second, party_id="9999") == []


@pytest.mark.parametrize(
    ("earlier", "message"),
    [
        ([FITTED], "This task has no model on this site"),
        (
            [PREDICTED],
            r"fit\(\) number 1 builds the tasks lr_0, psi_0, reader_0, and job 20260101",
        ),
    ],
)
def test_what_does_not_fit_the_jobs_before_is_named(
    environment: PipelineEnvironment,
    script: Callable[[str], Path],
    tmp_path: Path,
    earlier: list[EarlierJob],
    message: str,
) -> None:
    with pytest.raises(FatePipelineError, match=message):
        compile_script(
            script(TRAINS_AND_PREDICTS), environment=environment, earlier=earlier, outputs=left_behind(tmp_path)
        )


def test_jobs_that_a_script_does_not_have_are_refused(
    environment: PipelineEnvironment, script: Callable[[str], Path]
) -> None:
    job = EarlierJob("1", "guest", "9999", "m", "0", ("reader_0", "psi_0"))
    with pytest.raises(FatePipelineError, match="has run 1 jobs, and 2 are given"):
        compile_script(script(SCRIPT + "pipeline.fit()\n"), environment=environment, earlier=[job, job])


def fits_and_returns() -> Any:
    from fate_client.pipeline import FateFlowPipeline
    from fate_client.pipeline.components.fate import PSI, Reader

    pipeline = FateFlowPipeline().set_parties(guest="9999", host="10000")
    reader = Reader("reader_0")
    reader.guest.task_parameters(namespace="a", name="b")
    reader.hosts[0].task_parameters(namespace="a", name="c")
    pipeline.add_tasks([reader, PSI("psi_0", input_data=reader.outputs["output_data"])])
    pipeline.compile()
    return pipeline.fit()


def test_a_function_that_has_run_its_job_has_no_other(environment: PipelineEnvironment) -> None:
    job = EarlierJob("1", "guest", "9999", "m", "0", ("reader_0", "psi_0"))
    assert compile_function(fits_and_returns, environment=environment) is not None
    assert compile_function(fits_and_returns, environment=environment, earlier=[job]) is None


# -- the environment -----------------------------------------------------------------------------------------------


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A uv that makes an interpreter which does nothing, slowly, and keeps count."""
    uv = tmp_path / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/calls\n'
        f"[ -e {tmp_path}/broken ] && {{ echo no route to the index >&2; exit 1; }}\n"
        '[ "$1" = venv ] || exit 0\n'
        'sleep 0.2; for d; do :; done; mkdir -p "$d/bin"; ln -s /bin/true "$d/bin/python"\n'
    )
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("airflow_provider_fate.jobs.pipeline.environment._uv", lambda: str(uv))
    return tmp_path


def made(home: Path) -> int:
    return sum(line.startswith("venv") for line in (home / "calls").read_text().splitlines())


def test_tasks_that_start_together_make_it_once(fake_uv: Path) -> None:
    environment = PipelineEnvironment(home=fake_uv / "home")
    threads = [threading.Thread(target=environment.interpreter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made(fake_uv) == 1
    assert environment.interpreter().exists()


def test_one_that_was_half_made_is_made_again(fake_uv: Path) -> None:
    environment = PipelineEnvironment(home=fake_uv / "home")
    environment.interpreter()
    (environment.directory / "ready.json").unlink()
    environment.interpreter()
    assert made(fake_uv) == 2


def test_other_packages_or_another_python_are_another_environment(fake_uv: Path) -> None:
    home = fake_uv / "home"
    directories = {
        PipelineEnvironment(home=home).directory,
        PipelineEnvironment(home=home, extra_requirements=["pandas"]).directory,
        PipelineEnvironment(home=home, python_version="3.10").directory,
    }
    assert len(directories) == 3


def test_torch_brings_what_fate_client_needs_beside_it(fake_uv: Path) -> None:
    PipelineEnvironment(home=fake_uv / "home", extra_requirements=["torch==2.3.0"]).interpreter()
    assert "torch==2.3.0 transformers" in (fake_uv / "calls").read_text().replace("\n", " ")


def test_without_network_it_says_how_to_bring_one(fake_uv: Path) -> None:
    (fake_uv / "broken").touch()
    environment = PipelineEnvironment(home=fake_uv / "home")
    with pytest.raises(FatePipelineError, match="no route to the index") as caught:
        environment.interpreter()
    assert "name its interpreter" in str(caught.value)


def test_an_interpreter_that_is_named_is_used_and_nothing_is_made(fake_uv: Path) -> None:
    assert PipelineEnvironment(python="/bin/sh").interpreter() == Path("/bin/sh")
    assert not (fake_uv / "calls").exists()
    with pytest.raises(FatePipelineError, match="no Python interpreter at '/nowhere/python'"):
        PipelineEnvironment(python="/nowhere/python").interpreter()


def test_a_cache_that_cannot_be_written_is_named(fake_uv: Path) -> None:
    fake_uv.joinpath("locked").write_text("a file, in which not even root can make a directory")
    with pytest.raises(FatePipelineError, match="cannot write to"):
        PipelineEnvironment(home=fake_uv / "locked" / "home").interpreter()
