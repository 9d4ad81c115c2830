from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from airflow_provider_fate.local import InstallError, packages
from airflow_provider_fate.local.environments import PackageEnvironment

#: As uv: makes an environment, and writes down what it is asked to install.
FAKE = f"""#!/bin/sh
for last; do :; done
echo "$@" >> "$UV_SAID"
case "$1" in
venv) mkdir -p "$last/bin" && ln -s {sys.executable} "$last/bin/python" ;;
pip) test -z "$UV_FAILS" || {{ echo "no such package" >&2; exit 1; }} ;;
esac
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fake = tmp_path / "uv"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    monkeypatch.setattr(packages, "find_uv", lambda: str(fake))
    monkeypatch.setenv("UV_SAID", str(tmp_path / "said"))
    return tmp_path / "said"


def test_it_is_made_once_with_what_was_asked_for(said):
    environment = PackageEnvironment("lab", ("jupyterlab==4",), ("fate_client==2.2.0",), check="import json")
    steps: list[str] = []
    assert environment.ensure(steps.append) == environment.interpreter
    assert environment.ensure(steps.append).exists()
    made, without, others = said.read_text().splitlines()
    assert made.startswith("venv --relocatable")
    assert without.endswith("--no-deps fate_client==2.2.0")
    assert others.endswith("bin/python jupyterlab==4")
    assert steps[0].startswith("making the environment of lab")
    assert os.listdir(environment.root.parent) != []
    assert not [name for name in os.listdir(environment.root.parent) if name.startswith(f".{environment.root.name}")]


def test_other_requirements_are_another_environment():
    assert PackageEnvironment("lab", ("a==1",)).root != PackageEnvironment("lab", ("a==2",)).root
    assert PackageEnvironment("lab", ("a==1",)).root != PackageEnvironment("lab", ("a==1",), constraints=("b<3",)).root


def test_torch_is_installed_in_the_first_way_in_which_it_is_to_be_had(said, monkeypatch, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    (wheels / f"torch-2.9.0+cpu-{python}-{python}-linux_x86_64.whl").touch()
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    environment = PackageEnvironment("models", ("peft==0.21.2",), torch=True)
    environment.ensure()
    _, install = said.read_text().splitlines()
    assert install.endswith("peft==0.21.2 torch==2.9.0+cpu")

    monkeypatch.setenv("UV_FAILS", "1")
    with pytest.raises(InstallError, match="no such package"):
        PackageEnvironment("models", ("peft==0.1",), torch=True).ensure()
    ways = [line.partition("peft==0.1 ")[2] for line in said.read_text().splitlines() if "peft==0.1" in line]
    assert ways[0] == "torch==2.9.0+cpu"
    assert ways[1].startswith("--torch-backend cpu torch>=")
    assert len(ways) == 3


def test_one_that_is_damaged_is_made_again(said):
    environment = PackageEnvironment("lab", ("a==1",))
    environment.ensure()
    shutil.rmtree(environment.root / "bin")
    assert environment.problem()
    environment.ensure()
    assert environment.problem() is None
    assert sum(line.startswith("venv ") for line in said.read_text().splitlines()) == 2


def test_a_failure_says_why_and_leaves_nothing(said, monkeypatch):
    monkeypatch.setenv("UV_FAILS", "1")
    environment = PackageEnvironment("lab", ("a==1",))
    with pytest.raises(InstallError, match="no such package"):
        environment.ensure()
    assert [name for name in os.listdir(environment.root.parent) if not name.endswith(".lock")] == []


def test_one_whose_check_fails_is_not_used(said):
    environment = PackageEnvironment("lab", ("a==1",), check="import there_is_no_such_module")
    with pytest.raises(InstallError, match=r"not usable.*there_is_no_such_module"):
        environment.ensure()
    assert not environment.root.exists()
