"""Several FATE sites on this machine that know each other: a real federation, without a network."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from airflow_provider_fate.local import ports
from airflow_provider_fate.local.connection import AirflowConnection
from airflow_provider_fate.local.errors import LocalFateError
from airflow_provider_fate.local.instance import LocalFate
from airflow_provider_fate.local.paths import resolve_home
from airflow_provider_fate.local.progress import Progress, silent
from airflow_provider_fate.local.state import Settings, write_json

__all__ = ["LocalFederation", "Membership"]

FIRST_PARTIES = ("9999", "10000")
"""The ids that FATE's own examples use, for guest and host; further sites count on from there."""
MOST = 9
Route = Callable[[str, str, str], str]


@dataclass(frozen=True)
class Membership:
    """Who takes part; kept in the home, so that the next start needs no arguments.

    :param parties: party ids; the first one is the guest of the examples.
    :param secured: whether the sites want signed requests of clients and partners, and check what partners may use.
    """

    parties: tuple[str, ...] = FIRST_PARTIES
    secured: bool = False

    def __post_init__(self) -> None:
        if not 2 <= len(self.parties) <= MOST:
            raise LocalFateError(f"sites={len(self.parties)} is no federation", hint=f"use 2 to {MOST} sites")
        if len(set(self.parties)) != len(self.parties):
            raise LocalFateError(f"parties={', '.join(self.parties)} names one twice", hint="each site has its own id")

    @classmethod
    def of(cls, sites: int, *, secured: bool = False) -> Self:
        """The usual parties."""
        more = range(int(FIRST_PARTIES[-1]) + 1, int(FIRST_PARTIES[-1]) + max(0, sites - 1))
        return cls((*FIRST_PARTIES, *map(str, more))[:sites], secured)

    @classmethod
    def load(cls, home: Path) -> Self | None:
        """What a home holds; None where there is no federation.

        :raises LocalFateError: the file is damaged.
        """
        path = home / "federation.json"
        try:
            data = json.loads(path.read_text())
            return cls(tuple(data["parties"]), bool(data["secured"]))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise LocalFateError(f"{path} cannot be read ({error})", hint="repair or delete it") from error

    def save(self, home: Path) -> None:
        """Write it."""
        write_json(home / "federation.json", dataclasses.asdict(self))


class LocalFederation:
    """Sites on this machine, each with a FATE-Flow, a database, ports and a broker of its own, from one installation.

    Each knows what it would know on a machine of its own: its jobs, its tables, its logs.

    :param home: folder of all sites; by default that of a single site (``FATE_LOCAL_HOME``).
    :param members: who takes part; by default those of the last start, else 9999 and 10000.
    :param settings: for every site; party id, ports and partners are chosen here.
    :param route: for tests that disturb what is between sites: the address at which the first party reaches the
        second, whose broker listens at the third argument.
    :raises LocalFateError: a value that cannot work, or the home of a site that is alone.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        members: Membership | None = None,
        *,
        settings: Settings | None = None,
        route: Route | None = None,
    ) -> None:
        self.home = resolve_home(home)
        if (self.home / "instance.json").exists():
            raise LocalFateError(
                f"{self.home} is the home of a site that is alone",
                hint="name another folder with --home, or delete that site with: fate-local reset",
            )
        before = Membership.load(self.home)
        self.members = members or before or Membership()
        if before is not None and before != self.members:
            raise LocalFateError(
                f"{self.home} is the home of another federation: {', '.join(before.parties)}"
                + (", secured" if before.secured else ""),
                hint="name another folder with --home, or delete that one with: fate-local reset",
            )
        self._route = route
        self.sites: Mapping[str, LocalFate] = {
            party: LocalFate(self.home / party, settings=self._settings(party, settings))
            for party in self.members.parties
        }

    def _settings(self, party: str, chosen: Settings | None) -> Settings:
        stored = Settings.load(self.home / party / "instance.json")
        settings = chosen or stored or Settings()
        http, grpc, broker = (stored.http_port, stored.grpc_port, stored.broker_port) if stored else (None, None, None)
        return dataclasses.replace(
            settings,
            party_id=party,
            role="guest" if party == self.members.parties[0] else "host",
            http_port=http,
            grpc_port=grpc,
            broker_port=broker,
            secured=self.members.secured,
        )

    def __getitem__(self, party: str) -> LocalFate:
        """The site of a party."""
        return self.sites[party]

    def __iter__(self) -> Iterator[str]:
        """The parties' ids."""
        return iter(self.members.parties)

    @property
    def is_running(self) -> bool:
        """Whether any of the sites runs."""
        return any(site.status() is not None for site in self.sites.values())

    def connections(self) -> Mapping[str, AirflowConnection]:
        """What Airflow has to be told of each site, by party id; also of those that are stopped, once they have run."""
        return {party: site.airflow_connection for party, site in self.sites.items()}

    def start(self, progress: Progress = silent, *, timeout: float = 120.0, owner: int | None = None) -> None:
        """Start all sites and wait until they answer. Does nothing for those that run.

        :param progress: called with a line of text per step.
        :param timeout: seconds to wait for each site's first answer.
        :param owner: pid of a process with which they shall end; by default they run until :meth:`stop`.
        :raises StartError: one did not come up; the others are stopped.
        """
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        first = next(iter(self.sites.values()))
        first.install(progress)

        def start(party: str) -> None:
            self.sites[party].start_alone(lambda line: progress(f"{party}: {line}"), timeout=timeout, owner=owner)

        try:
            with ports.alone(), ThreadPoolExecutor(len(self.sites)) as pool:
                if not all(site.status() is not None for site in self.sites.values()):
                    self._choose_ports(progress)
                self.members.save(self.home)
                list(pool.map(start, self))
            if self.members.secured:
                from airflow_provider_fate.local.trust import introduce

                introduce(self.sites, progress)
        except BaseException:
            self.stop()
            raise

    def _choose_ports(self, progress: Progress) -> None:
        """Give each site three ports, and tell each where the others' brokers are."""
        for site in self.sites.values():
            site.stop()  # one that runs does not know where its partners will be
        wanted: list[int | None] = []
        for number, site in enumerate(self.sites.values()):
            usual = (ports.USUAL_HTTP, ports.USUAL_GRPC, ports.USUAL_BROKER) if number == 0 else (None, None, None)
            before = (site.settings.http_port, site.settings.grpc_port, site.settings.broker_port)
            wanted += [old or new for old, new in zip(before, usual, strict=True)]
        given = ports.distinct(wanted)
        brokers = {party: given[3 * n + 2] for n, party in enumerate(self)}
        for number, (party, site) in enumerate(self.sites.items()):
            http, grpc, broker = given[3 * number : 3 * number + 3]
            if site.settings.http_port not in (None, http):
                progress(f"{party}: port {site.settings.http_port} of the last start is in use: taking {http}")
            peers = {other: self._address(party, other, port) for other, port in brokers.items() if other != party}
            site.settings = dataclasses.replace(
                site.settings, http_port=http, grpc_port=grpc, broker_port=broker, peers=peers
            )

    def _address(self, party: str, other: str, port: int) -> str:
        address = f"{ports.LOOPBACK}:{port}"
        return self._route(party, other, address) if self._route else address

    def stop(self) -> bool:
        """Stop all sites and their task workers.

        :returns: whether there was anything to stop.
        """
        with ThreadPoolExecutor(len(self.sites)) as pool:
            return any(list(pool.map(LocalFate.stop, self.sites.values())))

    def reset(self) -> None:
        """Stop them and delete their data. The installation stays."""
        for site in self.sites.values():
            site.reset()
        (self.home / "federation.json").unlink(missing_ok=True)
