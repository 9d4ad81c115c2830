"""``kubefate.server``, ``kubefate.charts``, ``kubefate.clusters``, ``kubefate.jobs``.

Paths are written with the slashes that KubeFATE's router has: with others it answers a redirect without a body.
"""

from __future__ import annotations

from pathlib import Path

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Reply,
    Request,
    Steps,
    Transport,
    Upload,
    endpoint,
    get,
    post,
    procedure,
)
from airflow_provider_fate.errors import FateInputError

from .envelope import MISSING, NOT_STOPPABLE, UNCHANGED
from .models import ChartRecord, ClusterJob, ClusterOrder, ClusterRecord

__all__ = ["ChartGroup", "ClusterGroup", "ClusterJobGroup", "ServiceGroup"]

_THERE_OR_NOT = frozenset({MISSING})


class ServiceGroup(Group[Transport]):
    """The service."""

    @endpoint
    def version(self) -> Request[str]:
        """Return the version of the service. v1.4.5 serves FATE 1.9 to 2.0, so it does not tell which FATE."""
        return _version()

    @endpoint
    def namespaces(self) -> Request[list[str]]:
        """Return the namespaces of Kubernetes.

        :raises FateProxyError: KubeFATE may not list them, or Kubernetes is away.
        """
        return get("/namespace/", lambda reply: [str(one["Name"]) for one in reply.data["data"] or ()])


class ChartGroup(Group[Transport]):
    """Charts that KubeFATE has."""

    @endpoint
    def list(self) -> Request[list[ChartRecord]]:
        """Return all charts. A long answer: KubeFATE adds their templates."""
        return get(
            "/chart/", lambda reply: [ChartRecord.model_validate(one) for one in reply.data["data"] or ()], slow=True
        )

    @procedure
    def upload(self, file: Path) -> Steps[str]:
        """Upload a packed chart; one of the same name and version is replaced. Returns its id.

        :param file: a ``.tgz``.
        :raises FateInvalidParameterError: it is not there, or no packed chart.
        """
        if not file.is_file():
            raise FateInputError(f"chart={str(file)!r} is not a file on this worker.")
        yield _version()  # a file that is half read cannot be sent again where the token is no longer valid
        uploaded: str = yield post(
            "/chart",
            lambda reply: str(reply.data["data"]["helmUUID"]),
            upload=Upload(file, {}, filename=file.name),
            slow=True,
        )
        return uploaded

    @endpoint
    def delete(self, chart_id: str) -> Request[None]:
        """Take a chart away, if it is there: KubeFATE does not tell."""
        return Request("DELETE", f"/chart/{chart_id}", _nothing)


class ClusterGroup(Group[Transport]):
    """Clusters. What changes one is a job: see :class:`ClusterJobGroup`."""

    @endpoint
    def list(self, *, removed: bool = False) -> Request[list[ClusterRecord]]:
        """Return all clusters, as they were recorded: status and workloads are not looked at.

        :param removed: also those that were removed.
        """
        return get(
            "/cluster/",
            lambda reply: [ClusterRecord.model_validate(one) for one in reply.data["data"] or ()],
            params={"all": True} if removed else {},
        )

    @endpoint
    def get(self, cluster_id: str) -> Request[ClusterRecord | None]:
        """Return a cluster as it is on Kubernetes now; ``None``: there is none (KubeFATE says 500).

        :raises FateProxyError: Kubernetes is away.
        """
        return get(
            f"/cluster/{cluster_id}",
            lambda reply: None if reply.code else ClusterRecord.model_validate(reply.data["data"]),
            accept=_THERE_OR_NOT,
        )

    @endpoint
    def log(
        self,
        cluster_id: str,
        *,
        container: str | None = None,
        lines: int | None = None,
        since: int | None = None,
        previous: bool = False,
    ) -> Request[str]:
        """Return what the pods of a cluster have written.

        :param container: only this one, such as ``python`` or ``osx``; ``None``: all, each line with pod and container.
        :param lines: only so many of the last ones of each container.
        :param since: only of so many seconds.
        :param previous: of the container before it was restarted.
        :raises FateClusterNotFound: there is no such cluster.
        """
        params = {"container": container, "tail": lines, "since": since, "previous": previous or None}
        return get(f"/log/{cluster_id}", lambda reply: str(reply.data["data"]), params=params, slow=True)

    @endpoint
    def install(self, order: ClusterOrder) -> Request[ClusterJob]:
        """Begin to install a cluster.

        :raises FateClusterExists: there is one of this name in this namespace.
        :raises FateAmbiguousSubmitError: the answer was lost: look for its job.
        """
        return post("/cluster", _job, json=order.to_json(), once=Once.SUBMIT)

    @endpoint
    def update(self, order: ClusterOrder) -> Request[ClusterJob | None]:
        """Begin to update a cluster; ``None``: it is like that already.

        :raises FateClusterNotFound: there is none.
        :raises FateInvalidParameterError: KubeFATE cannot update to this chart.
        :raises FateAmbiguousSubmitError: the answer was lost: look for its job.
        """
        return Request(
            "PUT",
            "/cluster",
            lambda reply: None if reply.code else _job(reply),
            json=order.to_json(),
            accept=frozenset({UNCHANGED}),
            once=Once.SUBMIT,
        )

    @endpoint
    def delete(self, cluster_id: str) -> Request[ClusterJob | None]:
        """Begin to remove a cluster; ``None``: there is none.

        :raises FateAmbiguousSubmitError: the answer was lost: look for its job.
        """
        return Request(
            "DELETE",
            f"/cluster/{cluster_id}",
            lambda reply: None if reply.code else _job(reply),
            accept=_THERE_OR_NOT,
            once=Once.SUBMIT,
        )


class ClusterJobGroup(Group[Transport]):
    """Jobs that install, update and remove clusters."""

    @endpoint
    def list(self) -> Request[list[ClusterJob]]:
        """Return all jobs that KubeFATE keeps, oldest first."""
        return get(
            "/job/",
            lambda reply: [
                ClusterJob.model_validate(one | {"date": reply.data["date"]}) for one in reply.data["data"] or ()
            ],
        )

    @endpoint
    def get(self, job_id: str) -> Request[ClusterJob | None]:
        """Return a job; ``None``: there is none."""
        return get(f"/job/{job_id}", lambda reply: None if reply.code else _job(reply), accept=_THERE_OR_NOT)

    @endpoint
    def stop(self, job_id: str) -> Request[bool]:
        """Stop an installation; return whether it takes the order. It does while it is Running, and never else."""
        return Request(
            "PUT",
            f"/job/{job_id}",
            lambda reply: not reply.code,
            params={"jobStatus": "stop"},
            accept=frozenset({MISSING, NOT_STOPPABLE}),
        )

    @endpoint
    def delete(self, job_id: str) -> Request[None]:
        """Take a job's record away, if it is there. One that runs goes on unseen, and its cluster stays Creating."""
        return Request("DELETE", f"/job/{job_id}", _nothing, accept=_THERE_OR_NOT)


def _version() -> Request[str]:
    return get("/version/", lambda reply: str(reply.data["version"]))


def _job(reply: Reply) -> ClusterJob:
    return ClusterJob.model_validate(reply.data["data"] | {"date": reply.data["date"]})


def _nothing(reply: Reply) -> None:
    return None
