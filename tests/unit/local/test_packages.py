from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest

from airflow_provider_fate.local import Installation, InstallError, packages, pins, torch
from airflow_provider_fate.local.progress import silent


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(packages.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(packages, "_pip_conf_files", lambda e: [tmp_path / "pip.conf"])
    return {"HOME": str(tmp_path), "PATH": "/bin"}


def test_pips_package_sources_are_passed_on_to_uv(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://index.example/simple\nextra-index-url = https://a.example\n  https://b.example\n"
        "[install]\nfind-links = /wheels\n  /more\n"
    )
    env = packages.uv_environment({**environ, "PIP_CERT": "/ca.pem", "PIP_DEFAULT_TIMEOUT": "9", "PIP_TIMEOUT": "77"})
    assert env["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert env["UV_INDEX"] == "https://a.example https://b.example"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert packages.find_links(env) == ["/wheels", "/more"]
    assert (env["SSL_CERT_FILE"], env["UV_HTTP_TIMEOUT"]) == ("/ca.pem", "77")


def test_pips_environment_wins_over_its_file(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://file.example\n")
    env = packages.uv_environment({**environ, "PIP_INDEX_URL": "https://env.example"})
    assert env["UV_DEFAULT_INDEX"] == "https://env.example"


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"])
def test_an_index_that_is_set_for_uv_is_not_mixed_with_pips(environ: dict[str, str], name: str) -> None:
    env = packages.uv_environment({**environ, name: "https://uv.example", "PIP_INDEX_URL": "https://pip.example"})
    assert env[name] == "https://uv.example"
    assert env.get("UV_DEFAULT_INDEX") != "https://pip.example"


def test_pips_file_is_left_alone_when_the_user_says_so(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://file.example\n")
    assert "UV_DEFAULT_INDEX" not in packages.uv_environment({**environ, "PIP_CONFIG_FILE": "/dev/null"})


def test_the_callers_environment_is_not_meant(environ: dict[str, str]) -> None:
    env = packages.uv_environment({**environ, "VIRTUAL_ENV": "/x", "PYTHONPATH": "/y"})
    assert "VIRTUAL_ENV" not in env
    assert "PYTHONPATH" not in env


def wheels(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).touch()
    return {"UV_FIND_LINKS": f"https://x.example/links,{folder}"}


def test_cpu_wheels_of_the_users_own_come_first_newest_first(tmp_path: Path) -> None:
    env = wheels(
        tmp_path,
        "torch-2.9.1+cpu-cp311-cp311-linux_x86_64.whl",
        "torch-2.10.0+cpu-cp311-cp311-linux_x86_64.whl",
        "torch-2.10.0+cpu-cp310-cp310-linux_x86_64.whl",
        "torch-99.0.0+cpu-cp311-cp311-linux_x86_64.whl",  # not known to work
        "torch-2.11.0+cu126-cp311-cp311-linux_x86_64.whl",
    )
    ways = torch.choices(env, "3.11")
    assert [way.requirement for way in ways] == [
        "torch==2.10.0+cpu", "torch==2.9.1+cpu", pins.torch_requirement(), pins.torch_requirement(),
    ]  # fmt: skip
    assert [way.arguments for way in ways][-2:] == [("--torch-backend", "cpu"), ()]


def test_without_find_links_uv_is_asked_for_cpu_then_for_any(tmp_path: Path) -> None:
    assert [way.arguments for way in torch.choices({}, "3.11")] == [("--torch-backend", "cpu"), ()]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("error: Request failed\n  Caused by: error sending request for url (x)", "a package source cannot be reached"),
        ("error: write\n  Caused by: No space left on device (os error 28)", "the disk is full"),
        ("  x No solution found when resolving\n  ╰─▶ Because a needs b, no", "Because a needs b"),
        ("", "gave no reason"),
    ],
)
def test_a_failure_of_uv_says_what_is_missing(tmp_path: Path, said: str, expected: str) -> None:
    fake = tmp_path / "uv"
    fake.write_text(f"#!{sys.executable}\nimport sys\nprint({said!r}, file=sys.stderr)\nsys.exit(2)\n")
    fake.chmod(0o755)
    with pytest.raises(InstallError, match=expected):
        packages.run_uv(str(fake), ["pip"], {"PATH": "/bin"}, progress=silent, what="installing")


def test_a_full_disk_is_noticed_before_anything_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pins.DISK_NEEDED, "full", 1 << 62)
    with pytest.raises(InstallError, match=r"GB free; installing FATE needs .*"):
        Installation.locate("full").ensure()


def test_no_python_that_fate_can_use_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "uv"
    fake.write_text("#!/bin/sh\necho 'error: No interpreter found for Python 3.11' >&2; exit 2\n")
    fake.chmod(0o755)
    monkeypatch.setattr(packages, "find_uv", lambda: str(fake))
    with pytest.raises(InstallError, match=r"needs Python 3\.11 or 3\.10 or 3\.9(.|\n)*No interpreter found"):
        Installation.locate("server").ensure()


def test_pins_are_complete_and_give_each_variant_a_name_of_its_own() -> None:
    assert len({pins.digest(variant) for variant in pins.VARIANTS}) == len(pins.VARIANTS)
    full = pins.file("full").read_text()
    assert f"fate_flow=={pins.FATE_VERSION}" in full
    assert "torch" not in [line.split("=")[0] for line in full.splitlines()]
    assert pins.torch_requirement().startswith("torch>=")


def test_fate_llm_is_installed_beside_all_of_fate_and_without_what_only_gpus_need(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(packages, "run_uv", lambda _uv, arguments, *_, **__: asked.append(list(arguments)))
    Installation("llm", "3.11", tmp_path)._install("uv", {}, silent)
    (arguments,) = asked
    given = {option: [Path(b) for a, b in pairwise(arguments) if a == option] for option in ("-r", "--override", "-c")}
    lines = [line for path in given["-r"] for line in path.read_text().splitlines()]
    assert {"fate_flow==2.2.0", "pyfate==2.2.0", "fate_llm==2.2.0"} <= set(lines)
    replaced = "".join(path.read_text() for path in given["--override"])
    # `fastchat` on the package index is not the project that fate_llm means.
    for name in ("deepspeed", "lm_eval", "fastchat"):
        assert f"\n{name}; sys_platform == 'never'" in replaced
    assert "typing-extensions>=4.10" in replaced
    assert any(argument.startswith("torch") for argument in arguments)


def test_an_installation_that_was_not_finished_is_noticed(tmp_path: Path) -> None:
    installation = Installation.locate("full")
    assert installation.problem() == "it is not there"
    installation.root.mkdir(parents=True)
    assert installation.problem() == "its installation was not finished"
    (installation.root / "installation.json").write_text("{")
    assert "cannot be read" in str(installation.problem())
    (installation.root / "installation.json").write_text("{}")
    assert installation.problem() == "packages in it were changed after it was made"
