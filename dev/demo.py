"""Train federated models in a real Airflow, on a real FATE, show what federating gains, and ask one: `make demo`.

Starts what does not run yet, lets the DAGs `nightly_breast_cancer` and `train_and_serve` run side by side, and leaves
everything running for a look around, the service included.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import httpx

from airflow_provider_fate.clients.fate_flow import AppId, FlowClient, FlowSettings
from airflow_provider_fate.errors import FateError
from airflow_provider_fate.local import LocalFateError
from dev.console import Step, Steps
from dev.localairflow import AirflowApi, AirflowApiError, AirflowStartError, DagImportError, TaskInstance
from dev.stack import Stack

DAG = "nightly_breast_cancer"
SERVING = "train_and_serve"
"""Ends with a model that answers."""
CLINIC, LABORATORY = "two_sites_clinic", "two_sites_laboratory"
"""With ``--sites=2``: the DAGs of either side."""
RUN_TIMEOUT = 45 * 60.0
UNFINISHED = ("queued", "running")


class DemoFailedError(Exception):
    """The run has failed; the message says where and shows the end of the log."""


def start_run(api: AirflowApi, dag: str) -> str:
    """Return the run to watch: the one that the schedule starts now, or else one that is triggered here."""
    had = {run["dag_run_id"] for run in api.runs(dag)} if dag in api.dag_ids() else set()
    api.unpause(dag)
    end = time.monotonic() + 15
    while time.monotonic() < end:
        runs = api.runs(dag)
        if unfinished := [run for run in runs if run["state"] in UNFINISHED]:
            return str(unfinished[-1]["dag_run_id"])
        if had:
            break
        # A schedule that was never on starts today's run by itself: a second one would only cost time.
        time.sleep(0.5)
    return api.trigger(dag)


class RunWatch:
    """Tells a step what goes on in a run: in Airflow, and within the FATE job while Airflow waits for it."""

    def __init__(self, api: AirflowApi, flow: FlowClient, dag: str, run_id: str, step: Step) -> None:
        self._api, self._flow, self._dag, self._run_id, self._step = api, flow, dag, run_id, step
        self._states: dict[str, str | None] = {}

    def __call__(self, tasks: list[TaskInstance]) -> None:
        """Look at the tasks' states."""
        for task in tasks:
            if task.state != self._states.get(task.task_id) and task.state in ("running", "success", "failed"):
                took = f" in {task.duration:.0f} s" if task.state == "success" and task.duration else ""
                self._step.say(f"{task.task_id} {task.state}{took}")
            self._states[task.task_id] = task.state
        done = sum(task.state == "success" for task in tasks)
        train = next((task for task in tasks if task.task_id == "train"), None)
        within = self._job_progress() if train and train.state == "deferred" else 0.0
        # The training is most of the time: it counts for as much as all other tasks together.
        weight = len(tasks) - 1
        finished = done + (weight - 1 if train and train.state == "success" else 0)
        self._step.advance((finished + within * weight) / (len(tasks) + weight - 1) if tasks else 0.0)

    def _job_progress(self) -> float:
        try:
            job_id = self._api.xcom(self._dag, self._run_id, "train", "fate_job")["job_id"]
            tasks = self._flow.task.query(job_id=job_id, role="guest")
        except (AirflowApiError, FateError):
            return 0.0  # a moment later it is there
        states = {task.task_name: str(getattr(task.status, "value", task.status)) for task in tasks}
        done = [name for name, state in states.items() if state == "success"]
        if running := sorted(name for name, state in states.items() if state == "running"):
            self._step.say(f"train: FATE job {job_id}: {len(done)} of {len(states)} done, now {', '.join(running)}")
        return len(done) / len(states) if states else 0.0


def run(stack: Stack, step: Step) -> tuple[str, dict[str, Any]]:
    """Run the DAG to its end, and return the run's id and the report; of two sites, both their DAGs side by side."""
    api = stack.airflow.api
    dag = CLINIC if stack.federation else DAG
    if stack.federation:
        step.say(f"{LABORATORY}, run {start_run(api, LABORATORY)}")
    run_id = start_run(api, dag)
    step.say(f"{dag}, run {run_id}")
    return run_id, finished(stack, step, dag, run_id, "report")


def finished(stack: Stack, step: Step, dag: str, run_id: str, task: str) -> dict[str, Any]:
    """Watch a run to its end, and return what one of its tasks has given back."""
    api = stack.airflow.api
    connection = stack.fate.airflow_connection
    address, login = connection.address, connection.credentials
    app = AppId(login.app_id, login.token) if login else None
    with FlowClient(FlowSettings(host=address.host, port=address.port, app=app)) as flow:
        state = api.wait(dag, run_id, RUN_TIMEOUT, RunWatch(api, flow, dag, run_id, step))
    if state != "success":
        raise DemoFailedError(explain_failure(api, dag, run_id))
    found: dict[str, Any] = api.xcom(dag, run_id, task)
    return found


def explain_failure(api: AirflowApi, dag: str, run_id: str) -> str:
    """Return which task failed, and the end of its log."""
    parts = [f"The run {run_id} has failed."]
    for task in api.tasks(dag, run_id):
        if task.state == "failed":
            log = api.log(dag, run_id, task.task_id, task.try_number).splitlines()
            parts += [f"Task {task.task_id} (try {task.try_number}), the end of its log:", *log[-30:]]
    return "\n".join(parts)


def result(
    stack: Stack, run_id: str, report: dict[str, Any], answer: dict[str, Any] | None, took: dict[str, float]
) -> str:
    """Return what a person wants to know at the end."""
    if stack.federation or answer is None:
        return result_of_sites(stack, run_id, report, took)
    rows = (("the clinic alone", report["auc_alone"]), ("clinic and laboratory together", report["auc_joint"]))
    bars = [bar(name, auc) for name, auc in rows]
    return "\n".join(
        (
            "",
            "How well is cancer recognized in patients whom the model has not seen? (0.5 is a coin, 1 is always right)",
            *bars,
            f"  {'what federating gains':<32}    {report['gain']:+.4f}, and no row has left its owner",
            "",
            f"Two hospitals have trained another model, which answers now. Patient {answer['patient']}:",
            f"  {'asked over HTTP':<32} {answer['served']:.8f}  version {answer['version']}",
            f"  {'in the prediction of FATE':<32} {answer['fate']:.8f}",
            "",
            f"Look      {stack.airflow.url}/dags/{DAG}/runs/{run_id}",
            "          DAG nightly_breast_cancer: graph, logs, XComs; its Trigger button shows a form for the model",
            f"          FATE job {report['job_id']}, model {report['model_id']} version {report['model_version']}",
            f"          DAG {SERVING}: from the tables to the service {answer['url'].removesuffix('/infer')}",
            stack.how_to_look(),
            "",
            "Took      " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in took.items()),
        )
    )


def bar(name: str, auc: float) -> str:
    """Return a line with a bar."""
    return f"  {name:<32} AUC {auc:.4f}  {'█' * round(40 * (auc - 0.5) / 0.5)}"


def result_of_sites(stack: Stack, run_id: str, report: dict[str, Any], took: dict[str, float]) -> str:
    """Return what a person wants to know at the end of a run of two sites."""
    return "\n".join(
        (
            "",
            "Two sites that see nothing of each other have trained one model. How well does it recognize cancer?",
            bar("clinic and laboratory together", report["auc_joint"]),
            "",
            f"Look      {stack.airflow.url}/dags/{CLINIC}/runs/{run_id}",
            f"          DAG {CLINIC}: its task train waits until the laboratory has published its tables",
            f"          DAG {LABORATORY}: publishes them for the day, and withdraws them when it is over",
            f"          FATE job {report['job_id']}, model {report['model_id']} version {report['model_version']}",
            stack.how_to_look(),
            "",
            "Took      " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in took.items()),
        )
    )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--stop", action="store_true", help="stop everything at the end")
    parser.add_argument(
        "--sites",
        type=int,
        choices=(1, 2),
        default=1,
        help="2: clinic and laboratory have a FATE site each (default 1)",
    )
    arguments = parser.parse_args()
    stop = arguments.stop
    steps = Steps()
    stack = Stack(sites=arguments.sites)
    try:
        with steps.watch():
            with steps.step("FATE") as step:
                stack.log = step.say
                stack.start_fate()
            with steps.step("Airflow") as step:
                stack.log = step.say
                stack.start_airflow()
            serving, answer = "", None
            with steps.step("Training") as step:
                if stack.federation is None:
                    serving = start_run(stack.airflow.api, SERVING)  # beside it: it waits for FATE most of the time
                run_id, report = run(stack, step)
            if serving:
                with steps.step("Serving") as step:
                    answer = finished(stack, step, SERVING, serving, "answer")
        print(result(stack, run_id, report, answer, steps.took))
        return 0
    except (DemoFailedError, LocalFateError, FateError, AirflowStartError, DagImportError, TimeoutError) as exc:
        print(f"\n{exc}\n\nWhat runs is left running for a look; `make down` stops it.", file=sys.stderr)
        return 1
    except httpx.HTTPError as exc:
        logs = stack.airflow.home
        print(
            f"\nAirflow does not answer any more ({exc}): its logs are in {logs}. `make down` stops what is left.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(
            "\nStopped watching: the run goes on. `make demo` watches it again, `make down` stops all.", file=sys.stderr
        )
        return 130
    finally:
        if stop:
            stack.stop()


if __name__ == "__main__":
    sys.exit(main())
