"""cluster.yaml, read and written; what follows from it; and its passwords."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from airflow_provider_fate.clusters import ClusterDocument, Fate2Cluster
from airflow_provider_fate.clusters.addresses import connection_of, flow_url, hosts_of, page_urls, proxy_address
from airflow_provider_fate.clusters.mark import Mark
from airflow_provider_fate.clusters.secrets import masked, secret_values
from airflow_provider_fate.errors import FateInputError

TEXT = """
name: fate-9999
namespace: fate-9999
chartName: fate
chartVersion: v2.0.0
partyId: 9999
modules: [osx, python, mysql, fateboard]
python: {type: NodePort, httpNodePort: 30097}
osx: {type: NodePort, nodePort: 30091}
"""


def document(**changes: Any) -> ClusterDocument:
    return ClusterDocument.of({**yaml.safe_load(TEXT), **changes})


def test_it_is_read_from_text_mapping_and_model() -> None:
    given = ClusterDocument.of(TEXT)
    assert given == ClusterDocument.of(dict(given.values)) == ClusterDocument.of(given)
    assert (given.name, given.chart, given.version, given.party_id) == ("fate-9999", "fate", "v2.0.0", "9999")
    typed = ClusterDocument.of(Fate2Cluster(name="a", namespace="b", party_id=1))
    assert (typed.values["partyId"], typed.values["chartVersion"], typed.modules[0]) == (1, "v2.0.0", "osx")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a: [1, {", "cluster: it is no YAML"),
        ("- a", "cluster is a list"),
        ("name: a", "namespace is missing"),
        ({"name": "a", "namespace": "b", "chartName": "fate"}, "chartVersion is missing"),
        (
            {"name": "a", "namespace": "b", "chartName": "fate", "chartVersion": "v2.0.0", "x": {1, 2}},
            "JSON cannot say",
        ),
    ],
)
def test_what_is_none_is_refused_before_kubefate_breaks_down(given: Any, words: str) -> None:
    with pytest.raises(FateInputError, match=words):
        ClusterDocument.of(given)


def test_the_mark_is_a_comment_and_changes_nothing() -> None:
    given, mark = document(), Mark("0123456789abcdef", 3)
    text = given.text(mark)
    assert yaml.safe_load(text) == given.values
    assert Mark.of(text) == mark
    assert Mark.of(given.text()) is None
    assert given.says(yaml.safe_load(text))
    assert not given.says({**given.values, "partyId": 1})


@pytest.mark.parametrize(
    ("python", "url"),
    [
        ({"type": "NodePort", "httpNodePort": 30097}, "http://10.0.0.5:30097"),
        ({"type": "LoadBalancer", "loadBalancerIP": "10.9.9.9"}, "http://10.9.9.9:9380"),
        ({"type": "LoadBalancer"}, None),
        ({"type": "NodePort"}, None),
        ({}, "http://fateflow-client.fate-9999:9380"),
    ],
)
def test_where_fate_flow_answers(python: dict[str, Any], url: str | None) -> None:
    """There is no Ingress for FATE-Flow in any chart."""
    assert flow_url(document(python=python), "10.0.0.5") == url
    assert flow_url(document(modules=["mysql"]), "10.0.0.5") is None


def test_pages_and_proxy() -> None:
    given = document(ingress={"fateboard": {"hosts": [{"name": "board.example.org"}], "tls": [{"secretName": "s"}]}})
    assert page_urls(given) == {"fateboard": "https://board.example.org"}
    assert hosts_of(document()) == {"fateboard": ["fateboard.example.com"]}
    assert proxy_address(given, "10.0.0.5") == "10.0.0.5:30091"
    assert proxy_address(document(osx={}), "10.0.0.5") is None
    assert connection_of(given, "https://flow.example.org") == {
        "conn_type": "fate",
        "host": "flow.example.org",
        "port": 443,
        "extra": {
            "party_id": "9999",
            "tls": True,
            "board_url": "https://board.example.org/#/details?job_id={job_id}&role={role}&party_id={party_id}",
        },
    }
    assert connection_of(given, None) is None


def test_passwords_are_found_wherever_they_stand() -> None:
    values = {
        "mysql": {"password": "my-s3cret", "user": "fate"},
        "externalMysqlPassword": "ext-s3cret",
        "rabbitmq": {"default_pass": "rabbit-s3cret", "password": "fate"},
        "client": {"notebook_hashed_password": "argon2:s3cret"},
        "serving": {"zookeeper": {"tokens": ["tok-s3cret"]}},
        "imagePullSecrets": [{"name": "myregistrykey"}],
    }
    secrets = secret_values(values)
    assert sorted(secrets) == ["argon2:s3cret", "ext-s3cret", "my-s3cret", "rabbit-s3cret", "tok-s3cret"]
    assert masked("helm: my-s3cret is wrong for fate", secrets) == "helm: *** is wrong for fate"
