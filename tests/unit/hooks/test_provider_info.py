import json
import subprocess
import sys
from importlib import import_module

import jsonschema
import pytest

from airflow_provider_fate.get_provider_info import get_provider_info
from airflow_provider_fate.hooks.fate import FateSite
from airflow_provider_fate.hooks.flow import FateFlowHook
from airflow_provider_fate.hooks.form import conn_fields
from airflow_provider_fate.hooks.kubefate import KubefateService
from airflow_provider_fate.hooks.kubeflow import KubeflowServer
from airflow_provider_fate.hooks.mlflow import MlflowServer


def resolve(path):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_it_fits_airflows_schema():
    from importlib.resources import files

    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_it_imports_neither_airflow_nor_a_client():
    code = (
        "import sys; import airflow_provider_fate.get_provider_info as m; m.get_provider_info();"
        "print([n for n in sys.modules if n.split('.')[0] in ('airflow', 'httpx', 'yaml', 'tenacity')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_pydantic_which_it_does_import_is_there_in_every_airflow_process():
    code = "import sys, airflow; print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_what_airflow_is_told_of_the_connection_type():
    told = get_provider_info()["connection-types"][0]
    assert told["connection-type"] == "fate"
    assert told["hook-class-name"] == "airflow_provider_fate.hooks.flow.FateFlowHook"
    assert told["ui-field-behaviour"]["hidden-fields"] == ["schema"]
    assert told["ui-field-behaviour"]["relabeling"] == {
        "login": "App id",
        "password": "App token",
        "host": "Host",
        "port": "HTTP port",
    }
    assert {name: field["schema"] for name, field in told["conn-fields"].items()} == {
        "party_id": {"type": ["string", "null"], "default": "9999"},
        "role": {"type": ["string", "null"], "default": "guest", "enum": ["guest", "host", "arbiter"]},
        "tls": {"type": ["boolean", "null"], "default": False},
        "ca_file": {"type": ["string", "null"]},
        "verify": {"type": ["boolean", "null"], "default": True},
        "timeout": {"type": ["number", "null"], "default": 30, "minimum": 1, "maximum": 600},
        "board_url": {"type": ["string", "null"]},
        "cores": {"type": ["integer", "null"], "minimum": 1},
    }


def test_everything_that_it_names_exists():
    info = get_provider_info()
    for key in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[key]:
            for module in entry["python-modules"]:
                import_module(module)
    for entry in info["connection-types"]:
        assert resolve(entry["hook-class-name"]).conn_type == entry["connection-type"]
    assert resolve(info["connection-types"][0]["hook-class-name"]) is FateFlowHook
    for path in info["extra-links"]:
        assert resolve(path)().name
    for entry in info["task-decorators"]:
        assert callable(resolve(entry["class-name"]))
    for path in info["cli"]:
        assert [command.name for command in resolve(path)()] == ["fate"]
    for entry in info["plugins"]:
        assert resolve(entry["plugin-class"]).name == entry["name"]


def test_every_operator_sensor_and_trigger_is_declared():
    import airflow_provider_fate

    info = get_provider_info()
    from pathlib import Path

    root = Path(airflow_provider_fate.__file__).parent
    for key in ("operators", "sensors", "triggers"):
        declared = {m for entry in info[key] for m in entry["python-modules"]}
        there = {
            f"airflow_provider_fate.{key}.{p.stem}" for p in (root / key).glob("*.py") if not p.stem.startswith("_")
        }
        assert declared == there


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (model, name)
        for model in (FateSite, KubefateService, MlflowServer, KubeflowServer)
        for name in conn_fields(model)
    ],
)
def test_no_field_of_the_form_is_mandatory(model, name):
    field = conn_fields(model)[name]
    assert "null" in field["schema"]["type"]
    assert field["label"]
    assert field["description"]


def test_the_old_form_has_the_same_labels():
    assert FateFlowHook.get_ui_field_behaviour()["relabeling"]["password"] == "App token"
