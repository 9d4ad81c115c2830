from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.federation.names import DatedName, as_day
from airflow_provider_fate.ui.plugin import day as macro

DAYS = st.dates(date(1970, 1, 1), date(2100, 1, 1))
NAMES = [
    "credit.telco_{{ ds_nodash }}",
    "credit.telco_{{ds_nodash}}_v2",
    "credit.{{ ds }}",
    "credit.telco_{{ ds_nodash[:6] }}",
    "{{ ds_nodash }}.{{ ds }}",
    "credit.{{ ds_nodash[:6] }}_{{ ds }}",
    "credit.telco_{{ macros.fate.day(dag_run) }}",
    "credit.telco_{{ macros.fate.day(dag_run)[:6] }}",
    "credit.regions",
]


@given(st.sampled_from(NAMES), DAYS)
def test_airflow_renders_the_template_to_the_name_of_the_day(text, day):
    name = DatedName(text)
    environment = jinja2.Environment()
    environment.filters["ds"] = lambda moment: moment.strftime("%Y-%m-%d")
    run = SimpleNamespace(logical_date=datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC))
    macros = SimpleNamespace(fate=SimpleNamespace(day=macro))
    assert environment.from_string(name.template).render(dag_run=run, macros=macros) == str(name.on(day))


@given(st.sampled_from(NAMES), DAYS)
def test_the_day_is_read_from_the_name(text, day):
    name = DatedName(text)
    table = str(name.on(day))
    assert name.fits(table)
    found = name.day_of(table)
    if not name.dated:
        assert found is None
    elif "[:6]" in text and "{{ ds }}" not in text:
        assert found == day.replace(day=1)  # of a month
    else:
        assert found == day


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("credit.telco_{{ ds_nodash }}", "credit.telco_20260230"),
        ("credit.telco_{{ ds_nodash }}", "credit.telco_2026013"),
        ("credit.telco_{{ ds_nodash }}", "credit.telco_20260131x"),
        ("credit.telco_{{ ds_nodash }}", "creditXtelco_20260131"),
        ("{{ ds_nodash }}.a_{{ ds }}", "20260131.a_2026-02-01"),
        ("credit.regions", "credit.region"),
    ],
)
def test_another_name_does_not_fit(text, table):
    assert not DatedName(text).fits(table)


def test_two_dates_of_one_table_are_two_tables():
    name = DatedName(NAMES[0])
    assert name.on(date(2026, 1, 1)) != name.on(date(2026, 1, 2))


@pytest.mark.parametrize("given_day", ["2026-01-31", "20260131", date(2026, 1, 31), datetime(2026, 1, 31, 23)])
def test_a_day_is_written_in_the_usual_ways(given_day):
    assert as_day(given_day) == date(2026, 1, 31)


@pytest.mark.parametrize("wrong", ["2026-02-30", "31.01.2026", "", "2026-W05-6", "today"])
def test_what_is_no_day_is_refused(wrong):
    with pytest.raises(FateInputError, match=r"is not a day.\nWrite YYYY-MM-DD"):
        as_day(wrong)
