"""Is a live version fit for (more of) the requests?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateError, FateInputError, FateServiceNotFound, FateServiceUnfit
from airflow_provider_fate.links.service import FateEndpointLink
from airflow_provider_fate.operators._service import version_of
from airflow_provider_fate.remote.operator import RemoteWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.serving import ServiceRef
    from airflow_provider_fate.remote.kinds.serving_watch import ServiceWatch, WindowRequest
    from airflow_provider_fate.serving import ServedModel, Service

SMOKE = "smoke_test"
"""XCom of the smoke test, which is over when the window begins."""
ROLLED_BACK = timedelta(seconds=120)


class FateServiceCheckOperator(RemoteWorkOperator["ServiceRef"]):
    """Ask a live version for scores that FATE has given, watch what its clients get, and roll it back if it is unfit.

    First a smoke test: real rows go to this very version over the Open Inference Protocol v2, and each score has to be
    FATE's. Then, with ``window``, the requests of clients are counted for a while, without holding a worker: too many
    that fail, or take too long, end the check at once.

    :param service: name of the service. (templated)
    :param version: which version: a text, or the result of the ``FateServeOperator`` that has deployed it; default: the
        canary, and where there is none, the stable version. (templated)
    :param rows: raw rows: a file (CSV, Parquet or Arrow, on any storage), or one for each party, ``{"9999": ...,
        "10000": ...}``; ``None``: no smoke test. (templated)
    :param scores: what FATE has given for these rows: the result of ``FateDownloadOperator``, or its file. (templated)
    :param id_column: name of the ids in these files.
    :param tolerance: largest difference between a score and FATE's; of scores beyond 1, a share of the score.
    :param min_rows: so many rows have to be compared at least.
    :param max_rows: so many are compared at most.
    :param batch: rows of one request.
    :param window: how long clients' requests are watched; ``None``: not at all.
    :param min_requests: so many requests of clients the version must have had in the window.
    :param max_error_share: share of them that may fail, from 0 to 1.
    :param max_latency: bound of the 95th percentile of latency, of the smoke test's requests and of the clients';
        ``None``: any.
    :param on_failure: ``"roll_back"``: an unfit version is taken away before the task fails, be it the canary or the
        stable one; ``"fail"``: it stays.
    :param backend: as for ``FateServeOperator``. (templated)
    :param deferrable: wait for the end of the window in the triggerer (default), or in the worker.
    :returns: ``{"service", "version", "rows", "largest_difference", "latency_ms", "requests", "errors"}`` as XCom; the
        last two are the clients'.
    :raises AirflowFailException: an argument is wrong, or the version is unfit; says what was found, and what has
        become of the version. Not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("service", "backend", "version", "rows", "scores")
    operator_extra_links = (FateEndpointLink(),)
    final_errors: ClassVar[tuple[type[FateError], ...]] = (*RemoteWorkOperator.final_errors, FateServiceNotFound)

    def __init__(
        self,
        *,
        service: str,
        version: Any = None,
        rows: Any = None,
        scores: Any = None,
        id_column: str = "id",
        tolerance: float = 1e-5,
        min_rows: int = 20,
        max_rows: int = 10_000,
        batch: int = 100,
        window: timedelta | None = None,
        min_requests: int = 1,
        max_error_share: float = 0.0,
        max_latency: timedelta | None = None,
        on_failure: Literal["roll_back", "fail"] = "fail",
        backend: str = "local",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if on_failure not in ("roll_back", "fail"):
            raise ValueError(f"on_failure={on_failure!r} is not one of roll_back, fail")
        self.service = service
        self.version = version
        self.rows = rows
        self.scores = scores
        self.id_column = id_column
        self.tolerance = tolerance
        self.min_rows = min_rows
        self.max_rows = max_rows
        self.batch = batch
        self.window = window
        self.min_requests = min_requests
        self.max_error_share = max_error_share
        self.max_latency = max_latency
        self.on_failure = on_failure
        self.backend = backend

    def kind(self) -> ServiceWatch:
        """A window, which may be empty."""
        from airflow_provider_fate.remote.kinds.serving_watch import ServiceWatch

        return ServiceWatch(self.backend)

    def execute(self, context: Context) -> Any:
        """Check; roll back what is unfit."""
        try:
            return super().execute(context)
        except FateServiceUnfit as error:
            raise self._unfit(error) from None

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Judge the window; roll back what is unfit."""
        try:
            return super().execute_complete(context, event)
        except FateServiceUnfit as error:
            raise self._unfit(error) from None

    def request(self, context: Context) -> WindowRequest:
        """Make the smoke test."""
        from airflow_provider_fate.remote.kinds.serving_watch import WindowRequest, bounds_of

        self._check_arguments()
        service, model = asyncio.run(self._look())
        if service.url is not None:
            FateEndpointLink.persist(context, service.url)
        report = self._smoke(service, model) if self.rows is not None else {}
        context["ti"].xcom_push(key=SMOKE, value=report | {"version": model.version})
        bounds = bounds_of(self.min_requests, self.max_error_share, self._latency_ms)
        seconds = self.window.total_seconds() if self.window is not None else 0.0
        return WindowRequest(self.service, model.version, seconds, bounds)

    def result(self, ref: ServiceRef, found: Mapping[str, Any] | None, context: Context) -> Any:
        """What was found, all of it within bounds."""
        smoke: dict[str, Any] = context["ti"].xcom_pull(task_ids=self.task_id, key=SMOKE) or {}
        counted = {name: (found or {}).get(name, 0) for name in ("requests", "errors")}
        self.log.info("%s is fit: %s", ref.id, smoke | counted)
        return {"service": self.service, **smoke, **counted}

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _latency_ms(self) -> float | None:
        return None if self.max_latency is None else 1000 * self.max_latency.total_seconds()

    def _check_arguments(self) -> None:
        if (self.rows is None) != (self.scores is None):
            raise FateInputError("rows and scores belong together.", hint="Give both, or neither.")
        if self.rows is None and self.window is None:
            raise FateInputError(
                "Nothing is to be checked.", hint="Give rows= and scores= for a smoke test, window= to watch clients."
            )
        if not 0 <= self.max_error_share <= 1:
            raise FateInputError(f"max_error_share={self.max_error_share!r} is not a share from 0 to 1.")
        for name in ("min_rows", "batch", "min_requests"):
            if getattr(self, name) < 1:
                raise FateInputError(f"{name}={getattr(self, name)!r} is less than 1.")

    async def _look(self) -> tuple[Service, ServedModel]:
        """The service, and the version that is to be checked."""
        from airflow_provider_fate.remote.kinds.serving import require_service
        from airflow_provider_fate.serving import check_service_name, open_backend

        backend = open_backend(self.backend)
        try:
            found = await backend.get(check_service_name(self.service))
        finally:
            await backend.close()
        service = require_service(found, self.service, self.backend)
        models = service.spec.models
        version = version_of("version", self.version)
        model = models.get("canary") or models.get("stable") if version is None else None
        model = model or next((one for one in models.values() if one.version == version), None)
        if model is None or model.version not in {one.version for one in service.live.values()}:
            live = ", ".join(one.version for one in service.live.values()) or "none"
            raise FateInputError(
                f"version={version!r} of {self.service!r} is not live; live: {live}.",
                hint="Deploy it first, and wait for it: FateServeOperator does.",
            )
        return service, model

    def _smoke(self, service: Service, model: ServedModel) -> dict[str, Any]:
        from airflow_provider_fate.models.convert import Converted
        from airflow_provider_fate.models.convert.sample import read_sample
        from airflow_provider_fate.operators.model_convert import files_by_party, place_of
        from airflow_provider_fate.serving.smoke import ask_and_compare
        from airflow_provider_fate.storage.source import file_source

        if not model.inputs:
            raise FateInputError(
                f"What version {model.version} takes is not known: it was not converted by this provider."
            )
        files = [(party, file_source(place_of("rows", one), None)) for party, one in files_by_party(self.rows).items()]
        scores = file_source(place_of("scores", self.scores), None)
        graph = Converted(b"", model.inputs, model.width, "")
        sample = read_sample(graph, files, scores, id_column=self.id_column, limit=self.max_rows)
        if len(sample.scores) < self.min_rows:
            raise FateInputError(
                f"Only {len(sample.scores)} rows are in all of the given files, and min_rows is {self.min_rows}.",
                hint="Give the raw rows that FATE has scored, with their ids as FATE has them.",
            )
        live = next(one for one in service.live.values() if one.version == model.version)
        url = live.url or service.url
        if url is None or (live.url is None and live.share < 100):
            raise FateInputError(
                f"version={model.version!r}: {self.backend.partition('?')[0]} gives it no address of its own, and only "
                f"{live.share} % of the requests to {self.service!r} reach it.",
                hint="Of KServe write mode=Knative, where each revision has an address; or let it get all requests.",
            )
        report = ask_and_compare(
            url, sample.columns, sample.scores, version=model.version, tolerance=self.tolerance, batch=self.batch,
            max_latency_ms=self._latency_ms,
        )  # fmt: skip
        self.log.info(
            "Version %s: %d rows in %d requests differ from FATE's scores by at most %.3g; 95 %% within %.0f ms",
            *(model.version, report.rows, report.requests, report.largest_difference, report.latency_ms),
        )
        return {
            "rows": report.rows,
            "largest_difference": report.largest_difference,
            "latency_ms": report.latency_ms,
        }

    def _unfit(self, error: FateServiceUnfit) -> AirflowFailException:
        if self.on_failure != "roll_back":
            return AirflowFailException(f"{error}\nIt stays as it is (on_failure='fail').")
        try:
            became = asyncio.run(self._roll_back())
        except FateError as e:
            became = f"It could not be rolled back: {e}"
        return AirflowFailException(f"{error}\n{became}")

    async def _roll_back(self) -> str:
        """Take the version away, and wait until it is."""
        from airflow_provider_fate.serving import ServicePhase, changes, open_backend

        backend = open_backend(self.backend)
        try:
            service = await backend.get(self.service)
            if service is None:
                return "The service is not there any more."
            version = version_of("version", self.version)
            spec = changes.roll_back(service, version)
            if spec == service.spec:
                return f"It is not live any more; version {spec.stable.version} answers."
            generation = await backend.apply(self.service, spec, expected=service.generation, mark=None)
            end = time.monotonic() + ROLLED_BACK.total_seconds()
            while time.monotonic() < end:
                now = await backend.get(self.service)
                if now is None or now.generation != generation or now.phase is not ServicePhase.STARTING:
                    break
                await asyncio.sleep(0.1)
            return f"It was rolled back: version {spec.stable.version} answers all requests."
        finally:
            await backend.close()
