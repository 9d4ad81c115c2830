"""Publish tables to a partner, and take them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.site.permissions import Permissions
    from airflow_provider_fate.site.session import SiteSession


class FateGrantOperator(FateSiteOperator):
    """Let a partner use tables and components of this site in jobs that it starts.

    For sites that check what partners use (``authentication.permission`` in FATE-Flow's configuration). A partner's job
    that names anything else is refused when it is created. Until this task has run, the partner's own task can wait:
    ``FateJobOperator(wait_for_partners=...)``.

    Put it after the upload, its checks, and an approval if there is one; and a :class:`FateRevokeOperator` at the end
    of the time for which it was agreed. A task that runs again changes nothing.

    :param partner: party id of who may use it. (templated)
    :param tables: ``namespace.name``, or a list of them. (templated)
    :param components: what the partner's jobs may run here, such as ``["psi", "hetero_secureboost"]``. ``reader`` is
        granted with any table. (templated)
    :param require_tables: whether a table that this site does not have fails the task.
    :param require_authentication: whether the task fails where the site does not check which partner asks: a grant
        would protect nothing there.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"partner", "tables", "components"}``, all that the partner may use then, as XCom.
    :raises AirflowFailException: a name cannot be right, or the site does not check permissions. Not retried.
    :raises FateTableNotFound: this site has no such table.
    """

    template_fields: Sequence[str] = ("partner", "tables", "components", "fate_conn_id")

    def __init__(
        self,
        *,
        partner: str,
        tables: str | Sequence[str] = (),
        components: str | Sequence[str] = (),
        require_tables: bool = True,
        require_authentication: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.partner = partner
        self.tables = tables
        self.components = components
        self.require_tables = require_tables
        self.require_authentication = require_authentication

    def check(self) -> None:
        """Check the names."""
        from airflow_provider_fate.site.permissions import check_components

        _partner(self.partner)
        _tables(self.tables)
        check_components(_names(self.components))

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Grant, and look."""
        from airflow_provider_fate.site.permissions import grant

        tables, components = _tables(self.tables), _names(self.components)
        after = grant(
            session.client,
            _partner(self.partner),
            tables=tables,
            components=components,
            require_tables=self.require_tables,
            require_authentication=self.require_authentication,
        )
        self.log.info("Party %s may use %s", self.partner, ", ".join([*map(str, tables), *components]))
        return _told(after)


class FateRevokeOperator(FateSiteOperator):
    """Take tables and components back from a partner.

    A job of the partner that runs already goes on: FATE-Flow looks at permissions only when a job is created. What the
    partner does not have is no error, so that the task can run as a teardown of :class:`FateGrantOperator`, whatever
    became of what stands between them.

    :param partner: party id of whose permission ends. (templated)
    :param tables: ``namespace.name``, or a list of them; ``None``: all that the partner may use. (templated)
    :param components: what the partner's jobs may not run here any more. ``None``: all, once no table is left; else
        none: another table may need them. (templated)
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"partner", "tables", "components"}``, what the partner may still use, as XCom.
    :raises AirflowFailException: a name cannot be right, or the site does not check permissions. Not retried.
    """

    template_fields: Sequence[str] = ("partner", "tables", "components", "fate_conn_id")

    def __init__(
        self,
        *,
        partner: str,
        tables: str | Sequence[str] | None = None,
        components: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.partner = partner
        self.tables = tables
        self.components = components

    def check(self) -> None:
        """Check the names."""
        from airflow_provider_fate.site.permissions import check_components

        _partner(self.partner)
        _tables(self.tables or ())
        check_components(_names(self.components or ()))

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Revoke, and look."""
        from airflow_provider_fate.site.permissions import revoke

        after = revoke(
            session.client,
            _partner(self.partner),
            tables=None if self.tables is None else _tables(self.tables),
            components=None if self.components is None else _names(self.components),
        )
        left = [*after.tables, *after.components]
        self.log.info("Party %s may use %s", self.partner, ", ".join(left) or "nothing of this site any more")
        return _told(after)


def _partner(partner: str) -> str:
    from airflow_provider_fate.clients.fate_flow.names import check_id

    return check_id("partner", str(partner))


def _names(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else [str(name) for name in given]


def _tables(given: str | Sequence[str]) -> list[TableName]:
    from airflow_provider_fate.data.table import TableName

    return list(dict.fromkeys(TableName.parse(name) for name in _names(given)))


def _told(permissions: Permissions) -> dict[str, Any]:
    return {
        "partner": permissions.partner,
        "tables": list(permissions.tables),
        "components": list(permissions.components),
    }
