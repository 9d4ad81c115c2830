"""Make ONNX of a model that FATE has trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.models.convert import Converted
    from airflow_provider_fate.models.package import ModelPackage
    from airflow_provider_fate.storage.folder import StoredFolder

ONNX, CARD, CARD_TEXT = "model.onnx", "card.json", "card.md"


class FateModelConvertOperator(BaseOperator):
    """Make one ONNX graph of a model, which takes raw columns by name and gives FATE's own scores.

    Before the graph is accepted it scores rows that FATE has scored, and each row has to agree. Of a hetero model each
    party holds a part: putting them together takes the consent of each, given as the checksum of the package that it
    has approved. Needs ``airflow-provider-fate[onnx]`` on the worker.

    :param packages: the result of ``FateModelExportOperator``, or path or URL of its ``model.zip``; of a hetero model
        a list, one of each party with columns. The card beside each is read where it is there. (templated)
    :param target: folder for ``model.onnx`` and the card, which says then what was made and how it compares; default:
        the folder of the first package. (templated)
    :param rows: raw rows to try it on: a file (CSV, Parquet or Arrow, on any storage), or one for each party,
        ``{"9999": ..., "10000": ...}``. (templated)
    :param scores: what FATE has given for these rows: the result of ``FateDownloadOperator``, or its file. (templated)
    :param id_column: name of the ids in these files.
    :param signed_off: of a hetero model: sha256 of each package, as its party has approved it. (templated)
    :param columns: of a homo model: the columns of the training table in their order; default: those of the card.
    :param transforms: by the task of each binning what it has put in the place of values (``"bin_idx"``, or ``None``);
        default: as the cards say.
    :param tolerance: largest difference between a score and FATE's; of scores beyond 1, a share of the score.
    :param min_rows: so many rows have to be compared at least.
    :param max_rows: so many are compared at most.
    :param compare: ``False``: the graph is accepted without a comparison, and the card says so.
    :returns: ``{"target", "onnx", "onnx_sha256", "inputs", "width", "component", "rows", "largest_difference"}`` and,
        of the first package, ``{"package", "sha256", "content_sha256", "card", "card_text", "job_id", "model_id",
        "model_version", "role", "party_id", "tasks"}`` as XCom: ``FateModelRegisterOperator(model=...)`` takes it.
    :raises AirflowFailException: packages are of several jobs, changed, missing or not signed off; a step or layer
        cannot become part of the graph; a row differs; too few rows could be compared. Nothing is written then, and it
        is not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("packages", "target", "rows", "scores", "signed_off")

    def __init__(
        self,
        *,
        packages: Any,
        target: str | Path | None = None,
        rows: Any = None,
        scores: Any = None,
        id_column: str = "id",
        signed_off: Any = (),
        columns: Sequence[str] | None = None,
        transforms: Mapping[str, str | None] | None = None,
        tolerance: float = 1e-5,
        min_rows: int = 20,
        max_rows: int = 100_000,
        compare: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.packages = packages
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.target = str(target) if isinstance(target, Path) else target
        self.rows = rows
        self.scores = scores
        self.id_column = id_column
        self.signed_off = signed_off
        self.columns = columns
        self.transforms = transforms
        self.tolerance = tolerance
        self.min_rows = min_rows
        self.max_rows = max_rows
        self.compare = compare

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch, convert, compare, write."""
        from airflow_provider_fate.errors import FateConfigError, FateDataError, FateInputError, FateModelPackageError

        try:
            return self._convert()
        except (FateInputError, FateConfigError, FateDataError, FateModelPackageError) as e:
            raise AirflowFailException(str(e)) from None
        except FileNotFoundError as e:
            raise AirflowFailException(f"{e} Give files that were written before this task runs.") from None

    def _convert(self) -> dict[str, Any]:
        from airflow_provider_fate.models.convert import convert
        from airflow_provider_fate.models.convert.described import described_by
        from airflow_provider_fate.operators._cards import card_of
        from airflow_provider_fate.storage.folder import StoredFolder

        places = self._places()
        self._check_comparison()
        with TemporaryDirectory(prefix="fate-convert-") as temporary:
            packages = [self._package(given, Path(temporary) / str(n)) for n, given in enumerate(places)]
            cards = [
                card_of(package, given, result.get("card"))
                for (given, result), package in zip(places, packages, strict=True)
            ]
            known = described_by([card for card in cards if card is not None])
            converted = convert(
                packages,
                columns=self.columns or known.columns,
                signed_off=_texts("signed_off", self.signed_off),
                transforms={**known.transforms, **(self.transforms or {})},  # type: ignore[dict-item]
                order=known.order,
            )
            self.log.info("%s takes %d columns: %s", ONNX, len(converted.inputs), ", ".join(converted.inputs))
            rows, difference = self._compared(converted)
            folder = StoredFolder(self.target or places[0][0].rpartition("/")[0])
            made = self._write(folder, converted, packages, cards[0], rows, difference)
        return made | {"rows": rows, "largest_difference": difference}

    # -- what is given -----------------------------------------------------------------------------------------------

    def _places(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Place of each package, and the result that names it."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.storage.folder import require_no_password

        given: Any = self.packages
        each = list(given) if isinstance(given, list | tuple) else [given]
        found = []
        for one in each:
            result = one if isinstance(one, Mapping) else {}
            place = str(result.get("package") or "") if isinstance(one, Mapping) else str(one or "")
            if not place or not place.endswith(".zip"):
                raise FateInputError(
                    f"packages={given!r} names no model package.",
                    hint="Give export.output of a FateModelExportOperator, or the place of its model.zip; of a hetero "
                    "model a list with one for each party.",
                )
            require_no_password("packages", place)
            found.append((place, result))
        if not found:
            raise FateInputError("packages is empty.", hint="Give export.output of a FateModelExportOperator.")
        return found

    def _check_comparison(self) -> None:
        from airflow_provider_fate.errors import FateInputError

        if self.compare and (not self.rows or not self.scores):
            missing = " and ".join(name for name in ("rows", "scores") if not getattr(self, name))
            raise FateInputError(
                f"{missing} must be given, so that the graph can be compared with FATE.",
                hint="Let FatePredictOperator score a table, download the scores, and give both files. To accept a "
                "graph that nobody has compared, say compare=False.",
            )
        if self.compare and self.min_rows < 1:
            raise FateInputError(f"min_rows={self.min_rows!r} is less than 1.", hint="Compare at least a row.")

    def _package(self, given: tuple[str, Mapping[str, Any]], file: Path) -> ModelPackage:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.package import open_package
        from airflow_provider_fate.storage.folder import fetch_file

        place, result = given
        try:
            fetch_file(place, file)
        except FileNotFoundError:
            raise FateInputError(f"package {place} is not there.", hint="Export the model first.") from None
        return open_package(file, result.get("sha256"), name=place)

    # -- the comparison ----------------------------------------------------------------------------------------------

    def _compared(self, converted: Converted) -> tuple[int | None, float | None]:
        """How many rows were compared, and the largest difference."""
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.convert import require_equal
        from airflow_provider_fate.models.convert.sample import read_sample
        from airflow_provider_fate.storage.source import file_source

        if not self.compare:
            self.log.warning("The graph is not compared with FATE's own scores")
            return None, None
        files = [(party, file_source(place_of("rows", one), None)) for party, one in files_by_party(self.rows).items()]
        scores = file_source(place_of("scores", self.scores), None)
        sample = read_sample(converted, files, scores, id_column=self.id_column, limit=self.max_rows)
        if len(sample.scores) < self.min_rows:
            raise FateInputError(
                f"Only {len(sample.scores)} rows are in all of the given files, and min_rows is {self.min_rows}.",
                hint="Give the raw rows that FATE has scored, with their ids as FATE has them.",
            )
        difference = require_equal(converted, sample.columns, sample.scores, self.tolerance)
        self.log.info(
            "On %d rows the scores and FATE's differ by at most %.3g (%d rows of the scores were not given)",
            *(len(sample.scores), difference, sample.left_out),
        )
        return len(sample.scores), difference

    # -- the folder --------------------------------------------------------------------------------------------------

    def _write(
        self,
        folder: StoredFolder,
        converted: Converted,
        packages: Sequence[ModelPackage],
        card: ModelCard | None,
        rows: int | None,
        difference: float | None,
    ) -> dict[str, Any]:
        """Write the card, then what it describes; a graph that is there already is written over by the same bytes."""
        import hashlib

        from airflow_provider_fate.models.card import CardConversion
        from airflow_provider_fate.models.card_text import card_markdown

        sha256 = hashlib.sha256(converted.onnx).hexdigest()
        conversion = CardConversion(
            sha256=sha256,
            packages={package.manifest.who: package.sha256 for package in packages},
            inputs=converted.inputs,
            width=converted.width,
            rows=rows,
            largest_difference=difference,
            tolerance=self.tolerance if rows is not None else None,
        )
        manifest = packages[0].manifest
        found: dict[str, Any] = {
            "target": folder.url,
            "onnx": folder.place(ONNX),
            "onnx_sha256": sha256,
            "inputs": list(converted.inputs),
            "width": converted.width,
            "component": converted.component,
            "package": self._places()[0][0],
            "sha256": packages[0].sha256,
            "content_sha256": manifest.content_sha256,
            "card": None,
            "card_text": None,
            "job_id": manifest.job_id,
            "model_id": manifest.model_id,
            "model_version": manifest.model_version,
            "role": manifest.role,
            "party_id": manifest.party_id,
            "tasks": [part.task for part in manifest.parts],
        }
        if card is not None:
            described = card.converted(conversion)
            folder.write(CARD_TEXT, card_markdown(described).encode())
            folder.write(CARD, described.to_json().encode())
            found |= {"card": folder.place(CARD), "card_text": folder.place(CARD_TEXT)}
        folder.write(ONNX, converted.onnx)
        self.log.info("Wrote %s, %d bytes, sha256 %s", folder.place(ONNX), len(converted.onnx), sha256)
        return found


def files_by_party(rows: Any) -> dict[str, Any]:
    """Files of rows, by the party whose columns they hold."""
    if isinstance(rows, Mapping) and "target" not in rows:
        return {str(party): one for party, one in rows.items()}
    each = list(rows) if isinstance(rows, list | tuple) else [rows]
    return {f"file {number}": one for number, one in enumerate(each)}


def place_of(what: str, given: Any) -> str:
    """A file: its place, or the result of a download."""
    from airflow_provider_fate.errors import FateInputError

    place = given.get("target") if isinstance(given, Mapping) else given
    if not isinstance(place, str) or not place:
        raise FateInputError(
            f"{what}={given!r} names no file.", hint="Give a path, a URL, or the result of a FateDownloadOperator."
        )
    return place


def _texts(what: str, given: Any) -> list[str]:
    from airflow_provider_fate.errors import FateInputError

    each = [given] if isinstance(given, str) else given
    if not isinstance(each, list | tuple) or not all(isinstance(one, str) for one in each):
        raise FateInputError(f"{what}={given!r} is not a list of checksums.", hint="Give the sha256 of each package.")
    return list(each)
