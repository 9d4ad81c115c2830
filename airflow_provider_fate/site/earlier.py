"""Jobs that a script has run before, and what their tasks have left behind at this site."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.jobs.pipeline.replay import EarlierJob
from airflow_provider_fate.site.scoring import training_record

if TYPE_CHECKING:
    from airflow_provider_fate.jobs.pipeline.replay import Outputs
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["earlier_job", "outputs_of"]

_CHUNK = 1 << 20


def earlier_job(session: SiteSession, job_id: str) -> EarlierJob:
    """A job that has succeeded.

    :raises FateModelNotFound: the site does not know it.
    :raises FateInputError: it has not succeeded.
    """
    record = training_record(session.client, session.site, job_id)
    return EarlierJob(
        job_id=record.job_id,
        role=record.role,
        party_id=record.party_id,
        model_id=record.model_id or record.job_id,
        model_version=record.model_version or "0",
        tasks=tuple(record.dag["dag"]["tasks"]),
    )


def outputs_of(session: SiteSession, jobs: list[EarlierJob], folder: Path) -> Outputs:
    """What tasks of these jobs have left behind.

    :param folder: where tables are put, for as long as they are read.
    """
    flow, by_id, number = session.client, {job.job_id: job for job in jobs}, itertools.count()

    def output(what: str, job_id: str, task: str) -> Any:
        job = by_id[job_id]
        asked = (job.job_id, job.role, job.party_id, task)
        if what == "metric":
            return [metric.model_dump(mode="json") for metric in flow.output.metrics(*asked)]
        if what == "model":
            return flow.output.model(*asked)
        place = folder / str(next(number))
        place.mkdir()
        _unpack(session, asked, place)
        return str(place)

    return output


def _unpack(session: SiteSession, asked: tuple[str, str, str, str], place: Path) -> None:
    from airflow_provider_fate.data.archive import read_archive

    archive = place.with_suffix(".tar.gz")
    session.client.output.download_data(*asked, archive)
    with archive.open("rb") as file:
        for member in read_archive(file):
            target = place / member.key / f"{member.index}.{member.kind}"
            target.parent.mkdir(exist_ok=True)
            with target.open("wb") as written:
                while piece := member.data.read(_CHUNK):
                    written.write(piece)
    archive.unlink()
