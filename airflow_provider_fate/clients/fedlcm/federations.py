"""``fedlcm.federations`` and ``fedlcm.fate``: federations with FATE, their exchange and their clusters."""

from __future__ import annotations

from typing import Any

from airflow_provider_fate.clients.http import Group, Once, Reply, Request, Transport, endpoint, get, post

from .envelope import CONFLICT, EXISTS
from .models import LcmFederation
from .participants import Access, FateMembers, FateOrder, FateParticipant, Role, ServiceType, Upgrades
from .reading import THERE_OR_NOT, many, nothing, or_none

__all__ = ["FateGroup", "FederationGroup"]

_TAKEN = frozenset({EXISTS, CONFLICT})


class FederationGroup(Group[Transport]):
    """Federations of both kinds."""

    @endpoint
    def list(self) -> Request[list[LcmFederation]]:
        """Return all, without their domains."""
        return get("/federation", many(LcmFederation))


class FateGroup(Group[Transport]):
    """Federations with FATE, and who takes part.

    Whatever is deployed here is deployed after the answer: :meth:`get` says how it stands, and ``fedlcm.events`` why
    it has failed.
    """

    @endpoint
    def create(self, name: str, domain: str, description: str = "") -> Request[str]:
        """Make a federation, and return its id.

        :param domain: end of the names by which the parties' Pulsars are known, as in ``9999.example.org``.
        :raises FateConflictError: the name is taken.
        :raises FateAmbiguousSubmitError: the answer was lost.
        """
        order = {"name": name, "domain": domain, "description": description}
        return post("/federation/fate", _uuid, json=order, once=Once.SUBMIT)

    @endpoint
    def federation(self, uuid: str) -> Request[LcmFederation | None]:
        """Return a federation with its domain; ``None``: there is none."""
        return get(f"/federation/fate/{uuid}", or_none(LcmFederation), accept=THERE_OR_NOT)

    @endpoint
    def delete(self, uuid: str) -> Request[None]:
        """Forget a federation, if it is there.

        :raises FateConflictError: somebody still takes part.
        """
        return Request("DELETE", f"/federation/fate/{uuid}", nothing, accept=THERE_OR_NOT)

    @endpoint
    def members(self, federation: str) -> Request[FateMembers]:
        """Return who takes part; nobody, where there is no such federation."""
        return get(f"/federation/fate/{federation}/participant", lambda reply: FateMembers.model_validate(reply.data))

    @endpoint
    def get(self, federation: str, role: Role, uuid: str) -> Request[FateParticipant | None]:
        """Return an exchange or a cluster with its YAML; ``None``: there is none (FedLCM says 500)."""
        return get(_path(federation, role, uuid), or_none(FateParticipant), accept=THERE_OR_NOT)

    @endpoint
    def is_free(self, federation: str, party_id: int) -> Request[bool]:
        """Return whether nobody of a federation has this party id."""
        return post(
            f"/federation/fate/{federation}/partyID/check",
            lambda reply: not reply.code,
            params={"party_id": party_id},
            accept=_TAKEN,
            once=Once.REPEAT,
        )

    @endpoint
    def exchange_deployment(
        self, name: str, namespace: str, chart_uuid: str, service_type: ServiceType, *, enable_psp: bool = False
    ) -> Request[str]:
        """Return FedLCM's YAML for an exchange.

        :param enable_psp: make PodSecurityPolicies. FedLCM does unless it is told not to, and Kubernetes 1.25 and newer
            refuse them.
        """
        given = _asked(name, namespace, chart_uuid, service_type, enable_psp)
        return get("/federation/fate/exchange/yaml", _text, params=given)

    @endpoint
    def cluster_deployment(
        self,
        federation: str,
        party_id: int,
        name: str,
        namespace: str,
        chart_uuid: str,
        service_type: ServiceType,
        *,
        enable_psp: bool = False,
        enable_persistence: bool = False,
        storage_class: str = "",
        gpus: int = 0,
    ) -> Request[str]:
        """Return FedLCM's YAML for a cluster.

        :param enable_psp: as for :meth:`exchange_deployment`.
        :raises FateConflictError: the exchange is not active.
        """
        given = _asked(name, namespace, chart_uuid, service_type, enable_psp) | {
            "federation_uuid": federation,
            "party_id": party_id,
            "enable_persistence": enable_persistence,
            "storage_class": storage_class,
            "fateflow_gpu_num": gpus,
        }
        return get("/federation/fate/cluster/yaml", _text, params=given)

    @endpoint
    def deploy(self, federation: str, role: Role, order: FateOrder) -> Request[str]:
        """Begin to deploy an exchange or a cluster, and return its id.

        :raises FateConflictError: name, party id or exchange is there already, or the exchange is not active.
        :raises FateAmbiguousSubmitError: the answer was lost: look for it among the members.
        """
        return post(f"/federation/fate/{federation}/{role}", _uuid, json=order.to_json(), once=Once.SUBMIT, slow=True)

    @endpoint
    def add_exchange(
        self, federation: str, name: str, *, traffic_server: Access, nginx: Access, description: str = ""
    ) -> Request[str]:
        """Write down an exchange that somebody else has deployed, and return its id. Its routes are nobody's here."""
        order = {
            "name": name,
            "description": description,
            "traffic_server_access_info": traffic_server.to_json(),
            "nginx_access_info": nginx.to_json(),
        }
        return post(f"/federation/fate/{federation}/exchange/external", _uuid, json=order, once=Once.SUBMIT, slow=True)

    @endpoint
    def add_cluster(
        self, federation: str, name: str, party_id: int, *, pulsar: Access, nginx: Access, description: str = ""
    ) -> Request[str]:
        """Write down a cluster that somebody else has deployed, and return its id.

        It is called active at once; a managed exchange gets its route after that, and the cluster is called failed
        where that goes wrong.
        """
        order = {
            "name": name,
            "description": description,
            "party_id": party_id,
            "pulsar_access_info": pulsar.to_json(),
            "nginx_access_info": nginx.to_json(),
        }
        return post(f"/federation/fate/{federation}/cluster/external", _uuid, json=order, once=Once.SUBMIT, slow=True)

    @endpoint
    def remove(self, federation: str, role: Role, uuid: str, *, force: bool = False) -> Request[bool]:
        """Begin to remove an exchange or a cluster; return whether it was there.

        A namespace that FedLCM has made is removed with all that is in it.

        :param force: also where it is not active; then it is forgotten even if something of it could not be removed.
        :raises FateConflictError: it is not active, or an exchange still has clusters.
        :raises FateAmbiguousSubmitError: the answer was lost.
        """
        return Request(
            "DELETE",
            _path(federation, role, uuid),
            lambda reply: not reply.code,
            params={"force": force},
            accept=THERE_OR_NOT,
            once=Once.SUBMIT,
            slow=True,
        )

    @endpoint
    def upgrades(self, federation: str, role: Role, uuid: str) -> Request[Upgrades]:
        """Return to which versions it can be upgraded."""
        return get(f"{_path(federation, role, uuid)}/upgrade", lambda reply: Upgrades.model_validate(reply.data))

    @endpoint
    def upgrade(self, federation: str, role: Role, uuid: str, version: str) -> Request[None]:
        """Begin an upgrade, such as to ``v1.11.1``.

        One that fails leaves the participant *active*, with the version that it had before.

        :raises FateInvalidParameterError: it cannot be upgraded to that.
        :raises FateConflictError: the exchange is not active.
        :raises FateAmbiguousSubmitError: the answer was lost.
        """
        path = f"{_path(federation, role, uuid)}/upgrade"
        return post(path, nothing, params={"upgradeVersion": version}, once=Once.SUBMIT, slow=True)


def _path(federation: str, role: Role, uuid: str) -> str:
    return f"/federation/fate/{federation}/{role}/{uuid}"


def _asked(name: str, namespace: str, chart_uuid: str, service_type: ServiceType, enable_psp: bool) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": namespace,
        "chart_uuid": chart_uuid,
        "service_type": int(service_type),
        "enable_psp": enable_psp,
    }


def _uuid(reply: Reply) -> str:
    if not isinstance(reply.data, str) or not reply.data:
        raise ValueError("no id")
    return reply.data


def _text(reply: Reply) -> str:
    return str(reply.data)
