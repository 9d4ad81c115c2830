"""Connections of FedLCM and of a site portal: what they may say, and what the Test button answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_fate.clients.fedlcm.auth import forget_tokens
from airflow_provider_fate.errors import FateConfigError
from airflow_provider_fate.hooks.fedlcm import FedlcmService
from airflow_provider_fate.hooks.hook import read_connection
from airflow_provider_fate.hooks.site_portal import SitePortal
from tests.support.fake_fedlcm import PASSWORD, FakeFedlcm
from tests.support.fake_site_portal import PASSWORD as PORTAL_PASSWORD
from tests.support.fake_site_portal import FakeSitePortal


@pytest.fixture
def fedlcm() -> Iterator[FakeFedlcm]:
    forget_tokens()
    with FakeFedlcm() as fake:
        yield fake


@pytest.fixture
def portal() -> Iterator[FakeSitePortal]:
    forget_tokens()
    with FakeSitePortal() as fake:
        yield fake


def connect(monkeypatch: pytest.MonkeyPatch, conn_type: str = "fedlcm", **fields: Any) -> None:
    given = {"conn_type": conn_type, "host": "127.0.0.1", "login": "Admin", "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_THERE", json.dumps(given | fields))


def press(conn_type: str = "fedlcm") -> tuple[bool, str]:
    from airflow_provider_fate.hooks.fedlcm import FedlcmHook
    from airflow_provider_fate.hooks.site_portal import SitePortalHook

    hook: Any = FedlcmHook if conn_type == "fedlcm" else SitePortalHook
    answer: tuple[bool, str] = hook("there").test_connection()
    return answer


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "http://127.0.0.1:80"),
        ({"port": 8080}, "http://127.0.0.1:8080"),
        ({"host": "f", "extra": {"tls": True, "prefix": "fedlcm/"}}, "https://f:443/fedlcm"),
    ],
)
def test_where_it_leads(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], url: str) -> None:
    connect(monkeypatch, **fields)
    settings = read_connection(FedlcmService, "there").settings()
    assert settings.root_url == url
    assert "s3cret" not in repr(settings)
    connect(monkeypatch, "fate_site_portal", **fields)
    assert read_connection(SitePortal, "there").settings().root_url == url


def test_a_portal_may_show_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "fate_site_portal", extra={"client_certificate": "/c.pem", "client_key": "/k.pem"})
    assert read_connection(SitePortal, "there").settings().own_certificate == ("/c.pem", "/k.pem")


@pytest.mark.parametrize("missing", ["login", "password", "host"])
def test_without_a_field_that_it_needs_it_is_refused(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    connect(monkeypatch, **{missing: None})  # type: ignore[arg-type]
    with pytest.raises(FateConfigError, match={"login": "user"}.get(missing, missing)):
        read_connection(FedlcmService, "there")


def test_the_button_logs_in_and_counts(monkeypatch: pytest.MonkeyPatch, fedlcm: FakeFedlcm) -> None:
    fedlcm.with_endpoint()
    connect(monkeypatch, port=fedlcm.port)
    assert press() == (
        True,
        f"FedLCM (v1, a23f117) at http://127.0.0.1:{fedlcm.port}, user Admin, 1 of 1 KubeFATEs ready, 0 federations, "
        "certificate authority: none, OpenFL: offered; the password travels in plain text.",
    )
    connect(monkeypatch, port=fedlcm.port, password="wr0ng-s3cret")
    good, words = press()
    assert not good
    assert words.startswith("FateAuthError: FedLCM: incorrect Username or Password")
    assert "s3cret" not in words
    connect(monkeypatch, port=fedlcm.port, login="guest")
    good, words = press()
    assert not good
    assert "one user only, 'Admin'" in words


def test_the_button_of_a_portal_says_whose_it_is(monkeypatch: pytest.MonkeyPatch, portal: FakeSitePortal) -> None:
    portal.with_project()
    portal.manager = False
    connect(monkeypatch, "fate_site_portal", port=portal.port, password=PORTAL_PASSWORD)
    assert press("fate_site_portal") == (
        True,
        f"Site portal of bank (party 9999) at http://127.0.0.1:{portal.port}, user Admin, FATE-Flow: connected, "
        "FML manager: not registered, so there are no other sites, 1 projects; the password travels in plain text.",
    )


def test_a_portal_taken_for_fedlcm_is_noticed(monkeypatch: pytest.MonkeyPatch, portal: FakeSitePortal) -> None:
    connect(monkeypatch, port=portal.port, password=PORTAL_PASSWORD)
    good, words = press()
    assert not good
    assert "Not an answer of FedLCM" in words
