"""What a gate and an approval look at: model cards, metrics, and tables of scores, wherever they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_fate.data.source import FileSource
    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.models.decide import ScoreComparison
    from airflow_provider_fate.models.decide.scores import ScoredRows

_WHERE = (
    "Give the result of FateDownloadOperator or FatePredictOperator, or the path or URL of a CSV or Parquet file, such "
    "as s3://aws_default@scores/new.parquet."
)


def is_nothing(given: object) -> bool:
    """Whether an argument was left out, or is the XCom of a task that was skipped."""
    return given is None or (isinstance(given, str) and given in ("", "None"))


# --- cards and metrics ------------------------------------------------------------------------------------------------


def card_place(given: object) -> str | None:
    """Where the card is, of an exported or a registered model or by its path; ``None``: there is none."""
    place = given.get("card") if isinstance(given, Mapping) else given
    return place if isinstance(place, str) and place else None


def read_card(place: str) -> ModelCard:
    """Read a model card from any storage.

    :raises FateInputError: it is not there, or is none.
    """
    from pydantic import ValidationError

    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.storage.folder import fetch_file, require_no_password

    require_no_password("card", place)
    with TemporaryDirectory(prefix="fate-card-") as folder:
        file = Path(folder) / "card.json"
        try:
            fetch_file(place, file)
            return ModelCard.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            raise FateInputError(f"card={place!r} is not there.", hint="Export the model again.") from None
        except ValidationError as error:
            first = error.errors()[0]
            raise FateInputError(
                f"{place!r} is not a model card ({'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}).",
                hint="FateModelExportOperator writes one: export.output['card'].",
            ) from None


def read_metrics(given: object) -> dict[str, object]:
    """The metrics of what a task has returned, or of the card that it names.

    :raises FateInputError: it has none.
    """
    from airflow_provider_fate.models.decide.judge import metrics_of

    if is_nothing(given):
        return {}
    if isinstance(given, str) or (isinstance(given, Mapping) and "metrics" not in given and card_place(given)):
        place = card_place(given)
        assert place is not None
        return dict(read_card(place).metrics)
    return metrics_of(given)


# --- scores -----------------------------------------------------------------------------------------------------------


def read_scores(argument: str, given: Any, rule: ScoreComparison, fate_conn_id: str) -> ScoredRows | None:
    """Read a table of scores.

    :param argument: what it was given as, for messages.
    :param given: a path or URL, the result of a download or a prediction, or columns in memory.
    :returns: the rows; ``None`` where nothing was given.
    :raises FateInputError: it is none of these, or has not the columns.
    :raises FileNotFoundError: there is no such file.
    """
    from airflow_provider_fate.models.decide.scores import scored_rows, wanted_columns

    if is_nothing(given):
        return None
    columns = wanted_columns(rule.id, rule.label)
    name, table = _table(argument, given, columns, fate_conn_id)
    return scored_rows(name, table, id=rule.id, label=rule.label)


def _table(argument: str, given: Any, columns: list[str], fate_conn_id: str) -> tuple[str, pa.Table]:
    if isinstance(given, str):
        return given, _of_file(given, columns)
    if isinstance(given, Mapping) and "predict_score" not in given:
        if isinstance(target := given.get("target"), str):
            if given.get("bytes") is None and "bytes" in given:
                raise FateInputError(
                    f"{argument}: the scores were written into a database ({target}).",
                    hint="Download them into a file, too: FateDownloadOperator(target='.../scores.parquet').",
                )
            return target, _of_file(target, columns)
        if isinstance(name := given.get("table"), str):
            return f"table {name}", _of_site(name, columns, fate_conn_id)
        if "table" in given:
            raise FateInputError(
                f"{argument}: the prediction has no table here: FATE gives this party no scores.",
                hint="Judge at the party that gets them, which is the guest of a vertical model.",
            )
        raise FateInputError(f"{argument}={given!r} names no scores.", hint=_WHERE)
    return f"the {argument}'s rows", _in_memory(argument, given)


def _in_memory(argument: str, given: Any) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.table(dict(given) if isinstance(given, Mapping) else given)
    except (TypeError, ValueError, pa.ArrowInvalid):
        raise FateInputError(
            f"{argument} is a {type(given).__name__}, which is no table of scores.", hint=_WHERE
        ) from None


def _of_file(place: str, columns: list[str]) -> pa.Table:
    import pyarrow as pa

    from airflow_provider_fate.storage.source import file_source

    path = place.removeprefix("file://") if place.startswith("file:///") else place
    source = file_source(path, None)
    table = pa.Table.from_batches(list(_batches(source, columns)))
    if _is_enough(table.column_names, columns):
        return table
    return pa.Table.from_batches([next(iter(source.batches(None)))])  # no rows, but all names, for the message


def _is_enough(names: Iterable[str], columns: Sequence[str]) -> bool:
    """Whether the id, which is the first of the columns, and the score are there."""
    return {columns[0], "predict_score"} <= set(names)


def _batches(source: FileSource, columns: list[str]) -> Iterable[pa.RecordBatch]:
    from airflow_provider_fate.data.source.lines import Lines

    rows = 0
    for block in source.batches(columns):
        batch = block.parse(rows) if isinstance(block, Lines) else block
        rows += batch.num_rows
        yield batch.select([name for name in batch.schema.names if name in columns])


def _of_site(name: str, columns: list[str], fate_conn_id: str) -> pa.Table:
    """A table that is still at the FATE site."""
    import pyarrow as pa

    from airflow_provider_fate.data.output import read_batches
    from airflow_provider_fate.data.output_source import fetch, find_table
    from airflow_provider_fate.hooks.check import verify_party
    from airflow_provider_fate.hooks.flow import FateFlowHook
    from airflow_provider_fate.site.session import session_at

    with session_at(FateFlowHook(fate_conn_id).site()) as session, TemporaryDirectory(prefix="fate-scores-") as folder:
        verify_party(session.site, session.client)
        archive = Path(folder) / "scores.tar.gz"
        table, contents = fetch(session.client, find_table(session.client, name), archive)
        chosen = [column for column in contents.header if column in columns]
        only = chosen if _is_enough(chosen, columns) else None
        schema, batches = read_batches(archive, table, contents, columns=only)
        return pa.Table.from_batches(list(batches), schema=schema)
