"""``airflow fate partner``: trust between this site and others."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from airflow_provider_fate.cli.command import command, fail, site
from airflow_provider_fate.cli.output import as_json, as_table, say
from airflow_provider_fate.errors import FateInvalidParameterError


@command
def list_(args: Namespace) -> None:
    """Show what this site knows of partners."""
    from airflow_provider_fate.site.partners import partner

    with site(args) as session:
        found = [partner(session.client, party) for party in dict.fromkeys(args.partner)]
    if args.output == "json":
        as_json([asdict(known) for known in found])
        return
    words = {True: "yes", False: "no"}
    as_table(
        ("partner", "may ask this site", "can be asked"),
        ((known.party_id, words[known.invited], words[known.accepted]) for known in found),
    )


@command
def exchange(args: Namespace) -> None:
    """Write an invitation for a partner, or take the one that it has written."""
    from airflow_provider_fate.site.partners import accept, invite

    if bool(args.give) == bool(args.take):
        raise FateInvalidParameterError("Say either --give FILE or --take FILE.", hint="Both operators do both.")
    with site(args) as session:
        if args.give:
            new = invite(session.client, args.partner, Path(args.give))
            text = (
                f"{args.give} holds {'a new' if new else 'the'} app id and token by which party {args.partner} signs "
                "what it says to this site. Hand it to the partner's operator by a way that you trust, and delete it."
            )
        else:
            accept(session.client, args.partner, Path(args.take))
            text = f"This site can ask party {args.partner} now. Delete {args.take}: it holds a token."
    if args.output == "json":
        as_json({"partner": args.partner, "done": "given" if args.give else "taken"})
    else:
        say([text])


@command
def verify(args: Namespace) -> None:
    """Say whether both directions are there; exit status 1 if not."""
    from airflow_provider_fate.site.partners import partner

    with site(args) as session:
        known = partner(session.client, args.partner)
    if args.output == "json":
        as_json({**asdict(known), "lacking": known.lacking})
        if known.lacking:
            raise SystemExit(1)
    elif known.lacking:
        fail(f"Party {args.partner}: {known.lacking}")
    else:
        say(
            [
                f"This site and party {args.partner} have exchanged app ids, as far as this site knows. Whether the "
                "other side has taken the last one only a job shows: FatePartnerSensor runs the smallest."
            ]
        )
