import json

import pytest
from airflow.sdk import Connection

from airflow_provider_fate.errors import FateConfigError
from airflow_provider_fate.hooks.flow import FateFlowHook
from airflow_provider_fate.hooks.form import conn_fields
from airflow_provider_fate.hooks.site import FateSite


def site(*, host="h", port=None, login=None, password=None, **extra):
    return FateSite.of(
        Connection(
            conn_id="bank",
            conn_type="fate",
            host=host,
            port=port,
            login=login,
            password=password,
            extra=json.dumps(extra),
        )
    )


def test_only_the_host_is_needed():
    settings = site().settings()
    assert settings.base_url == "http://h:9380/v2"
    assert settings.verify is True
    assert settings.app is None


def test_every_field_of_the_form_is_read():
    filled = {
        "party_id": "10000",
        "role": "host",
        "tls": True,
        "ca_file": "/etc/ca.pem",
        "verify": True,
        "timeout": 12,
        "board_url": "https://board/{job_id}",
        "cores": 8,
    }
    assert set(filled) == set(conn_fields(FateSite))
    read = site(port=1234, login="app", password="secret", **filled)
    assert {name: getattr(read, name) for name in filled} == filled
    settings = read.settings()
    assert settings.base_url == "https://h:1234/v2"
    assert settings.verify == "/etc/ca.pem"
    assert settings.timeout == 12
    assert settings.app.app_id == "app"


def test_fields_left_empty_in_the_form_are_as_good_as_missing():
    empty = site(login="", password="", **dict.fromkeys(conn_fields(FateSite), ""))
    assert empty == site()


def test_a_party_id_may_be_typed_as_a_number():
    assert site(party_id=9999).party_id == "9999"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "boss"),
        ("cores", 0),
        ("cores", "many"),
        ("timeout", 0),
        ("board_url", "https://board/{job}"),
        ("board_url", "javascript:alert(1)"),
    ],
)
def test_a_wrong_field_is_named_with_its_connection(field, value):
    with pytest.raises(FateConfigError, match=f"'bank' cannot be used: {field}"):
        site(**{field: value})


def test_a_missing_host_is_named():
    with pytest.raises(FateConfigError, match="'bank' cannot be used: host"):
        site(host=None)


def test_the_token_is_never_shown():
    read = site(login="app", password="s3cr3t-token")
    assert "s3cr3t-token" not in repr(read) + str(read) + repr(read.settings())
    with pytest.raises(FateConfigError) as e:
        site(login="app", password="x", cores="s3cr3t-token")
    assert "s3cr3t-token" not in str(e.value)


def test_the_link_to_fateboard_is_filled_in_and_escaped():
    read = site(board_url="https://b/#/d?j={job_id}&r={role}&p={party_id}", party_id="9999")
    assert read.board_link("1&x") == "https://b/#/d?j=1%26x&r=guest&p=9999"
    assert site().board_link("1") is None


@pytest.mark.parametrize(
    ("extra", "says"), [('{"tls": true, "app', "is not JSON"), ('["tls"]', "instead of an object")]
)
def test_extra_fields_that_cannot_be_read_are_an_error_and_not_a_connection_without_tls(extra, says):
    with pytest.raises(FateConfigError, match=says) as e:
        FateSite.of(Connection(conn_id="c", conn_type="fate", host="h", extra=extra))
    assert "tls" not in e.value.message


@pytest.mark.parametrize("conn_type", ["http", "generic", "postgres", None])
def test_a_connection_of_another_type_is_refused(conn_type):
    connection = Connection(conn_id="bank", conn_type=conn_type, host="h", password="secret")
    with pytest.raises(FateConfigError, match="'bank' cannot be used: it has") as e:
        FateSite.of(connection)
    assert conn_type is None or f"'{conn_type}'" in str(e.value)
    assert "'fate'" in str(e.value)
    assert "secret" not in str(e.value)


@pytest.mark.parametrize("written", ["fate://h:1234", '{"conn_type": "fate", "host": "h", "port": 1234}'])
def test_a_connection_may_be_written_as_uri_or_json(monkeypatch, written):
    monkeypatch.setenv("AIRFLOW_CONN_BANK", written)
    assert FateFlowHook("bank").site().settings().base_url == "http://h:1234/v2"
