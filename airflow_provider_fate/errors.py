"""Every error of this package, in one hierarchy by what the caller can do about it.

==================================  ======================================================================
class                               what to do
==================================  ======================================================================
:class:`FateConnectionError`        nothing reached FATE-Flow, or its answer was lost: try again
:class:`FateConfigError`            correct the connection: host, port, version, party id
:class:`FateAuthError`              correct the app id, the token, the clock, or the granted role
:class:`FateInputError`             correct what was given: a parameter, a job, a data file
:class:`FateArchiveError`           download it again if it is damaged; else ask who runs the server
:class:`FateNotFoundError`          the job, task, table, model or file does not exist on this site
:class:`FateConflictError`          it exists already: take another name, or delete it first
:class:`FateResourceError`          wait until the cluster has room, or ask for less
:class:`FatePartnerError`           another party refused, or was not reached: ask its operators
:class:`FateAmbiguousSubmitError`   a job may exist: look for it before submitting again
:class:`FateNotOfferedError`        this server does not do that
:class:`FateServerError`            FATE-Flow failed: read its log
:class:`FateServiceUnfit`           do not give the version more requests: see what it did wrong
:class:`FatePreflightError`         do what it lists, then look again
:class:`FateJobError`               the job itself ended badly
==================================  ======================================================================

``str(error)`` is the message and, on a line of its own, the hint: the way out. This module imports nothing
but the standard library, so that any layer may use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

__all__ = [
    "FateAdmissionRefused",
    "FateAgreementError",
    "FateAliasMoved",
    "FateAmbiguousSubmitError",
    "FateArchiveError",
    "FateAuthError",
    "FateChartNotFound",
    "FateClockSkewError",
    "FateClusterExists",
    "FateClusterFailed",
    "FateClusterNotFound",
    "FateConfigError",
    "FateConflictError",
    "FateConnectionError",
    "FateConsentError",
    "FateCreateJobError",
    "FateDataError",
    "FateError",
    "FateExecutionTimeout",
    "FateFederationError",
    "FateFieldConflict",
    "FateFileExists",
    "FateFileNotFound",
    "FateInputError",
    "FateInvalidJobError",
    "FateInvalidParameterError",
    "FateJobError",
    "FateJobFailed",
    "FateJobNotFound",
    "FateJobStopped",
    "FateJobTimeout",
    "FateKindNotServed",
    "FateModelExists",
    "FateModelNotFound",
    "FateModelPackageError",
    "FateNamespaceNotFound",
    "FateNotFlowError",
    "FateNotFoundError",
    "FateNotJudgedError",
    "FateNotOfferedError",
    "FateObjectFailed",
    "FateOtherModelError",
    "FateOverlapError",
    "FatePartDown",
    "FatePartnerError",
    "FatePartnerTimeout",
    "FatePermissionError",
    "FatePreflightError",
    "FateProviderExists",
    "FateProxyError",
    "FateQuotaExceeded",
    "FateResourceError",
    "FateRowNotFound",
    "FateServerError",
    "FateServiceFailed",
    "FateServiceNotFound",
    "FateServiceUnfit",
    "FateSignatureError",
    "FateStallTimeout",
    "FateStopNotHeardError",
    "FateTableExists",
    "FateTableNotFound",
    "FateTaskNotFound",
    "FateTimeout",
    "FateTlsError",
    "FateUnknownAppError",
    "FateUnreachable",
    "FateVersionError",
    "FateWaitingTimeout",
    "FateWrongPartyError",
    "JobProblem",
    "is_transient",
]


class FateError(Exception):
    """The root of all errors of this package.

    :param message: what happened, in one sentence or with the server's own words.
    :param hint: the way out, in words that the reader can act on.
    :param job_id: the FATE job it is about.
    :param party: the party it is about, such as ``"host 10000"``.
    :param endpoint: the request that failed, such as ``"POST /job/submit"``.
    :param code: the return code of FATE-Flow's envelope.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        job_id: str | None = None,
        party: str | None = None,
        endpoint: str | None = None,
        code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.job_id = job_id
        self.party = party
        self.endpoint = endpoint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    # The default of Exception calls the class with `args` alone and so loses the keyword attributes.
    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__.copy())


def _restore(kind: type[FateError], args: tuple[Any, ...], state: dict[str, Any]) -> FateError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


# --- the wire -----------------------------------------------------------------------------------------------


class FateConnectionError(FateError):
    """FATE-Flow was not reached, or its answer was lost.

    :ivar sent: whether the request may have reached FATE-Flow. ``False`` means that a repeat is harmless,
        whatever the request does.
    """

    def __init__(self, message: str, *, sent: bool = True, **context: Any) -> None:
        super().__init__(message, **context)
        self.sent = sent


class FateUnreachable(FateConnectionError):
    """Connection refused or reset, or a host name that does not resolve."""


class FateTimeout(FateConnectionError):
    """No answer in time. What the request did, if it was more than a question, is unknown."""


class FateProxyError(FateConnectionError):
    """Something between here and FATE-Flow answered: an error page, a log-in page, an HTTP status other than
    200.

    :ivar status: the HTTP status.
    :ivar excerpt: the beginning of what was answered, at most 200 characters.
    """

    def __init__(self, message: str, *, status: int = 200, excerpt: str = "", **context: Any) -> None:
        super().__init__(message, **context)
        self.status = status
        self.excerpt = excerpt


class FateTlsError(FateConnectionError):
    """The certificate was refused, or one side speaks TLS and the other does not. Repeating does not help."""


# --- the connection -----------------------------------------------------------------------------------------


class FateConfigError(FateError):
    """The connection is wrong."""


class FateNotFlowError(FateConfigError):
    """Something answers at this address, but it is not FATE-Flow."""


class FateVersionError(FateConfigError):
    """A FATE-Flow of a version that this package does not speak (1.x)."""


class FateWrongPartyError(FateConfigError):
    """The connection names a party id that is not the one of the server."""


class FateAuthError(FateError):
    """The server refused the caller."""


class FateSignatureError(FateAuthError):
    """The signature is wrong (5003): the app token does not belong to the app id."""


class FateClockSkewError(FateAuthError):
    """The signature has expired (5000): this machine's clock is more than 60 s behind the server's.

    :ivar skew: seconds by which the server's clock is ahead, as far as its answer told; else ``None``.
    """

    def __init__(self, message: str, *, skew: float | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.skew = skew


class FateUnknownAppError(FateAuthError):
    """The server does not know the app id (5002)."""


class FatePermissionError(FateAuthError):
    """The app may not do this (5004), has no role, or is unknown (5005: FATE-Flow does not tell these apart)."""


# --- the input ----------------------------------------------------------------------------------------------


class JobProblem(Protocol):
    """One thing that is wrong with a job: which field, its value, why, and what to write instead."""

    @property
    def field(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> object: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def fix(self) -> str: ...  # noqa: D102


class FateInputError(FateError):
    """What was given cannot be used; correct it."""


class FateInvalidParameterError(FateInputError):
    """A parameter of a request is missing or malformed (5001), or was refused before it was sent.

    :ivar fields: messages by field, as far as they are known.
    """

    def __init__(self, message: str, *, fields: Mapping[str, Iterable[str]] | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.fields = {name: list(texts) for name, texts in (fields or {}).items()}


class FateInvalidJobError(FateInputError):
    """The job cannot run as it is described.

    :ivar problems: everything that is wrong with it, if it was found before submission.
    """

    def __init__(self, message: str, *, problems: Iterable[JobProblem] = (), **context: Any) -> None:
        super().__init__(message, **context)
        self.problems: list[JobProblem] = list(problems)


class FateFederationError(FateInputError):
    """What a federation file says cannot be.

    :ivar problems: everything that is wrong with it.
    """

    def __init__(self, message: str, *, problems: Iterable[JobProblem] = (), **context: Any) -> None:
        super().__init__(message, **context)
        self.problems: list[JobProblem] = list(problems)


class FateDataError(FateInputError):
    """A data file that FATE would refuse or silently misread.

    :ivar row: row of the data, counted from 1 below the header, if the problem has one.
    :ivar column: name of the column, if the problem has one.
    """

    def __init__(self, message: str, *, row: int | None = None, column: str | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.row = row
        self.column = column


class FateOverlapError(FateInputError):
    """The parties have too few rows in common.

    :ivar overlap: rows of the own table that all parties have, if it is known.
    :ivar own_rows: rows of the own table, if it is known.
    """

    def __init__(
        self, message: str, *, overlap: int | None = None, own_rows: int | None = None, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.overlap = overlap
        self.own_rows = own_rows


class FateNotJudgedError(FateInputError):
    """A quality gate cannot judge: a metric is missing or no number, or scores are not fit to be compared."""


class FateModelPackageError(FateInputError):
    """A model package is none, or not what it says it is: wrong checksum, a file too many, a link.

    :ivar member: name of the file in it that it is about, as far as there is one.
    """

    def __init__(self, message: str, *, member: str | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.member = member


class FateAdmissionRefused(FateInputError):
    """A webhook of the Kubernetes cluster does not accept the object.

    :ivar webhook: its name.
    """

    def __init__(self, message: str, *, webhook: str = "", **context: Any) -> None:
        super().__init__(message, **context)
        self.webhook = webhook


class FateArchiveError(FateError):
    """An archive from a server is damaged, or holds what it must not hold.

    :ivar member: name of the member of the archive that it is about, as far as there is one.
    :ivar damaged: it broke off or its checksum is wrong, so that another download may be whole. ``False``: it was made
        like that, and nothing of it should be trusted.
    """

    def __init__(self, message: str, *, member: str | None = None, damaged: bool = False, **context: Any) -> None:
        super().__init__(message, **context)
        self.member = member
        self.damaged = damaged


# --- what is and is not there -------------------------------------------------------------------------------


class FateNotFoundError(FateError):
    """It does not exist on this site. A site knows only its own side of a job."""


class FateJobNotFound(FateNotFoundError):
    """No such job on this site (1001)."""


class FateTaskNotFound(FateNotFoundError):
    """No such task on this site (2000)."""


class FateTableNotFound(FateNotFoundError):
    """No such table on this site (7001)."""


class FateModelNotFound(FateNotFoundError):
    """The task has no model, or there is no such model (2005)."""


class FateFileNotFound(FateNotFoundError):
    """No such file or directory on the server (8001)."""


class FateClusterNotFound(FateNotFoundError):
    """KubeFATE knows no such cluster, or no such job."""


class FateChartNotFound(FateNotFoundError):
    """KubeFATE has no such chart, and cannot download it."""


class FateServiceNotFound(FateNotFoundError):
    """The backend serves nothing under this name."""


class FateRowNotFound(FateNotFoundError):
    """A party has no row of an id that is to be scored, or may not be asked for it: it does not say which.

    :ivar positions: where the ids stand in what was asked, from 0.
    """

    def __init__(self, message: str, *, positions: Iterable[int] = (), **context: Any) -> None:
        super().__init__(message, **context)
        self.positions = list(positions)


class FateNamespaceNotFound(FateNotFoundError):
    """The Kubernetes cluster has no such namespace."""


class FateKindNotServed(FateNotFoundError):
    """The Kubernetes cluster does not serve this kind of objects: its custom resource definition is missing."""


class FateConflictError(FateError):
    """It exists already."""


class FateFieldConflict(FateConflictError):
    """Others have set fields of a Kubernetes object to something else, and own them.

    :ivar fields: who has set them, by field.
    """

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.fields = dict(fields or {})


class FateClusterExists(FateConflictError):
    """There is a cluster of this name in this namespace, and it is another one than was asked for."""


class FateTableExists(FateConflictError):
    """The table exists already (7002)."""


class FateProviderExists(FateConflictError):
    """The site has another provider of this name."""


class FateModelExists(FateConflictError):
    """There is another model under this name."""


class FateAliasMoved(FateConflictError):
    """An alias of a registered model points elsewhere than the decision was based on: somebody has moved it."""


class FateOtherModelError(FateConflictError):
    """Two parties serve parts of different models, or of different versions of one."""


class FateFileExists(FateConflictError):
    """The file exists already: on the server (8002), or on the storage, with another content."""


class FateResourceError(FateError):
    """The cluster has no room for it (1005, 2004), or never will (1006)."""


class FateQuotaExceeded(FateResourceError):
    """A quota or a limit of a Kubernetes namespace leaves no room for it."""


# --- the others, and the server -----------------------------------------------------------------------------


class FatePartnerError(FateError):
    """A party of the job refused, or could not be reached.

    :ivar parties: the reason by ``(role, party id)``, only for those who did not agree.
    :ivar codes: FATE-Flow's code by ``(role, party id)``; 104 says that the party was not reached.
    """

    def __init__(
        self,
        message: str,
        *,
        parties: Mapping[tuple[str, str], str] | None = None,
        codes: Mapping[tuple[str, str], int] | None = None,
        **context: Any,
    ) -> None:
        super().__init__(message, **context)
        self.parties = dict(parties or {})
        self.codes = dict(codes or {})


class FateCreateJobError(FatePartnerError):
    """FATE-Flow could not create the job on all parties (1002). ``job_id`` names the failed record it left."""


class FateAgreementError(FatePartnerError):
    """A partner's job asks for more than was agreed."""


class FatePartnerTimeout(FatePartnerError):
    """Partners were not ready within the time that the task waits for them."""


class FatePartDown(FatePartnerError):
    """The service of a party's part of a split model does not answer."""


class FateConsentError(FatePartnerError):
    """A party has not consented to what is asked of its part of a model, or its consent has ended."""


class FateStopNotHeardError(FatePartnerError):
    """A stop (1004) that not every party has heard: there, the job's records may say ``running`` for ever."""


class FateAmbiguousSubmitError(FateError):
    """It is not known whether a job was created: the answer was lost, or FATE-Flow gave up waiting for it
    (104).

    Never submit again before having looked for the job; it, or several copies of it, may be running.
    """


class FateNotOfferedError(FateError):
    """This server does not do that: a stub, or something switched off in its configuration (3000, 6001)."""


class FateServerError(FateError):
    """FATE-Flow failed while it handled the request (6000), or answered with a code that has no class of its own."""


class FateClusterFailed(FateServerError):
    """KubeFATE, or FedLCM through it, could not install, update or remove something.

    :ivar states: what has happened, in the words of the service, oldest first; passwords are masked.
    """

    def __init__(self, message: str, *, states: Iterable[str] = (), **context: Any) -> None:
        super().__init__(message, **context)
        self.states = list(states)


class FateServiceFailed(FateServerError):
    """A version cannot be served: the message says why, and what answers instead."""


class FateServiceUnfit(FateError):
    """A service was asked, and does not do what it should: scores, latency or errors are out of bounds."""


class FateObjectFailed(FateServerError):
    """An object on Kubernetes has failed, or has gone, before it was ready.

    :ivar reasons: what Kubernetes tells: conditions, events, states of containers.
    """

    def __init__(self, message: str, *, reasons: Iterable[str] = (), **context: Any) -> None:
        super().__init__(message, **context)
        self.reasons = list(reasons)


# --- jobs ---------------------------------------------------------------------------------------------------


class FatePreflightError(FateError):
    """A look at the site before a job was submitted has found what would make it fail. Nothing was submitted."""


class FateJobError(FateError):
    """The job itself ended badly."""


class FateJobFailed(FateJobError):
    """A component failed.

    :ivar diagnosis: what is known about it: failing tasks, parties, last log lines.
    """

    def __init__(self, message: str, *, diagnosis: Any = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.diagnosis = diagnosis


class FateJobStopped(FateJobError):
    """Somebody stopped the job."""


class FateJobTimeout(FateJobError):
    """The job did not start, advance or end within the time it was given."""


class FateWaitingTimeout(FateJobTimeout):
    """It still waited for resources when its ``waiting_timeout`` had passed."""


class FateStallTimeout(FateJobTimeout):
    """It ran, but showed no sign of progress for longer than its ``stall_timeout``."""


class FateExecutionTimeout(FateJobTimeout):
    """It was not over when its ``execution_timeout`` had passed."""


# --- what to do ---------------------------------------------------------------------------------------------

FEDERATED_ERROR = 104
"""FATE-Flow's code for 'the other site, or my own scheduler, did not answer me'; not in its list of codes."""

_BUSY_DATABASE = re.compile(r"database is locked|OperationalError|Lost connection|Too many connections", re.I)
_NOT_REACHED = re.compile(
    r"unavailable|refused|timed out|deadline|reset|unreachable|50[234] server error|bad gateway", re.I
)
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_RESOURCE_LIMIT_EXCEEDED = 1006


def is_transient(error: BaseException) -> bool:
    """Say whether repeating the same call later may help.

    It does not say that a repeat is *harmless*: that depends on the call. In particular a
    :class:`FateAmbiguousSubmitError` is not transient: look for the job first.

    :param error: any exception; one that is not of this package is not transient.
    """
    match error:
        case FateTlsError():
            return False
        case FateProxyError(status=status):
            return status in _TRANSIENT_STATUS
        case FateConnectionError():
            return True
        case FateArchiveError(damaged=damaged):
            return damaged
        case FateResourceError(code=code):
            return code != _RESOURCE_LIMIT_EXCEEDED
        case FatePartDown():
            return True
        case FatePartnerError(parties=parties, codes=codes):
            return any(codes.get(party) == FEDERATED_ERROR and _NOT_REACHED.search(parties[party]) for party in parties)
        case FateServerError(code=code, message=message):
            return code == FEDERATED_ERROR or bool(_BUSY_DATABASE.search(message))
    return False
