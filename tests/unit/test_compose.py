"""docker-compose.yaml, held to the Compose specification and to what a careful reader checks.

`tests/deploy` runs what it says.
"""

from __future__ import annotations

import base64
import json
import re
import runpy
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ONE_SHOT = {"airflow-migrate", "s3-owner", "s3-buckets"}
# `${NAME:?message}`: no default, and a message where it is missing.
REQUIRED = re.compile(r"\$\{([A-Z0-9_]+):\?[^}]+\}")
SETTING = re.compile(r"\$\{([A-Z0-9_]+):-([^}]*)\}")
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


def test_no_image_is_a_strangers(services: dict[str, dict[str, Any]]) -> None:
    """Ours are built here; the others are the official ones of Airflow, Python, PostgreSQL, Redis and SeaweedFS."""
    known = {"apache/airflow", "python", "postgres", "redis", "chrislusf/seaweedfs"}
    for where, image in images(services).items():
        name = image.partition(":")[0]
        built = "build" in services.get(where, {})
        assert name.startswith("airflow-provider-fate/") if built else name in known, where


def test_no_service_takes_more_than_it_is_given(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= limits.keys(), name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_no_service_is_root_but_the_one_that_gives_a_folder_away(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        user = SETTING.sub(lambda match: match[2], service["user"]).partition(":")[0]
        assert (user in ("0", "root")) == (name == "s3-owner"), f"{name} runs as {user}"


def test_whoever_has_work_gets_the_time_to_end_it(services: dict[str, dict[str, Any]]) -> None:
    """Ten seconds, which is the default, would cut off an upload, and leave a database to be recovered."""
    for name in ("airflow-worker", "airflow-triggerer", "airflow-scheduler", "fate", "postgres", "s3"):
        assert re.fullmatch(r"\d+m|[3-9]\ds", services[name]["stop_grace_period"]), name


def test_what_holds_data_has_a_volume(services: dict[str, dict[str, Any]], compose: dict[str, Any]) -> None:
    kept = {name for name, service in services.items() for v in service.get("volumes", ()) if not v.startswith(".")}
    holders = {"postgres", "redis", "s3", "fate", "fate-clinic", "fate-laboratory", "mlflow", "notebook"}
    assert holders <= kept
    used = {v.partition(":")[0] for s in services.values() for v in s.get("volumes", ()) if not v.startswith(".")}
    assert used == set(compose["volumes"])


def test_packages_are_installed_with_constraints() -> None:
    lines = (ROOT / "docker" / "airflow.Dockerfile").read_text()
    release = re.search(r"^FROM apache/airflow:([\d.]+)-python([\d.]+)", lines, re.M)
    assert release
    assert f"constraints-{release[1]}/constraints-{release[2]}.txt" in lines
    assert '--constraint "${CONSTRAINTS}"' in lines
    assert f"apache-airflow=={release[1]}" in lines


def test_a_profile_needs_nothing_that_another_one_starts(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            assert set(services[other].get("profiles", ())) <= set(service.get("profiles", ())), f"{name}: {other}"


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


def test_ports_are_published_on_loopback_only_and_can_be_chosen(
    services: dict[str, dict[str, Any]], make_env: dict[str, Any]
) -> None:
    published = {name: str(port) for name, service in services.items() for port in service.get("ports", ())}
    assert published
    for name, port in published.items():
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z0-9]+_PORT:-\d+\}:\d+", port), f"{name} publishes {port}"
    usual = [make_env["SETTINGS"][name][0] for port in published.values() for name, _ in SETTING.findall(port)]
    assert len(set(usual)) == len(usual)
    assert "9380" not in usual, "there `make up` and fate-local have their FATE"


def test_there_is_no_secret_and_no_default_for_one(text: str, services: dict[str, dict[str, Any]]) -> None:
    for match in ANY_VARIABLE.finditer(text):
        if not SETTING.fullmatch(match[0]):
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
    expected = {"default": ("fate", "9999"), "9999": ("fate-clinic", "9999"), "10000": ("fate-laboratory", "10000")}
    for name, (host, party) in expected.items():
        text = SETTING.sub(lambda match: match[2], environment[f"AIRFLOW_CONN_FATE_{name.upper()}"])
        fate = Connection.from_json(text)
        fate.conn_id = f"fate_{name}"
        site = FateSite.of(fate)
        assert (site.host, site.party_id) == (host, party)
        said = " ".join(map(str, services[host]["command"]))
        assert re.search(rf"--port[ =]{site.port}\b", said), said
        assert f":{site.port}/" in " ".join(services[host]["healthcheck"]["test"])
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


def test_the_settings_that_are_written_are_those_that_are_asked_for(text: str, make_env: dict[str, Any]) -> None:
    asked = dict(SETTING.findall(text))
    written = {name: value for name, (value, _) in make_env["SETTINGS"].items()}
    assert written.pop("COMPOSE_PROFILES") == "fate"
    assert written == asked


def test_secrets_are_random_fit_into_urls_and_are_readable_by_their_owner_only(
    tmp_path: Path, make_env: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for name in ("a", "b"):
        path = tmp_path / name
        assert make_env["main"]([str(path)]) == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        written.append(dict(line.split("=", 1) for line in lines))
    assert {name: written[0].pop(name) for name in make_env["SETTINGS"]}.keys() <= written[1].keys()
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


# --- the health check of containers without curl ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "well"),
    [
        (200, b'{"code": 0, "data": {}}', True),
        (200, b'{"code": 1003, "message": "not ready"}', False),  # FATE-Flow says 200 whatever happens
        (200, b'{"version": "2.17.0"}', True),  # JupyterLab
        (200, b"OK", True),  # MLflow
        (500, b'{"code": 0}', False),
    ],
)
def test_a_server_is_well_if_it_means_it(status: int, body: bytes, well: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        command = [sys.executable, str(ROOT / "docker" / "answers.py"), url]
        proxy = {"http_proxy": "http://127.0.0.1:9"}  # in which nobody answers
        assert (subprocess.run(command, env=proxy, check=False, timeout=60).returncode == 0) == well
    assert subprocess.run([*command[:2], url], check=False, timeout=60).returncode == 1, "nobody listens any more"


def test_fate_local_needs_no_more_than_its_image_has() -> None:
    """The image has no Airflow: only what docker/fate-requirements.txt names."""
    names = re.findall(r"^([a-z]+)", (ROOT / "docker" / "fate-requirements.txt").read_text(), re.M)
    wanted = {"pyyaml": "yaml"}
    allowed = {wanted.get(name, name) for name in names}
    script = (
        "import sys; import airflow_provider_fate.local.cli as cli; cli._parser();"
        "from airflow_provider_fate.local import config, progress, supervisor; import uv, platformdirs;"
        "print(*{name.partition('.')[0] for name, module in sys.modules.items()"
        " if 'site-packages' in (getattr(module, '__file__', None) or '')})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    dependencies = {"pygments", "markdown_it", "mdurl"}  # of rich
    mine = {"airflow_provider_fate"}
    startup = {"_virtualenv", "distutils-precedence", "_distutils_hack", "a1_coverage", "pytest_cov", "coverage"}
    assert set(done.stdout.split()) <= allowed | dependencies | mine | startup | {"_yaml"}
