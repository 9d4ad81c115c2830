"""Several sites on one machine: who takes part, where each finds the others, and what cannot be."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from airflow_provider_fate.local import (
    Address,
    AirflowConnection,
    LocalFate,
    LocalFateError,
    LocalFederation,
    Membership,
    Settings,
    cli,
    ports,
)
from airflow_provider_fate.local.config import broker_command
from airflow_provider_fate.local.credentials import Credentials


def test_the_usual_parties_are_those_of_fates_examples() -> None:
    assert Membership.of(2).parties == ("9999", "10000")
    assert Membership.of(4).parties == ("9999", "10000", "10001", "10002")


@pytest.mark.parametrize("sites", [-1, 0, 1, 10])
def test_a_federation_has_two_to_nine_sites(sites: int) -> None:
    with pytest.raises(LocalFateError, match="is no federation"):
        Membership.of(sites)
    with pytest.raises(LocalFateError, match="names one twice"):
        Membership(("9999", "9999"))


def test_each_site_has_a_home_and_an_id_and_the_first_is_the_guest(tmp_path: Path) -> None:
    federation = LocalFederation(tmp_path / "pair", Membership.of(3, secured=True))
    assert list(federation) == ["9999", "10000", "10001"]
    assert [site.settings.role for site in federation.sites.values()] == ["guest", "host", "host"]
    assert {site.home.name for site in federation.sites.values()} == set(federation)
    assert all(site.settings.secured and site.settings.party_id == party for party, site in federation.sites.items())


def test_every_site_is_told_where_the_others_brokers_are(tmp_path: Path) -> None:
    federation = LocalFederation(tmp_path / "pair", Membership.of(3))
    federation._choose_ports(lambda _: None)
    brokers = {party: f"127.0.0.1:{site.settings.broker_port}" for party, site in federation.sites.items()}
    used = [
        port
        for site in federation.sites.values()
        for port in (site.settings.http_port, site.settings.grpc_port, site.settings.broker_port)
    ]
    assert len(set(used)) == 9
    for party, site in federation.sites.items():
        assert site.settings.peers == {other: where for other, where in brokers.items() if other != party}
        command = broker_command(site.layout, site.settings, site.installation)
        assert command[command.index("--party") + 1] == party
        assert json.loads(command[command.index("--peers") + 1]) == dict(site.settings.peers)
    assert broker_command(federation["9999"].layout, Settings(), federation["9999"].installation) == []


def test_what_is_between_sites_can_be_put_in_their_way(tmp_path: Path) -> None:
    federation = LocalFederation(tmp_path / "pair", route=lambda here, there, at: f"{here}-to-{there}@{at}")
    federation._choose_ports(lambda _: None)
    broker = federation["10000"].settings.broker_port
    assert federation["9999"].settings.peers == {"10000": f"9999-to-10000@127.0.0.1:{broker}"}


def test_a_home_keeps_who_takes_part(tmp_path: Path) -> None:
    home = tmp_path / "pair"
    home.mkdir()
    Membership.of(3, secured=True).save(home)
    assert LocalFederation(home).members == Membership.of(3, secured=True)
    with pytest.raises(LocalFateError, match="the home of another federation: 9999, 10000, 10001, secured"):
        LocalFederation(home, Membership.of(2))
    (home / "federation.json").write_text("{")
    with pytest.raises(LocalFateError, match="cannot be read"):
        LocalFederation(home)


def test_the_home_of_a_site_that_is_alone_is_left_alone(tmp_path: Path) -> None:
    alone = LocalFate(tmp_path / "fate")
    alone.layout.create()
    Settings().save(alone.layout.settings)
    with pytest.raises(LocalFateError, match="a site that is alone") as e:
        LocalFederation(tmp_path / "fate")
    assert "--home" in str(e.value)


def test_ports_that_are_taken_are_replaced_and_none_is_given_twice() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        given = ports.distinct([port, None, None, port])
    assert len(set(given)) == 4
    assert port not in given


def test_credentials_are_for_their_owner_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    assert Credentials.load(file) is None
    Credentials("77", "secret-token").save(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "secret-token" not in repr(Credentials.load(file))
    assert Credentials.load(file) == Credentials("77", "secret-token")


def test_a_connection_carries_role_and_app() -> None:
    connection = AirflowConnection(Address("127.0.0.1", 9380), "10000", 8, "host", Credentials("77", "a/b"))
    assert json.loads(connection.json()) == {
        "conn_type": "fate",
        "host": "127.0.0.1",
        "port": 9380,
        "login": "77",
        "password": "a/b",
        "extra": {"party_id": "10000", "role": "host", "cores": 8},
    }
    assert connection.uri().startswith("fate://77:a%2Fb@127.0.0.1:9380/?__extra__=")
    assert "--conn-login 77 --conn-password a/b" in connection.command("telco")


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--secured"], "add --sites 2"),
        (["--sites", "2", "--port", "9380"], "http_port=9380 cannot hold for several sites"),
        (["--sites", "2", "--party-id", "7"], "party_id=7 cannot hold"),
        (["--sites", "2", "--foreground"], "no foreground"),
        (["--sites", "99"], "use 2 to 9 sites"),
        (["--sites", "2", "--partner", "7=fate.example.org:9370"], "partners are elsewhere"),
        (["--broker-port", "9371"], "add --partner"),
        (["--partner", "telco=fate.example.org:9370"], "partner telco='fate.example.org:9370' is not a party id"),
        (["--partner", "10000=fate.example.org"], "partner 10000='fate.example.org' is not a party id"),
    ],
)
def test_what_cannot_be_is_told(
    tmp_path: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["start", "--home", str(tmp_path / "fate"), *arguments]) == 1
    assert says in capsys.readouterr().err


def test_commands_speak_of_every_site_of_a_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "pair"
    federation = LocalFederation(home)
    federation._choose_ports(lambda _: None)
    for site in federation.sites.values():
        site.layout.create()
        site.settings.save(site.layout.settings)
    federation.members.save(home)

    assert cli.main(["status", "--home", str(home)]) == 3
    assert capsys.readouterr().out.count("is not running") == 2
    assert cli.main(["status", "--home", str(home), "--json"]) == 3
    assert set(json.loads(capsys.readouterr().out)["sites"]) == {"9999", "10000"}
    assert cli.main(["connection", "--home", str(home), "--format", "env"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("=")[0] for line in lines] == ["AIRFLOW_CONN_FATE_9999", "AIRFLOW_CONN_FATE_10000"]
    assert cli.main(["stop", "--home", str(home)]) == 0
    assert cli.main(["reset", "--home", str(home), "--yes"]) == 0
    assert Membership.load(home) is None
    assert not any(home.iterdir())
