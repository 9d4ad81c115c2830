"""The client of a host's part: awaited by the guest's service, called by tasks."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_fate.clients.http import (
    Api,
    AsyncClient,
    AsyncTransport,
    Group,
    Once,
    Reply,
    Request,
    SyncClient,
    SyncTransport,
    Transport,
    endpoint,
    get,
    post,
)
from airflow_provider_fate.clients.http.auth import BearerSettings
from airflow_provider_fate.clients.split.envelope import SplitEnvelope
from airflow_provider_fate.clients.split.messages import (
    DirectionsAnswer,
    DirectionsQuestion,
    PartAnswer,
    SumsAnswer,
    SumsQuestion,
)

__all__ = ["AsyncSplitClient", "SplitClient", "SplitSettings", "split_settings"]


@dataclass(frozen=True, slots=True)
class SplitSettings(BearerSettings):
    """Where a host's service is, and how it knows who asks."""


def split_settings(
    host: str,
    port: int,
    *,
    secret: str | None,
    tls: bool,
    verify: bool | str = True,
    client_cert: tuple[str, str] | None = None,
    timeout: float | None = None,
) -> SplitSettings:
    """Make the settings of a service that is asked while somebody waits: it answers soon, or is down.

    :param timeout: seconds that an answer may take; default: 10. Connecting may take 3 of them.
    """
    patience = timeout or 10.0
    return SplitSettings(
        host=host,
        port=port,
        scheme="https" if tls else "http",
        verify=verify,
        client_cert=client_cert,
        token=secret,
        timeout=min(patience, 3.0),
        submit_timeout=patience,
        retries=1,
        retry_wait=0.05,
        keep_alive=20,
    )


class SplitQuestions(Group[Transport]):
    """What can be asked. Each is a question, which may be repeated."""

    @endpoint
    def part(self) -> Request[PartAnswer]:
        """Return what is served."""
        return get("/part", lambda reply: PartAnswer.model_validate(reply.data))

    @endpoint
    def sums(self, question: SumsQuestion) -> Request[SumsAnswer]:
        """Return partial sums."""

        def parse(reply: Reply) -> SumsAnswer:
            return SumsAnswer.model_validate(reply.data)

        return post("/sums", parse, json=question.model_dump(), once=Once.REPEAT, slow=True)

    @endpoint
    def directions(self, question: DirectionsQuestion) -> Request[DirectionsAnswer]:
        """Return directions at splits."""

        def parse(reply: Reply) -> DirectionsAnswer:
            return DirectionsAnswer.model_validate(reply.data)

        return post("/directions", parse, json=question.model_dump(), once=Once.REPEAT, slow=True)


class SplitPartApi(Api[Transport]):
    """The service of a host's part."""

    envelope = SplitEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.ask = SplitQuestions(transport)


class SplitClient(SyncClient, SplitPartApi[SyncTransport]):
    """A host's service, called."""


class AsyncSplitClient(AsyncClient, SplitPartApi[AsyncTransport]):
    """A host's service, awaited."""
