"""Making the sites of one machine known to each other, and to a client: what operators do by hand between machines."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_provider_fate.clients.fate_flow.endpoints.access import CURE
from airflow_provider_fate.local.credentials import Credentials
from airflow_provider_fate.local.progress import Progress

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.local.instance import LocalFate

__all__ = ["introduce"]

#: FATE-Flow makes this app at each start, and its token is in its source: a local site is reachable from here only.
ADMIN = ("admin", "fate_flow_admin")


def introduce(sites: Mapping[str, LocalFate], progress: Progress) -> None:
    """Give each site an app for its client, and one for every partner; does nothing where that was done."""
    new = {party: site for party, site in sites.items() if Credentials.load(site.layout.credentials) is None}
    if not new:
        return
    progress("exchanging the sites' app ids")
    for party, site in sites.items():
        with contextlib.closing(sqlite3.connect(site.layout.database, timeout=30)) as database, database:
            database.execute(CURE)
        with _admin(site) as flow:
            for partner, other in sites.items():
                if partner == party or not ({party, partner} & set(new)):
                    continue
                if flow.app.query_sites(partner):
                    flow.app.delete_site(partner)
                app = flow.app.create_site(partner)
                flow.permission.grant(app.app_id, "site")
                assert app.app_token is not None
                with _admin(other) as there:
                    if there.app.query_partners(party):
                        there.app.delete_partner(party)
                    there.app.create_partner(party, app_id=app.app_id, app_token=app.app_token)
    for site in new.values():
        with _admin(site) as flow:
            app = flow.app.create_client("airflow")
            flow.permission.grant(app.app_id, "super_client")
            assert app.app_token is not None
            Credentials(app.app_id, app.app_token.get_secret_value()).save(site.layout.credentials)


@contextlib.contextmanager
def _admin(site: LocalFate) -> Iterator[FlowClient]:
    from airflow_provider_fate.clients.fate_flow import AppId, FlowClient, FlowSettings

    address = site.address
    with FlowClient(FlowSettings(host=address.host, port=address.port, app=AppId(*ADMIN))) as flow:
        yield flow
