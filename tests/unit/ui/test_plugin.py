from datetime import UTC, datetime
from types import SimpleNamespace

from airflow_provider_fate.ui.plugin import FatePlugin, day, table_of


def test_a_run_with_a_logical_date_is_named_after_it():
    run = SimpleNamespace(logical_date=datetime(2026, 1, 2, tzinfo=UTC), run_after=datetime(2026, 3, 4, tzinfo=UTC))
    assert day(run) == "20260102"


def test_a_run_without_one_is_named_after_its_start():
    assert day(SimpleNamespace(logical_date=None, run_after=datetime(2026, 3, 4, tzinfo=UTC))) == "20260304"


def test_templates_find_the_macro():
    assert FatePlugin.macros == [day, table_of]
