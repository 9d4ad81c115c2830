"""Compare what a split model answers with what FATE has predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class FateSplitCheckOperator(BaseOperator):
    """Ask the guest's service for rows that FATE has scored, and fail where a score differs.

    :param service: the result of the guest's ``FateSplitServeOperator``, or the name of the model. (templated)
    :param split_conn_id: connection of the guest's service. (templated)
    :param scores: what FATE has given for these rows: the result of ``FateDownloadOperator``, or its file. (templated)
    :param id_column: name of the ids in it.
    :param classes: how many classes there are; 2 also for a regression, which has one number for each row.
    :param tolerance: largest difference; of scores beyond 1, as regressions give, a share of the score.
    :param min_rows: so many rows have to be compared at least.
    :param max_rows: so many are compared at most.
    :param batch: rows of one request.
    :returns: ``{"rows", "largest_difference", "job_id", "seconds"}`` as XCom; seconds of all requests together.
    :raises AirflowFailException: a row differs, there are too few, or a party refuses. Not retried.
    :raises FatePartDown: a party's service does not answer; retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("service", "split_conn_id", "scores")

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        split_conn_id: str,
        scores: str | Mapping[str, Any],
        id_column: str = "id",
        classes: int = 2,
        tolerance: float = 1e-5,
        min_rows: int = 20,
        max_rows: int = 10_000,
        batch: int = 1_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.split_conn_id = split_conn_id
        self.scores = scores
        self.id_column = id_column
        self.classes = classes
        self.tolerance = tolerance
        self.min_rows = min_rows
        self.max_rows = max_rows
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        """Read, ask, compare."""
        from airflow_provider_fate.operators._split import not_retried

        with not_retried():
            return self._compare()

    def _compare(self) -> dict[str, Any]:
        import time

        from airflow_provider_fate.clients.split import SplitScoreClient
        from airflow_provider_fate.errors import FateInputError, FateOtherModelError
        from airflow_provider_fate.hooks.hook import read_connection
        from airflow_provider_fate.hooks.split import SplitService
        from airflow_provider_fate.models.convert.compare import largest_difference
        from airflow_provider_fate.models.convert.sample import expected_scores
        from airflow_provider_fate.models.names import wrong_id

        name = str(self.service.get("service") if isinstance(self.service, Mapping) else self.service)
        if wrong_id(name):  # it becomes a part of the URL
            raise FateInputError(f"service={self.service!r} names no model.", hint="Give serve.output of the guest.")
        wanted = self.service.get("job_id") if isinstance(self.service, Mapping) else None
        width = self.classes if self.classes > 2 else 1
        expected = expected_scores(self._file(), id_column=self.id_column, width=width, limit=self.max_rows)
        if len(expected) < max(1, self.min_rows):
            raise FateInputError(
                f"Only {len(expected)} rows were scored by FATE, and min_rows is {self.min_rows}.",
                hint="Let FatePredictOperator score a table of more rows.",
            )
        ids, found, seconds, job_id = list(expected), [], 0.0, ""
        with SplitScoreClient(read_connection(SplitService, self.split_conn_id).settings()) as client:
            for begin in range(0, len(ids), self.batch):
                started = time.monotonic()
                job_id, scores = client.ask.scores(name, ids[begin : begin + self.batch])
                seconds += time.monotonic() - started
                found += scores
        if wanted is not None and job_id != wanted:
            raise FateOtherModelError(f"{name} answers with the model of job {job_id}, and not of {wanted}.")
        difference = largest_difference(found, list(expected.values()), self.tolerance, what="The service")
        self.log.info(
            "On %d rows the scores and FATE's differ by at most %.3g; %.1f ms for a row",
            *(len(ids), difference, 1000 * seconds / len(ids)),
        )
        return {"rows": len(ids), "largest_difference": difference, "job_id": job_id, "seconds": round(seconds, 3)}

    def _file(self) -> Any:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.storage.source import file_source

        place = self.scores.get("target") if isinstance(self.scores, Mapping) else self.scores
        if not isinstance(place, str) or not place:
            raise FateInputError(
                f"scores={self.scores!r} names no file.",
                hint="Give a path, a URL, or the result of a FateDownloadOperator.",
            )
        return file_source(place, None)
