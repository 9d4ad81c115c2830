"""Connections to clusters: made from what a deployment says, and removed with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_fate.errors import FateConfigError, FateConflictError, FateError, FateInputError
from airflow_provider_fate.links.cluster import ClusterBoardLink, ClusterNotebookLink, persist_pages

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.airflow_api import ConnectionEntry
    from airflow_provider_fate.storage.connections import ConnectionStore

STORE = "airflow://fate_airflow_default"


class _ConnectionOperator(BaseOperator):
    """What both have in common: where connections are kept."""

    ui_color = "#e3eefc"
    final_errors: tuple[type[FateError], ...] = (FateInputError, FateConfigError, FateConflictError)

    def __init__(self, *, store: str = STORE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.store = store

    def execute(self, context: Context) -> Any:
        """Open the store, and work on it."""
        from airflow_provider_fate.operators._connections import open_store

        try:
            store = open_store(self.store)
            try:
                return self.work(store, context)
            finally:
                store.close()
        except self.final_errors as e:
            raise AirflowFailException(str(e)) from None

    def work(self, store: ConnectionStore, context: Context) -> Any:
        """Do it; return the XCom."""
        raise NotImplementedError


class FateConnectionOperator(_ConnectionOperator):
    """Make the connection of type ``fate`` to a deployed cluster, or bring it up to date.

    It is written through Airflow's own API, or into the JSON file of Airflow's ``LocalFilesystemBackend`` where a site
    forbids the first. Its description says for which cluster it was made. One that somebody else has made is left
    alone, and the task fails, unless ``overwrite``.

    :param cluster: the result of :class:`~airflow_provider_fate.operators.cluster.FateClusterDeployOperator` or of
        :class:`~airflow_provider_fate.operators.cluster.FateClusterUpdateOperator`. (templated)
    :param fate_conn_id: id of the connection; default: ``fate_`` and the party id. (templated)
    :param extra: more of its extra fields, such as ``{"cores": 32, "role": "guest"}``; no secrets. (templated)
    :param app_id: where FATE-Flow checks who asks: the app id. Jinja is rendered when the task runs.
    :param app_token: its token, written as ``{{ conn.fate_app.password }}``. It is no template field: Airflow shows and
        keeps nothing of it.
    :param store: ``airflow://`` and a connection of type ``fate_airflow``; or the path of a ``.json`` file.
        (templated)
    :param overwrite: also write over a connection that was not made for this cluster.
    :returns: ``{"conn_id", "store", "changed", "party_id", "flow_url", "pages"}`` as XCom.
    :raises AirflowFailException: an argument is wrong, or the connection belongs to somebody else. Not retried.
    :raises FateAuthError: Airflow does not let the user of ``store`` edit connections.
    """

    template_fields: Sequence[str] = ("cluster", "fate_conn_id", "extra", "store")
    operator_extra_links = (ClusterBoardLink(), ClusterNotebookLink())

    def __init__(
        self,
        *,
        cluster: Any,
        fate_conn_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
        app_id: str | None = None,
        app_token: str | None = None,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.fate_conn_id = fate_conn_id
        self.extra = extra
        self.app_id = app_id
        self.app_token = app_token
        self.overwrite = overwrite

    def work(self, store: ConnectionStore, context: Context) -> dict[str, Any]:
        """Write it."""
        from airflow_provider_fate.storage.connections import keep

        entry = self._entry(context)
        changed = keep(store, entry, overwrite=self.overwrite)
        self.log.info(
            "Connection %s %s in %s", entry.conn_id, "is written" if changed else "is as it shall be", self.store
        )
        pages = dict(self.cluster.get("pages") or {})
        persist_pages(context, pages)
        return {
            "conn_id": entry.conn_id,
            "store": self.store,
            "changed": changed,
            "party_id": self.cluster.get("party_id"),
            "flow_url": self.cluster.get("flow_url"),
            "pages": pages,
        }

    def _entry(self, context: Context) -> ConnectionEntry:
        from airflow_provider_fate.operators._connections import entry_of

        if not isinstance(self.cluster, Mapping) or not self.cluster.get("name"):
            raise FateInputError(
                "cluster is not the result of a deployment.",
                hint="Write cluster=deploy.output, of a task that deploys.",
            )
        return entry_of(
            self.cluster,
            conn_id=self.fate_conn_id,
            extra=self.extra,
            login=self._late(self.app_id, context),
            password=self._late(self.app_token, context, secret=True),
        )

    def _late(self, given: str | None, context: Context, *, secret: bool = False) -> str | None:
        """What no template field may hold, rendered only now."""
        from airflow_provider_fate.compat import mask_in_logs

        if given is None:
            return None
        text = str(self.render_template(given, context, self.get_template_env()))
        if secret and text:
            mask_in_logs(text)
        return text or None


class FateConnectionDeleteOperator(_ConnectionOperator):
    """Remove a connection that :class:`FateConnectionOperator` has made; any other is left alone.

    Make it the teardown of the task that has made it.

    :param fate_conn_id: id of the connection. (templated)
    :param cluster: only if it was made for this cluster, as ``namespace/name``; default: for whichever. (templated)
    :param store: as of :class:`FateConnectionOperator`. (templated)
    :returns: ``{"conn_id", "removed"}`` as XCom.
    :raises AirflowFailException: an argument is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("fate_conn_id", "cluster", "store")

    def __init__(self, *, fate_conn_id: str, cluster: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fate_conn_id = fate_conn_id
        self.cluster = cluster

    def work(self, store: ConnectionStore, context: Context) -> dict[str, Any]:
        """Remove it."""
        from airflow_provider_fate.operators._connections import checked_id
        from airflow_provider_fate.storage.connections import forget

        conn_id = checked_id(self.fate_conn_id)
        removed, why = forget(store, conn_id, self.cluster or None)
        self.log.info("Connection %s %s", conn_id, "is removed" if removed else f"is not removed: {why}")
        return {"conn_id": conn_id, "removed": removed}
