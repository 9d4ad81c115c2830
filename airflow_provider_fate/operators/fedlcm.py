"""Federations through FedLCM: make them and take them away, upgrade and remove those who take part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_fate.errors import FateConflictError, FateError, FateInputError, FateNotFoundError
from airflow_provider_fate.operators._fedlcm import (
    LcmSyncOperator,
    LcmWorkOperator,
    checked_name,
    fate_role,
)
from airflow_provider_fate.remote.operator import RemoteWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fedlcm import FedlcmClient
    from airflow_provider_fate.remote.kinds.fedlcm_remove import ParticipantRemove, RemoveAsked
    from airflow_provider_fate.remote.kinds.fedlcm_upgrade import ParticipantUpgrade, UpgradeAsked

FATE, OPENFL = "fate", "openfl"


class FateLcmFederationOperator(LcmSyncOperator):
    """Make a federation in FedLCM, or find the one of this name.

    :param federation: its name. (templated)
    :param domain: end of the names by which its parties are known to each other, such as ``example.org``.
        (templated)
    :param kind: ``"fate"``, or ``"openfl"``.
    :param description: for people; only where it is made. (templated)
    :param shards: of OpenFL: how envoys read their data, with the keys ``sample_shape``, ``target_shape``,
        ``envoy_config_yaml`` and ``python_files`` of FedLCM; ``None``: FedLCM's example.
    :param fedlcm_conn_id: Airflow connection of the type ``fedlcm``. (templated)
    :returns: ``{"federation", "federation_id", "kind", "domain", "created"}`` as XCom.
    :raises AirflowFailException: an argument is wrong, or there is a federation of this name with another domain. Not
        retried.
    """

    template_fields: Sequence[str] = ("federation", "domain", "description", "fedlcm_conn_id")
    final_errors: ClassVar[tuple[type[FateError], ...]] = (*LcmSyncOperator.final_errors, FateConflictError)

    def __init__(
        self,
        *,
        domain: str,
        kind: str = FATE,
        description: str = "",
        shards: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.domain = domain
        self.kind = kind
        self.description = description
        self.shards = shards

    def work(self, fedlcm: FedlcmClient, context: Context) -> dict[str, Any]:
        """Find it, or make it."""
        from airflow_provider_fate.clients.fedlcm import ShardDescriptor
        from airflow_provider_fate.errors import FateAmbiguousSubmitError

        if self.kind not in (FATE, OPENFL):
            raise FateInputError(f"kind={self.kind!r} is neither 'fate' nor 'openfl'.")
        if self.shards is not None and self.kind == FATE:
            raise FateInputError("shards= belongs to kind='openfl'.")
        checked_name("domain", self.domain)
        shards = ShardDescriptor.model_validate(self.shards) if self.shards is not None else None
        group = fedlcm.fate if self.kind == FATE else fedlcm.openfl
        uuid, created = self._find(fedlcm), False
        if uuid is None:
            try:
                if self.kind == FATE:
                    uuid = fedlcm.fate.create(self.federation, self.domain, self.description)
                else:
                    uuid = fedlcm.openfl.create(
                        self.federation, self.domain, description=self.description, shards=shards
                    )
            except FateAmbiguousSubmitError:
                uuid = self._find(fedlcm)
                if uuid is None:
                    raise
            created = True
        found = group.federation(uuid)
        if found is None:
            raise FateNotFoundError(f"federation {self.federation!r} was removed just after it was there.")
        if found.domain != self.domain:
            raise FateConflictError(
                f"There is a federation {self.federation!r} already, and its domain is {found.domain!r}, not "
                f"{self.domain!r}.",
                hint="Take its domain, or another name.",
            )
        self.log.info("Federation %s (%s) %s", found.name, uuid, "made" if created else "is there")
        return {
            "federation": found.name,
            "federation_id": uuid,
            "kind": self.kind,
            "domain": found.domain,
            "created": created,
        }

    def _find(self, fedlcm: FedlcmClient) -> str | None:
        kind = {FATE: "FATE", OPENFL: "OpenFL"}[self.kind]
        return next(
            (one.uuid for one in fedlcm.federations.list() if (one.name, one.type) == (self.federation, kind)), None
        )


class FateLcmFederationDeleteOperator(LcmSyncOperator):
    """Take a federation out of FedLCM; one that is not there is taken out already.

    Nothing of it may take part any more: put it after the :class:`FateLcmRemoveOperator` of its exchange or director.

    :param federation: its name or id. (templated)
    :param kind: ``"fate"``, or ``"openfl"``.
    :param fedlcm_conn_id: Airflow connection of the type ``fedlcm``. (templated)
    :returns: ``{"federation", "removed"}`` as XCom: whether there was something to remove.
    :raises FateConflictError: somebody still takes part.
    """

    def __init__(self, *, kind: str = FATE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def work(self, fedlcm: FedlcmClient, context: Context) -> dict[str, Any]:
        """Take it out."""
        if self.kind not in (FATE, OPENFL):
            raise FateInputError(f"kind={self.kind!r} is neither 'fate' nor 'openfl'.")
        kind = "FATE" if self.kind == FATE else "OpenFL"
        wanted = (one for one in fedlcm.federations.list() if one.type == kind)
        found = next((one for one in wanted if self.federation in (one.name, one.uuid)), None)
        if found is not None:
            (fedlcm.fate if self.kind == FATE else fedlcm.openfl).delete(found.uuid)
        return {"federation": self.federation, "removed": found is not None}


class FateLcmUpgradeOperator(LcmWorkOperator):
    """Upgrade an exchange or a cluster through FedLCM, and check that it has the new version.

    What has that version already is left alone. An upgrade cannot be cancelled: it goes on when the task is killed. One
    that fails leaves the participant active with its old version, and the task fails with the reason.

    :param federation: name or id of the federation. (templated)
    :param name: name or id of the participant; of an exchange it may be left empty. (templated)
    :param version: the version of its chart, such as ``v1.11.1``. (templated)
    :param role: ``"cluster"`` or ``"exchange"``.
    :param fedlcm_conn_id: Airflow connection of the type ``fedlcm``. (templated)
    :returns: ``{"role", "name", "participant_id", "federation", "federation_id", "version", "changed"}`` as XCom.
    :raises AirflowFailException: it cannot be upgraded to that version. Not retried.
    :raises FateConflictError: it is not active, or the exchange is not.
    :raises FateClusterFailed: the upgrade has failed.
    """

    template_fields: Sequence[str] = ("federation", "name", "version", "fedlcm_conn_id")
    final_errors: ClassVar[tuple[type[FateError], ...]] = (*RemoteWorkOperator.final_errors, FateNotFoundError)

    def __init__(self, *, version: str, name: str = "", role: str = "cluster", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.name = name
        self.role = role

    def kind(self) -> ParticipantUpgrade:
        """An upgrade."""
        from airflow_provider_fate.remote.kinds.fedlcm_upgrade import ParticipantUpgrade

        return ParticipantUpgrade(self.fedlcm_conn_id)

    def request(self, context: Context) -> UpgradeAsked:
        """What the arguments say."""
        from airflow_provider_fate.clusters.fedlcm import refuse_fate_2
        from airflow_provider_fate.remote.kinds.fedlcm_upgrade import UpgradeAsked

        role = fate_role(self.role, "cluster", "exchange")
        name = self.name if self.role == "exchange" and not self.name else checked_name("name", self.name)
        refuse_fate_2(checked_name("version", self.version), {})
        return UpgradeAsked(checked_name("federation", self.federation), role, name, self.version)


class FateLcmRemoveOperator(LcmWorkOperator):
    """Remove an exchange, a cluster, a director or an envoy through FedLCM; what is not there is removed already.

    Make it the teardown of what deploys it. A namespace that FedLCM has made goes with all that is in it. An exchange
    is removed after its clusters, a director after its envoys.

    :param federation: name or id of the federation. (templated)
    :param role: ``"exchange"``, ``"cluster"``, ``"director"`` or ``"envoy"``.
    :param name: name or id of the participant; of an exchange or a director it may be left empty. (templated)
    :param force: also what is not active, such as what has failed; FedLCM forgets it then, even if something of it
        could not be removed from Kubernetes.
    :param fedlcm_conn_id: Airflow connection of the type ``fedlcm``. (templated)
    :returns: ``{"role", "name", "participant_id", "federation", "federation_id", "removed"}`` as XCom: whether there
        was something to remove.
    :raises FateConflictError: it is not active, others need it, or an earlier removal does not get on.
    :raises FateClusterFailed: FedLCM could not remove it, and calls it Removing for ever.
    """

    template_fields: Sequence[str] = ("federation", "name", "fedlcm_conn_id")

    def __init__(self, *, role: str, name: str = "", force: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.role = role
        self.name = name
        self.force = force

    def kind(self) -> ParticipantRemove:
        """A removal."""
        from airflow_provider_fate.remote.kinds.fedlcm_remove import ParticipantRemove

        return ParticipantRemove(self.fedlcm_conn_id)

    def request(self, context: Context) -> RemoveAsked:
        """What the arguments say."""
        from airflow_provider_fate.remote.kinds.fedlcm_remove import RemoveAsked

        role = fate_role(self.role, "exchange", "cluster", "director", "envoy")
        single = self.role in ("exchange", "director") and not self.name
        name = "" if single else checked_name("name", self.name)
        return RemoveAsked(checked_name("federation", self.federation), role, name, self.force)
