"""What KubeFATE's records of a job mean; they say less, and sometimes other things, than they seem to.

An installation goes from Running back to Pending and is fine; a failed update is Failed before it is rolled back; a
failed installation never gets an end; and nobody goes on with what ran when the service was restarted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_fate.clients.kubefate import ClusterJob, JobMethod

__all__ = ["JobProgress", "JobStage", "is_unfinished", "progress_of", "was_rolled_back", "went_too_far"]

CHECKS = 120.0
"""A worker that looks whether a cluster is ready writes that down every second; silent for so long, there is none."""
HELM = 900.0
"""Helm installs, upgrades and removes in silence, but not for longer."""
UPGRADE = 1500.0
"""A change of FATE's version waits 10 minutes for the upgrade of the database, and Helm comes before and after."""
ROLLBACK = 600.0
"""A failed update without an end, which its worker gives it when it was rolled back."""

_CHECKOUT = "checkout Cluster status"
_HELM_DONE = ("helm install Success", "Cluster update Success")
_NO_RELEASE = re.compile(r"release: not found")


class JobStage(StrEnum):
    """Where a job stands."""

    RUNS = "runs"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST_AFTER_HELM = "lost after Helm was through"
    """Nobody goes on with it, yet its objects are on Kubernetes: how the cluster is can be looked at."""


@dataclass(frozen=True)
class JobProgress:
    """Where a job stands, and why.

    :param words: for people.
    """

    stage: JobStage
    words: str


def progress_of(job: ClusterJob) -> JobProgress:
    """Judge a job by its record."""
    match job.method:
        case JobMethod.UPDATE:
            return _update(job)
        case JobMethod.DELETE:
            return _removal(job)
    return _installation(job)


def is_unfinished(job: ClusterJob) -> bool:
    """Whether somebody still works on it."""
    return progress_of(job).stage is JobStage.RUNS


def was_rolled_back(jobs: Sequence[ClusterJob]) -> bool:
    """Whether the last update of a cluster has failed, and was rolled back.

    :param jobs: of one cluster, oldest first.
    """
    updates = [job for job in jobs if job.method == JobMethod.UPDATE]
    return bool(updates) and updates[-1].status == "Rollback"


def went_too_far(jobs: Sequence[ClusterJob]) -> bool:
    """Whether its rollback has led to what was installed at first, and not to the update before.

    KubeFATE counts updates only, and tells Helm to go back to that number less one: Helm counts the installation, too.

    :param jobs: of one cluster, oldest first.
    """
    updates = [job for job in jobs if job.method == JobMethod.UPDATE]
    return was_rolled_back(jobs) and any(job.status == "Success" for job in updates)


def _installation(job: ClusterJob) -> JobProgress:
    last = job.states[-1] if job.states else ""
    match job.status:
        case "Success":
            return JobProgress(JobStage.DONE, "installed")
        case "Failed" | "Timeout":
            return JobProgress(JobStage.FAILED, last or "Failed")
        case "Canceled":
            return JobProgress(JobStage.STOPPED, "stopped, and removed again")
    if last.startswith("create Cluster error"):
        return JobProgress(JobStage.FAILED, last)  # and it is called Running for ever
    if job.silence > (CHECKS if last.startswith(_CHECKOUT) else HELM):
        return _lost(job)
    if job.status == "Stopping":
        return JobProgress(JobStage.RUNS, "is being stopped")
    waits = sorted(name for name, part in job.sub_jobs.items() if part.status != "Success")
    if last.startswith(_CHECKOUT) and waits:
        return JobProgress(JobStage.RUNS, f"waits for {', '.join(waits)}")
    return JobProgress(JobStage.RUNS, _CHECKOUT if last.startswith(_CHECKOUT) else last or "begins")


def _update(job: ClusterJob) -> JobProgress:
    last = job.states[-1] if job.states else ""
    if job.end_time is not None:
        if job.status == "Success":
            return JobProgress(JobStage.DONE, "updated")
        rolled = "rolled back" if job.status == "Rollback" else "failed, and could not be rolled back"
        return JobProgress(JobStage.FAILED, f"{rolled}: {'; '.join(job.states) or job.status}")
    if job.status in ("Failed", "Rollback"):
        if job.silence > ROLLBACK:
            why = last or "the upgrade of the database (chart fate-upgrade-manager) did not come to its end"
            return JobProgress(JobStage.FAILED, f"given up, and not rolled back: {why}")
        return JobProgress(JobStage.RUNS, "has failed, and is being rolled back")
    if job.silence > UPGRADE:
        return _lost(job)
    waits = sorted(name for name, part in job.sub_jobs.items() if part.status != "Success")
    return JobProgress(JobStage.RUNS, f"waits for {', '.join(waits)}" if waits else last or "updates")


def _removal(job: ClusterJob) -> JobProgress:
    words = "; ".join(job.states)
    if job.status == "Success" or (job.status == "Failed" and _NO_RELEASE.search(words)):
        return JobProgress(JobStage.DONE, "removed")
    if job.status == "Failed":
        return JobProgress(JobStage.FAILED, words or "Failed")
    return _lost(job) if job.silence > HELM else JobProgress(JobStage.RUNS, "is being removed")


def _lost(job: ClusterJob) -> JobProgress:
    words = f"KubeFATE has written nothing of it for {job.silence:.0f} s: it was restarted, and goes on with no job"
    through = any(state in _HELM_DONE for state in job.states)
    return JobProgress(JobStage.LOST_AFTER_HELM if through else JobStage.FAILED, words)
