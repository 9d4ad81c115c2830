"""What a service of split scoring is told at its start: files with its settings, with secrets, and with its part."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from airflow_provider_fate.clients.split import SplitSettings, split_settings
from airflow_provider_fate.errors import FateConfigError
from airflow_provider_fate.local.ports import LOOPBACK
from airflow_provider_fate.models.manifest import FateId, Sha256

__all__ = [
    "LEAST_SECRET",
    "PART",
    "SECRETS",
    "SETTINGS",
    "SplitListener",
    "SplitPeer",
    "SplitServiceSettings",
    "read_service_settings",
    "secret_digest",
]

LEAST_SECRET = 32
"""Characters of a secret: the service keeps only its checksum, which must not be guessed."""
SETTINGS, SECRETS, PART = "settings.json", "secrets.json", "split.json"
_HINT = "Let FateSplitServeOperator write it."
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), hide_input_in_errors=True)


def secret_digest(secret: str) -> str:
    """What a service keeps of a secret that callers present.

    :raises FateConfigError: it could be guessed.
    """
    if len(secret) < LEAST_SECRET:
        raise FateConfigError(
            f"The secret has {len(secret)} characters, and needs {LEAST_SECRET}.",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return hashlib.sha256(secret.encode()).hexdigest()


class SplitListener(_Strict):
    """Where the service listens, and whom it lets in.

    :param host: this machine alone, or all that reach it.
    :param secret_sha256: checksum of the secret that callers present; ``None``: their certificate is enough.
    :param cert_file: certificate of the service, in PEM.
    :param key_file: its key.
    :param client_ca_file: authorities of the callers' certificates; ``None``: none is asked for.
    """

    host: Literal["127.0.0.1", "0.0.0.0"]  # noqa: S104  # needs TLS, see below
    secret_sha256: Sha256 | None = None
    cert_file: str | None = None
    key_file: str | None = None
    client_ca_file: str | None = None

    @model_validator(mode="after")
    def _is_closed(self) -> SplitListener:
        if self.secret_sha256 is None and self.client_ca_file is None:
            msg = "nobody may be let in without a secret or a certificate"
            raise ValueError(msg)
        if (self.cert_file is None) != (self.key_file is None):
            msg = "a certificate needs its key"
            raise ValueError(msg)
        if self.client_ca_file is not None and self.cert_file is None:
            msg = "certificates of callers need TLS: give the service's own certificate, too"
            raise ValueError(msg)
        if self.cert_file is None and self.host != LOOPBACK:
            msg = "a service that is open to other machines needs TLS: give it a certificate and its key"
            raise ValueError(msg)
        return self

    def lets_in(self, authorization: str | None) -> bool:
        """Whether a caller has presented the secret, if there is one; certificates were checked before."""
        if self.secret_sha256 is None:
            return True
        kind, _, secret = (authorization or "").partition(" ")
        digest = hashlib.sha256(secret.encode("latin-1", "replace")).hexdigest()
        return hmac.compare_digest(digest, self.secret_sha256) and kind.lower() == "bearer"


class SplitPeer(_Strict):
    """Where a host's service is. Its secret stands in the file of secrets.

    :param host: name or address.
    :param port: its port.
    :param tls: speak HTTPS.
    :param verify: check its certificate.
    :param ca_file: authorities of it; ``None``: the system's.
    :param cert_file: certificate of the guest, in PEM, where the host asks for one.
    :param key_file: its key.
    :param timeout: seconds that an answer may take.
    """

    host: str
    port: int = Field(ge=1, le=65535)
    tls: bool = True
    verify: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    timeout: float = Field(default=10.0, gt=0, le=600)

    def client_settings(self, secret: str | None) -> SplitSettings:
        """What the client needs."""
        return split_settings(
            self.host,
            self.port,
            secret=secret,
            tls=self.tls,
            verify=(self.ca_file or True) if self.verify else False,
            client_cert=(self.cert_file, self.key_file) if self.cert_file and self.key_file else None,
            timeout=self.timeout,
        )


class SplitServiceSettings(_Strict):
    """A service of split scoring.

    :param name: of the model, as clients of the guest's service ask for it.
    :param signed_off: checksum of the party's part, as the party has approved it.
    :param features: path of the party's rows; at the guest ``None``: clients send its columns.
    :param listen: where, and for whom.
    :param peers: at the guest: services of the hosts, by party id.
    """

    name: ModelName
    signed_off: Sha256
    features: str | None = None
    listen: SplitListener
    peers: dict[FateId, SplitPeer] = Field(default_factory=dict)


def read_service_settings(folder: Path) -> tuple[SplitServiceSettings, dict[str, str]]:
    """Read both files.

    :returns: settings, and secrets by party id.
    :raises FateConfigError: they are not there, or cannot be right.
    """
    try:
        settings = SplitServiceSettings.model_validate_json((folder / SETTINGS).read_bytes())
        secrets = json.loads((folder / SECRETS).read_bytes())
    except FileNotFoundError as error:
        raise FateConfigError(f"{error.filename} is not there.", hint=_HINT) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise FateConfigError(f"{folder / SETTINGS}: {place or 'it'}: {first['msg']}", hint=_HINT) from None
    except ValueError:
        raise FateConfigError(f"{folder / SECRETS} is no JSON.", hint=_HINT) from None
    if not isinstance(secrets, dict) or not all(isinstance(one, str) for one in secrets.values()):
        raise FateConfigError(f"{folder / SECRETS} does not hold one text for each party.", hint=_HINT)
    return settings, secrets
