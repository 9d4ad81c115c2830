from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.notebooks import NotebookSite, NotebookSpec
from airflow_provider_fate.notebooks.spec import memory_bytes, whole_cpus

SITE = NotebookSite("127.0.0.1", app_id="id", app_token="secret-of-the-app")


def spec(**changed: Any) -> NotebookSpec:
    return NotebookSpec(**{"name": "lab", "site": SITE, **changed})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "Lab"}, "name='Lab'"),
        ({"name": "../lab"}, "name='../lab'"),
        ({"name": "a" * 53}, "name="),
        ({"repository": "https://me:word@git.example.org/x.git"}, "credentials"),
        ({"repository": "https://token@git.example.org/x.git"}, "credentials"),
        ({"repository": "--upload-pack=touch /tmp/x"}, "no address of a git repository"),
        ({"repository": "ext::sh -c touch% /tmp/x"}, "no address of a git repository"),
        ({"repository": "/etc"}, "no address of a git repository"),
        ({"repository": "https://git.example.org/x.git@--force"}, "'--force' is no branch"),
        ({"data": {"../x": "/srv"}}, r"data: '../x'"),
        ({"cpus": "many"}, "cpus='many'"),
        ({"memory": "4 GB"}, "memory='4 GB'"),
        ({"memory": "0"}, "memory='0'"),
        ({"url": "lab.example.org"}, "url='lab.example.org'"),
    ],
)
def test_what_cannot_work_is_refused_by_name(given: dict[str, Any], said: str) -> None:
    with pytest.raises(FateInputError, match=said) as caught:
        spec(**given)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    ("repository", "address", "ref", "folder"),
    [
        ("https://git.example.org/team/models.git", "https://git.example.org/team/models.git", "", "models"),
        ("https://git.example.org/team/models@main", "https://git.example.org/team/models", "main", "models"),
        ("git@git.example.org:team/models.git", "git@git.example.org:team/models.git", "", "models"),
        ("git@git.example.org:team/models.git@v1.0", "git@git.example.org:team/models.git", "v1.0", "models"),
        ("git@git.example.org:models.git", "git@git.example.org:models.git", "", "models"),
        ("ssh://git@git.example.org/models", "ssh://git@git.example.org/models", "", "models"),
    ],
)
def test_a_repository_is_taken_apart(repository: str, address: str, ref: str, folder: str) -> None:
    given = spec(repository=repository)
    assert given.clone == (address, ref)
    assert given.folder == folder


def test_amounts_are_those_of_kubernetes() -> None:
    assert [memory_bytes(text) for text in ("4Gi", "500M", "1024", "x")] == [4 * 2**30, 500_000_000, 1024, 0]
    assert [whole_cpus(text) for text in ("2", "0.5", "2500m", "100m")] == [2, 1, 3, 1]


def test_the_path_is_that_of_the_proxy() -> None:
    assert spec().base_path == "/"
    assert spec(url="https://lab.example.org/alice/").base_path == "/alice/"
    assert spec(url="https://lab.example.org").base_path == "/"


def test_the_token_of_the_app_is_in_the_file_alone() -> None:
    assert "secret-of-the-app" not in repr(spec())
    assert json.loads(SITE.text())["app_token"] == "secret-of-the-app"
