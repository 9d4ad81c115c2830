"""Several parties as one description, from which every party's cluster.yaml follows, its routes to the others with it.

>>> federation = ClusterFederation(
...     members=[
...         ClusterMember(cluster=bank, host="192.168.9.1"),
...         ClusterMember(cluster=telco, host="192.168.10.1", kubefate_conn_id="kubefate_telco"),
...     ]
... )
>>> federation.document("9999")["osx"]["partyList"]
[{'partyId': 10000, 'partyIp': '192.168.10.1', 'partyPort': 30101}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from airflow_provider_fate.errors import FateInputError

from .check import check_cluster, taken_hosts
from .document import ClusterDocument
from .problems import ClusterProblem
from .routes import Place, engine_of, exchange_routes, party_routes

__all__ = ["ClusterFederation", "ClusterMember"]

_PORTS = ("nodePort", "httpNodePort", "grpcNodePort", "httpsNodePort")


def _document(given: Any) -> ClusterDocument:
    try:
        return ClusterDocument.of(given)
    except FateInputError as e:
        raise ValueError(e.message) from None


class ClusterMember(BaseModel):
    """A party of a federation, or its exchange.

    :param cluster: a ``Fate2Cluster`` or another typed cluster, or a mapping with the keys of the chart; without
        routes, which follow. Jinja in it is rendered when a task runs.
    :param host: name or address under which the other parties reach its services: a node's, or a load balancer's.
        ``None``: all are in one Kubernetes.
    :param kubefate_conn_id: Airflow connection of the KubeFATE that installs it.
    :param fate_conn_id: Airflow connection of its FATE-Flow; default: ``fate_`` and the party id.
    :param chart: packed chart on the workers, for a KubeFATE that does not have it.
    :param flow_url: where its FATE-Flow answers, if that does not follow from its cluster.yaml.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)

    cluster: Annotated[ClusterDocument, BeforeValidator(_document)]
    host: str | None = None
    kubefate_conn_id: str = "kubefate_default"
    fate_conn_id: str | None = None
    chart: str | None = None
    flow_url: str | None = None

    @property
    def party_id(self) -> str:
        """Its party."""
        return self.cluster.party_id

    @property
    def conn_id(self) -> str:
        """Id of the connection to its FATE-Flow."""
        return self.fate_conn_id or f"fate_{self.party_id}"

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.cluster, self.host)

    def deployment(self, document: ClusterDocument) -> dict[str, Any]:
        """Arguments of the operator that installs it."""
        given = {"cluster": dict(document.values), "kubefate_conn_id": self.kubefate_conn_id}
        more = {"chart": self.chart, "flow_url": self.flow_url}
        return given | {name: value for name, value in more.items() if value is not None}


class ClusterFederation(BaseModel):
    """Parties that shall reach each other, directly or through an exchange.

    :param members: the parties, two at least.
    :param exchange: through which all of them are reached.
    :raises FateInputError: parties cannot go together; from :meth:`of` and :meth:`read`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    members: list[ClusterMember] = Field(min_length=2)
    exchange: ClusterMember | None = None

    @classmethod
    def of(cls, given: Any) -> Self:
        """Read a mapping.

        :raises FateInputError: names all that is wrong.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as e:
            faults = [f"- {'.'.join(map(str, f['loc'])) or 'federation'}: {f['msg']}" for f in e.errors()]
            raise FateInputError("The description of the federation is wrong:\n" + "\n".join(faults)) from None

    @classmethod
    def read(cls, file: str | Path) -> Self:
        """Read a YAML file with ``members`` and ``exchange``.

        :raises FateInputError: it is not there, or wrong.
        """
        import yaml

        try:
            given = yaml.safe_load(Path(file).read_text())
        except OSError as e:
            raise FateInputError(f"{file} cannot be read: {e.strerror}.") from None
        except yaml.YAMLError as e:
            raise FateInputError(f"{file} is no YAML: {getattr(e, 'problem', None) or 'unreadable'}.") from None
        return cls.of(given)

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        faults = [*self._faults()]
        if faults:
            raise ValueError("; ".join(faults))
        try:
            if self.exchange is not None:
                self._routed_exchange(self.exchange)
            for member in self.members:
                self._routed(member)
        except FateInputError as e:
            raise ValueError(str(e)) from None
        return self

    def _faults(self) -> Iterator[str]:
        for member in self.members:
            if not member.party_id.isdigit():
                yield f"cluster {member.cluster.name!r}: partyId={member.party_id!r} is no number"
        yield from _doubles("party", (member.party_id for member in self.members))
        yield from _doubles("fate_conn_id", (member.conn_id for member in self.members))
        everyone = [*self.members, *([self.exchange] if self.exchange else ())]
        yield from _doubles(
            "cluster",
            (f"{one.cluster.namespace}/{one.cluster.name} at {one.kubefate_conn_id}" for one in everyone),
        )
        yield from _doubles("node port", (port for one in everyone for port in _node_ports(one)))
        engines = {engine_of(member.cluster) for member in self.members}
        if len(engines) > 1:
            yield f"parties need one way to carry messages, and have {', '.join(sorted(engines))}"

    # -- what follows -------------------------------------------------------------------------------------------------

    def member(self, party_id: str | int) -> ClusterMember:
        """A party.

        :raises FateInputError: there is none of this id.
        """
        for member in self.members:
            if member.party_id == str(party_id):
                return member
        raise FateInputError(
            f"party {party_id} is not in this federation.",
            hint=f"There are: {', '.join(member.party_id for member in self.members)}.",
        )

    def document(self, party_id: str | int, **changes: Any) -> dict[str, Any]:
        """The cluster.yaml of a party, with its routes.

        :param changes: keys of the chart that are to be different, such as ``chartVersion="v2.1.0"``.
        """
        return dict(self._routed(self.member(party_id)).values) | changes

    def deployments(self) -> list[dict[str, Any]]:
        """Arguments of ``FateClusterDeployOperator``, for ``expand_kwargs``: one mapping for each party."""
        return [member.deployment(self._routed(member)) for member in self.members]

    def exchange_deployment(self) -> dict[str, Any]:
        """Arguments of ``FateClusterDeployOperator`` for the exchange.

        :raises FateInputError: there is none.
        """
        if self.exchange is None:
            raise FateInputError("This federation has no exchange.")
        return self.exchange.deployment(self._routed_exchange(self.exchange))

    def removals(self) -> list[dict[str, Any]]:
        """Arguments of ``FateClusterDeleteOperator``, for ``expand_kwargs``; the exchange's last."""
        everyone = [*self.members, *([self.exchange] if self.exchange else ())]
        return [
            {
                "name": one.cluster.name,
                "namespace": one.cluster.namespace,
                "kubefate_conn_id": one.kubefate_conn_id,
            }
            for one in everyone
        ]

    def conn_ids(self) -> list[str]:
        """Ids of the connections to their FATE-Flows, in the order of :meth:`deployments`."""
        return [member.conn_id for member in self.members]

    def pairs(self, *, both_ways: bool = False) -> list[dict[str, str]]:
        """Arguments of ``FateConnectivityOperator``, for ``expand_kwargs``: one mapping for each pair.

        :param both_ways: each pair twice, with either as the guest. A toy job's messages go both ways in any case; who
            may start jobs may differ.
        """
        chosen = permutations(self.members, 2) if both_ways else combinations(self.members, 2)
        return [{"fate_conn_id": guest.conn_id, "partner": host.party_id} for guest, host in chosen]

    def problems(self) -> list[ClusterProblem]:
        """What would go wrong with them without a word, each with the name of its cluster."""
        documents = [self._routed(member) for member in self.members]
        if self.exchange is not None:
            documents.append(self._routed_exchange(self.exchange))
        found = []
        for document in documents:
            for problem in [*check_cluster(document), *taken_hosts(document, documents)]:
                field = f"{document.name}: {problem.field}"
                found.append(ClusterProblem(field, problem.reason, problem.fix, problem.value, problem.fatal))
        return found

    # -- inside -------------------------------------------------------------------------------------------------------

    def _routed(self, member: ClusterMember) -> ClusterDocument:
        others = [other.place for other in self.members if other is not member]
        exchange = self.exchange.place if self.exchange else None
        return _with(member.cluster, party_routes(member.place, others, exchange))

    def _routed_exchange(self, exchange: ClusterMember) -> ClusterDocument:
        return _with(exchange.cluster, exchange_routes(exchange.place, [member.place for member in self.members]))


def _with(document: ClusterDocument, sections: dict[str, Any]) -> ClusterDocument:
    return ClusterDocument.of({**document.values, **sections})


def _doubles(what: str, values: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for value, times in Counter(values).items():
        if times > 1:
            yield f"{what} {value} stands there {times} times"


def _node_ports(member: ClusterMember) -> Iterator[str]:
    """Ports of the nodes that it takes; on one host nobody else may have them."""
    if member.host is None:
        return
    for module in member.cluster.modules:
        section = member.cluster.section(module)
        if section.get("type") == "NodePort":
            yield from (f"{section[key]} of {member.host}" for key in _PORTS if section.get(key))
