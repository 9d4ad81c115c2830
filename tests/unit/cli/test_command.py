"""What holds for every command."""

import argparse
import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_fate.cli import command
from airflow_provider_fate.cli.definition import LEVELS, STATUSES, get_fate_cli_commands
from airflow_provider_fate.clients.fate_flow.models import JobStatus, LogType
from airflow_provider_fate.errors import FateJobNotFound

DOCS = Path(__file__).resolve().parents[3] / "docs" / "cli.md"
ABOUT_A_JOB = [("status",), ("diagnose",), ("stop", "-y"), ("logs",), ("tables", "--job")]


def leaves(parser: argparse.ArgumentParser, prefix: str = "") -> dict[str, argparse.ArgumentParser]:
    """Every command by its full name."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        return {prefix: parser}
    return {
        name: leaf
        for group in groups
        for word, sub in group.choices.items()
        for name, leaf in leaves(sub, f"{prefix} {word}".strip()).items()
    }


@pytest.mark.skipif(
    not hasattr(ProvidersManager, "cli_command_functions"), reason="Airflow 3.1 reads no commands of providers"
)
def test_airflow_finds_the_commands():
    assert get_fate_cli_commands in ProvidersManager().cli_command_functions


def test_their_description_imports_no_client():
    code = (
        "import sys, airflow.cli.cli_config; before = set(sys.modules);"
        "from airflow_provider_fate.cli.definition import get_fate_cli_commands as get; get();"
        "print(sorted(set(sys.modules) - before))"
    )
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    added = set(ast.literal_eval(done.stdout.splitlines()[-1])) - {"airflow_provider_fate"}
    assert added == {"airflow_provider_fate.cli", "airflow_provider_fate.cli.definition"}


def test_each_command_has_json_and_a_function_that_exists(parser):
    for name, leaf in leaves(parser).items():
        options = {option for action in leaf._actions for option in action.option_strings}
        assert "--output" in options, name
        with pytest.raises(AttributeError, match="Namespace"):  # it was imported, and misses its arguments
            leaf.get_default("func")(argparse.Namespace())


def test_the_documentation_names_every_command_and_option(parser):
    text = DOCS.read_text()
    for name, leaf in leaves(parser).items():
        assert f"airflow {name}" in text, name
        section = re.split(r"^## ", text, flags=re.M)
        about = next(part for part in section if part.startswith(f"{name.removeprefix('fate ')}\n"))
        for action in leaf._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help", "-o", "--output", "--conn-id") or f"`{option}" in about, (
                    name,
                    option,
                )


def test_the_words_are_those_of_the_client():
    assert set(STATUSES) == {str(status) for status in JobStatus} - {"unknown"}
    assert {f"task_{level}" for level in LEVELS} == {name for name in get_args(LogType) if name.startswith("task_")}


# --- how they end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", ABOUT_A_JOB, ids=" ".join)
def test_a_job_that_the_site_does_not_know_is_one_line_on_stderr(site, fate, argv):
    ran = fate(*argv, "202600000000000000000")
    assert (ran.status, ran.out) == (1, "")
    assert re.fullmatch(
        r"FateJobNotFound: The site of connection 'fate_default' does not know job 2026\d+\. .*\n", ran.err
    )


@pytest.mark.parametrize("argv", ABOUT_A_JOB, ids=" ".join)
def test_what_is_no_job_id_never_leaves_this_machine(site, fate, argv):
    ran = fate(*argv, "1;rm -rf /")
    assert ran.status == 1
    assert "is not an id of FATE" in ran.err
    assert site.requests.count() == 0


@pytest.mark.parametrize("argv", [("jobs",), *((*argv, "1") for argv in ABOUT_A_JOB)], ids=" ".join)
def test_a_connection_that_airflow_does_not_have_is_named(fate, argv):
    ran = fate(*argv, "--conn-id", "nowhere")
    assert ran.status == 1
    assert ran.err.startswith("Airflow has no connection 'nowhere'")
    assert ran.err.count("\n") == 1


def test_connections_may_stand_in_airflows_database(site, fate, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")
    fate("jobs")
    # By this, and by nothing else, Airflow knows that the process may ask its database.
    assert os.environ["_AIRFLOW_PROCESS_CONTEXT"] == "server"


def test_a_server_that_is_down_is_one_line_and_no_traceback(site, fate, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    site.down()
    ran = fate("jobs")
    assert ran.status == 1
    assert re.fullmatch(r"FateUnreachable: .* refused\. Check host and port .*\n", ran.err)


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch):
    monkeypatch.setattr(command.os, "dup2", lambda *_: None)

    @command.command
    def run(_):
        raise BrokenPipeError

    with pytest.raises(SystemExit) as end:
        run(argparse.Namespace())
    assert end.value.code == 141


def test_an_error_without_a_hint_is_one_sentence(capsys):
    @command.command
    def run(_):
        raise FateJobNotFound("gone\x1b[2J")

    with pytest.raises(SystemExit):
        run(argparse.Namespace())
    assert capsys.readouterr().err == "FateJobNotFound: gone\ufffd[2J.\n"
