"""Jobs of FATE 1.x in projects of several sites, through the site portal of FedLCM."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.reuse import OnClear, OnRetry, Reuse

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.site_portal import Algorithm, JobKind
    from airflow_provider_fate.remote.kinds.portal_job import PortalJobAsked, PortalJobKind, PortalJobRef

POLL = 10.0
"""Seconds between two looks: the portal itself looks at FATE every 20 seconds."""
INSTEAD = "FATE 2 runs it: FateJobOperator, with a connection of the type fate to a site with FATE 2."


class FatePortalJobOperator(RemoteWorkOperator["PortalJobRef"]):
    """Run a job of FATE 1.x in a project of a site portal, once the other sites have approved it.

    It is submitted once, whatever happens to worker, triggerer and portal. While it waits for approval it is queued:
    ``waiting_timeout`` limits that, and the log says whose approval is missing. When the task is killed, a job that
    waits is deleted and never runs; one that runs goes on, because a portal cannot stop it.

    :param project: name or id of the project. (templated)
    :param name: name of the job. (templated)
    :param data: name or id of this site's data in the project. (templated)
    :param others: names or ids of the data of other sites, by party id: ``{"10000": "usage"}``. (templated)
    :param label_column: column of this site's data with the label. (templated)
    :param kind: ``"training"``, ``"predict"`` or ``"psi"``.
    :param algorithm: of a training: ``"homo_lr"``, ``"homo_secureboost"``, ``"hetero_lr"`` or ``"hetero_secureboost"``;
        the portal can do no other. (templated)
    :param validation: percent of the rows that a training keeps to evaluate the model; 0: none.
    :param model_name: name of the model that a training leaves. (templated)
    :param model: name or id of a model of the project, for a prediction; of several of one name, the newest.
        (templated)
    :param conf: configuration of FATE 1.x (DSL version 2); default: the portal's. (templated)
    :param dsl: graph of FATE 1.x, likewise. (templated)
    :param description: for people, on all sites. A mark is added, by which the task finds the job again. (templated)
    :param on_clear: ``"new"`` (default) or ``"attach"``: what becomes of the job when the task is cleared.
    :param portal_conn_id: Airflow connection of the type ``fate_site_portal``. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param waiting_timeout: how long it may wait for approval; ``None``: for ever.
    :param poll_interval: shortest pause in seconds between two looks; default 10.
    :returns: ``{"job_id", "name", "project", "flow_job_id", "model", "metrics"}`` as XCom; of a prediction ``rows``, of
        a PSI ``overlap`` and ``overlap_rate``. Never rows themselves: ``portal.jobs.download`` has them.
    :raises AirflowFailException: an argument is wrong, or asks for FATE 2. Not retried.
    :raises FateConflictError: the site is not registered with an FML manager.
    :raises FateJobFailed: it has failed, or a site has rejected it; names the site.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = (
        "project",
        "name",
        "data",
        "others",
        "label_column",
        "algorithm",
        "model_name",
        "model",
        "conf",
        "dsl",
        "description",
        "portal_conn_id",
    )

    def __init__(
        self,
        *,
        project: str,
        name: str,
        data: str,
        others: Mapping[str, str] | None = None,
        label_column: str = "",
        kind: str = "training",
        algorithm: str = "",
        validation: int = 0,
        model_name: str = "",
        model: str = "",
        conf: str | Mapping[str, Any] = "",
        dsl: str | Mapping[str, Any] = "",
        description: str = "",
        on_clear: str = "new",
        portal_conn_id: str = "fate_site_portal_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poll_interval = self.poll_interval or POLL
        self.project = project
        self.name = name
        self.data = data
        self.others = others
        self.label_column = label_column
        self.job_kind = kind
        self.algorithm = algorithm
        self.validation = validation
        self.model_name = model_name
        self.model = model
        self.conf = conf
        self.dsl = dsl
        self.description = description
        self.reuse = Reuse(OnRetry.NEW, OnClear(on_clear))
        self.portal_conn_id = portal_conn_id

    def kind(self) -> PortalJobKind:
        """A job."""
        from airflow_provider_fate.remote.kinds.portal_job import PortalJobKind

        return PortalJobKind(self.portal_conn_id)

    def request(self, context: Context) -> PortalJobAsked:
        """Check the arguments, and refuse FATE 2."""
        from airflow_provider_fate.clients.site_portal import JobKind
        from airflow_provider_fate.remote.kinds.portal_job import PortalJobAsked

        for argument in ("project", "name", "data"):
            if not getattr(self, argument):
                raise FateInputError(f"{argument} is empty.")
        kind = _kind(self.job_kind)
        others = {str(party): name for party, name in (self.others or {}).items()}
        algorithm = _algorithm(self.algorithm) if kind is JobKind.TRAINING else None
        if not others and kind is JobKind.PSI:
            raise FateInputError(
                "others is empty: a PSI needs two sites.",
                hint="Without this check the portal would start it in FATE, and then say that it cannot.",
            )
        if not others and algorithm is not None and algorithm.name != "HOMO_SECUREBOOST":
            raise FateInputError(f"others is empty: {self.algorithm} needs two sites.")
        if (kind is JobKind.PREDICT) != bool(self.model):
            raise FateInputError("model= belongs to kind='predict', which needs it.")
        if not 0 <= self.validation < 100:
            raise FateInputError(f"validation={self.validation} is no share in percent.", hint="Write 0 to 99.")
        return PortalJobAsked(
            project=self.project,
            name=self.name,
            kind=kind,
            data=self.data,
            label=self.label_column,
            others=others,
            algorithm=algorithm,
            conf=_fate_1("conf", self.conf),
            dsl=_fate_1("dsl", self.dsl),
            validation=self.validation,
            model_name=self.model_name,
            model=self.model,
            description=self.description,
        )

    def announce(self, ref: PortalJobRef, context: Context) -> None:
        """Push the id of the portal's job."""
        context["ti"].xcom_push(key="portal_job_id", value=ref.uuid)


def _kind(value: str) -> JobKind:
    from airflow_provider_fate.clients.site_portal import JobKind

    try:
        return JobKind[value.upper()]
    except KeyError:
        raise FateInputError(f"kind={value!r} is not one of training, predict, psi.") from None


def _algorithm(value: str) -> Algorithm:
    from airflow_provider_fate.clients.site_portal import Algorithm

    try:
        return Algorithm[value.upper()]
    except KeyError:
        offered = ", ".join(one.name.lower() for one in Algorithm)
        raise FateInputError(
            f"algorithm={value!r} is not offered: a site portal trains {offered}, with FATE 1.x.",
            hint=INSTEAD if value else "Name one of these.",
        ) from None


def _fate_1(argument: str, value: str | Mapping[str, Any]) -> str:
    """Return a configuration or graph of FATE 1.x as JSON.

    :raises FateInputError: it is none, or one of FATE 2.
    """
    if not value:
        return ""
    try:
        given = json.loads(value) if isinstance(value, str) else dict(value)
    except ValueError as e:
        raise FateInputError(f"{argument} is no JSON: {e}") from None
    if not isinstance(given, dict):
        raise FateInputError(f"{argument} is JSON, but no object.")
    if "dag" in given or str(given.get("schema_version", "")).startswith("2"):
        raise FateInputError(f"{argument} is a job of FATE 2, which a site portal does not run.", hint=INSTEAD)
    return json.dumps(given)
