"""What the operators have in common that ask a FATE site for something and have the answer at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.site.session import SiteSession


class FateSiteOperator(BaseOperator):
    """Work on a FATE site that starts no job.

    What would fail in the same way again (wrong arguments, a wrong connection, something that FATE-Flow does not do,
    a name that is taken) fails the task at once; everything else is retried as the task says.

    :param fate_conn_id: Airflow connection of the FATE site.
    """

    ui_color = "#e3eefc"

    def __init__(self, *, fate_conn_id: str = "fate_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fate_conn_id = fate_conn_id

    @abstractmethod
    def work(self, session: SiteSession, context: Context) -> Any:
        """Do it, at the site whose party was checked; return the XCom."""

    def check(self) -> None:
        """Check the arguments, before the site is asked for anything."""

    def execute(self, context: Context) -> Any:
        """Check, then work."""
        from airflow_provider_fate.errors import (
            FateArchiveError,
            FateConfigError,
            FateFileExists,
            FateInputError,
            FateModelExists,
            FateNotOfferedError,
            FateProviderExists,
            FateTableExists,
        )
        from airflow_provider_fate.hooks.check import verify_party

        permanent = (
            *(FateInputError, FateConfigError, FateNotOfferedError),
            *(FateTableExists, FateModelExists, FateFileExists, FateProviderExists),
        )
        try:
            self.check()
            with self._session() as session:
                verify_party(session.site, session.client)
                return self.work(session, context)
        except permanent as e:
            raise AirflowFailException(str(e)) from None
        except FateArchiveError as e:
            if e.damaged:
                raise
            raise AirflowFailException(str(e)) from None

    @contextmanager
    def _session(self) -> Iterator[SiteSession]:
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.site.session import session_at

        with session_at(FateFlowHook(self.fate_conn_id).site()) as session:
            yield session
