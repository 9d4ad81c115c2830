import logging
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from airflow.sdk import Asset, AssetAll
from airflow.sdk.execution_time.context import OutletEventAccessors, TriggeringAssetEventsAccessor

from airflow_provider_fate.assets import (
    AssetKind,
    FateUri,
    convert_asset_to_openlineage,
    emit_model,
    emit_table,
    model_asset,
    newest_event,
    newest_table,
    party_of_tables,
    sanitize_uri,
    table_asset,
)
from airflow_provider_fate.clients.fate_flow.models import SiteInfo
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.get_provider_info import get_provider_info
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.ui.plugin import FatePlugin
from tests.support.task import CONN_ID, Task, connect

BANK = table_asset("9999", "credit.bank")
TELCO = table_asset("10000", "credit.telco")
MODEL = model_asset("9999", "credit_risk")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


# -- URIs --------------------------------------------------------------------------------------------------------------


def test_a_table_and_a_model_have_uris():
    assert BANK.uri == "fate://9999/tables/credit/bank"
    assert MODEL.uri == "fate://9999/models/credit_risk"


@pytest.mark.parametrize(
    "table", ["credit.bank", "credit.bank_{{ ds_nodash }}", "credit.bank-{{ ds }}", " credit.bank "]
)
def test_all_days_of_a_table_are_one_asset(table):
    assert table_asset("9999", table) == BANK


def test_a_party_id_may_be_a_number():
    assert table_asset(9999, "credit.bank") == BANK


def test_a_name_may_have_dots():
    asset = table_asset("9999", "credit.bank.eu")
    assert asset.uri == "fate://9999/tables/credit/bank.eu"
    assert FateUri.parse(asset.uri) == FateUri("9999", AssetKind.TABLE, "credit.bank.eu")


def test_assets_take_what_airflows_take():
    asset = table_asset("9999", "credit.bank", name="bank", group="credit", extra={"owner": "risk"})
    assert (asset.name, asset.uri, asset.group, asset.extra) == ("bank", BANK.uri, "credit", {"owner": "risk"})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: table_asset("", "credit.bank"), "party id ''"),
        (lambda: table_asset("99/99", "credit.bank"), "party id '99/99'"),
        (lambda: table_asset("9999", "bank"), "namespace.name"),
        (lambda: table_asset("9999", "credit.ba nk"), "'ba nk'"),
        (lambda: table_asset("9999", "credit.{{ ds }}"), "namespace.name"),
        (lambda: table_asset("9999", "credit.bank_{{ ds }}_train"), "goes on after its template"),
        (lambda: model_asset("9999", "credit risk"), "model 'credit risk'"),
    ],
)
def test_what_cannot_be_an_asset_is_named(make, said):
    with pytest.raises(FateInputError, match=said.replace("(", "\\(")):
        make()


# -- what Airflow does with a URI that somebody has written by hand ---------------------------------------------------


@pytest.mark.parametrize("uri", ["fate://9999/tables/credit/bank/", "FATE://9999/tables/credit/bank"])
def test_airflow_normalizes_a_uri(uri):
    assert Asset(uri=uri).uri == BANK.uri


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("fate:///tables/credit/bank", "names no party"),
        ("fate://9999", "neither a table nor a model"),
        ("fate://9999/table/credit/bank", "neither a table nor a model"),
        ("fate://9999/tables/bank", "neither a table nor a model"),
        ("fate://9999/tables/credit/bank/more", "neither a table nor a model"),
        ("fate://9999/models/a/b", "neither a table nor a model"),
        ("fate://9999:9380/tables/credit/bank", "'9999:9380'"),
        ("fate://9999/tables/credit/bank?day=1", "query"),
        ("fate://9999/tables/credit/bank_{{ ds }}", "template"),
    ],
)
def test_airflow_refuses_a_wrong_uri_and_says_why(uri, said):
    with pytest.raises(ValueError, match=said):
        Asset(uri=uri)


def test_airflow_is_told_what_exists():
    (entry,) = get_provider_info()["asset-uris"]
    assert entry["schemes"] == ["fate"]
    for name, function in (("handler", sanitize_uri), ("to_openlineage_converter", convert_asset_to_openlineage)):
        module, _, attribute = entry[name].rpartition(".")
        assert getattr(import_module(module), attribute) is function


def test_openlineage_knows_the_site_as_namespace(monkeypatch):
    # Without OpenLineage's provider the class of this name takes everything and keeps nothing.
    monkeypatch.setattr("airflow.providers.common.compat.openlineage.facet.Dataset", SimpleNamespace)
    dataset = convert_asset_to_openlineage(BANK, None)
    assert (dataset.namespace, dataset.name) == ("fate://9999", "credit.bank")
    assert convert_asset_to_openlineage(MODEL, None).name == "models/credit_risk"


# -- writing events ----------------------------------------------------------------------------------------------------


def context_of(*outlets):
    return {"outlets": list(outlets), "outlet_events": OutletEventAccessors()}


def test_the_event_tells_the_dated_table():
    context = context_of(BANK)
    assert emit_table(context, "9999", "credit.bank_20260101", {"rows": 3, "fingerprint": None}) == [BANK.uri]
    assert context["outlet_events"][BANK].extra == {
        "table": "credit.bank_20260101",
        "party_id": "9999",
        "rows": 3,
    }


@pytest.mark.parametrize(
    ("table", "fits"),
    [
        ("credit.bank", True),
        ("credit.bank_20260101", True),
        ("credit.bank-2026-01-01", True),
        ("credit.bank20260101", True),
        ("credit.bank_2026w01", True),
        ("credit.bank_20260101T000000", True),
        ("credit.bank_east", False),
        ("credit.bank2", False),
        ("credit.banking_20260101", False),
        ("other.bank", False),
    ],
)
def test_which_tables_are_of_a_family(table, fits):
    context = context_of(BANK)
    assert bool(emit_table(context, "9999", table, {})) is fits


def test_of_two_families_the_longer_name_counts():
    wide, narrow = table_asset("9999", "credit.bank"), table_asset("9999", "credit.bank_2")
    context = context_of(wide, narrow)
    assert emit_table(context, "9999", "credit.bank_2_20260101", {}) == [narrow.uri]


def test_an_asset_that_does_not_fit_is_left_alone_and_named(caplog):
    context = context_of(TELCO, MODEL, BANK)
    with caplog.at_level(logging.WARNING):
        assert emit_table(context, "9999", "credit.bank_20260101", {}) == [BANK.uri]
    assert context["outlet_events"][TELCO].extra == {}
    assert TELCO.uri in caplog.text
    assert MODEL.uri in caplog.text
    assert BANK.uri not in caplog.text


def test_other_assets_and_tasks_without_assets_do_not_matter(caplog):
    assert emit_table({}, "9999", "credit.bank", {}) == []
    assert emit_table(context_of(Asset("s3://bank/credit")), "9999", "credit.bank", {}) == []
    assert not caplog.text


def party_of(info, party_id="9999"):
    flow = SimpleNamespace(site=SimpleNamespace(info=lambda: info))
    return party_of_tables(SimpleNamespace(party_id=party_id), flow)


def test_a_site_has_the_tables_of_its_party():
    assert party_of(SiteInfo(party_id="9999")) == "9999"
    assert party_of(SiteInfo()) == "9999"


def test_a_standalone_site_has_the_tables_of_all_parties():
    party = party_of(SiteInfo(standalone=True))
    assert party is None
    context = context_of(TELCO)
    assert emit_table(context, party, "credit.telco_20260101", {}) == [TELCO.uri]
    assert context["outlet_events"][TELCO].extra["party_id"] == "10000"


def test_a_model_is_told_to_the_assets_of_its_party():
    theirs = model_asset("10000", "credit_risk")
    context = context_of(MODEL, theirs)
    assert emit_model(context, "9999", {"job_id": "1", "metrics": {"auc": 0.9}}) == [MODEL.uri]
    assert context["outlet_events"][MODEL].extra == {"party_id": "9999", "job_id": "1", "metrics": {"auc": 0.9}}


def test_a_job_tells_its_model(fake_flow, monkeypatch):
    connect(monkeypatch, fake_flow)
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")
    job = Psi(guest=Party("9999", "credit.bank"), hosts=[Party("10000", "credit.telco")])
    arguments = {"task_id": "task", "job": job, "fate_conn_id": CONN_ID, "check_tables": False, "outlets": [MODEL]}
    context = context_of(MODEL)
    result = Task(lambda: FateJobOperator(**arguments), templates=context).run()
    told = context["outlet_events"][MODEL].extra
    assert told == {"party_id": "9999"} | {k: result[k] for k in ("job_id", "model_id", "model_version", "metrics")}
    assert told["metrics"]["psi_0.intersect_count"] > 0


def test_a_reference_by_uri_counts_as_the_asset():
    context = {
        "outlets": [Asset.ref(uri=BANK.uri)],
        "outlet_events": {Asset.ref(uri=BANK.uri): SimpleNamespace(extra={})},
    }
    assert emit_table(context, "9999", "credit.bank_20260101", {}) == [BANK.uri]


def test_a_wrong_reference_does_not_fail_what_is_done(caplog):
    assert (
        emit_table({"outlets": [Asset.ref(uri="fate://9999/bank"), Asset.ref(name="x")]}, "9999", "credit.bank", {})
        == []
    )
    assert "fate://9999/bank" in caplog.text


# -- reading events ----------------------------------------------------------------------------------------------------


def event(asset, hours, **extra):
    return SimpleNamespace(asset=asset, source_aliases=[], timestamp=NOON + timedelta(hours=hours), extra=extra)


def started_by(*events):
    return {"triggering_asset_events": TriggeringAssetEventsAccessor.build(events), "inlet_events": Inlets()}


class Inlets:
    """As Airflow's: iterates over assets, which Airflow 3.1 cannot use as keys of a dictionary."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def __iter__(self):
        return (asset for asset, _ in self.pairs)

    def __getitem__(self, asset):
        return next(events for other, events in self.pairs if other == asset)


def render(template, context):
    """As Airflow renders templates, where plugins' macros stand under their plugin's name."""
    macros = SimpleNamespace(fate=SimpleNamespace(**{macro.__name__: macro for macro in FatePlugin.macros}))
    return jinja2.Template(template).render(macros=macros, **context)


def test_the_newest_event_that_started_the_run_counts():
    late, early = event(BANK, 2, table="credit.bank_20260102"), event(BANK, 1, table="credit.bank_20260101")
    context = started_by(late, early, event(TELCO, 3, table="credit.telco_20260103"))
    assert newest_event(context, BANK) == {"table": "credit.bank_20260102"}
    assert render(newest_table(BANK), context) == "credit.bank_20260102"
    assert render(newest_table(TELCO.uri), context) == "credit.telco_20260103"


def test_an_asset_counts_by_its_uri_whatever_its_name():
    context = started_by(event(table_asset("9999", "credit.bank", name="bank"), 0, table="credit.bank_1"))
    assert newest_event(context, BANK) == {"table": "credit.bank_1"}


def test_a_run_that_no_event_has_started_reads_its_inlets():
    old, new = event(BANK, 1, table="credit.bank_1"), event(BANK, 2, table="credit.bank_2")
    context = started_by() | {"inlet_events": Inlets((TELCO, []), (BANK, [old, new]))}
    assert render(newest_table(BANK), context) == "credit.bank_2"


def test_no_event_is_an_error_that_names_the_ways_out():
    with pytest.raises(FateInputError, match=r"has started this run\.\nSchedule the DAG on the asset.*inlets"):
        newest_event(started_by(), BANK)
    with pytest.raises(FateInputError, match="no event yet"):
        newest_event({"inlet_events": Inlets((BANK, []))}, BANK)


def test_an_event_that_names_no_table_is_an_error():
    with pytest.raises(FateInputError, match="names no table"):
        render(newest_table(BANK), started_by(event(BANK, 0)))


def test_a_table_in_an_event_is_checked_before_it_is_used():
    with pytest.raises(FateInputError, match="namespace"):
        render(newest_table(BANK), started_by(event(BANK, 0, table="../../etc/passwd")))


def test_a_model_has_no_table():
    with pytest.raises(FateInputError, match="newest_event"):
        newest_table(MODEL)


# -- the example -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example():
    """The DAGs of `dags/train_when_tables_arrive.py`, by id."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "dags"))
    try:
        module = import_module("train_when_tables_arrive")
    finally:
        sys.path.pop(0)
    return {dag.dag_id: dag for dag in (module.tables_arrive(), module.train_when_tables_arrive())}


def test_the_example_starts_when_both_tables_have_come(example):
    schedule = example["train_when_tables_arrive"].timetable.asset_condition
    assert isinstance(schedule, AssetAll)
    wanted = {"fate://9999/tables/arrivals/clinic", "fate://10000/tables/arrivals/laboratory"}
    assert {asset.uri for asset in schedule.objects} == wanted
    made = {outlet.uri for task in example["tables_arrive"].tasks for outlet in task.outlets}
    assert made == wanted


def test_the_example_trains_on_the_tables_of_the_events(example):
    train = example["train_when_tables_arrive"].get_task("train")
    patients, measurements = train.inlets
    context = started_by(
        event(patients, 1, table="arrivals.clinic_20260101"),
        event(measurements, 2, table="arrivals.laboratory_20260101"),
    )
    context["macros"] = SimpleNamespace(fate=SimpleNamespace(**{macro.__name__: macro for macro in FatePlugin.macros}))
    rendered = train.render_template(train.job, context)
    assert rendered.guest.table == "arrivals.clinic_20260101"
    assert rendered.hosts[0].table == "arrivals.laboratory_20260101"
