"""What the operators whose work is a FATE job have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.links.job import FateBoardLink
from airflow_provider_fate.remote.operator import RemoteWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
    from airflow_provider_fate.site.session import SiteSession


class FateJobWorkOperator(RemoteWorkOperator["FateJobRef"]):
    """Remote work that is a job of a FATE-Flow server.

    :param fate_conn_id: Airflow connection of the FATE site.
    :param log_archive: folder into which the archive of a failed job's logs is copied, a local path or any URL that
        Airflow's object storage knows, such as ``s3://aws_default@logs/fate``.
    """

    operator_extra_links = (FateBoardLink(),)
    ui_color = "#e3eefc"

    def __init__(self, *, fate_conn_id: str = "fate_default", log_archive: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fate_conn_id = fate_conn_id
        self.log_archive = log_archive

    def site(self) -> FateSite:
        """The connection, checked."""
        from airflow_provider_fate.hooks.flow import FateFlowHook

        return FateFlowHook(self.fate_conn_id).site()

    @contextmanager
    def session(self) -> Iterator[SiteSession]:
        """The site, over one client."""
        from airflow_provider_fate.site.session import session_at

        with session_at(self.site()) as session:
            yield session

    def announce(self, ref: FateJobRef, context: Context) -> None:
        """Push ids and link while the job runs.

        In one mapping: Airflow's page takes a text of digits for a number, and rounds it.
        """
        FateBoardLink.persist(context, self.site(), ref)
