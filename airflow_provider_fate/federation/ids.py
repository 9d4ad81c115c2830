"""What both sides agree upon about match ids, and how they see that they have the same salt without showing it."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from airflow_provider_fate.data.given import Ids
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.federation.part import FederationPart, Key

__all__ = ["IdAgreement", "SaltAgreement", "salt_fingerprint"]

SHORTEST_SALT = 16
"""Characters. Whoever reads the file may try salts against the fingerprint: a short one would be found."""
_ROUNDS = 200_000
_FINGERPRINT = r"^[0-9a-f]{4}-[0-9a-f]{4}$"


def salt_fingerprint(salt: str) -> str:
    """A short text that differs for another salt, ``3f9a-01c2``, and can be shown.

    It takes a tenth of a second on purpose, so that salts cannot be guessed quickly. (PBKDF2-HMAC-SHA256 of the salt,
    with the salt ``airflow-provider-fate federation`` and 200,000 rounds; the first 8 hexadecimal digits.)

    :param salt: the secret.
    :raises FateInputError: it is too short to be safe beside its fingerprint.
    """
    if len(salt) < SHORTEST_SALT:
        raise FateInputError(
            f"the salt has fewer than {SHORTEST_SALT} characters, and could be guessed from its fingerprint",
            hint="Agree upon a random one: python -c 'import secrets; print(secrets.token_hex(16))'.",
        )
    digits = hashlib.pbkdf2_hmac("sha256", salt.encode(), b"airflow-provider-fate federation", _ROUNDS).hex()
    return f"{digits[:4]}-{digits[4:8]}"


def _fingerprint(text: str) -> str:
    if not re.fullmatch(_FINGERPRINT, text):
        raise ValueError("a fingerprint is what 'airflow fate federation fingerprint CONN_ID' prints")
    return text


class SaltAgreement(FederationPart):
    """Where each side keeps the salt; never the salt itself.

    :param conn_id: Airflow connection whose password is the salt: one name, or one by party.
    :param fingerprint: what ``airflow fate federation fingerprint CONN_ID`` prints at both sides.
    """

    conn_id: str | dict[Key, str] = Field(min_length=1)
    fingerprint: Annotated[
        str, AfterValidator(_fingerprint), WithJsonSchema({"type": "string", "pattern": _FINGERPRINT})
    ]

    def conn_id_of(self, party: str) -> str | None:
        """The connection of a party, by the party's short name; ``None`` where nothing is agreed for it."""
        return self.conn_id if isinstance(self.conn_id, str) else self.conn_id.get(party)


class IdAgreement(FederationPart):
    """How match ids are made alike at all parties.

    :param what: what an id is, for people: ``mobile number, E.164 without +``.
    :param strip: take white space from both ends.
    :param case: make them ``lower`` or ``upper``; ``keep`` them.
    :param floats: ids that pandas took for numbers, ``1.0`` for ``1``: ``refuse`` them, ``strip`` the ``.0``, or
        ``keep`` it.
    :param hash: ``sha256``: ids become the hexadecimal digits of SHA-256 over salt and id; ``none``: they stay as they
        are.
    :param salt: where each side keeps the salt; needed for ``sha256``.
    """

    what: str | None = None
    strip: bool = False
    case: Literal["keep", "lower", "upper"] = "keep"
    floats: Literal["refuse", "strip", "keep"] = "refuse"
    hash: Literal["none", "sha256"] = "none"
    salt: SaltAgreement | None = None

    @model_validator(mode="after")
    def _salted(self) -> Self:
        if self.hash == "sha256" and self.salt is None:
            raise ValueError("ids are hashed, and no salt is agreed upon: add salt with conn_id and fingerprint")
        if self.hash == "none" and self.salt is not None:
            raise ValueError("a salt is agreed upon, and ids are not hashed: add 'hash: sha256', or drop the salt")
        return self

    def rule(self, party: str) -> Ids:
        """The same as an upload takes it.

        :param party: short name of the party that uploads.
        """
        return Ids(self.strip, self.case, self.salt.conn_id_of(party) if self.salt else None, self.floats)
