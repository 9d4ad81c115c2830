"""The schema for editors is that of the models, and accepts what they accept."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_provider_fate.federation.schema import schema_text
from dev.federation_schema import text
from tests.unit.federation.conftest import EXAMPLE, SMALL


def errors(document: object) -> list[str]:
    plain = json.loads(json.dumps(document, default=str))  # editors read YAML 1.2, where a date is a text
    return [error.json_path for error in Draft202012Validator(json.loads(schema_text())).iter_errors(plain)]


def test_the_schema_in_the_package_is_that_of_the_models():
    assert schema_text() == text(), "run python -m dev.federation_schema"


def test_the_schema_is_one():
    Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("written", [EXAMPLE.read_text(), SMALL])
def test_what_is_right_is_accepted(written):
    assert errors(yaml.safe_load(written)) == []


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("parties", "bank", "role"), "gest", "$.parties.bank.role"),
        (("tables", "usage", "row"), {}, "$.tables.usage"),
        (("components", 0), "raeder", "$.components[0]"),
        (("windows", "run", "from"), "3:00", "$.windows.run.from"),
        (("jobs", "nightly", "recipe"), "SecureBoost", "$.jobs.nightly.recipe"),
        (("ids", "salt"), "secret", "$.ids.salt"),
    ],
)
def test_an_editor_marks_what_is_wrong(path, value, says):
    document = yaml.safe_load(EXAMPLE.read_text())
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert errors(document) == [says]


def test_every_field_is_explained():
    schema = json.loads(schema_text())
    models = [schema, *(model.get("anyOf", [model])[-1] for model in schema["$defs"].values())]
    for model in models:
        for name, field in model["properties"].items():
            assert field.get("description"), f"{model['title']}.{name}"
