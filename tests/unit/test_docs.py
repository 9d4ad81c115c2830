"""README and documentation, held to the code: blocks run, names exist, links lead somewhere, and the pages build."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from airflow_provider_fate import jobs
from airflow_provider_fate.get_provider_info import get_provider_info

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS]
# Lives in an environment of its own.
ELSEWHERE = ("fate_client",)


def blocks(language: str) -> list[pytest.param]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.M | re.S):
            line = text.count("\n", 0, match.start()) + 1
            found.append(pytest.param(match[1], id=f"{page.relative_to(ROOT)}:{line}"))
    return found


PYTHON = blocks("python")


def test_there_are_blocks_to_check() -> None:
    assert any("README.md" in str(block.id) for block in PYTHON)


@pytest.mark.parametrize("source", PYTHON)
def test_a_block_of_python_imports_only_what_exists(source: str) -> None:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] not in ELSEWHERE:
            module = import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


@pytest.mark.parametrize(
    "source", [block for block in PYTHON if "@dag(" in block.values[0] or ".dag()" in block.values[0]]
)
def test_a_block_with_a_dag_or_a_recipe_runs(source: str) -> None:
    module = ModuleType("block")
    module.__file__ = str(ROOT / "docs" / "block.py")  # a DAG may read what lies beside it
    exec(compile(source, "block", "exec"), module.__dict__)


def test_the_dag_of_the_readme_is_as_short_as_it_says() -> None:
    source = next(block.values[0] for block in PYTHON if "README" in str(block.id) and "@dag(" in block.values[0])
    statements = [line for line in source.splitlines() if line.strip() and "import" not in line]
    assert len(statements) <= 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{file.name} has no heading {anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    text = page.read_text()
    named = set(re.findall(r"`make ([a-z][a-z0-9-]*)", text)) | set(
        re.findall(r"^(?:\$ )?make ([a-z][a-z0-9-]*)", text, re.M)
    )
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_fate_local_that_are_named_exist(page: Path) -> None:
    from airflow_provider_fate.local.cli import _parser

    text = page.read_text()
    for command in set(re.findall(r"(?:^\$ |`|/|\()fate-local ([a-z]+)", text, re.M)):
        with pytest.raises(SystemExit) as end:
            _parser().parse_args([command, "--help"])
        assert end.value.code == 0, command


def test_paths_that_are_named_exist() -> None:
    folders = ("airflow_provider_fate", "tests", "docs", "dags", "dev", "docker")
    for page in PAGES:
        for path in re.findall(rf"`((?:{'|'.join(folders)})/[\w./]*)`", page.read_text()):
            assert (ROOT / path).exists(), f"{page.name} names {path}"


def test_names_of_this_package_in_code_style_exist() -> None:
    for page in PAGES:
        for dotted in set(re.findall(r"`(airflow_provider_fate(?:\.\w+)+)", page.read_text())):
            module, _, name = dotted.rpartition(".")
            try:
                import_module(dotted)
            except ModuleNotFoundError:
                assert hasattr(import_module(module), name), f"{page.name} names {dotted}"


# --- complete ---------------------------------------------------------------------------------------------------------


def test_the_readme_names_every_recipe() -> None:
    text = (ROOT / "README.md").read_text()
    for name in jobs.__all__:
        kind = getattr(jobs, name)
        if isinstance(kind, type) and issubclass(kind, jobs.Recipe) and kind is not jobs.Recipe:
            assert f"`{name}`" in text


def test_every_operator_sensor_and_decorator_has_a_how_to() -> None:
    text = (ROOT / "docs" / "operators.md").read_text() + (ROOT / "README.md").read_text()
    info = get_provider_info()
    for module in (m for kind in ("operators", "sensors") for entry in info[kind] for m in entry["python-modules"]):
        found = vars(import_module(module)).items()
        public = [n for n, v in found if isinstance(v, type) and v.__module__ == module and not n.startswith("_")]
        for name in public:
            assert f"`{name}`" in text, name
    for decorator in info["task-decorators"]:
        assert f"`@task.{decorator['name']}`" in text


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_what_is_generated_in_a_page_is_as_the_code_has_it(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    assert page.read_text() == import_module("generated").written(page.read_text()), "run `make docs`"


def test_pages_need_no_sphinx_to_be_read_but_for_the_reference() -> None:
    for page in DOCS:
        if page.name not in ("reference.md", "index.md", "changelog.md"):
            assert "```{" not in page.read_text(), page.name


def test_figures_of_the_first_page_are_those_of_the_data() -> None:
    source = ast.parse((ROOT / "dags" / "example_tables.py").read_text())
    sizes = {
        str(node.targets[0].id): len(ast.literal_eval(node.value))
        for node in source.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and "COLUMNS" in node.targets[0].id
    }
    words = {5: "five", 8: "eight"}
    text = (ROOT / "docs" / "first-dag.md").read_text()
    assert f"{words[sizes['CLINIC_COLUMNS']]} weak measurements" in text
    assert f"{words[sizes['LABORATORY_COLUMNS']]} strong ones" in text


def test_params_of_examples_say_what_they_are_and_may_be() -> None:
    found = []
    for file in (ROOT / "dags").rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Param":
                given = {word.arg: word.value for word in call.keywords}
                found.append(given)
                assert "title" in given, file.name
                if "maximum" in given:  # the form shows no ranges
                    assert str(ast.literal_eval(given["maximum"])) in ast.literal_eval(given["description"]), file.name
    assert len(found) > 5


def test_every_example_is_listed() -> None:
    text = (ROOT / "docs" / "first-dag.md").read_text()
    for file in (ROOT / "dags").rglob("*.py"):
        name = file.relative_to(ROOT / "dags")
        if "@dag(" in file.read_text():
            assert f"`{name}`" in text, name


def test_every_public_module_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    named = set(re.findall(r"automodule:: airflow_provider_fate\.(\S+)", text))
    for folder in ("operators", "sensors", "decorators", "hooks", "triggers", "clients/fate_flow/endpoints"):
        for file in (ROOT / "airflow_provider_fate" / folder).glob("[a-z]*.py"):
            module = ".".join(file.relative_to(ROOT / "airflow_provider_fate").with_suffix("").parts)
            assert module in named or module in {"hooks.site", "hooks.check"}, module


def test_the_source_distribution_holds_what_tests_and_docs_read() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = {name.strip("/") for name in config["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]}
    texts = [file.read_text() for folder in ("tests", "docs", "dev") for file in (ROOT / folder).rglob("*.py")]
    read = {name for text in texts for name in re.findall(r"""ROOT / ["']([\w.-]+)""", text)}
    there = {name for name in read if (ROOT / name).exists() and not name.startswith((".local", ".venv", ".coverage"))}
    assert {"docker-compose.yaml", "dags", "docs"} <= there, "the search finds what is read"
    assert there - {"pyproject.toml", ".gitignore"} <= included  # those two are always in it


def test_hooks_of_pre_commit_need_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert {hook["language"] for repo in config["repos"] for hook in repo["hooks"]} <= {"system", "pygrep"}


# --- built ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(folder / "doctrees")]
    environment = {**os.environ, "AIRFLOW_HOME": str(folder / "airflow")}
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder / "html")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def test_the_pages_build_without_a_warning(built: Path) -> None:
    assert {page.stem for page in DOCS} <= {page.stem for page in built.glob("*.html")}


def test_the_table_of_fields_shows_every_field_of_the_connection(built: Path) -> None:
    from airflow_provider_fate.hooks.fate import FateSite
    from airflow_provider_fate.hooks.form import conn_fields

    text = (built / "connection.html").read_text()
    for name, field in conn_fields(FateSite).items():
        assert f">{name}<" in text
        assert field["label"] in text


def test_the_reference_shows_what_methods_promise(built: Path) -> None:
    text = (built / "reference.html").read_text()
    for anchor in (
        "operators.job.FateJobOperator",
        "clients.fate_flow.endpoints.job.JobGroup.submit",
        "jobs.recipes.secureboost.HeteroSecureBoost",
        "errors.FateAmbiguousSubmitError",
    ):
        assert f'id="airflow_provider_fate.{anchor}"' in text
