"""airflow fate clusters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.charts import packed_chart
from tests.support.cluster_side import SECRET, connect_kubefate, delete, party
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.unit.cli.conftest import Ran

Fate = Callable[..., Ran]


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        yield fake


def test_clusters_and_what_is_done_with_them(kubefate: FakeKubefate, fate: Fate) -> None:
    kubefate.pace = 10
    kubefate.install_before(party())
    kubefate.install_before(party(name="fate-10000", namespace="fate-10000"))
    ran = fate("clusters", "list", "--conn-id", "kubefate_there")
    assert ran.rows == [
        ["fate-9999", "fate-9999", "Running", "fate", "v2.0.0", "9999", "-"],
        ["fate-10000", "fate-10000", "Running", "fate", "v2.0.0", "9999", "-"],
    ]
    delete().start()
    ran = fate("clusters", "list", "--conn-id", "kubefate_there", "-o", "json")
    assert [(row["name"], (row["job"] or "").split(" ")[0]) for row in ran.json] == [
        ("fate-9999", "ClusterDelete"),
        ("fate-10000", ""),
    ]
    assert SECRET not in ran.out + ran.err


def test_a_connection_that_is_not_there(fate: Fate) -> None:
    ran = fate("clusters", "list", "--conn-id", "nowhere")
    assert ran.status == 1
    assert "--conn-type kubefate" in ran.err


def test_a_cluster_yaml_is_checked_without_kubefate(fate: Fate, tmp_path: Path) -> None:
    file = tmp_path / "party.yaml"
    file.write_text(json.dumps(party()))
    ran = fate("clusters", "check", str(file))
    assert ran.status == 0, ran.err
    assert ran.out.endswith("party.yaml would become what it says.\n")
    file.write_text(json.dumps(party(osx={"nodeport": 1})))
    ran = fate("clusters", "check", str(file))
    assert ran.status == 1
    assert "error    osx.nodeport: the chart knows no such key" in ran.out
    ran = fate("clusters", "check", str(file), "-o", "json")
    assert ran.status == 1
    assert [one["field"] for one in ran.json if one["fatal"]] == ["osx.nodeport"]
    assert SECRET not in ran.out
    assert "is not a file" in fate("clusters", "check", str(tmp_path / "none")).err


def test_one_cluster_with_its_workloads_and_addresses(kubefate: FakeKubefate, fake_flow: FakeFlow, fate: Fate) -> None:
    kubefate.install_before(party(fake_flow))
    ran = fate("clusters", "show", "fate-9999", "--conn-id", "kubefate_there", "-o", "json")
    assert ran.status == 0, ran.err
    found = ran.json
    assert (found["flow_answers"], found["flow_version"]) == (True, "2.2.0")
    assert found["proxy"] == "127.0.0.1:30091"
    assert found["workloads"]["osx"] == "Available"
    assert found["pages"] == {"fateboard": "http://party9999.fateboard.example.com"}
    with fake_flow.refusing():
        ran = fate("clusters", "show", "fate-9999", "--conn-id", "kubefate_there")
    assert f"http://127.0.0.1:{fake_flow.port}" in ran.out
    assert "FATE-Flow" in ran.out
    assert SECRET not in ran.out + ran.err


def test_a_cluster_is_named_by_its_namespace_where_there_are_two(kubefate: FakeKubefate, fate: Fate) -> None:
    kubefate.install_before(party())
    kubefate.install_before(party(namespace="fate-10000"))
    ran = fate("clusters", "show", "fate-9999", "--conn-id", "kubefate_there")
    assert (ran.status, "Give --namespace" in ran.err) == (1, True)
    ran = fate("clusters", "show", "fate-9999", "--namespace", "none", "--conn-id", "kubefate_there")
    assert (ran.status, "no cluster 'fate-9999' in namespace 'none'" in ran.err) == (1, True)


def test_logs_without_passwords(kubefate: FakeKubefate, fate: Fate) -> None:
    kubefate.install_before(party())
    kubefate.kubernetes.logs = {"python": ["one", f"connecting with {SECRET}"]}
    conn = ("--conn-id", "kubefate_there")
    ran = fate("clusters", "logs", "fate-9999", "--container", "python", *conn)
    assert ran.out.splitlines() == ["one", "connecting with ***"]
    assert fate("clusters", "logs", "fate-9999", "--container", "python", "-n", "1", *conn).out.count("\n") == 1
    whole = fate("clusters", "logs", "fate-9999", *conn).out.splitlines()
    assert "[osx-0 osx] osx has started" in whole
    assert SECRET not in "".join(whole)


def test_charts_are_listed_and_uploaded(kubefate: FakeKubefate, fate: Fate, tmp_path: Path) -> None:
    file = packed_chart(tmp_path, "fate-upgrade-manager", "v1.0.0")
    ran = fate("clusters", "upload", str(file), "--conn-id", "kubefate_there")
    assert ran.out.startswith("KubeFATE has chart fate-upgrade-manager v1.0.0 (")
    ran = fate("clusters", "charts", "--conn-id", "kubefate_there")
    assert [row[:2] for row in ran.rows] == [["fate", "v2.0.0"], ["fate-upgrade-manager", "v1.0.0"]]
    (tmp_path / "none.tgz").write_text("no gzip")
    ran = fate("clusters", "upload", str(tmp_path / "none.tgz"), "--conn-id", "kubefate_there")
    assert (ran.status, "no packed chart" in ran.err) == (1, True)


def test_a_description_of_a_federation_is_checked(fate: Fate, tmp_path: Path) -> None:
    file = tmp_path / "federation.yaml"
    page = {"fateboard": {"hosts": [{"name": "party9999.fateboard.example.com"}]}}
    members = [
        {"cluster": party(), "host": "a"},
        {"cluster": party(name="fate-10000", namespace="fate-10000", partyId=10000, ingress=page), "host": "b"},
    ]
    file.write_text(json.dumps({"members": members}))
    ran = fate("clusters", "check", str(file))
    assert ran.status == 1
    assert "error    fate-9999: ingress.fateboard.hosts: 'party9999.fateboard.example.com' belongs to" in ran.out
    members[1]["host"] = "a"
    file.write_text(json.dumps({"members": members}))
    assert "node port 30091 of a stands there 2 times" in fate("clusters", "check", str(file)).err
