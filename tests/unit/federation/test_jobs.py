from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from airflow_provider_fate.data.given import Ids
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateConfigError, FateInputError, FateInvalidJobError
from airflow_provider_fate.federation import Federation, FederationGrant, SaltAgreement, salt_fingerprint
from airflow_provider_fate.jobs import CoordinatedLR, HeteroSecureBoost, HomoLR, Party, Psi
from tests.unit.federation.conftest import SMALL

OPEN = datetime(2026, 11, 27, 3, tzinfo=UTC)  # 04:00 in Berlin
SALT = "5cb0e6f1a0d94b7e"


# -- jobs ------------------------------------------------------------------------------------------------------------


def test_a_job_is_the_recipe_with_the_agreed_parties_and_tables(example):
    job = example.job("nightly", day="2026-11-26")
    assert isinstance(job, HeteroSecureBoost)
    assert job.guest == Party("9999", "credit.customers_20261126")
    assert job.hosts == [Party("10000", "credit.usage_20261126")]
    assert (job.num_trees, job.max_depth, job.holdout) == (50, 4, 0.2)


def test_without_a_day_airflow_renders_the_names(example):
    assert example.job("overlap").guest.table == "credit.customers_{{ macros.fate.day(dag_run) }}"
    assert example.table("usage") == "credit.usage_{{ macros.fate.day(dag_run) }}"


def test_parameters_may_be_changed_and_parties_not(example):
    assert example.job("nightly", num_trees="{{ params.trees }}").num_trees == "{{ params.trees }}"
    with pytest.raises(FateInvalidJobError, match=r"guest = .*agreed upon in the file"):
        example.job("nightly", guest=Party("9999", "other.table"))
    with pytest.raises(FateInvalidJobError, match="num_tres"):
        example.job("nightly", num_tres=3)


def test_a_job_that_is_not_in_the_file_is_named_with_the_nearest(example):
    with pytest.raises(FateInputError, match=r"no job 'nighly'.\nDid you mean 'nightly'"):
        example.job("nighly")


def test_a_recipe_of_one_kind_may_be_asked_for(example):
    assert example.job("overlap", Psi).psi_protocol == "ecdh_psi"
    with pytest.raises(FateInputError, match=r"job 'nightly' .* is a HeteroSecureBoost, not a Psi"):
        example.job("nightly", Psi)


def lr(arbiter: str, recipe: str = "CoordinatedLR", component: str = "coordinated_lr") -> str:
    return (
        SMALL.replace("role: host", "role: [host, arbiter]")
        .replace("[reader, psi]", f"[reader, psi, feature_scale, {component}, evaluation]")
        .replace("{recipe: Psi}", f"{{recipe: {recipe}{arbiter}}}")
    )


@pytest.mark.parametrize("arbiter", ["", ", arbiter: telco"])
def test_the_arbiter_is_the_party_that_is_one(arbiter):
    job = Federation.parse(lr(arbiter)).job("overlap")
    assert isinstance(job, CoordinatedLR)
    assert job.arbiter == "10000"


def test_an_arbiter_by_default_has_to_be_agreed_upon_like_any_other():
    text = lr("", "HomoLR", "homo_lr")
    job = Federation.parse(text).job("overlap")
    assert isinstance(job, HomoLR)
    assert job.arbiter == "10000"
    with pytest.raises(FateInputError, match="bank takes part as guest only"):
        Federation.parse(text.replace("[host, arbiter]", "host"))


def test_a_party_with_two_tables_says_which_one_a_job_reads():
    text = SMALL.replace("components:", '  more: {party: telco, name: "credit.more", columns: [z]}\ncomponents:')
    with pytest.raises(FateInputError, match=r"jobs.overlap.hosts: party telco has 2 tables \(usage, more\)"):
        Federation.parse(text)
    chosen = Federation.parse(text.replace("recipe: Psi", "recipe: Psi, hosts: [more]"))
    assert chosen.job("overlap", day="20260101").hosts == [Party("10000", "credit.more")]


def test_a_holdout_table_is_one_of_the_same_party():
    text = SMALL.replace(
        "components:", '  later: {party: telco, name: "credit.later", columns: [b, c]}\ncomponents:'
    ).replace("recipe: Psi", "recipe: Psi, hosts: [{table: usage, holdout_table: later}]")
    assert Federation.parse(text).job("overlap", day="20260101").hosts[0].holdout_table == "credit.later"
    with pytest.raises(FateInputError, match=r"holdout_table = 'customers': it belongs to bank"):
        Federation.parse(text.replace("holdout_table: later", "holdout_table: customers"))


def test_a_job_with_templates_is_taken_as_it_is():
    text = SMALL.replace("recipe: Psi", 'recipe: Psi, cores: "{{ params.cores }}"')
    assert Federation.parse(text).job("overlap").cores == "{{ params.cores }}"


# -- what goes beyond ------------------------------------------------------------------------------------------------


@pytest.fixture
def document(example):
    return example.job("nightly", day="2026-11-26").dag()


def told(example, document, **when):
    return [str(problem) for problem in example.problems(document, **when)]


def test_a_job_that_is_agreed_upon_has_no_problems(example, document):
    assert told(example, document, day="2026-11-26", now=OPEN) == []
    assert told(example, document) == []


def test_a_component_that_is_not_agreed_upon_is_told(example, document):
    document["dag"]["tasks"]["psi_0"]["component_ref"] = "union"
    (problem,) = told(example, document)
    assert problem.startswith("tasks.psi_0.component_ref = 'union': this component is not agreed upon")


@pytest.mark.parametrize("written", ["Reader", "reader"])
def test_a_table_that_is_not_agreed_upon_is_told_however_the_reader_is_written(example, document, written):
    document["dag"]["tasks"]["reader_0"]["component_ref"] = written
    host = document["dag"]["party_tasks"]["host_10000"]["tasks"]["reader_0"]
    host["parameters"] = {"namespace": "hr", "name": "salaries"}
    (problem,) = told(example, document)
    assert "reader_0 of host 10000 = 'hr.salaries'" in problem
    assert "The file has credit.usage_{{ ds_nodash }}" in problem


def test_the_table_of_another_party_is_not_agreed_upon(example, document):
    host = document["dag"]["party_tasks"]["host_10000"]["tasks"]["reader_0"]
    host["parameters"] = {"namespace": "credit", "name": "customers_20261126"}
    assert len(told(example, document)) == 1


def test_a_table_that_is_read_without_a_reader_is_seen(example, document):
    source = {"data_warehouse": {"namespace": "hr", "name": "salaries"}}
    document["dag"]["tasks"]["psi_0"]["inputs"]["data"]["input_data"] = source
    problems = told(example, document)
    assert len(problems) == 2, "for both parties"
    assert all("data_warehouse = 'hr.salaries'" in problem for problem in problems)
    named = {**source["data_warehouse"], "parties": [{"role": "host", "party_id": ["10000"]}]}
    document["dag"]["tasks"]["psi_0"]["inputs"]["data"]["input_data"] = {"data_warehouse": [named]}
    assert len(told(example, document)) == 1


def test_the_table_of_another_day_is_told_where_the_day_is_known(example, document):
    (first, second) = told(example, document, day="2026-11-25")
    assert "this is not the table of 2026-11-25. Read credit.customers_20261125" in first
    assert "credit.usage_20261125" in second
    assert told(example, document, day=None) == []


def test_a_party_that_is_not_in_the_file_and_a_role_that_is_not_its_own_are_told(example, document):
    parties = document["dag"]["parties"]
    parties[1]["party_id"] = ["10000", "10001"]
    parties.append({"role": "arbiter", "party_id": ["9999"]})
    problems = told(example, document)
    assert any(problem.startswith("parties = 'host 10001': this party is not in the file") for problem in problems)
    assert any("bank takes part as guest only" in problem for problem in problems)


def test_a_job_outside_the_window_is_told_when_it_may_run(example, document):
    (problem,) = told(example, document, now=datetime(2026, 11, 27, 6, tzinfo=UTC))
    assert problem.startswith(
        "windows: the guest's window for tables of 2026-11-26 is not open; it opens at 2026-11-30 03:00"
    )
    (problem,) = told(example, document, now=datetime(2026, 12, 24, 3, tzinfo=UTC))
    assert "maintenance until 2027-01-02 00:00 Europe/Berlin (year-end freeze)" in problem


def test_a_moment_without_a_time_zone_is_refused(example, document):
    with pytest.raises(FateInputError, match="has no time zone"):
        example.problems(document, now=datetime(2026, 11, 27))


def test_a_job_that_is_no_job_is_looked_at_without_a_crash(example):
    for broken in ({}, {"dag": None}, {"dag": {"tasks": {"a": None}, "parties": 3, "party_tasks": [1]}}):
        example.problems(copy.deepcopy(broken))


# -- grants ----------------------------------------------------------------------------------------------------------


def test_a_grant_names_the_tables_of_the_day_and_the_components(example):
    grant = example.permissions("bank", "2026-11-26")
    assert grant == FederationGrant("9999", (TableName("credit", "usage_20261126"),), example.components)
    assert example.permissions("9999", "20261126", by="10000") == grant


def test_components_of_fate_flow_itself_need_no_grant():
    text = SMALL.replace("[reader, psi]", "[reader, psi, upload]")
    assert Federation.parse(text).permissions("bank", "2026-01-01").components == ("reader", "psi")


@pytest.mark.parametrize(
    ("partner", "by", "says"),
    [("telco", None, "starts no jobs"), ("bank", "bank", "its own site"), ("x", None, "no party 'x'")],
)
def test_a_grant_that_nobody_needs_is_refused(example, partner, by, says):
    with pytest.raises(FateInputError, match=says):
        example.permissions(partner, "2026-01-01", by=by)


def test_with_several_hosts_it_is_said_who_grants():
    text = SMALL.replace("tables:", "  shop: {party_id: '10001', role: host}\ntables:").replace(
        "components:", "  sales: {party: shop, name: shop.sales, columns: [s]}\ncomponents:"
    )
    federation = Federation.parse(text)
    with pytest.raises(FateInputError, match="Say by which: telco, shop"):
        federation.permissions("bank", "2026-01-01")
    assert federation.permissions("bank", "2026-01-01", by="shop").tables == (TableName("shop", "sales"),)


# -- ids -------------------------------------------------------------------------------------------------------------


def test_each_party_takes_the_salt_from_its_own_connection(example):
    assert example.id_rule("bank") == Ids(strip=True, salt_conn_id="telco_salt")
    assert example.id_rule("10000") == Ids(strip=True, salt_conn_id="bank_salt")


def test_one_name_of_a_connection_is_for_all():
    salt = SaltAgreement(conn_id="salt", fingerprint="1234-abcd")
    assert salt.conn_id_of("bank") == salt.conn_id_of("telco") == "salt"


def test_a_fingerprint_tells_salts_apart_and_is_the_same_everywhere():
    assert salt_fingerprint(SALT) == "33a3-624b"
    assert salt_fingerprint(SALT) != salt_fingerprint(SALT + " ")


def test_a_salt_that_could_be_guessed_gets_no_fingerprint():
    with pytest.raises(FateInputError, match="fewer than 16 characters") as refused:
        salt_fingerprint("summer2026")
    assert "summer2026" not in str(refused.value)
    assert not isinstance(refused.value, FateConfigError)
