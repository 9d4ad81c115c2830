from __future__ import annotations

import pytest

from airflow_provider_fate.local import LocalFateError
from airflow_provider_fate.local.services import LocalService, ServiceSpec


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": []}, "command"),
        ({"port": 0}, "port=0"),
        ({"health": "api"}, "health='api'"),
        ({"files": {"../x": ""}}, r"files: the name '../x'"),
        ({"env": {"A-B": ""}}, "env: the name 'A-B'"),
        ({"more_ports": ["x y"]}, "more_ports: the name 'x y'"),
        ({"log_limit": 1}, "log_limit=1"),
        ({"command": ["serve", "--token=long-secret"], "secret_env": {"T": "long-secret"}}, "a secret stands in it"),
    ],
)
def test_what_cannot_work_is_refused_by_name(given, said):
    with pytest.raises(LocalFateError, match=said):
        ServiceSpec(**{"command": ["true"], **given})


@pytest.mark.parametrize("name", ["", "../x", "A", "-a", "a/b", "a" * 64, "."])
def test_a_name_that_cannot_be_a_folders_is_refused(name):
    with pytest.raises(LocalFateError, match="is no name for a service"):
        LocalService(name)


def test_secrets_do_not_show_in_its_representation_and_count_as_a_difference():
    one = ServiceSpec(["true"], secret_env={"T": "first-secret"}, files={"token": "second-secret\n"})
    assert "secret" not in repr(one).replace("secret_env", "")
    assert one.digest != ServiceSpec(["true"], secret_env={"T": "third-secret"}, files=one.files).digest
    assert one.hidden("a first-secret and a second-secret") == "a *** and a ***"
