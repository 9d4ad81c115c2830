"""A new connection type is one short file; what Airflow is told, the form, reading and the Test button follow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import jsonschema
import pytest
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
from airflow.sdk import BaseHook, Connection

from airflow_provider_fate.errors import FateConfigError
from airflow_provider_fate.get_provider_info import get_provider_info
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Form, provider_info
from tests.unit.clients.shelf_server import TOKEN, ShelfServer
from tests.unit.hooks.shelf_connection import ShelfSite
from tests.unit.hooks.test_provider_info import resolve


@pytest.fixture
def shelf() -> Iterator[ShelfServer]:
    server = ShelfServer()
    server.open()
    yield server
    server.end()


def hook(conn_id: str = "library") -> Any:
    """Make the hook as Airflow does for a connection."""
    made = resolve(provider_info(ShelfSite)["hook-class-name"])
    return made(**{made.conn_name_attr: conn_id})


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LIBRARY", json.dumps({"conn_type": "shelf", "host": "127.0.0.1", **fields}))


def test_a_connection_type_is_one_short_file() -> None:
    text = re.sub(r'""".*?"""', "", (Path(__file__).parent / "shelf_connection.py").read_text(), flags=re.S)
    assert len([line for line in text.splitlines() if line.strip()]) <= 25


def test_airflow_is_told_of_it() -> None:
    told = provider_info(ShelfSite)

    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate({**get_provider_info(), "connection-types": [told]}, schema)
    assert told["ui-field-behaviour"] == {
        "hidden-fields": ["schema", "login"],
        "relabeling": {"host": "Host", "port": "Port", "password": "Token"},
        "placeholders": {"host": "books.example.org"},
    }
    assert {name: field["schema"] for name, field in told["conn-fields"].items()} == {
        "book": {"type": ["string", "null"], "default": "1"},
        "shelves": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
        "order": {"type": ["string", "null"], "default": "title", "enum": ["title", "author"]},
        "key": {"type": ["string", "null"], "format": "password"},
    }


def test_airflow_3_1_draws_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    # Airflow 3.1 itself puts stand-ins like these into the place of the libraries that drew the form of Airflow 2.
    wtforms, validators, fieldwidgets = ModuleType("wtforms"), ModuleType("validators"), ModuleType("fieldwidgets")
    for kind in ("String", "Integer", "Boolean", "Password"):
        setattr(wtforms, f"{kind}Field", getattr(HookMetaService, f"Mock{kind}Field"))
    validators.Optional = HookMetaService.MockOptional  # type: ignore[attr-defined]
    for kind in ("Text", "Password"):
        setattr(fieldwidgets, f"BS3{kind}FieldWidget", HookMetaService.MockAnyWidget)
    monkeypatch.setitem(sys.modules, "wtforms", wtforms)
    monkeypatch.setitem(sys.modules, "wtforms.validators", validators)
    monkeypatch.setitem(sys.modules, "flask_appbuilder", ModuleType("flask_appbuilder"))
    monkeypatch.setitem(sys.modules, "flask_appbuilder.fieldwidgets", fieldwidgets)

    kind = resolve(provider_info(ShelfSite)["hook-class-name"])
    drawn = {name: field.param.dump() for name, field in kind.get_connection_form_widgets().items()}

    told = provider_info(ShelfSite)
    assert drawn.keys() == told["conn-fields"].keys()
    for name, field in told["conn-fields"].items():
        assert drawn[name]["schema"]["title"] == field["label"]
        assert drawn[name]["description"] == field["description"]
        assert drawn[name]["value"] == field["schema"].get("default")
        assert drawn[name]["schema"]["type"] == field["schema"]["type"]
    assert drawn["key"]["schema"]["format"] == "password"
    assert kind.get_ui_field_behaviour()["hidden_fields"] == ["schema", "login"]


def test_a_connection_is_read_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, port=1234, password="s3cret", extra={"book": "7", "shelves": "", "order": None, "other": 1})

    site = hook().read()

    assert (site.port, site.token, site.book, site.shelves, site.order) == (1234, "s3cret", "7", None, None)
    assert "s3cret" not in repr(site)
    assert isinstance(hook(), BaseHook)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"extra": {"shelves": 10}}, "'library' cannot be used: shelves: Input should be less than or equal to 9"),
        ({"extra": {"order": "size"}}, "'library' cannot be used: order: Input should be 'title' or 'author'"),
        ({"host": ""}, "'library' cannot be used: host: Field required"),
        ({"port": 70000}, "'library' cannot be used: port"),
        ({"conn_type": "http"}, "type 'http', and a shelf needs the type 'shelf'"),
    ],
)
def test_a_wrong_field_is_named_by_the_test_button(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], says: str
) -> None:
    connect(monkeypatch, **fields)
    good, text = hook().test_connection()
    assert not good
    assert says in text


def test_extra_fields_that_cannot_be_read_show_how_they_are_written() -> None:
    with pytest.raises(FateConfigError) as caught:
        ShelfSite.of(Connection(conn_id="library", conn_type="shelf", host="h", extra="{no"))
    assert str(caught.value).endswith('{"book": "1", "order": "title"}.')


def test_the_test_button_connects(shelf: ShelfServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, port=shelf.server_address[1], password=TOKEN)
    assert hook().test_connection() == (True, "Book 1 stands at 127.0.0.1.")

    connect(monkeypatch, port=shelf.server_address[1], password="wrong")
    assert hook().test_connection() == (False, "FateAuthError: who are you?")


def test_its_declaration_imports_no_airflow() -> None:
    code = "import sys, tests.unit.hooks.shelf_connection; print('airflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_hook_of_another_name_is_not_there() -> None:
    with pytest.raises(ImportError, match="OtherHook"):
        from tests.unit.hooks.shelf_connection import OtherHook  # noqa: F401


def test_a_declaration_that_is_wrong_fails_when_it_is_imported() -> None:
    with pytest.raises(TypeError, match="annotate book with Standard or Extra"):

        class Unlabelled(ConnectionModel):
            form = Form("x", "X", "an x", "x.Hook")
            book: str

    with pytest.raises(TypeError, match=r"Mandatory\.book: write its type as"):

        class Mandatory(ConnectionModel):
            form = Form("x", "X", "an x", "x.Hook")
            book: Annotated[str, Extra("Book", "A book.")]

    with pytest.raises(TypeError, match=r"Unknown\.book: a form has fields for bool, int, float, str and Literal"):

        class Unknown(ConnectionModel):
            form = Form("x", "X", "an x", "x.Hook")
            book: Annotated[list[str] | None, Extra("Book", "A book.")] = None
