"""What KubeFATE and Helm would accept without a word, found before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_fate.clusters import (
    ClusterDocument,
    Fate2Cluster,
    Ingress,
    Ingresses,
    IngressHost,
    Mysql,
    Osx,
    Python,
    Route,
    check_cluster,
    refuse_problems,
)
from airflow_provider_fate.clusters.check import taken_hosts
from airflow_provider_fate.errors import FateInputError


def good(**changes: Any) -> dict[str, Any]:
    """A party as it should be."""
    cluster = Fate2Cluster(
        name="fate-9999",
        namespace="fate-9999",
        party_id=9999,
        osx=Osx(
            type="NodePort",
            node_port=30091,
            party_list=[Route(party_id=10000, party_ip="192.168.10.1", party_port=30101)],
        ),
        python=Python(type="NodePort", http_node_port=30097, grpc_node_port=30092),
        ingress=Ingresses(
            fateboard=Ingress(hosts=[IngressHost(name="party9999.fateboard.example.com")]),
            client=Ingress(hosts=[IngressHost(name="party9999.notebook.example.com")]),
        ),
    )
    return {**ClusterDocument.of(cluster).values, **changes}


def told(values: dict[str, Any], *, fatal: bool = True) -> list[str]:
    return [str(problem) for problem in check_cluster(ClusterDocument.of(values)) if problem.fatal is fatal]


def test_a_good_one_has_no_fatal_problem() -> None:
    assert told(good()) == []
    refuse_problems(check_cluster(ClusterDocument.of(good())))


def test_kubefates_own_examples_for_2_0_are_those_of_1_x() -> None:
    """Examples of the repository say rollsite and Eggroll; the cluster would have no proxy, and still be a Success."""
    example = good(federation="Eggroll", modules=["rollsite", *good()["modules"][1:]])
    example["rollsite"] = example.pop("osx")
    with pytest.raises(FateInputError) as refused:
        refuse_problems(check_cluster(ClusterDocument.of(example)))
    for words in (
        "federation: Input should be 'OSX', 'Pulsar' or 'RabbitMQ'. In FATE 2 it is called OSX.",
        "- rollsite: FATE 2 has no rollsite",
        "- modules='rollsite': FATE 2 has no rollsite; the chart makes nothing of it, and the cluster has no proxy. "
        "Write osx instead.",
        "- modules: there is no osx: no other party can be reached, and KubeFATE still says Success. Add osx.",
    ):
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"python": {"httpNodeport": 1}},
            "python.httpNodeport: the chart knows no such key, and Helm would ignore it. ",
        ),
        ({"python": {"httpNodeport": 1}}, "Did you mean 'httpNodePort'?"),
        ({"party_id": 1}, "Did you mean 'partyId'?"),
        ({"osx": {"partyList": [{"partyId": 1, "partyIP": "a", "partyPort": 1}]}}, "osx.partyList.0.partyIP"),
        ({"osx": {"polling": {"clientlist": [1]}}}, "Did you mean 'clientList'?"),
        ({"hdfs": {"namenode": {"image": "i"}}}, "hdfs.namenode.image"),
        ({"modules": ["osx", "clustermanager", "nodemanger", "mysql", "python"]}, "Did you mean 'nodemanager'?"),
        ({"modules": ["osx", "python", "clustermanager", "nodemanager"]}, "FATE-Flow needs a database."),
        ({"modules": []}, "modules: nothing would be installed."),
        ({"federation": "Pulsar"}, "federation is Pulsar, and there is none."),
        ({"computing": "Spark"}, "storage: EggRoll's storage needs EggRoll"),
        ({"chartVersion": "2.0.0"}, "Write v2.0.0."),
        ({"name": "FATE_9999"}, "name='FATE_9999': Helm and Kubernetes take no such name."),
        ({"partyId": "nine"}, "partyId: Input should be a valid integer"),
        ({"osx": {"type": "NodePort", "nodePort": 30097}}, "is the port of"),
        ({"ingress": {m: {"hosts": [{"name": "a.b"}]} for m in ("fateboard", "client")}}, "is the name of"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], words: str) -> None:
    assert words in "\n".join(told(good(**changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"podSecurityPolicy": {"enabled": True}}, "Kubernetes 1.25 and newer know no PodSecurityPolicy"),
        ({"ingress": {}}, "ingress.fateboard: is not given, so that its name is fateboard.example.com, as in every"),
        ({"pulsar": {"type": "NodePort"}}, "pulsar: is described, but not among the modules"),
        ({"osx": {"type": "NodePort", "nodePort": 9370}}, "Kubernetes gives ports from 30000 to 32767"),
        ({"chartName": "fedml-server"}, "the keys of chart fedml-server v2.0.0 are not known here"),
        ({"persistent": False}, "persistent: the chart knows no such key"),
        ({}, "fateboard.password: is the one that everybody knows."),
        ({}, "persistence=False: data, models and jobs are lost when a pod is replaced."),
    ],
)
def test_what_is_only_warned_of(changes: dict[str, Any], words: str) -> None:
    assert told(good(**changes)) == []
    assert words in "\n".join(told(good(**changes), fatal=False))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {
                "chartName": "fate-exchange",
                "chartVersion": "v1.11.2",
                "modules": ["rollsite"],
                "rollsite": {"typ": "x"},
            },
            "rollsite.typ: the chart knows no such key",
        ),
        (
            {
                "chartName": "fate-serving",
                "chartVersion": "v2.1.6",
                "modules": ["servingServer"],
                "servingServer": {"fateFlow": {}, "fateflow": {"ip": "a", "prt": 1}},
            },
            "servingServer.fateflow.prt: the chart knows no such key, and Helm would ignore it. Did you mean 'port'?",
        ),
        ({"chartVersion": "v1.11.2", "modules": ["osx", "python", "mysql"]}, "there is no rollsite"),
    ],
)
def test_other_charts(values: dict[str, Any], words: str) -> None:
    common = {"name": "a", "namespace": "b", "chartName": "fate", "partyId": 1}
    assert words in "\n".join(told(common | values))


def test_ingress_hosts_that_collide_with_another_cluster() -> None:
    """Two parties on one Kubernetes whose cluster.yaml gives no hosts get the same ones."""
    mine = ClusterDocument.of(good(ingress={}))
    other = ClusterDocument.of(good(name="fate-10000", namespace="fate-10000", ingress={}))
    assert taken_hosts(mine, [mine]) == []
    assert next(str(problem) for problem in taken_hosts(mine, [other])) == (
        "ingress.fateboard.hosts: 'fateboard.example.com' belongs to cluster 'fate-10000' in namespace 'fate-10000' "
        "already, and Ingresses of one name answer for each other. Write a name of its own, such as "
        "party9999.fateboard.example.com."
    )
    assert taken_hosts(mine, [ClusterDocument.of(good(name="o", ingress={}, istio={"enabled": True}))]) == []


def test_values_that_may_be_secret_are_in_no_problem() -> None:
    values = good(mysql={"password": {"a": "s3cret"}, "passwort": "s3cret"}, externalMysqlPasswort="s3cret")
    problems = told(values) + told(values, fatal=False)
    assert len(problems) > 2
    assert "s3cret" not in "\n".join(problems)
    assert "s3cret" not in repr(Mysql(password="s3cret"))
    assert "s3cret" not in repr(ClusterDocument.of(values))
