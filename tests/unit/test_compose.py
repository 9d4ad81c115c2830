"""docker-compose.yaml, held to the Compose specification and to what a careful reader checks; nothing runs it here."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import runpy
import stat
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ONE_SHOT = {"airflow-migrate"}
# `${NAME:?message}`: no default, and a message where it is missing.
REQUIRED = re.compile(r"\$\{([A-Z0-9_]+):\?[^}]+\}")
ANY_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)([^}]*)\}|(?<!\$)\$([A-Za-z_]\w*)")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|FERNET|ACCESS_KEY", re.I)


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yaml").read_text()


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return compose["services"]


@pytest.fixture(scope="module")
def make_env() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docker" / "make_env.py"))


def images(services: dict[str, dict[str, Any]]) -> dict[str, str]:
    dockerfiles = {service["build"]["dockerfile"] for service in services.values() if "build" in service}
    named = {name: service["image"] for name, service in services.items()}
    for dockerfile in dockerfiles:
        for number, image in enumerate(re.findall(r"^FROM (\S+)", (ROOT / dockerfile).read_text(), re.M)):
            named[f"{dockerfile}:{number}"] = image
    return named


def test_it_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(compose)] == []


def test_a_mistake_would_be_found(compose: dict[str, Any]) -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    wrong = {**compose, "services": {"x": {"imgae": "postgres:16.10"}}}
    assert list(jsonschema.validators.validator_for(schema)(schema).iter_errors(wrong))


def test_it_has_every_part_of_an_airflow(services: dict[str, dict[str, Any]]) -> None:
    commands = {str(service.get("command")) for service in services.values()}
    assert {"api-server", "scheduler", "dag-processor", "triggerer", "celery worker"} <= commands
    assert {"postgres", "redis", "fate", "s3"} <= services.keys()


def test_every_image_is_pinned_to_a_version(services: dict[str, dict[str, Any]]) -> None:
    for where, image in images(services).items():
        name, _, tag = image.partition(":")
        assert re.match(r"\d+\.\d+", tag), f"{where}: {name} has the tag {tag!r}"


def test_every_service_that_stays_has_a_health_check_and_is_started_again(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
        else:
            assert service.get("healthcheck", {}).get("test"), name
            assert service["restart"] == "unless-stopped", name


def test_whoever_is_waited_for_can_be_healthy_or_ends(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, f"{name} depends on {other}"
            expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert how["condition"] == expected, f"{name} depends on {other}"


def test_ports_are_published_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    published = {name: str(port) for name, service in services.items() for port in service.get("ports", ())}
    assert published
    for name, port in published.items():
        assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"


def test_there_is_no_secret_and_no_default_for_one(text: str, services: dict[str, dict[str, Any]]) -> None:
    for match in ANY_VARIABLE.finditer(text):
        assert (match[2] or "").startswith(":?"), f"{match[0]} has no message for when it is missing"
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if SECRET_NAME.search(key):
                assert REQUIRED.fullmatch(value), f"{name}: {key} is written down"
    for match in re.finditer(r"://([^/\s:]*):([^@\s]*)@|\"(?:password|login)\": \"([^\"]*)\"", text):
        secret = match[2] if match[3] is None else match[3]
        assert REQUIRED.fullmatch(secret), f"{match[0]} holds a secret"


def test_every_setting_of_airflow_is_one_that_airflow_has(services: dict[str, dict[str, Any]]) -> None:
    from airflow.configuration import conf

    described = conf.configuration_description
    # Read with a fallback, and so not described in Airflow 3.3.
    undescribed = {("core", "execution_api_server_url")}
    for name, service in services.items():
        for key in service.get("environment", {}):
            if not key.startswith("AIRFLOW__"):
                continue
            _, section, option = key.lower().split("__", 2)
            # What the Celery executor reads is described by its own provider, which is not installed here.
            if section != "celery" and (section, option) not in undescribed:
                assert option in described.get(section, {}).get("options", {}), (
                    f"{name}: Airflow has no [{section}] {option}"
                )


def test_the_connections_are_read_by_airflow(services: dict[str, dict[str, Any]]) -> None:
    from airflow.models.connection import Connection

    from airflow_provider_fate.hooks.site import FateSite

    environment = services["airflow-worker"]["environment"]
    fate = Connection.from_json(environment["AIRFLOW_CONN_FATE_DEFAULT"])
    fate.conn_id = "fate_default"
    site = FateSite.of(fate)
    assert (site.host, site.port, site.party_id) == ("fate", 9381, "9999")
    assert site.host in services
    s3 = Connection.from_json(REQUIRED.sub("x", environment["AIRFLOW_CONN_AWS_DEFAULT"]))
    assert s3.conn_type == "aws"
    assert s3.extra_dejson["endpoint_url"] == "http://s3:8333"


def test_files_that_it_names_are_there(services: dict[str, dict[str, Any]], compose: dict[str, Any]) -> None:
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"], name
        if "build" in service:
            dockerfile = ROOT / service["build"]["dockerfile"]
            for line in re.findall(r"^COPY (?:--\S+ )*(.*)$", dockerfile.read_text(), re.M):
                assert all((ROOT / source).exists() for source in line.split()[:-1]), line


# --- what belongs to it ----------------------------------------------------------------------------------------------


def test_the_secrets_that_are_made_are_those_that_are_asked_for(text: str, make_env: dict[str, Any]) -> None:
    assert set(make_env["make"]()) == set(REQUIRED.findall(text))


def test_secrets_are_random_fit_into_urls_and_are_readable_by_their_owner_only(
    tmp_path: Path, make_env: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for name in ("a", "b"):
        path = tmp_path / name
        assert make_env["main"]([str(path)]) == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        written.append(dict(line.split("=", 1) for line in path.read_text().splitlines()))
    for name, value in written[0].items():
        assert len(value) >= 20
        assert value != written[1][name]
        assert value not in capsys.readouterr().out
        if name != "AIRFLOW_FERNET_KEY":
            assert re.fullmatch(r"[0-9a-f]+", value)
    assert len(base64.urlsafe_b64decode(written[0]["AIRFLOW_FERNET_KEY"])) == 32


def test_secrets_that_exist_are_not_replaced(tmp_path: Path, make_env: dict[str, Any]) -> None:
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD=in-use\n")
    assert make_env["main"]([str(path)]) == 1
    assert path.read_text() == "POSTGRES_PASSWORD=in-use\n"


def test_git_ignores_the_secrets() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


async def test_a_forwarded_port_carries_both_directions_to_their_ends(unused_tcp_port_factory: Any) -> None:
    forward = runpy.run_path(str(ROOT / "docker" / "forward.py"))

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        await writer.drain()
        writer.close()

    behind, before = unused_tcp_port_factory(), unused_tcp_port_factory()
    server = await asyncio.start_server(shout, "127.0.0.1", behind)
    async with server, await forward["serve"](before, behind, "127.0.0.1"):
        reader, writer = await asyncio.open_connection("127.0.0.1", before)
        writer.write(b"fate " * 100_000)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 20) == b"FATE " * 100_000
        writer.close()


async def test_a_forwarded_port_hangs_up_when_nobody_listens_behind_it(unused_tcp_port_factory: Any) -> None:
    forward = runpy.run_path(str(ROOT / "docker" / "forward.py"))
    behind, before = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with await forward["serve"](before, behind, "127.0.0.1"):
        reader, writer = await asyncio.open_connection("127.0.0.1", before)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
