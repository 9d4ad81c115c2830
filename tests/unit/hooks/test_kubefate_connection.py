"""Connections of KubeFATE: what they may say, and what the Test button answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_fate.clients.kubefate.auth import forget_tokens
from airflow_provider_fate.errors import FateConfigError
from airflow_provider_fate.hooks.hook import read_connection
from airflow_provider_fate.hooks.kubefate import KubefateService
from tests.support.fake_kubefate import FakeKubefate
from tests.support.fake_kubefate.server import PASSWORD


@pytest.fixture
def fake() -> Iterator[FakeKubefate]:
    forget_tokens()
    with FakeKubefate() as fake:
        yield fake


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    given = {"conn_type": "kubefate", "host": "127.0.0.1", "login": "admin", "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_THERE", json.dumps(given | fields))


def press() -> tuple[bool, str]:
    from airflow_provider_fate.hooks.kubefate import KubefateHook

    answer: tuple[bool, str] = KubefateHook(kubefate_conn_id="there").test_connection()
    return answer


@pytest.mark.parametrize(
    ("fields", "url", "name"),
    [
        ({}, "http://127.0.0.1:80", None),
        ({"port": 8080}, "http://127.0.0.1:8080", None),
        ({"host": "k", "extra": {"tls": True, "prefix": "kubefate/"}}, "https://k:443/kubefate", None),
        ({"extra": {"host_header": "k.example.org"}}, "http://127.0.0.1:80", "k.example.org"),
    ],
)
def test_where_it_leads(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], url: str, name: str | None) -> None:
    connect(monkeypatch, **fields)
    settings = read_connection(KubefateService, "there").settings()
    assert (settings.root_url, settings.host_header) == (url, name)
    assert "s3cret" not in repr(settings)


def test_without_a_password_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, password=None)
    with pytest.raises(FateConfigError, match="password"):
        read_connection(KubefateService, "there")


def test_the_button_logs_in_and_counts(monkeypatch: pytest.MonkeyPatch, fake: FakeKubefate) -> None:
    connect(monkeypatch, port=fake.port)
    assert press() == (
        True,
        f"KubeFATE v1.4.5 at http://127.0.0.1:{fake.port}, user admin, 0 clusters, 3 namespaces; the password travels "
        "in plain text.",
    )
    fake.kubernetes.away = True
    good, words = press()
    assert good
    assert "cannot be asked for namespaces" in words
    connect(monkeypatch, port=fake.port, password="wr0ng-s3cret")
    good, words = press()
    assert not good
    assert words.startswith("FateAuthError: KubeFATE: incorrect Username or Password")
    assert "s3cret" not in words


def test_the_button_names_an_ingress_that_does_not_know_the_host(
    monkeypatch: pytest.MonkeyPatch, fake: FakeKubefate
) -> None:
    connect(monkeypatch, port=fake.port, extra={"prefix": "elsewhere"})
    good, words = press()
    assert not good
    assert "host header" in words
