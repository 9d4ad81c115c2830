"""From one description every party's cluster.yaml follows, its routes to all others right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from airflow_provider_fate.clusters import (
    ClusterDocument,
    ClusterFederation,
    ClusterMember,
    Fate1Cluster,
    Fate2Cluster,
    Osx,
    Python,
    Rollsite,
    Route,
    check_cluster,
)
from airflow_provider_fate.clusters.parts import Ingress, IngressHost
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.operators.cluster import FateClusterDeleteOperator, FateClusterDeployOperator
from airflow_provider_fate.operators.connectivity import FateConnectivityOperator

MODULES = ["osx", "clustermanager", "nodemanager", "mysql", "python"]


def party(number: int, port: int = 30091, **changes: Any) -> Fate2Cluster:
    given: dict[str, Any] = {
        "name": f"fate-{number}",
        "namespace": f"fate-{number}",
        "party_id": number,
        "modules": MODULES,
        "osx": Osx(type="NodePort", node_port=port),
        "python": Python(type="NodePort", http_node_port=port + 6),
    }
    return Fate2Cluster(**given | changes)


def three(**arguments: Any) -> ClusterFederation:
    members = [
        ClusterMember(cluster=party(9999), host="192.168.9.1"),
        ClusterMember(cluster=party(10000, 30101), host="192.168.10.1", kubefate_conn_id="kubefate_telco"),
        ClusterMember(cluster=party(8888, 30111), host="192.168.8.1", chart="/charts/fate-v2.0.0.tgz"),
    ]
    return ClusterFederation(members=members, **arguments)


def routes(document: dict[str, Any], module: str = "osx") -> dict[int, tuple[str, int]]:
    return {one["partyId"]: (one["partyIp"], one["partyPort"]) for one in document[module]["partyList"]}


# -- direct ------------------------------------------------------------------------------------------------------------


def test_each_party_gets_the_routes_to_all_others() -> None:
    federation = three()
    assert {party_id: routes(federation.document(party_id)) for party_id in ("9999", "10000", "8888")} == {
        "9999": {10000: ("192.168.10.1", 30101), 8888: ("192.168.8.1", 30111)},
        "10000": {9999: ("192.168.9.1", 30091), 8888: ("192.168.8.1", 30111)},
        "8888": {9999: ("192.168.9.1", 30091), 10000: ("192.168.10.1", 30101)},
    }
    assert [problem for problem in federation.problems() if problem.fatal] == []


def test_in_one_kubernetes_they_find_each_other_by_namespace() -> None:
    federation = ClusterFederation(
        members=[
            ClusterMember(cluster=party(1, osx=None)),
            ClusterMember(cluster=party(2, osx=None)),
        ]
    )
    assert routes(federation.document(1)) == {2: ("osx.fate-2", 9370)}


def test_a_party_that_is_added_changes_the_routes_of_the_others_and_nothing_else() -> None:
    before, after = (ClusterFederation(members=members) for members in (three().members[:2], three().members))
    for party_id in ("9999", "10000"):
        old, new = before.document(party_id), after.document(party_id)
        assert {key for key in new if new[key] != old[key]} == {"osx"}
        assert set(routes(new)) - set(routes(old)) == {8888}


def test_routes_that_somebody_has_written_stay() -> None:
    abroad = Route(party_id=7777, party_ip="10.7.7.7", party_port=9370)
    stale = Route(party_id=10000, party_ip="10.0.0.0", party_port=1)
    bank = party(9999, osx=Osx(type="NodePort", node_port=30091, party_list=[abroad, stale]))
    members = [ClusterMember(cluster=bank, host="192.168.9.1"), *three().members[1:]]
    assert routes(ClusterFederation(members=members).document("9999")) == {
        7777: ("10.7.7.7", 9370),
        10000: ("192.168.10.1", 30101),
        8888: ("192.168.8.1", 30111),
    }


def test_a_load_balancer_is_reached_at_the_usual_port() -> None:
    balanced = party(2, osx=Osx(type="LoadBalancer", load_balancer_ip="10.2.2.2"))
    members = [
        ClusterMember(cluster=party(1), host="10.1.1.1"),
        ClusterMember(cluster=balanced, host="two.example.org"),
    ]
    assert routes(ClusterFederation(members=members).document(1)) == {2: ("10.2.2.2", 9370)}


# -- an exchange -------------------------------------------------------------------------------------------------------


def test_behind_an_exchange_each_other_party_has_the_exchanges_address() -> None:
    """The chart of FATE 2.0 makes no default route of ``osx.exchange``."""
    hub = Fate2Cluster(
        name="exchange", namespace="exchange", party_id=1, modules=["osx"], osx=Osx(type="NodePort", node_port=30000)
    )
    federation = three(exchange=ClusterMember(cluster=hub, host="192.168.0.1"))
    assert routes(federation.document("9999")) == {
        10000: ("192.168.0.1", 30000),
        8888: ("192.168.0.1", 30000),
    }
    assert routes(federation.exchange_deployment()["cluster"]) == {
        9999: ("192.168.9.1", 30091),
        10000: ("192.168.10.1", 30101),
        8888: ("192.168.8.1", 30111),
    }
    assert [one["name"] for one in federation.removals()][-1] == "exchange"
    assert [problem for problem in federation.problems() if problem.fatal] == []


def test_osx_exchange_is_ignored_by_the_chart_and_so_refused() -> None:
    given = {"ip": "10.0.0.1", "port": 30000}
    document = ClusterDocument.of(party(9999, osx=Osx(exchange=given)))
    assert [problem.field for problem in check_cluster(document) if problem.fatal] == ["osx.exchange"]


def test_fate_1_has_a_default_route_to_its_exchange() -> None:
    def old(number: int, port: int) -> Fate1Cluster:
        rollsite = Rollsite(type="NodePort", node_port=port)
        modules = ["rollsite", *MODULES[1:]]
        name = f"fate-{number}"
        return Fate1Cluster(name=name, namespace=name, party_id=number, modules=modules, rollsite=rollsite)

    exchange = {
        "name": "exchange", "namespace": "exchange", "chartName": "fate-exchange", "chartVersion": "v1.11.2",
        "partyId": 1, "modules": ["rollsite"], "rollsite": {"type": "NodePort", "nodePort": 30000},
    }  # fmt: skip
    federation = ClusterFederation.of(
        {
            "members": [
                {"cluster": old(9999, 30091), "host": "192.168.9.1"},
                {"cluster": old(10000, 30101), "host": "192.168.10.1"},
            ],
            "exchange": {"cluster": exchange, "host": "192.168.0.1"},
        }
    )
    assert federation.document("9999")["rollsite"]["exchange"] == {"ip": "192.168.0.1", "port": 30000}
    assert routes(federation.exchange_deployment()["cluster"], "rollsite")[9999] == ("192.168.9.1", 30091)
    assert [problem for problem in federation.problems() if problem.fatal] == []


# -- Pulsar and RabbitMQ, as KubeFATE's examples have them -------------------------------------------------------------


def spark(number: int, base: int, engine: str) -> dict[str, Any]:
    name = engine.lower()
    return {
        "name": f"fate-{number}", "namespace": f"fate-{number}", "chartName": "fate", "chartVersion": "v2.0.0",
        "partyId": number, "modules": ["python", "mysql", "spark", "hdfs", "nginx", name], "computing": "Spark",
        "federation": engine, "storage": "HDFS",
        "ingress": {
            module: {"hosts": [{"name": f"party{number}.{module}.example.com"}]} for module in ("spark", name)
        },
        "python": {"type": "NodePort", "httpNodePort": base + 7, "grpcNodePort": base + 2},
        "nginx": {"type": "NodePort", "httpNodePort": base + 3, "grpcNodePort": base + 8},
        name: {"type": "NodePort", "httpNodePort": base + 4, "httpsNodePort": base + 9}
        if engine == "Pulsar"
        else {"type": "NodePort", "nodePort": base + 4},
    }  # fmt: skip


def two(engine: str, **more: Any) -> ClusterFederation:
    members = [
        {"cluster": spark(9999, 30090, engine), "host": "192.168.9.1"},
        {"cluster": spark(10000, 30100, engine), "host": "192.168.10.1"},
    ]
    return ClusterFederation.of({"members": members, **more})


def test_pulsar_has_the_table_of_kubefates_example() -> None:
    bank = two("Pulsar").document("9999")
    assert bank["pulsar"]["route_table"] == {
        "9999": {"host": "pulsar", "port": 6650, "sslPort": 6651, "proxy": ""},
        "10000": {"host": "192.168.10.1", "port": 30104, "sslPort": 30109, "proxy": ""},
    }
    assert bank["nginx"]["route_table"] == {
        "10000": {"fateflow": [{"host": "192.168.10.1", "http_port": 30103, "grpc_port": 30108}]}
    }
    assert [problem for problem in two("Pulsar").problems() if problem.fatal] == []


def test_rabbitmq_has_the_table_of_kubefates_example() -> None:
    assert two("RabbitMQ").document("9999")["rabbitmq"]["route_table"] == {
        "9999": {"host": "rabbitmq", "port": 5672},
        "10000": {"host": "192.168.10.1", "port": 30104},
    }


def test_pulsar_behind_an_exchange() -> None:
    exchange = {
        "name": "exchange", "namespace": "exchange", "chartName": "fate-exchange", "chartVersion": "v1.11.2",
        "partyId": 1, "modules": ["trafficServer", "nginx"], "trafficServer": {"type": "NodePort", "nodePort": 30000},
        "nginx": {"type": "NodePort", "httpNodePort": 30003, "grpcNodePort": 30008},
    }  # fmt: skip
    federation = two("Pulsar", exchange={"cluster": exchange, "host": "192.168.0.1"})
    bank = federation.document("9999")
    assert bank["pulsar"]["exchange"] == {"ip": "192.168.0.1", "port": 30000, "domain": "fate.org"}
    assert bank["nginx"]["exchange"] == {"ip": "192.168.0.1", "httpPort": 30003, "grpcPort": 30008}
    hub = federation.exchange_deployment()["cluster"]
    assert hub["trafficServer"]["route_table"]["sni"][1] == {
        "fqdn": "10000.fate.org",
        "tunnelRoute": "192.168.10.1:30109",
    }
    assert hub["nginx"]["route_table"]["9999"] == {
        "proxy": [{"host": "192.168.9.1", "http_port": 30093, "grpc_port": 30098}],
        "fateflow": [{"host": "192.168.9.1", "http_port": 30097, "grpc_port": 30092}],
    }


# -- for tasks ---------------------------------------------------------------------------------------------------------


def test_its_mappings_are_arguments_of_the_operators() -> None:
    federation = three()
    for given in federation.deployments():
        FateClusterDeployOperator(task_id="deploy", **given)
    for given in federation.removals():
        FateClusterDeleteOperator(task_id="remove", **given)
    for given in federation.pairs():
        FateConnectivityOperator(task_id="link", **given)
    assert [given["kubefate_conn_id"] for given in federation.deployments()] == [
        "kubefate_default",
        "kubefate_telco",
        "kubefate_default",
    ]
    assert federation.deployments()[2]["chart"] == "/charts/fate-v2.0.0.tgz"
    assert federation.conn_ids() == ["fate_9999", "fate_10000", "fate_8888"]


def test_every_pair_is_there() -> None:
    assert [(pair["fate_conn_id"], pair["partner"]) for pair in three().pairs()] == [
        ("fate_9999", "10000"),
        ("fate_9999", "8888"),
        ("fate_10000", "8888"),
    ]
    assert len(three().pairs(both_ways=True)) == 6


def test_a_document_may_be_changed_for_an_upgrade() -> None:
    assert three().document(9999, chartVersion="v2.1.0")["chartVersion"] == "v2.1.0"
    with pytest.raises(FateInputError, match="party 1 is not in this federation"):
        three().document(1)


def test_it_is_read_from_a_file_with_jinja_in_it(tmp_path: Path) -> None:
    file = tmp_path / "federation.yaml"
    members = [dict(member.deployment(member.cluster), host=member.host) for member in three().members]
    members[0]["cluster"] |= {"mysql": {"password": "{{ conn.mysql.password }}"}}
    file.write_text(yaml.safe_dump({"members": members}))
    read = ClusterFederation.read(file)
    assert read.document("9999")["mysql"] == {"password": "{{ conn.mysql.password }}"}
    assert routes(read.document("9999")) == routes(three().document("9999"))


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([{"cluster": party(9999), "host": "a"}], "at least 2"),
        ([{"cluster": party(9999), "host": "a"}, {"cluster": party(9999), "host": "b"}], "party 9999 stands there 2"),
        (
            [{"cluster": party(1), "host": "a"}, {"cluster": party(2), "host": "a"}],
            "node port 30091 of a stands there 2 times",
        ),
        (
            [{"cluster": party(1), "host": "a"}, {"cluster": party(2, osx=Osx()), "host": "b"}],
            "cluster fate-2/fate-2: osx is not reached from outside",
        ),
        (
            [{"cluster": party(1), "host": "a"}, {"cluster": party(2, modules=["python"]), "host": "b"}],
            "osx is not among its modules",
        ),
        ([{"cluster": party(1), "hots": "a"}, {"cluster": party(2), "host": "b"}], "members.0.hots"),
        ([{"cluster": {"name": "x"}}, {"cluster": party(2)}], "namespace is missing"),
        (
            [{"cluster": party(1), "host": "a"}, {"cluster": spark(2, 30200, "Pulsar"), "host": "b"}],
            "one way to carry messages",
        ),
    ],
)
def test_parties_that_cannot_go_together_are_refused(changes: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(FateInputError, match=words):
        ClusterFederation.of({"members": changes})


def test_an_exchange_of_fate_1_is_none_for_fate_2() -> None:
    exchange = {
        "name": "exchange", "namespace": "exchange", "chartName": "fate-exchange", "chartVersion": "v1.11.2",
        "partyId": 1, "modules": ["rollsite"], "rollsite": {"type": "NodePort", "nodePort": 30000},
    }  # fmt: skip
    with pytest.raises(ValidationError, match="there is no fate-exchange 2"):
        three(exchange=ClusterMember(cluster=exchange, host="192.168.0.1"))


def test_pages_of_one_name_are_found() -> None:
    board = {"fateboard": Ingress(hosts=[IngressHost(name="board.example.com")])}
    boards = [party(number, 30091 + number, modules=[*MODULES, "fateboard"], ingress=board) for number in (1, 2)]
    members = [{"cluster": cluster, "host": f"h{cluster.party_id}"} for cluster in boards]
    found = [str(problem) for problem in ClusterFederation.of({"members": members}).problems() if problem.fatal]
    assert any("'board.example.com' belongs to cluster 'fate-2'" in one for one in found)


@pytest.mark.parametrize("text", ["a: [", "members: 3"])
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "federation.yaml"
    file.write_text(text)
    with pytest.raises(FateInputError):
        ClusterFederation.read(file)
    with pytest.raises(FateInputError, match="cannot be read"):
        ClusterFederation.read(tmp_path / "none")
