"""Make what one party serves of a split model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.serving.split.document import SplitTerms

PART, TERMS = "split.json", "split.md"


class FateSplitPartOperator(BaseOperator):
    """Make this party's part of a hetero model, with the terms under which it may be asked, for people to sign off.

    The part holds this party's coefficients or splits and the steps before them, and nothing of anybody else's. What
    each side learns when it is asked stands in the result, as Markdown for ``FateApprovalOperator(body=...)``, with the
    checksum that is signed off. The same part with the same terms always has the same checksum.

    :param package: the result of ``FateModelExportOperator``, or path or URL of its ``model.zip``. (templated)
    :param target: folder for ``split.json`` and ``split.md``; default: that of the package. (templated)
    :param terms: of a host: ``{"rows_per_request", "rows_per_minute", "rows_per_day", "digits", "until"}``, as far as
        they are not the defaults (1,000, 60,000, 1,000,000, 6 decimals of partial sums, no end); of a guest ``until``
        counts. (templated)
    :param transforms: by the task of each binning what it has put in the place of values (``"bin_idx"``, or ``None``);
        default: as the card beside the package says.
    :returns: ``{"part", "part_text", "sha256", "terms", "columns", "component", "role", "party_id", "job_id",
        "model_id", "model_version", "package_sha256"}`` as XCom; ``terms`` is the page for people.
    :raises AirflowFailException: the package is none or was changed, it holds no hetero model, or a step of the job
        cannot be done to single rows. Not retried.
    """

    ui_color = "#e3eefc"
    template_fields: Sequence[str] = ("package", "target", "terms")
    template_fields_renderers = {"terms": "json"}  # noqa: RUF012 - declared like this by Airflow

    def __init__(
        self,
        *,
        package: str | Mapping[str, Any],
        target: str | Path | None = None,
        terms: Mapping[str, Any] | None = None,
        transforms: Mapping[str, str | None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.package = package
        # Airflow 3.1 takes the `resolve` of a path for that of a template.
        self.target = str(target) if isinstance(target, Path) else target
        self.terms = terms
        self.transforms = transforms

    def execute(self, context: Context) -> dict[str, Any]:
        """Fetch, make, write."""
        from airflow_provider_fate.operators._split import not_retried

        with not_retried():
            return self._make()

    def _make(self) -> dict[str, Any]:
        from airflow_provider_fate.models.convert.described import described_by
        from airflow_provider_fate.operators._cards import card_of, fetch_package
        from airflow_provider_fate.serving.split.make import split_part_of
        from airflow_provider_fate.serving.split.terms import terms_markdown
        from airflow_provider_fate.storage.folder import StoredFolder, require_no_password

        terms = self._terms()
        if self.target:
            require_no_password("target", self.target)
        with TemporaryDirectory(prefix="fate-split-") as temporary:
            package, place = fetch_package(self.package, Path(temporary) / "model.zip")
            card = card_of(package, place, self.package.get("card") if isinstance(self.package, Mapping) else None)
            known = described_by([card] if card is not None else [])
            part = split_part_of(
                package,
                terms=terms,
                transforms={**known.transforms, **(self.transforms or {})},  # type: ignore[dict-item]
                order=known.order,
            )
        folder = StoredFolder(self.target or place.rpartition("/")[0] or ".")
        text = terms_markdown(part)
        folder.write(TERMS, text.encode())
        folder.write(PART, part.to_bytes())
        self.log.info("%s: %s with %d columns, sha256 %s", part.who, part.component, len(part.columns), part.sha256)
        return {
            "part": folder.place(PART),
            "part_text": folder.place(TERMS),
            "sha256": part.sha256,
            "terms": text,
            "columns": list(part.columns),
            "component": part.component,
            "role": part.role,
            "party_id": part.party_id,
            "job_id": part.model.job_id,
            "model_id": part.model.model_id,
            "model_version": part.model.model_version,
            "package_sha256": part.package_sha256,
        }

    def _terms(self) -> SplitTerms:
        from pydantic import ValidationError

        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.serving.split.document import SplitTerms

        given: Any = self.terms or {}
        try:
            return SplitTerms.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise FateInputError(
                f"terms={given!r}: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}.",
                hint="For example {'rows_per_minute': 6000, 'until': '2027-01-01T00:00:00+00:00'}; "
                f"there are {', '.join(SplitTerms.model_fields)}.",
            ) from None
