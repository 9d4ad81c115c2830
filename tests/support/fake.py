"""Fixtures for the fake FATE-Flow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fake_flow import FakeFlow


@pytest.fixture
def fake_flow() -> Iterator[FakeFlow]:
    """A fake FATE-Flow in standalone mode: all parties' records are visible."""
    with FakeFlow() as fake:
        yield fake


@pytest.fixture
def fake_site() -> Iterator[FakeFlow]:
    """A fake FATE-Flow of party 9999 on a real pair of sites: the partner's rows, tasks and logs are invisible."""
    with FakeFlow(partner_visible=False) as fake:
        yield fake


@pytest.fixture
def fake_flow_auth() -> Iterator[FakeFlow]:
    """A fake FATE-Flow that wants signed requests; ``fake.settings`` has an app that may do the usual."""
    with FakeFlow(auth=True) as fake:
        yield fake
