"""``fedlcm.openfl``: federations with OpenFL, their director, their envoys and the tokens that let these in.

Two things that FedLCM offers are left out, because they put a secret into the address, where every log of a proxy keeps
it: the password of the notebook as a parameter of the director's YAML (it is put into the YAML here, in the form that
Jupyter takes), and the question for an envoy by its token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Request,
    Steps,
    Transport,
    endpoint,
    get,
    post,
    procedure,
)

from .federations import _asked, _text, _uuid
from .models import LcmFederation
from .participants import (
    EnvoyOrder,
    FateOrder,
    OpenflMembers,
    OpenflParticipant,
    RegistrationToken,
    Role,
    ServiceType,
    ShardDescriptor,
)
from .reading import THERE_OR_NOT, by_name, many, nothing, or_none

__all__ = ["OpenflGroup", "hashed_for_jupyter"]


class OpenflGroup(Group[Transport]):
    """Federations with OpenFL. They are there only where FedLCM's experiments are switched on."""

    @endpoint
    def create(
        self, name: str, domain: str, *, description: str = "", shards: ShardDescriptor | None = None
    ) -> Request[str]:
        """Make a federation, and return its id.

        :param shards: how the envoys read their data; ``None``: FedLCM's example.
        :raises FateConflictError: the name is taken.
        :raises FateAmbiguousSubmitError: the answer was lost.
        """
        order = {
            "name": name,
            "domain": domain,
            "description": description,
            "use_customized_shard_descriptor": shards is not None,
            "shard_descriptor_config": shards.to_json() if shards else None,
        }
        return post("/federation/openfl", _uuid, json=order, once=Once.SUBMIT)

    @endpoint
    def federation(self, uuid: str) -> Request[LcmFederation | None]:
        """Return a federation with its domain; ``None``: there is none."""
        return get(f"/federation/openfl/{uuid}", or_none(LcmFederation), accept=THERE_OR_NOT)

    @endpoint
    def delete(self, uuid: str) -> Request[None]:
        """Forget a federation, if it is there.

        :raises FateConflictError: somebody still takes part.
        """
        return Request("DELETE", f"/federation/openfl/{uuid}", nothing, accept=THERE_OR_NOT)

    @endpoint
    def members(self, federation: str) -> Request[OpenflMembers]:
        """Return who takes part."""
        return get(
            f"/federation/openfl/{federation}/participant", lambda reply: OpenflMembers.model_validate(reply.data)
        )

    @endpoint
    def get(self, federation: str, role: Role, uuid: str) -> Request[OpenflParticipant | None]:
        """Return a director or an envoy; ``None``: there is none."""
        return get(f"/federation/openfl/{federation}/{role}/{uuid}", or_none(OpenflParticipant), accept=THERE_OR_NOT)

    @endpoint
    def director_deployment(
        self,
        federation: str,
        name: str,
        namespace: str,
        chart_uuid: str,
        service_type: ServiceType,
        *,
        enable_psp: bool = False,
    ) -> Request[str]:
        """Return FedLCM's YAML for a director, whose notebook has no password yet: see :func:`hashed_for_jupyter`."""
        given = _asked(name, namespace, chart_uuid, service_type, enable_psp) | {"federation_uuid": federation}
        return get("/federation/openfl/director/yaml", _text, params=given)

    @endpoint
    def deploy(self, federation: str, order: FateOrder) -> Request[str]:
        """Begin to deploy a director, and return its id.

        :raises FateConflictError: there is one, or the name is taken.
        :raises FateAmbiguousSubmitError: the answer was lost: look for it among the members.
        """
        path = f"/federation/openfl/{federation}/director"
        return post(path, _uuid, json=order.to_json(), once=Once.SUBMIT, slow=True)

    @endpoint
    def register(self, order: EnvoyOrder) -> Request[str]:
        """Begin to deploy an envoy, and return its id. FedLCM asks for no user here, only for the token.

        :raises FateConflictError: its namespace is there.
        :raises FateInvalidParameterError: the token has expired, or was used up.
        :raises FateAmbiguousSubmitError: the answer was lost: look for it among the members.
        """
        return post("/federation/openfl/envoy/register", _uuid, json=order.to_json(), once=Once.SUBMIT, slow=True)

    @endpoint
    def remove(self, federation: str, role: Role, uuid: str, *, force: bool = False) -> Request[bool]:
        """Begin to remove a director or an envoy; return whether it was there.

        :param force: also where it is not active.
        :raises FateConflictError: it is not active, or a director still has envoys.
        :raises FateAmbiguousSubmitError: the answer was lost.
        """
        return Request(
            "DELETE",
            f"/federation/openfl/{federation}/{role}/{uuid}",
            lambda reply: not reply.code,
            params={"force": force},
            accept=THERE_OR_NOT,
            once=Once.SUBMIT,
            slow=True,
        )

    @endpoint
    def tokens(self, federation: str) -> Request[list[RegistrationToken]]:
        """Return the registration tokens, with their texts."""
        return _tokens(federation)

    @procedure
    def create_token(
        self,
        federation: str,
        name: str,
        expires: datetime,
        *,
        limit: int = 1,
        description: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Steps[RegistrationToken]:
        """Make a registration token. FedLCM answers nothing, so it is looked for by its name.

        :param expires: until when envoys are let in with it; with a time zone.
        :param limit: so many envoys may use it.
        """
        order = {
            "name": name,
            "description": description,
            "expired_at": expires.isoformat(),
            "limit": limit,
            "labels": dict(labels or {}),
        }
        yield post(f"/federation/openfl/{federation}/token", nothing, json=order, once=Once.SUBMIT)
        made: list[RegistrationToken] = yield _tokens(federation)
        found: RegistrationToken = by_name(reversed(made), name, "registration token")
        return found

    @endpoint
    def delete_token(self, federation: str, uuid: str) -> Request[None]:
        """Take a registration token away, if it is there. Envoys that have used it stay."""
        return Request("DELETE", f"/federation/openfl/{federation}/token/{uuid}", nothing, accept=THERE_OR_NOT)


def hashed_for_jupyter(password: str) -> str:
    """Return what stands for a password in a director's YAML, under ``notebook.password``.

    The form is Jupyter's own (``sha1:salt:digest``), and the one that FedLCM makes.
    """
    salt = secrets.token_hex(6)
    digest = hashlib.sha1((password + salt).encode()).hexdigest()  # noqa: S324 -- the chart's Jupyter knows no other
    return f"sha1:{salt}:{digest}"


def _tokens(federation: str) -> Request[list[RegistrationToken]]:
    return get(f"/federation/openfl/{federation}/token", many(RegistrationToken))
