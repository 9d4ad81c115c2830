"""What a partner may use in jobs that it starts: granted, taken back, and looked at afterwards each time.

FATE-Flow answers success to what it does not do (a revoke of ``*``), and checks neither tables nor what it was asked
for before. So everything is checked here, and read back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from airflow_provider_fate.clients.fate_flow.endpoints.access import CURE
from airflow_provider_fate.clients.fate_flow.models import TableRef
from airflow_provider_fate.clients.fate_flow.names import check_id
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import (
    FateInvalidParameterError,
    FateNotOfferedError,
    FatePermissionError,
    FateServerError,
    FateTableNotFound,
)
from airflow_provider_fate.jobs.catalogue import known_components

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient

__all__ = ["READER", "Permissions", "check_components", "grant", "permissions_of", "require_enforced", "revoke"]

READER = "reader"
"""Reads a party's table; a job that reads one cannot do without it."""
_GARBLED = str.maketrans("-;", "::")
"""FATE-Flow shows these characters of a table's name so in its list; what it enforces is right."""
AUTHENTICATION_FAILED, NO_SUCH_COMPONENT = 5004, 5006


@dataclass(frozen=True)
class Permissions:
    """What one partner may use.

    :param partner: its party id.
    :param components: names of components.
    :param tables: ``namespace.name``, as FATE-Flow shows them: ``-`` and ``;`` read ``:``.
    """

    partner: str
    components: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    def has(self, table: TableName) -> bool:
        """Whether a table is among them."""
        return str(table).translate(_GARBLED) in {name.translate(_GARBLED) for name in self.tables}


def permissions_of(flow: FlowClient, partner: str) -> Permissions:
    """What a partner may use at this site.

    :param partner: its party id.
    :raises FatePermissionError: nobody may ask for it here.
    """
    with _explained():
        found = flow.permission.query_resources(check_id("partner", partner))
    tables = tuple(sorted(f"{table['namespace']}.{table['name']}" for table in found.dataset))
    return Permissions(partner, tuple(sorted(found.component)), tables)


def grant(
    flow: FlowClient,
    partner: str,
    *,
    tables: Collection[TableName],
    components: Collection[str],
    require_tables: bool = True,
    require_authentication: bool = True,
) -> Permissions:
    """Let a partner use tables and components in jobs that it starts; ``reader`` is granted with any table.

    :param require_tables: refuse to grant a table that the site does not have: FATE-Flow would not notice.
    :param require_authentication: refuse to grant where the site does not check who asks.
    :returns: what the partner may use then.
    :raises FateInvalidParameterError: nothing is named, or a component does not exist.
    :raises FateTableNotFound: the site has no such table.
    :raises FateNotOfferedError: the site does not check which partner asks.
    :raises FateServerError: FATE-Flow said that it was granted, and does not show it.
    """
    wanted = set(check_components(components)) | ({READER} if tables else set())
    _require_something(tables, wanted)
    if require_authentication:
        require_enforced(flow)
    if require_tables:
        for table in tables:
            _require_table(flow, table)
    before = permissions_of(flow, partner)
    missing = [table for table in tables if not before.has(table)]
    lacking = sorted(wanted - set(before.components))
    if missing or lacking:
        with _explained():
            flow.permission.grant_resources(partner, components=lacking, datasets=_refs(missing))
    after = permissions_of(flow, partner)
    left = [str(table) for table in tables if not after.has(table)] + sorted(wanted - set(after.components))
    if left:
        raise FateServerError(
            f"FATE-Flow says that it has granted {', '.join(left)} to party {partner}, but does not show it.",
            hint="Another task may have revoked it meanwhile; else look into FATE-Flow's log.",
        )
    return after


def revoke(
    flow: FlowClient, partner: str, *, tables: Collection[TableName] | None, components: Collection[str] | None
) -> Permissions:
    """Take tables and components from a partner; what it does not have is no error.

    A job of the partner that runs already goes on: FATE-Flow looks at permissions only when a job is created.

    :param tables: ``None``: all that it has.
    :param components: ``None``: all that it has, where no table is left; else none.
    :returns: what the partner may use then.
    :raises FateServerError: FATE-Flow said that it was revoked, and still shows it.
    """
    before = permissions_of(flow, partner)
    gone = [table for table in tables if before.has(table)] if tables is not None else list(_shown(before))
    left = {name.translate(_GARBLED) for name in before.tables} - {str(t).translate(_GARBLED) for t in gone}
    if components is not None:
        taken = [name for name in dict.fromkeys(components) if name in before.components]
    else:
        taken = [] if left else list(before.components)
    if not gone and not taken:
        return before
    with _explained():
        # By name: FATE-Flow answers success to `*`, and revokes nothing.
        flow.permission.revoke_resources(partner, components=taken, datasets=_refs(gone))
    after = permissions_of(flow, partner)
    still = [str(table) for table in gone if after.has(table)] + [name for name in taken if name in after.components]
    if still:
        raise FateServerError(
            f"FATE-Flow says that it has revoked {', '.join(still)} from party {partner}, but still shows it.",
            hint="Another task may have granted it meanwhile; else look into FATE-Flow's log.",
        )
    return after


def check_components(components: Iterable[str]) -> Sequence[str]:
    """Check that these components exist.

    :raises FateInvalidParameterError: one does not, or is ``*``.
    """
    names = list(dict.fromkeys(components))
    for name in names:
        if name in known_components():
            continue
        near = get_close_matches(name, known_components(), 1)
        raise FateInvalidParameterError(
            f"components: {name!r} is not a component of FATE.",
            hint=f"Did you mean {near[0]!r}?" if near else "Name each one, such as 'psi' and 'hetero_secureboost'.",
        )
    return names


def _shown(permissions: Permissions) -> Iterator[TableName]:
    """The tables of a partner: no name has a colon, and one with a semicolon was not made by this provider."""
    for name in permissions.tables:
        yield TableName.parse(name.replace(":", "-"))


def _refs(tables: Iterable[TableName]) -> list[TableRef]:
    return [TableRef(namespace=table.namespace, name=table.name) for table in tables]


def _require_something(tables: Collection[TableName], components: Collection[str]) -> None:
    if not tables and not components:
        raise FateInvalidParameterError(
            "Nothing is named to grant.", hint="Give tables=['credit.telco'] or components=['psi']."
        )


def _require_table(flow: FlowClient, table: TableName) -> None:
    try:
        flow.table.query(table.namespace, table.name)
    except FateTableNotFound:
        raise FateTableNotFound(
            f"tables: this site has no table {table}, so that nothing would be published.",
            hint="Upload it first, or correct the name (case counts). With require_tables=False it is granted before "
            "it is there.",
        ) from None


def require_enforced(flow: FlowClient) -> None:
    """Refuse to rely on permissions where FATE-Flow never looks at them, though it takes them all the same.

    :raises FateNotOfferedError: the site does not check which partner asks.
    """
    if not flow.permission.roles():
        raise FateNotOfferedError(
            "This site does not check which partner asks, so that a grant would protect nothing, and nothing would be "
            "refused.",
            hint="Its operator can switch it on: authentication.site and authentication.permission in FATE-Flow's "
            "service_conf.yaml (docs/two-sites.md shows how). With require_authentication=False it is granted all the "
            "same.",
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Say what to change at the server, where these calls do not work."""
    try:
        yield
    except FatePermissionError as e:
        if e.code != AUTHENTICATION_FAILED:
            raise
        raise FatePermissionError(
            "FATE-Flow refuses this call to everybody while it authenticates its clients: a defect of FATE 2.2.",
            hint=f"Its operator can cure it in the site's database, at once and for good: {CURE};",
            code=e.code,
        ) from None
    except FateInvalidParameterError as e:
        if e.code != NO_SUCH_COMPONENT:
            raise
        raise FateInvalidParameterError(
            f"components: this site's FATE has not all of them: {e.message}",
            hint="Let its operator install the provider that brings them, or leave them out. Nothing was granted.",
            code=e.code,
        ) from None
