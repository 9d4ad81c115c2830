from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_fate.local import LocalFate, Settings, cli
from airflow_provider_fate.local.config import broker_command, environment, write
from airflow_provider_fate.local.installation import Installation
from airflow_provider_fate.local.paths import HomeLayout
from airflow_provider_fate.local.processes import Identity
from airflow_provider_fate.local.state import RunState
from airflow_provider_fate.local.supervisor import LaunchPlan


def test_status_of_what_does_not_run_has_an_exit_status_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 3
    assert "is not running" in capsys.readouterr().out
    assert cli.main(["status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["running"] is False


def test_connection_works_when_stopped_once_it_has_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["connection"]) == 1
    assert "fate-local start" in capsys.readouterr().err
    fate = LocalFate()
    fate.layout.create()
    Settings(http_port=41123).save(fate.layout.settings)
    assert cli.main(["connection", "--format", "env", "--conn-id", "bank"]) == 0
    assert capsys.readouterr().out.startswith("AIRFLOW_CONN_BANK='{")
    assert cli.main(["connection"]) == 0
    assert "airflow connections add fate_default" in capsys.readouterr().out


def test_logs_of_nothing_and_of_a_wrong_job_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["logs"]) == 1
    assert "there are no logs" in capsys.readouterr().err
    assert cli.main(["logs", "--job", "../../etc"]) == 1
    assert "is not a job id" in capsys.readouterr().err
    assert cli.main(["logs", "--job", "2026"]) == 1
    assert "no log of job 2026" in capsys.readouterr().err


def test_logs_shows_the_ends_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    layout = LocalFate().layout
    layout.create()
    layout.server_log.write_text("".join(f"line {i}\n" for i in range(100)))
    assert cli.main(["logs", "-n", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["line 98", "line 99"]


def test_reset_asks_before_it_deletes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fate = LocalFate()
    fate.layout.create()
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert cli.main(["reset"]) == 1
    assert "--yes" in capsys.readouterr().err
    assert cli.main(["reset", "--yes"]) == 0
    assert not fate.home.exists()


def test_a_wrong_value_is_named_not_traced(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["start", "--cores", "0"]) == 1
    assert "cores=0 is out of range" in capsys.readouterr().err


def test_the_server_gets_no_secrets_and_no_proxy(tmp_path: Path) -> None:
    # FATE-Flow logs its workers' whole environment, and asks itself by HTTP.
    caller = {
        "PATH": "/bin", "HOME": "/home/u", "AWS_SECRET_ACCESS_KEY": "s", "AIRFLOW_CONN_X": "s", "http_proxy": "http://p",
        "PYTHONPATH": "/x", "VIRTUAL_ENV": "/v", "LC_ALL": "C.UTF-8", "FATE_LOCAL_HOME": "/other",
    }  # fmt: skip
    layout = HomeLayout(tmp_path)
    env = environment(layout, Settings(), Installation("full", "3.11", tmp_path / "i"), caller)
    assert not {"AWS_SECRET_ACCESS_KEY", "AIRFLOW_CONN_X", "http_proxy", "PYTHONPATH", "VIRTUAL_ENV"} & set(env)
    assert env["FATE_LOCAL_INSTANCE"] == str(tmp_path)
    assert env["LC_ALL"] == "C.UTF-8"
    assert env["PATH"] == f"{tmp_path}/i/venv/bin:/bin"
    plain = environment(layout, Settings(speedups=False), Installation("full", "3.11", tmp_path), caller)
    assert "FATE_LOCAL_SPEEDUPS" not in plain


def test_with_fate_llm_nothing_asks_a_hub_and_no_token_is_logged(tmp_path: Path) -> None:
    caller = {"PATH": "/bin", "HF_TOKEN": "hf_secret", "HF_HOME": "/models"}
    layout = HomeLayout(tmp_path)
    env = environment(layout, Settings(variant="llm"), Installation("llm", "3.11", tmp_path / "i"), caller)
    assert "hf_secret" not in env.values()
    offline = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
    assert [env[name] for name in offline] == ["1", "1", "1"]
    assert env["HF_HOME"] == "/models", "models that are on this machine are found where they were"
    assert env["HF_DATASETS_CACHE"].startswith(f"{tmp_path}/"), "what is made of texts ends with the instance"
    chosen = environment(
        layout, Settings(), Installation("llm", "3.11", tmp_path / "i"), {**caller, "HF_HUB_OFFLINE": "0"}
    )
    assert chosen["HF_HUB_OFFLINE"] == "0"
    plain = environment(layout, Settings(), Installation("full", "3.11", tmp_path / "i"), caller)
    assert "HF_HUB_OFFLINE" not in plain


@pytest.mark.parametrize("arguments", [["--with", "llm"], ["--variant", "llm"]])
def test_fate_llm_is_asked_for_by_either_word(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    installed: list[str] = []

    def ensure(self: Installation, *_: object, **__: object) -> Installation:
        installed.append(self.variant)
        return self

    monkeypatch.setattr(Installation, "ensure", ensure)
    assert cli.main(["install", "--quiet", *arguments]) == 0
    assert installed == ["llm"]


def test_two_words_for_the_installation_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["start", "--variant", "server", "--with", "llm"])
    assert "not allowed with argument --variant" in capsys.readouterr().err


def test_what_runs_without_fate_llm_is_not_passed_off_as_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    me = Identity.of(os.getpid())
    state = RunState(me, 1, "running", "127.0.0.1", 9380, 9360, "full", "2.2.0", 0.0)
    monkeypatch.setattr(LocalFate, "status", lambda _: state)
    assert cli.main(["start", "--with", "llm"]) == 1
    said = capsys.readouterr().err
    assert "as variant=full, not llm" in said
    assert "fate-local stop" in said
    assert cli.main(["start"]) == 0


def test_a_site_with_partners_elsewhere_listens_and_has_a_broker(tmp_path: Path) -> None:
    shipped = tmp_path / "i" / "venv" / "lib" / "python3.11" / "site-packages" / "fate_flow" / "conf"
    shipped.mkdir(parents=True)
    (shipped / "service_conf.yaml").write_text("fateflow: {host: 127.0.0.1}\n")
    (shipped / "job_default_config.yaml").write_text("task_run: {standalone: {cores: 4}}\n")
    layout, installation = HomeLayout(tmp_path / "h"), Installation("full", "3.11", tmp_path / "i")
    layout.create()
    peers = {"10000": "fate-laboratory:9372"}
    settings = Settings(http_port=9381, grpc_port=9361, broker_port=9371, peers=peers, listen="0.0.0.0")
    write(layout, settings, installation)
    service = yaml.safe_load((layout.conf / "service_conf.yaml").read_text())
    assert (service["fateflow"]["host"], service["fateflow"]["http_port"]) == ("0.0.0.0", 9381)
    assert service["default_engines"]["federation"] == "osx"
    assert service["federation"]["osx"] == {"host": "127.0.0.1", "port": 9371, "mode": "queue"}
    command = " ".join(broker_command(layout, settings, installation))
    assert "--listen 0.0.0.0:9371 --flow 127.0.0.1:9361" in command
    assert "fate-laboratory:9372" in command
    write(layout, Settings(), installation)
    alone = yaml.safe_load((layout.conf / "service_conf.yaml").read_text())
    assert alone["fateflow"]["host"] == "127.0.0.1", "nobody else reaches it unless it was asked for"


def test_what_to_run_reaches_the_supervisor_whole(tmp_path: Path) -> None:
    plan = LaunchPlan(["python", "a b"], [], {"X": "y\n"}, {"phase": "starting"}, Identity(1, 2))
    plan.save(tmp_path / "plan.json")
    assert LaunchPlan.load(tmp_path / "plan.json") == plan


def test_neither_the_package_nor_the_command_imports_airflow() -> None:
    code = (
        "import airflow_provider_fate.local.cli, sys; print([m for m in sys.modules if m.split('.')[0] == 'airflow'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
