"""What must hold when a trial has ended, whatever has happened in it."""

from __future__ import annotations

import time

from dev.localairflow.api import TASK_FINISHED, AirflowApiError
from tests.chaos.scene import ROWS, TASK, Scene
from tests.chaos.trial import Trial

RUN_PATIENCE = 300.0
STOP_PATIENCE = 60.0
QUIET = 3.0
"""Seconds after the end in which nothing new may begin."""


def judge(trial: Trial, scene: Scene) -> list[str]:
    """Wait for the end of a trial and return what is wrong with it.

    Nothing may run on; the task must be in the right state; where it succeeded exactly one job has, and it is the one
    that the task names; other jobs are there only as the trial says.
    """
    end = trial.fault.end
    found = scene.wait_task(*TASK_FINISHED, seconds=RUN_PATIENCE)
    wrong = []
    if found["state"] != end.task:
        wrong.append(f"the task is {found['state']}, not {end.task}")
    limit = time.monotonic() + STOP_PATIENCE
    while (unsettled := [job for job in scene.jobs() if not job.settled]) and time.monotonic() < limit:
        time.sleep(0.5)
    wrong += [f"job {job.job_id} is still {job.state}" for job in unsettled]
    time.sleep(QUIET)
    jobs = scene.jobs()
    states = tuple(sorted(job.state for job in jobs))
    if states not in end.jobs:
        allowed = " or ".join(", ".join(some) or "none" for some in end.jobs)
        wrong.append(f"the jobs ended as {', '.join(states) or 'none'}; right is: {allowed}")
    now = scene.task()
    if now.get("state") != found["state"]:
        wrong.append(f"the task was {found['state']} and is {now.get('state')} now")
    run = scene.api.run_state(scene.dag_id, scene.run_id)
    if run not in ("success", "failed"):
        scene.wait_until(
            lambda: scene.api.run_state(scene.dag_id, scene.run_id) in ("success", "failed"), "the run is over", 60
        )
    if found["state"] == "success":
        wrong += _wrong_result(scene, [job.job_id for job in jobs if job.state == "success"])
    return wrong


def _wrong_result(scene: Scene, successful: list[str]) -> list[str]:
    try:
        result = scene.api.xcom(scene.dag_id, scene.run_id, TASK)
    except AirflowApiError as e:
        # A task that a user has marked as successful gives nothing back.
        return [f"the task has no result: {e}"] if successful else []
    if result["job_id"] not in successful:
        return [f"the task names job {result['job_id']}, and these have succeeded: {successful}"]
    if scene.is_upload and result["count"] != ROWS:
        return [f"the table has {result['count']} rows, not {ROWS}"]
    return []
