"""What services are made of, whatever keeps them; all of it is JSON on its way to a backend and back."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_fate.errors import FateInputError

__all__ = [
    "ChangeMark",
    "LiveVersion",
    "ServedModel",
    "Service",
    "ServicePhase",
    "ServingSpec",
    "Track",
    "TrackTraffic",
    "check_service_name",
]

# A DNS label: a service of Kubernetes must be called like one, and a name should do anywhere.
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?")

Track = Literal["stable", "canary"]


def check_service_name(name: object) -> str:
    """Check the name of a service.

    :raises FateInputError: it could not be a name on each backend.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise FateInputError(
            f"service={name!r} is not a name of a service.",
            hint="Use lower-case letters, digits and '-', at most 50 characters, and begin with a letter.",
        )
    return name


class _ServingRecord(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class ServedModel(_ServingRecord):
    """One version of a model, as a backend is told to serve it.

    :param version: what answers are marked with, and clients may ask for: the version in the registry, or the beginning
        of the checksum. Two models of a service never have the same.
    :param uri: where the file is: a path, or a URL of any storage that Airflow knows.
    :param sha256: checksum of the file; ``None``: it is not known (a Hugging Face model, say).
    :param format: what kind of file, in KServe's words.
    :param inputs: names of its inputs, in order; empty until the backend has looked at it.
    :param width: numbers of its score for each row; 0 until then.
    :param labels: where it comes from: ``registry``, ``name``, ``job_id`` and so on; for people and for look-ups.
    """

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}$")]
    uri: str = Field(min_length=1)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    format: str = "onnx"
    inputs: tuple[str, ...] = ()
    width: int = 0
    labels: dict[str, str] = Field(default_factory=dict)

    def is_same(self, other: ServedModel | None) -> bool:
        """Whether it is the same model under the same version, wherever the file is."""
        if other is None or self.version != other.version or self.format != other.format:
            return False
        if self.sha256 is None or other.sha256 is None:
            return self.uri == other.uri
        return self.sha256 == other.sha256


class ServingSpec(_ServingRecord):
    """What a service shall be.

    :param stable: answers; never missing, so that a service that was stopped knows how to go on.
    :param canary: gets a share of the requests; ``None``: there is none.
    :param share: of the requests that the canary gets, in percent. With 0 it gets only those that ask for its version.
    :param previous: the stable version before the last one, to which a roll-back goes.
    :param stopped: whether it takes no resources and answers nobody.
    """

    stable: ServedModel
    canary: ServedModel | None = None
    share: Annotated[int, Field(ge=0, le=100)] = 0
    previous: ServedModel | None = None
    stopped: bool = False

    @property
    def models(self) -> dict[Track, ServedModel]:
        """What has to be loaded for it, by track."""
        if self.stopped:
            return {}
        found: dict[Track, ServedModel] = {"stable": self.stable}
        if self.canary is not None:
            found["canary"] = self.canary
        return found


class ChangeMark(_ServingRecord):
    """Which task has asked for the spec that stands: so a retry knows its own change again.

    :param key: see :class:`~airflow_provider_fate.remote.identity.WorkIdentity`.
    :param epoch: likewise.
    """

    key: str
    epoch: int


class ServicePhase(StrEnum):
    """Where the newest spec of a service stands."""

    STARTING = "starting"
    """It is being brought about; what was live before answers meanwhile."""
    READY = "ready"
    """All of it answers."""
    FAILED = "failed"
    """It cannot become ready, and the backend tries no more; what was live before goes on to answer."""
    STOPPED = "stopped"
    """It was to be stopped, and is."""


class LiveVersion(_ServingRecord):
    """A version that answers now.

    :param version: see :class:`ServedModel`.
    :param share: of the requests, in percent.
    :param url: where this very version answers: ``POST`` of the Open Inference Protocol v2.
    """

    version: str
    share: int
    url: str | None = None


class Service(_ServingRecord):
    """A service, as its backend sees it.

    :param generation: number of the newest spec; each change makes the next one.
    :param mark: who has asked for it; ``None``: somebody else than a task.
    :param phase: where *this* generation stands.
    :param reason: why it stands there, in a sentence for people; always given where it has failed.
    :param live: what answers now, which may be of a generation before.
    :param url: where clients ask: ``POST`` of the Open Inference Protocol v2; ``None``: it is not known yet.
    """

    name: str
    generation: int
    spec: ServingSpec
    mark: ChangeMark | None = None
    phase: ServicePhase
    reason: str = ""
    live: dict[Track, LiveVersion] = Field(default_factory=dict)
    url: str | None = None


class TrackTraffic(_ServingRecord):
    """What a version was asked since it became live; counts only grow, until the server starts anew.

    :param requests: how many were answered.
    :param errors: of them, those with an HTTP status of 500 or more, or without an answer.
    :param latencies: how many took at most so many milliseconds, by this limit (``"inf"``: any): as a histogram of
        Prometheus has it.
    """

    requests: int = 0
    errors: int = 0
    latencies: dict[str, int] = Field(default_factory=dict)
