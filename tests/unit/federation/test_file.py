"""A federation file is read whole, or refused with line, field, value and the way out."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_fate.errors import FateFederationError, FateInputError
from airflow_provider_fate.federation import Federation
from tests.unit.federation.conftest import EXAMPLE, SMALL


def changed(old: str, new: str, text: str = SMALL) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def refusal(text: str) -> str:
    with pytest.raises(FateInputError) as refused:
        Federation.parse(text)
    return str(refused.value)


def test_the_example_of_the_documentation_is_read(example):
    assert example.party("telco").party_id == "10000"
    assert example.party("9999").name == "First Bank"
    assert example.with_role("arbiter") == ["telco"]
    assert list(example.tables_of("10000")) == ["usage"]
    assert example.table_of("usage").rows.max == 20_000_000


def test_a_table_is_exactly_a_contract_and_its_name(example):
    contract = example.contract("customers")
    assert [column.name for column in contract.columns] == ["age", "income", "products"]
    assert contract.label.map == {"no": 0, "yes": 1} or contract.label.map == {False: 0, True: 1}
    assert not hasattr(contract, "party")


def test_a_federation_cannot_be_changed(example):
    with pytest.raises(ValidationError, match="frozen"):
        example.timezone = "UTC"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        # what cannot be read
        ("federation: small", "federation: [", "is not YAML"),
        ("federation: small", "- a", "is not YAML"),
        # unknown fields, with the nearest known one
        ("rows: {min: 3}", "row: {min: 3}", "line 8: tables.usage.row = .*no such field. Did you mean 'rows'"),
        ("rows: {min: 3}", "rows: {mim: 3}", "line 8: tables.usage.rows.mim = 3: .* Did you mean 'min'"),
        ("role: host}", "role: host, contct: x}", "line 5: parties.telco.contct = 'x': .* Did you mean 'contact'"),
        ("components:", "windos: {}\ncomponents:", "line 9: windos = {}: .* Did you mean 'windows'"),
        ("components:", "windows: {run: {form: '01:00'}}\ncomponents:", "windows.run.form = .* Did you mean 'from'"),
        ("recipe: Psi", "recipe: Psi, statistcs: {}", "jobs.overlap.statistcs = {}: .* Did you mean 'statistics'"),
        # missing ones
        ("party: telco, ", "", "line 8: tables.usage.party: it is missing. Add 'party: ...'"),
        ("components: [reader, psi]\n", "", "components: it is missing"),
        # parties
        ("party_id: 9999", "party_id: 'a b'", "parties.bank.party_id = 'a b': a party id is"),
        ("party_id: 9999", "party_id: '{{ id }}'", "parties.bank.party_id = .* not a template"),
        ("9999", "10000", "parties.telco.party_id = '10000': this is the id of bank, too"),
        ("role: guest", "role: host", "there is exactly one guest"),
        ("role: host", "role: guest", r"parties = \['bank', 'telco'\]: there is exactly one guest"),
        ("role: host", "role: []", "parties.telco.role = .*at least one role"),
        ("role: host", "role: arbiter", "there is no host"),
        ("role: guest", "role: [guest, host]", "no party is guest and host"),
        ("role: host", "role: hots", "parties.telco.role.0 = 'hots': input should be 'guest', 'host' or 'arbiter'"),
        ("  telco: {party", "  1telco: {party", "a short name begins with a letter"),
        # tables
        ("party: telco", "party: tleco", "line 8: tables.usage.party = 'tleco': .*Did you mean 'telco'"),
        ("party: telco", "party: bank", "telco takes part as host and brings no table"),
        ("credit.telco_", "telco_", "tables.usage.name = .*not of the form 'namespace.name'"),
        ("telco_{{ ds_nodash }}", "telco_{{ run_id }}", "holds {{ run_id }}, and both sides know dates only"),
        ("credit.telco_", "cre/dit.telco_", "not a name that FATE can store"),
        ("[b, c]", "[b, b]", "tables.usage.columns = .*named twice: b"),
        ("[b, c]", "[b, id]", "tables.usage.columns = 'id': match_id is called so, too"),
        ("[b, c]", "[]", "tables.usage.columns"),
        ("{min: 3}", "{min: 0}", "tables.usage.rows.min = 0: input should be greater than or equal to 1"),
        # components and jobs
        (
            "[reader, psi]",
            "[reader, spi]",
            "line 9: components.1 = 'spi': .*no such component. Did you mean 'psi'",
        ),
        ("[reader, psi]", "[reader, psi, psi]", "components.2 = 'psi': it is named twice"),
        ("[reader, psi]", "[reader]", "jobs.overlap.tasks.psi_0.component_ref = 'psi': this component is not agreed"),
        ("recipe: Psi", "recipe: Pis", "line 11: jobs.overlap.recipe = 'Pis': there is no such recipe"),
        (
            "recipe: Psi",
            "recipe: Psi, guest: usage",
            "overlap.guest.table = 'usage': it belongs to telco, which is no guest",
        ),
        (
            "recipe: Psi",
            "recipe: Psi, hosts: [usages]",
            "overlap.hosts.0.table = 'usages': .* Did you mean",
        ),
        ("recipe: Psi", "recipe: Psi, arbiter: telco", "jobs.overlap.arbiter = 'telco': this party is no arbiter"),
        ("recipe: Psi", "recipe: Psi, cores: 0", "jobs.overlap.cores = 0"),
        # windows
        ("jobs:", "timezone: Europe/Berln\njobs:", "timezone = 'Europe/Berln': there is no such time zone"),
        ("jobs:", "timezone: /etc/passwd\njobs:", "timezone = '/etc/passwd': there is no such time zone"),
        ("jobs:", "windows: {run: {from: '3:00', until: '06:00'}}\njobs:", "windows.run.from = '3:00': .* HH:MM"),
        ("jobs:", "windows: {run: {from: '03:00', until: '03:00'}}\njobs:", "windows.run = .* is empty"),
        (
            "jobs:",
            "windows: {publish: {from: '04:00', until: '05:00'}, run: {from: '01:00', until: '03:00', for_days: 1}}\n"
            "jobs:",
            "windows.run: the guest's window for the tables of a date is over",
        ),
        ("jobs:", "maintenance: [{from: 2026-12-24, until: 2026-12-23}]\njobs:", "maintenance.0 = .* is empty"),
        ("jobs:", "maintenance: [{from: tomorrow, until: 2026-12-23}]\njobs:", "maintenance.0.from = 'tomorrow'"),
        ("jobs:", "maintenance: [{from: 2026-02-30, until: 2026-12-23}]\njobs:", "day is out of range"),
        # ids
        ("jobs:", "ids: {hash: sha256}\njobs:", "ids = .*no salt is agreed upon"),
        ("jobs:", "ids: {case: loud}\njobs:", "ids.case = 'loud'"),
        (
            "jobs:",
            "ids: {hash: sha256, salt: {conn_id: {bank: x}, fingerprint: 12ab-34cd}}\njobs:",
            "ids.salt.conn_id: ids are hashed, and telco, which brings a table, names no connection",
        ),
        (
            "jobs:",
            "ids: {hash: sha256, salt: {conn_id: {bank: x, tleco: y}, fingerprint: 12ab-34cd}}\njobs:",
            "ids.salt.conn_id.tleco: there is no such party .* Did you mean 'telco'",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place_and_the_way_out(old, new, says):
    assert re.search(says, refusal(changed(old, new)), re.S)


def test_all_that_is_wrong_is_said_at_once():
    text = changed("role: host", "role: hots", changed("{min: 3}", "{min: 0}"))
    with pytest.raises(FateFederationError, match="for 2 reasons") as refused:
        Federation.parse(text, "contracts/f.yaml")
    assert {one.field for one in refused.value.problems} == {"parties.telco.role.0", "tables.usage.rows.min"}
    assert "contracts/f.yaml" in str(refused.value)


def test_one_mistake_is_told_once():
    assert "for 2 reasons" in refusal(changed("party: telco", "party: tleco")), "the party, and that telco has no table"


@pytest.mark.parametrize("text", ["", "[]", "a", "federation"])
def test_what_is_no_mapping_is_refused(text):
    assert "Begin with 'federation:" in refusal(text)


def test_a_key_that_is_given_twice_is_refused_where_yaml_would_take_the_last():
    text = SMALL.replace("components: [reader, psi]", "components: [reader, psi]\ncomponents: [reader]")
    assert "federation.yaml:10: components is given twice" in refusal(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(FateInputError, match=r"nothing\.yaml.* cannot be read"):
        Federation.read(tmp_path / "nothing.yaml")


def test_nothing_in_the_file_is_run():
    assert "is not YAML" in refusal(changed("federation: small", "federation: !!python/object/apply:os.getcwd []"))


LAUGHS = "".join(f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in pairwise("abcdefg"))
BOMBS = {"laughs": f"a: &a [x, x]\n{LAUGHS}", "itself": "a: &a [*a]", "deep": "[" * 5000}


@pytest.mark.parametrize(
    "bomb", [f"a: &a [x, x]\n{LAUGHS}", "a: &a [*a]", "[" * 5000], ids=["laughs", "itself", "deep"]
)
def test_a_text_that_becomes_a_huge_document_is_refused(bomb):
    assert re.search("too large|not YAML", refusal(bomb))


@pytest.mark.parametrize(
    "where",
    [
        "salt: {secret}",
        "salt: {{conn_id: x, fingerprint: {secret}}}",
        "salt: {{value: {secret}, conn_id: x, fingerprint: 1234-abcd}}",
        "salt: [{secret}]",
        "salt: {{conn_id: [{secret}], fingerprint: 1234-abcd}}",
        "salt: {{conn_id: {{tleco: {secret}}}, fingerprint: 1234-abcd}}",
        "salt: {{{secret}: ",
    ],
)
def test_a_salt_that_somebody_writes_into_the_file_is_not_shown(where):
    secret = "correct-horse-battery"
    said = refusal(changed("jobs:", "ids: {hash: sha256, " + where.format(secret=secret) + "}\njobs:"))
    assert secret not in said
    assert "salt" in said or "not YAML" in said


def test_times_and_ids_mean_what_is_written():
    """YAML 1.1 reads 12:30 as 750, and 0010 as 8."""
    text = changed("9999", "0010", changed("jobs:", "windows: {run: {from: 12:30, until: 22:15}}\njobs:"))
    made = Federation.parse(text)
    assert (made.windows.run.start, made.windows.run.end, made.party("bank").party_id) == ("12:30", "22:15", "0010")


def plain(text: str) -> None:
    """There is a federation, or an error in words of this package."""
    said = ""
    try:
        Federation.parse(text)
    except FateInputError as error:
        said = str(error)
    assert "pydantic" not in said
    assert not said or "federation.yaml" in said


LINES = EXAMPLE.read_text().splitlines(keepends=True)


@given(st.integers(0, len(LINES) - 1), st.sampled_from(["", "x: 1\n", "  - [\n", "? \n", "\t\n"]))
def test_whatever_line_is_lost_or_spoilt_there_is_a_federation_or_a_plain_error(number, instead):
    plain("".join([*LINES[:number], instead, *LINES[number + 1 :]]))


PARTS = ["parties", "tables", "ids", "windows", "maintenance", "jobs", "components", "timezone"]
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.booleans() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["party", "name", "from", "until", "role", "run", "salt"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES, st.sampled_from(PARTS))
def test_whatever_stands_in_a_part_there_is_a_federation_or_a_plain_error(value, part):
    plain(yaml.safe_dump({**yaml.safe_load(SMALL), part: value}))
