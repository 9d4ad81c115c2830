"""FATE's tables and models as assets of Airflow: what a DAG makes, and what another is scheduled on.

===============================================  ===================================================
URI                                              what it is
===============================================  ===================================================
``fate://<party id>/tables/<namespace>/<name>``  a table of a site, or a family of dated tables
``fate://<party id>/models/<name>``              a model that the site's jobs train again and again
===============================================  ===================================================

An operator of this provider writes into the event of each such outlet what it has made: see :func:`emit_table` and
:func:`emit_model`. A consumer reads it with :func:`newest_table` or :func:`newest_event`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, urlsplit

from airflow.sdk import Asset

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.hooks.site import FateSite

__all__ = [
    "AssetKind",
    "FateUri",
    "emit_model",
    "emit_table",
    "model_asset",
    "newest_event",
    "newest_table",
    "party_of_tables",
    "table_asset",
]

log = logging.getLogger(__name__)

SCHEME = "fate"

_PARTY = re.compile(r"[A-Za-z0-9_\-]{1,200}")
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_FORMS = "fate://<party id>/tables/<namespace>/<name> or fate://<party id>/models/<name>"
_DATED = re.compile(r"[_.\-]\d.*|\d{4}.*", re.DOTALL)
"""What may follow the name of a family: a separator and something that begins with a digit, or a year."""


class AssetKind(StrEnum):
    """What an asset of FATE is; the first part of its URI's path."""

    TABLE = "tables"
    MODEL = "models"


@dataclass(frozen=True)
class FateUri:
    """The URI of a table or a model.

    :param party_id: the party whose site has it.
    :param kind: table or model.
    :param name: ``namespace.name`` of a table, or the name of a model.
    """

    party_id: str
    kind: AssetKind
    name: str

    def __post_init__(self) -> None:
        if not _PARTY.fullmatch(self.party_id):
            raise FateInputError(
                f"party id {self.party_id!r} is not the id of a FATE party.",
                hint="Use the site's own, such as 9999: letters, digits, '_' and '-'.",
            )
        if self.kind is AssetKind.TABLE:
            TableName.parse(self.name)
        elif not _MODEL.fullmatch(self.name):
            raise FateInputError(
                f"model {self.name!r} is not a name for a model.",
                hint="Use letters, digits, '_', '-' and '.', at most 200 characters, such as 'credit_risk'.",
            )

    @classmethod
    def parse(cls, uri: str | SplitResult) -> Self:
        """Read a URI.

        :raises FateInputError: it is none of a FATE table or model; says which part is wrong.
        """
        parts = urlsplit(uri) if isinstance(uri, str) else uri
        text = parts.geturl()
        if "{{" in text or "{%" in text:
            raise FateInputError(
                f"asset {text!r} has a template, which Airflow does not render in assets.",
                hint="Name the family without its date; the event tells the dated table.",
            )
        if parts.scheme.lower() != SCHEME or not parts.netloc:
            raise FateInputError(f"asset {text!r} names no party.", hint=f"Write {_FORMS}.")
        if parts.query or parts.fragment:
            raise FateInputError(f"asset {text!r} has a query or a fragment.", hint=f"Write {_FORMS}.")
        match parts.path.strip("/").split("/"):
            case [AssetKind.TABLE, namespace, name]:
                return cls(parts.netloc, AssetKind.TABLE, f"{namespace}.{name}")
            case [AssetKind.MODEL, name]:
                return cls(parts.netloc, AssetKind.MODEL, name)
        raise FateInputError(f"asset {text!r} is neither a table nor a model.", hint=f"Write {_FORMS}.")

    def __str__(self) -> str:
        path = self.name.replace(".", "/", 1) if self.kind is AssetKind.TABLE else self.name
        return f"{SCHEME}://{self.party_id}/{self.kind.value}/{path}"


# --- making assets ----------------------------------------------------------------------------------------------------


def table_asset(party_id: str | int, table: str, **kwargs: Any) -> Asset:
    """Return the asset of a table, or of a family of dated tables.

    :param party_id: the party on whose site the table is.
    :param table: ``namespace.name``. An asset stands for all days: ``credit.bank`` and
        ``credit.bank_{{ macros.fate.day(dag_run) }}`` give the same one, and the event tells the dated table.
    :param kwargs: for :class:`airflow.sdk.Asset`: ``name`` (default: the URI), ``group``, ``extra``, ``watchers``.
    :raises FateInputError: one of them cannot be.
    """
    return _asset(FateUri(str(party_id), AssetKind.TABLE, _family(table)), kwargs)


def model_asset(party_id: str | int, name: str, **kwargs: Any) -> Asset:
    """Return the asset of a model.

    :param party_id: the party whose site starts the jobs that train it.
    :param name: a name of your choice: FATE gives each training another model id, which the event tells.
    :param kwargs: for :class:`airflow.sdk.Asset`, as in :func:`table_asset`.
    :raises FateInputError: one of them cannot be.
    """
    return _asset(FateUri(str(party_id), AssetKind.MODEL, name), kwargs)


def _asset(uri: FateUri, kwargs: Mapping[str, Any]) -> Asset:
    return Asset(**{"name": str(uri), "uri": str(uri), **kwargs})


def _family(table: str) -> str:
    """Leave out a template at the end, with the separator before it."""
    family, template, rest = table.strip().partition("{{")
    if not template:
        return family
    if not rest.endswith("}}"):
        raise FateInputError(
            f"table {table!r} goes on after its template, so that no family of tables can be told from it.",
            hint="Put the date at the end of the name, or name the family yourself, such as 'credit.bank'.",
        )
    return family.rstrip("_-.")


# --- what Airflow calls (get_provider_info) ---------------------------------------------------------------------------


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check and normalize a ``fate://`` URI.

    :raises ValueError: says which part is wrong, and what to write.
    """
    try:
        return urlsplit(str(FateUri.parse(uri)))
    except FateInputError as e:
        raise ValueError(str(e)) from None  # what Airflow expects of a handler


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:
    """Name an asset as OpenLineage does: the site is the namespace."""
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    uri = FateUri.parse(asset.uri)
    name = uri.name if uri.kind is AssetKind.TABLE else f"{uri.kind.value}/{uri.name}"
    return OpenLineageDataset(namespace=f"{SCHEME}://{uri.party_id}", name=name)


# --- writing events ---------------------------------------------------------------------------------------------------


def emit_table(context: Context, party_id: str | None, table: str | TableName, extra: Mapping[str, Any]) -> list[str]:
    """Write into the task's events that a table was made.

    The event of each table asset among the task's outlets gets ``{"table", "party_id", **extra}``, if the asset is of
    this party and is the table's own or that of its family; of several families the longest name counts. A FATE asset
    that fits nothing the task has made is named in the log, because its event will say nothing.

    :param context: the context of the task, in the call of ``execute`` that ends it.
    :param party_id: the party whose site has the table; ``None``: any (see :func:`party_of_tables`).
    :param table: the table that was made, with its date.
    :param extra: what else a consumer should know, as JSON: ``rows``, ``columns``, ``fingerprint``, ``source_version``,
        ``job_id``. What is ``None`` is left out.
    :returns: URIs of the assets whose events were written.
    """
    made = str(table)
    outlets = list(_fate_outlets(context))
    fitting = [
        uri
        for _, uri in outlets
        if uri.kind is AssetKind.TABLE and party_id in (None, uri.party_id) and _covers(uri.name, made)
    ]
    longest = max((len(uri.name) for uri in fitting), default=0)
    mine = {uri for uri in fitting if len(uri.name) == longest}
    return _emit(context, outlets, mine, f"table {made} of party {party_id or '(any)'}", {"table": made, **extra})


def party_of_tables(site: FateSite, flow: FlowClient) -> str | None:
    """Return the party whose tables a site has; ``None`` for a standalone FATE, which has those of every party."""
    info = flow.site.info()
    return None if info.standalone else info.party_id or site.party_id


def emit_model(context: Context, party_id: str, extra: Mapping[str, Any]) -> list[str]:
    """Write into the task's events that a model was trained, for each model asset of this party among its outlets.

    :param context: the context of the task, in the call of ``execute`` that ends it.
    :param party_id: the party whose site has started the job.
    :param extra: what a consumer should know, as JSON: ``job_id``, ``model_id``, ``model_version``, ``metrics``.
    :returns: URIs of the assets whose events were written.
    """
    outlets = list(_fate_outlets(context))
    mine = {uri for _, uri in outlets if uri.kind is AssetKind.MODEL and uri.party_id == party_id}
    return _emit(context, outlets, mine, f"a model of party {party_id}", extra)


def _emit(
    context: Context,
    outlets: Iterable[tuple[Any, FateUri]],
    mine: set[FateUri],
    made: str,
    extra: Mapping[str, Any],
) -> list[str]:
    said = {key: value for key, value in extra.items() if value is not None}
    emitted = []
    for outlet, uri in outlets:
        if uri in mine:
            context["outlet_events"][outlet].extra.update({"party_id": uri.party_id, **said})
            emitted.append(str(uri))
        else:
            log.warning("Outlet %s is not what this task has made, %s: its event will say nothing", uri, made)
    return emitted


def _fate_outlets(context: Context) -> Iterable[tuple[Any, FateUri]]:
    for outlet in context.get("outlets") or ():
        uri = getattr(outlet, "uri", None)  # an alias or a reference by name has none
        if not isinstance(uri, str) or not uri.startswith(f"{SCHEME}://"):
            continue
        try:
            yield outlet, FateUri.parse(uri)
        except FateInputError as e:  # Airflow checks assets, but no references to them; the work is done all the same
            log.warning("Outlet left alone: %s", e)


def _covers(family: str, table: str) -> bool:
    return table == family or (table.startswith(family) and bool(_DATED.fullmatch(table[len(family) :])))


# --- reading events ---------------------------------------------------------------------------------------------------


def newest_table(asset: Asset | str) -> str:
    """Return a template that gives the table of an asset's newest event: ``Party("9999", newest_table(bank))``.

    Use it in any templated field of a task. Where the run was not started by an event of this asset, say by hand, the
    newest event of all counts, provided that the asset is among the ``inlets`` of the task.

    :param asset: a table asset, or its URI.
    :raises FateInputError: it is no table asset.
    """
    uri = FateUri.parse(_uri_of(asset))
    if uri.kind is not AssetKind.TABLE:
        raise FateInputError(f"asset {uri} is not a table.", hint="Use newest_event for models.")
    return "{{ macros.fate.table_of('%s', triggering_asset_events, inlet_events) }}" % uri  # noqa: UP031 - braces


def newest_event(context: Context, asset: Asset | str) -> dict[str, Any]:
    """Return what the newest event of an asset says: of those that started this run, else of all.

    :param context: the context of the task; in a ``@task`` function: ``airflow.sdk.get_current_context()``.
    :param asset: a FATE asset, or its URI.
    :returns: what :func:`emit_table` or :func:`emit_model` has written.
    :raises FateInputError: there is no event.
    """
    return read_newest(_uri_of(asset), context.get("triggering_asset_events"), context.get("inlet_events"))


def read_table(uri: str, triggering: Any, inlets: Any) -> str:
    """Return the table of an asset's newest event; what the template of :func:`newest_table` calls.

    :raises FateInputError: there is no event, or it names no table.
    """
    said = read_newest(uri, triggering, inlets)
    if not said.get("table"):
        raise FateInputError(
            f"The newest event of asset {uri} names no table.",
            hint='It was not made by an operator of this provider. Give it an extra {"table": "namespace.name"}.',
        )
    return str(TableName.parse(str(said["table"])))


def read_newest(uri: str, triggering: Any, inlets: Any) -> dict[str, Any]:
    """Return the extra of an asset's newest event.

    :param triggering: ``triggering_asset_events`` of the context.
    :param inlets: ``inlet_events`` of the context, for runs that no event of the asset has started.
    :raises FateInputError: there is no event.
    """
    started_it = [event for key in triggering or () if getattr(key, "uri", None) == uri for event in triggering[key]]
    if started_it:
        return dict(max(started_it, key=lambda event: event.timestamp).extra or {})
    for key in inlets or ():
        if getattr(key, "uri", None) == uri:
            events = inlets[key]
            if hasattr(events, "limit"):  # Airflow >= 3.2 need not send all that there ever were
                events = events.ascending(False).limit(1)
            newest = max(events, key=lambda event: event.timestamp, default=None)
            if newest is not None:
                return dict(newest.extra or {})
            raise FateInputError(f"Asset {uri} has no event yet.", hint="Run the DAG that makes it first.")
    raise FateInputError(
        f"No event of asset {uri} has started this run.",
        hint="Schedule the DAG on the asset. For runs that are started by hand, put it into the task's inlets, too.",
    )


def _uri_of(asset: Asset | str) -> str:
    return asset if isinstance(asset, str) else asset.uri
