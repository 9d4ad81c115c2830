"""Compare a table with the one that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
)

from airflow_provider_fate.operators._killed import Killed

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

    from airflow_provider_fate.models.drift import DriftReport, DriftThresholds
    from airflow_provider_fate.models.drift.given import GivenDriftTable
    from airflow_provider_fate.operators._drift_tables import ProfilePair
    from airflow_provider_fate.storage.folder import StoredFolder

REPORT, REPORT_TEXT, PROFILE, REFERENCE = "report.json", "report.md", "profile.json", "reference.json"
_TOLD = 50
"""So many columns are told in the XCom; the report has all of them."""


class FateDriftOperator(BaseOperator):
    """Say whether the columns, or the scores, of a table are still spread like those that a model was trained on.

    Each column is compared by the population stability index (PSI), columns of numbers by the distance of Kolmogorov
    and Smirnov (KS), too. Each party compares its own columns; no row and no measure leaves its site. The tables are
    read in batches, so memory use does not depend on their size.

    A table is ``"namespace.name"`` of the site; the result of a task that made one (an upload, a prediction, whose
    scores are compared then); a file, ``"s3://aws_default@bucket/key.parquet"``, or with how it is written,
    ``{"source": ..., "source_conn_id": ..., "delimiter": ..., "encoding": ...}``; a query, ``{"sql": ...,
    "sql_conn_id": ..., "sql_parameters": ...}``; the data of a task of a job, ``{"job": ..., "task": "psi_0", "output":
    ...}``; or a profile that such a task has written, ``"s3://.../reference.json"`` or ``{"profile": ...}``.

    :param current: the table. (templated)
    :param reference: what it is compared with; or give ``model``. (templated)
    :param model: compare with this party's table that a model was trained on: the result of the task that trained it
        (``train.output``), the extra of a model asset's event, the id of the job, or a model asset, of which the newest
        event counts. Where the table was deleted or replaced, what the job's intersection or split has kept of it takes
        its place. (templated)
    :param columns: which columns; default: of a FATE table its features, weight and label (which the current table need
        not have), of scores ``predict_score`` and ``predict_result``, else all. (templated)
    :param categories: columns of numbers that stand for something. Texts, and whole numbers that take 20 values at
        most, are taken for categories anyway. (templated)
    :param shifted: PSI from which a column has shifted.
    :param drifted: PSI from which a column has drifted.
    :param ks: KS from which a column has drifted, too; ``None``: KS is told, and decides nothing.
    :param min_columns: so many columns must have drifted for the table to have drifted.
    :param min_rows: a table with fewer rows fails the task. (templated)
    :param bins: of PSI, for columns of numbers.
    :param binning: whether the bins hold as many rows of the reference each, ``quantile``, or are of ``equal`` width.
    :param min_count: counts in profiles are rounded to multiples of it, and no category that fewer rows have is named,
        because profiles may be shown; 1: nothing is rounded.
    :param on_drift: what to do where the table has drifted: ``report`` it, ``fail``, or ``skip``, with what follows.
    :param on_stable: what to do where it has not: ``report``, or ``skip`` what follows, such as a training.
    :param target: folder for ``report.json``, ``report.md``, ``profile.json`` (of the current table) and
        ``reference.json``: a path, or ``s3://aws_default@models/drift/{{ ds }}``. (templated)
    :param transfer_timeout: how long FATE-Flow may be silent; it packs a whole table before it sends the first byte.
    :param fate_conn_id: Airflow connection of the FATE site; is not used where no table of it is compared. (templated)
    :returns: as XCom ``{"drifted", "verdict", "drifted_columns", "shifted_columns", "columns", "reference", "current",
        "reference_rows", "current_rows", "report", "report_text", "profile", "reference_profile"}``. ``verdict`` is
        ``stable``, ``shifted`` or ``drifted``; ``columns`` maps the 50 columns that have changed most to their
        ``{"verdict", "psi", "ks"}``; the last four are where the files are, or ``None``. The same stands under the key
        ``drift``, also where the task fails or skips.
    :raises AirflowFailException: the table has drifted and ``on_drift`` is ``fail``; an argument is wrong; a column is
        missing or has another type; there are too few rows; the model is not known. Not retried.
    :raises FateTableNotFound: the site has no such table.
    :raises FileNotFoundError: there is no such file.
    """

    template_fields: Sequence[str] = (
        *("current", "reference", "model", "columns", "categories", "min_rows", "target", "fate_conn_id"),
    )
    template_fields_renderers = {"current": "json", "reference": "json"}  # noqa: RUF012 - declared like this by Airflow
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        current: str | Path | Mapping[str, Any],
        reference: str | Path | Mapping[str, Any] | None = None,
        model: str | Mapping[str, Any] | Asset | None = None,
        columns: Sequence[str] | None = None,
        categories: Sequence[str] = (),
        shifted: float = 0.1,
        drifted: float = 0.25,
        ks: float | None = None,
        min_columns: int = 1,
        min_rows: int | str = 100,
        bins: int = 10,
        binning: str = "quantile",
        min_count: int = 5,
        on_drift: str = "report",
        on_stable: str = "report",
        target: str | Path | None = None,
        transfer_timeout: timedelta = timedelta(hours=1),
        fate_conn_id: str = "fate_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.current = str(current) if isinstance(current, Path) else current
        self.reference = str(reference) if isinstance(reference, Path) else reference
        self.model = model
        self.columns = columns
        self.categories = categories
        self.shifted = shifted
        self.drifted = drifted
        self.ks = ks
        self.min_columns = min_columns
        self.min_rows = min_rows
        self.bins = bins
        self.binning = binning
        self.min_count = min_count
        self.on_drift = on_drift
        self.on_stable = on_stable
        self.target = str(target) if isinstance(target, Path) else target
        self.transfer_timeout = transfer_timeout
        self.fate_conn_id = fate_conn_id
        self._at_work = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Check, read both tables, compare, write."""
        from airflow_provider_fate.errors import FateArchiveError, FateConfigError, FateInputError, FateModelNotFound

        # In the worker: it reads from the first moment to the last, and a triggerer could wait for nothing.
        self._at_work = True
        try:
            result = self._work(context)
        except Killed:
            raise AirflowException("The task was killed while it compared the tables.") from None
        except FateArchiveError as e:
            if e.damaged:
                raise
            raise AirflowFailException(str(e)) from None
        except (FateInputError, FateConfigError, FateModelNotFound) as e:
            raise AirflowFailException(str(e)) from None
        finally:
            self._at_work = False
        context["ti"].xcom_push(key="drift", value=result)
        self._end(result)
        return result

    def on_kill(self) -> None:
        """End the transfer, as the download does: an error from here takes temporary files away."""
        if self._at_work:
            self._at_work = False
            raise Killed

    def _end(self, result: Mapping[str, Any]) -> None:
        if result["drifted"] and self.on_drift == "fail":
            raise AirflowFailException(
                f"{result['current']} has drifted away from {result['reference']}: "
                f"{', '.join(result['drifted_columns'][:10])}.\nLook at the table in the log; train again, or correct "
                "what has made the data."
            )
        if (self.on_drift if result["drifted"] else self.on_stable) == "skip":
            raise AirflowSkipException(f"{result['current']} is {result['verdict']}: what follows is skipped")

    def _work(self, context: Context) -> dict[str, Any]:
        from airflow_provider_fate.models.drift import compare_profiles
        from airflow_provider_fate.models.drift.report_text import report_lines, summary
        from airflow_provider_fate.operators._drift_tables import DriftScope, DriftTables

        thresholds, folder = self._thresholds(), self._folder()
        given_reference, given_current = self._given(context)
        wanted = DriftScope(
            columns=self.columns or None,
            categories=self.categories or (),
            min_rows=self._least_rows(),
            min_count=self.min_count,
            binning=self.binning,
        )
        with DriftTables(self.fate_conn_id, self.transfer_timeout.total_seconds(), wanted) as tables:
            pair = tables.profiles(given_reference, given_current)
        report = compare_profiles(
            pair.reference,
            pair.current,
            names=pair.names,
            thresholds=thresholds,
            bins=self.bins,
            not_compared=pair.not_compared,
        )
        for line in report_lines(report):
            self.log.info("%s", line)
        for column, reason in list(report.not_compared.items())[:_TOLD]:
            self.log.info("Not compared: %s (%s)", column, reason)
        self.log.info("%s", summary(report))
        return _result(report) | self._write(folder, report, pair)

    # -- what is asked for -----------------------------------------------------------------------------------------

    def _thresholds(self) -> DriftThresholds:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.drift import DriftThresholds

        for name, known in (("on_drift", ("report", "fail", "skip")), ("on_stable", ("report", "skip"))):
            if getattr(self, name) not in known:
                raise FateInputError(
                    f"{name}={getattr(self, name)!r} is unknown.", hint=f"Write one of {', '.join(known)}."
                )
        return DriftThresholds(self.shifted, self.drifted, self.ks, self.min_columns)

    def _least_rows(self) -> int:
        from airflow_provider_fate.errors import FateInputError

        try:
            number = int(self.min_rows)
        except (TypeError, ValueError):
            number = 0
        if number < 1:
            raise FateInputError(f"min_rows={self.min_rows!r} is not a number of rows.", hint="Write 1 or more.")
        return number

    def _folder(self) -> StoredFolder | None:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.storage.folder import StoredFolder, require_no_password

        if self.target is None:
            return None
        if not str(self.target).rstrip("/") or str(self.target).endswith((".json", ".md")):
            raise FateInputError(
                f"target={self.target!r} is not a folder.",
                hint=f"Name the folder that will hold {REPORT}, {REPORT_TEXT}, {PROFILE} and {REFERENCE}.",
            )
        require_no_password("target", str(self.target))
        return StoredFolder(str(self.target))

    def _given(self, context: Context) -> tuple[GivenDriftTable, GivenDriftTable]:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.collect import job_id_of
        from airflow_provider_fate.models.drift.given import GivenTraining, read_given

        if (self.reference is None) == (self.model is None):
            raise FateInputError(
                "give either `reference` or `model`.",
                hint="model=train.output compares with the table that the model was trained on.",
            )
        current = read_given("current", self.current)
        if self.model is None:
            return read_given("reference", self.reference), current
        model: Any = self.model
        if hasattr(model, "uri"):
            from airflow_provider_fate.assets import newest_event

            model = newest_event(context, model)
        return GivenTraining(job_id_of(model)), current

    # -- what is told ----------------------------------------------------------------------------------------------

    def _write(self, folder: StoredFolder | None, report: DriftReport, pair: ProfilePair) -> dict[str, Any]:
        from airflow_provider_fate.models.drift.report_text import report_markdown

        places = {"report": REPORT, "report_text": REPORT_TEXT, "profile": PROFILE, "reference_profile": REFERENCE}
        if folder is None:
            return dict.fromkeys(places)
        # The report comes last: where it is, all that it speaks of is, too.
        folder.write(REFERENCE, pair.reference.to_json().encode())
        folder.write(PROFILE, pair.current.to_json().encode())
        folder.write(REPORT_TEXT, report_markdown(report).encode())
        folder.write(REPORT, report.to_json().encode())
        self.log.info("Wrote %s", folder.place(REPORT))
        return {key: folder.place(name) for key, name in places.items()}


def _result(report: DriftReport) -> dict[str, Any]:
    return {
        "drifted": report.verdict == "drifted",
        "verdict": report.verdict,
        "drifted_columns": report.of_verdict("drifted")[:_TOLD],
        "shifted_columns": report.of_verdict("shifted")[:_TOLD],
        "columns": {
            one.column: {"verdict": one.verdict, "psi": one.psi, "ks": one.ks} for one in report.columns[:_TOLD]
        },
        "reference": report.reference,
        "current": report.current,
        "reference_rows": report.reference_rows,
        "current_rows": report.current_rows,
    }
