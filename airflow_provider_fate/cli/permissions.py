"""``airflow fate permissions``: what partners may use of the site."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from airflow_provider_fate.cli.command import command, site
from airflow_provider_fate.cli.output import as_json, as_table, say


@command
def permissions(args: Namespace) -> None:
    """Show tables and components by partner."""
    from airflow_provider_fate.site.permissions import permissions_of

    with site(args) as session:
        found = [permissions_of(session.client, partner) for partner in dict.fromkeys(args.partner)]
    if args.output == "json":
        as_json([asdict(granted) for granted in found])
        return
    rows = [
        (granted.partner, kind, name)
        for granted in found
        for kind, names in (("table", granted.tables), ("component", granted.components))
        for name in names
    ]
    for granted in found:
        if not (granted.tables or granted.components):
            say([f"Party {granted.partner} may use nothing of this site."])
    if rows:
        as_table(("partner", "what", "name"), rows)
