"""A host's answers: what was asked for with HTTP 200, else a refusal by name."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
from pydantic import ValidationError

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http import Envelope, Reply, Request
from airflow_provider_fate.clients.split.messages import SplitProblem, SplitRefusal

__all__ = ["SplitEnvelope", "refused"]

_CLASSES: dict[SplitProblem, tuple[type[e.FateError], str]] = {
    SplitProblem.BAD_QUESTION: (e.FateInvalidParameterError, "Are both services of the same release?"),
    SplitProblem.UNAUTHORIZED: (e.FateAuthError, "Give the secret, or the certificate, that the host has agreed on."),
    SplitProblem.NO_CONSENT: (e.FateConsentError, "Ask the host's people."),
    SplitProblem.OTHER_MODEL: (e.FateOtherModelError, "All parties have to serve parts of one job's model."),
    SplitProblem.UNKNOWN_ROW: (e.FateRowNotFound, "Score rows that all parties have."),
    SplitProblem.TOO_MANY_ROWS: (e.FateResourceError, "Ask for fewer rows, or later, or agree on other terms."),
    SplitProblem.FAILED: (e.FateServerError, "The host's log says why."),
}


def refused(problem: SplitProblem, message: str, positions: list[int] | None, about: dict[str, Any]) -> e.FateError:
    """Return the error for a problem that a service has named.

    :param positions: of unknown rows.
    :param about: arguments of the error.
    """
    kind, hint = _CLASSES[problem]
    if issubclass(kind, e.FateRowNotFound):
        return kind(message, hint=hint, positions=positions or (), **about)
    return kind(message, hint=hint, **about)


class SplitEnvelope(Envelope):
    """The service of a host's part."""

    service: ClassVar[str] = "the service of the part"
    version: ClassVar[str] = "v1"

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the content, or raise what it refuses with.

        :raises FateError: it is refused.
        """
        if not isinstance(content, dict):
            return None
        if response.status_code == httpx.codes.OK:
            return Reply(data=content)
        try:
            refusal = SplitRefusal.model_validate(content, strict=False)
        except ValidationError:
            return None
        raise refused(refusal.error, refusal.message, refusal.positions, self.about(request))
