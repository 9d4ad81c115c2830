"""What a site portal does, whoever plays it: the fake, or the one that FATE_TEST_SITE_PORTAL_URL leads to.

Nothing here needs FATE-Flow, an FML manager or another site.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from airflow_provider_fate.clients.site_portal import JobData, JobKind, JobOrder, PortalClient, PortalSettings
from airflow_provider_fate.errors import FateError

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def real_settings() -> PortalSettings | None:
    """The portal that the environment names; ``None``: none."""
    url = os.environ.get("FATE_TEST_SITE_PORTAL_URL")
    if not url:
        return None
    place = urlsplit(url)
    return PortalSettings(
        place.hostname or "",
        place.port or (443 if place.scheme == "https" else 80),
        "https" if place.scheme == "https" else "http",
        user=os.environ.get("FATE_TEST_SITE_PORTAL_USER", "Admin"),
        password=os.environ.get("FATE_TEST_SITE_PORTAL_PASSWORD", "admin"),
        prefix=place.path.rstrip("/"),
        client_certificate=os.environ.get("FATE_TEST_SITE_PORTAL_CERTIFICATE"),
        client_key=os.environ.get("FATE_TEST_SITE_PORTAL_KEY"),
    )


class PortalContract:
    """A subclass gives ``client``."""

    def test_it_says_what_it_is(self, client: PortalClient) -> None:
        assert client.server.status().version == "v1"
        assert client.server.user() == client.settings.user  # type: ignore[attr-defined]
        site = client.site.get()
        assert "secret" not in repr(site)

    def test_what_is_not_there_is_a_500_and_none_here(self, client: PortalClient) -> None:
        assert client.data.get(UNKNOWN) is None
        assert client.projects.get(UNKNOWN) is None
        assert client.jobs.get(UNKNOWN) is None
        assert client.models.get(UNKNOWN) is None
        client.data.delete(UNKNOWN)

    def test_a_project_is_answered_nothing_and_found_by_its_name(self, client: PortalClient) -> None:
        made = client.projects.create(f"airflow-{uuid4().hex[:8]}", "for a test")
        assert (made.description, made.mine) == ("for a test", True)
        assert client.jobs.list(made.uuid) == []
        assert client.projects.models(made.uuid) == []
        assert client.projects.data(made.uuid) == []
        client.projects.set_auto_approval(made.uuid, True)
        found = client.projects.get(made.uuid)
        assert found is not None
        assert found.auto_approval
        with pytest.raises(FateError):
            client.jobs.submit(JobOrder(made.uuid, "train", "", JobKind.TRAINING, JobData(UNKNOWN)))
        assert client.jobs.list(made.uuid) == []
        client.projects.close(made.uuid)
        assert made.uuid in {one.uuid for one in client.projects.list().closed}
