"""Opens what is compared: tables of the site, files, queries, and profiles that were written before."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_fate.clients.fate_flow.models import TableRecord
    from airflow_provider_fate.data.output_source import SourceTable
    from airflow_provider_fate.models.drift import DriftProfile, DriftTable
    from airflow_provider_fate.models.drift.given import GivenDriftTable
    from airflow_provider_fate.models.drift.profile import Binning
    from airflow_provider_fate.site.session import SiteSession

log = logging.getLogger(__name__)

_SCORES = ("predict_score", "predict_result")
"""What is compared of a table of scores; the rest is ids, and the score in other words."""


@dataclass(frozen=True)
class DriftScope:
    """What is compared; as the arguments of the operator."""

    columns: Sequence[str] | None
    categories: Sequence[str]
    min_rows: int
    min_count: int
    binning: str


@dataclass(frozen=True)
class ProfilePair:
    """Both profiles.

    :param names: of the reference and the current table.
    :param not_compared: columns, with the reason.
    """

    reference: DriftProfile
    current: DriftProfile
    names: tuple[str, str]
    not_compared: dict[str, str]


class DriftTables:
    """Tables of a comparison, there until the end of the block.

    :param fate_conn_id: connection of the site, which is asked only for what is there.
    :param transfer_timeout: seconds for which the site may be silent while it packs a table.
    """

    def __init__(self, fate_conn_id: str, transfer_timeout: float, wanted: DriftScope) -> None:
        self._fate_conn_id = fate_conn_id
        self._transfer_timeout = transfer_timeout
        self._wanted = wanted
        self._stack = ExitStack()
        self._session: SiteSession | None = None
        self._fetched = 0

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="fate-drift-")))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def profiles(self, reference: GivenDriftTable, current: GivenDriftTable) -> ProfilePair:
        """Read both.

        :raises FateInputError: one cannot be compared, or has too few rows; names it.
        :raises FateNotFoundError: the site has no such table, job or output.
        :raises FileNotFoundError: there is no such file.
        """
        before, now = self._open(reference), self._open(current)
        first, first_name, left_out = self._reference(before, reference)
        require_rows(first_name, first.rows, self._wanted.min_rows)
        second, second_name, more = self._current(now, current, first, first_name)
        require_rows(second_name, second.rows, self._wanted.min_rows)
        return ProfilePair(first, second, (first_name, second_name), left_out | more)

    def _reference(
        self, opened: DriftTable | DriftProfile, given: GivenDriftTable
    ) -> tuple[DriftProfile, str, dict[str, str]]:
        from airflow_provider_fate.models.drift import DriftProfile, reference_profile
        from airflow_provider_fate.models.drift.tables import part_of

        wanted = self._wanted
        if isinstance(opened, DriftProfile):
            name = f"profile {_url(given)}"
            return part_of(opened, wanted.columns, name, "columns"), name, {}
        profile, left_out = reference_profile(
            opened,
            columns=wanted.columns,
            categories=wanted.categories,
            min_count=wanted.min_count,
            binning=cast("Binning", wanted.binning),  # which it checks
        )
        return profile, opened.name, left_out

    def _current(
        self, opened: DriftTable | DriftProfile, given: GivenDriftTable, reference: DriftProfile, name: str
    ) -> tuple[DriftProfile, str, dict[str, str]]:
        from airflow_provider_fate.models.drift import DriftProfile, current_profile
        from airflow_provider_fate.models.drift.tables import part_of

        if isinstance(opened, DriftProfile):
            own = f"profile {_url(given)}"
            needed = [column for column, known in reference.columns.items() if not known.label]
            part_of(opened, needed, own, name)
            return opened, own, {}
        profile, left_out = current_profile(opened, reference, name=name)
        if self._wanted.columns is not None:
            left_out = {column: why for column, why in left_out.items() if column in self._wanted.columns}
        return profile, opened.name, left_out

    def _open(self, given: GivenDriftTable) -> DriftTable | DriftProfile:
        from airflow_provider_fate.models.drift import table_of_source
        from airflow_provider_fate.models.drift.given import GivenFile, GivenProfile, GivenQuery
        from airflow_provider_fate.storage.source import file_source, sql_source

        match given:
            case GivenProfile():
                return self._profile(given.url)
            case GivenFile():
                return table_of_source(file_source(given.source, given.conn_id, given.delimiter, given.encoding))
            case GivenQuery():
                return table_of_source(sql_source(given.sql, given.conn_id, given.parameters))
        session = self._site()
        return self._fetch(session, _find(session, given))

    def _profile(self, url: str) -> DriftProfile:
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.models.drift import DriftProfile
        from airflow_provider_fate.storage.folder import fetch_file, require_no_password

        require_no_password("profile", url)
        place = self._folder / "profile.json"
        try:
            fetch_file(url, place)
        except FileNotFoundError:
            raise FateInputError(
                f"profile={url!r} is not there.", hint="Give the profile or reference_profile of a FateDriftOperator."
            ) from None
        return DriftProfile.read(place.read_bytes(), url)

    def _site(self) -> SiteSession:
        from airflow_provider_fate.clients.fate_flow import FlowClient
        from airflow_provider_fate.hooks.check import verify_party
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.site.session import SiteSession

        if self._session is None:
            site = FateFlowHook(self._fate_conn_id).site()
            settings = dataclasses.replace(site.settings(), submit_timeout=self._transfer_timeout)
            flow = self._stack.enter_context(FlowClient(settings))
            verify_party(site, flow)
            self._session = SiteSession(flow, site)
        return self._session

    def _fetch(self, session: SiteSession, wanted: SourceTable) -> DriftTable:
        import pyarrow as pa

        from airflow_provider_fate.data.output import read_batches
        from airflow_provider_fate.data.output_source import fetch
        from airflow_provider_fate.models.drift import DriftTable

        require_rows(wanted.what, wanted.look(session.client).count, self._wanted.min_rows)
        self._fetched += 1
        archive = self._folder / f"{self._fetched}.tar.gz"
        table, contents = fetch(session.client, wanted, archive)
        log.info("Received %s: %d rows, %d bytes", wanted.what, contents.rows, archive.stat().st_size)
        record = session.client.table.query(wanted.namespace, wanted.name)

        def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
            return read_batches(archive, table, contents, columns=columns)[1]

        usual, labels = _usual(record, contents.header)
        return DriftTable(wanted.what, contents.header, read, usual, labels)


def _url(given: GivenDriftTable) -> str:
    return str(getattr(given, "url", given))


def require_rows(what: str, rows: int | None, least: int) -> None:
    """Check that a table has enough rows to say something about it.

    :raises FateDataError: it has too few.
    """
    from airflow_provider_fate.errors import FateDataError

    if rows is not None and rows < least:
        raise FateDataError(
            f"{what} has {rows} rows, but min_rows={least}.",
            hint="Of few rows nothing can be said: wait until there are more, or lower min_rows.",
        )


def _find(session: SiteSession, given: GivenDriftTable) -> SourceTable:
    from airflow_provider_fate.data.output_source import TaskOutput, find_output, find_table
    from airflow_provider_fate.errors import FateInputError
    from airflow_provider_fate.models.drift.given import GivenOutput, GivenTable, GivenTraining
    from airflow_provider_fate.models.drift.training import training_table

    flow, site = session.client, session.site
    match given:
        case GivenTable():
            return find_table(flow, str(given.table))
        case GivenTraining():
            return training_table(flow, site, given.job_id)
        case GivenOutput():
            if site.party_id is None:
                raise FateInputError(f"connection {site.conn_id!r} has no party id.", hint="Put it there.")
            return find_output(flow, TaskOutput(given.job_id, given.task, site.party_id, site.role, given.output))
    raise AssertionError(given)


def _usual(record: TableRecord, header: Sequence[str]) -> tuple[list[str] | None, list[str]]:
    """The columns of a table that are compared, and the labels among them."""
    fields = _fields(record)
    if any(name in header for name in _SCORES):
        return [name for name in _SCORES if name in header], []
    if not fields:
        return None, []
    labels = [name for name in header if fields.get(name) in ("label", "weight")]
    return [name for name in header if fields.get(name) in ("column", "label", "weight")], labels


def _fields(record: TableRecord) -> dict[str, Any]:
    schema = record.meta.get("schema_meta")
    fields = schema.get("fields") if isinstance(schema, dict) else None
    return {str(one.get("name")): one.get("property") for one in fields or () if isinstance(one, dict)}
