"""Names of tables that hold the date of the data: ``credit.telco_{{ ds_nodash }}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError

__all__ = ["DatedName", "as_day"]

_DAY, _MONTH, _DASHED = "%Y%m%d", "%Y%m", "%Y-%m-%d"
# What Airflow has to render so that a run without a logical date has its table, too.
_RUN = "macros.fate.day(dag_run)"
_PLACEHOLDERS = {
    "ds_nodash": (_DAY, f"{{{{ {_RUN} }}}}"),
    "ds": (_DASHED, "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"),
    "ds_nodash[:6]": (_MONTH, f"{{{{ {_RUN}[:6] }}}}"),
}
_PLACEHOLDERS[_RUN] = _PLACEHOLDERS["ds_nodash"]
_PLACEHOLDERS[f"{_RUN}[:6]"] = _PLACEHOLDERS["ds_nodash[:6]"]
_DIGITS = {_DAY: r"(\d{8})", _MONTH: r"(\d{6})", _DASHED: r"(\d{4}-\d{2}-\d{2})"}
_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_ANY_DAY = date(2026, 1, 1)
_WRITTEN_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")


def as_day(value: date | str) -> date:
    """A day from a date, ``YYYY-MM-DD`` or ``YYYYMMDD``.

    :raises FateInputError: it is none.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if _WRITTEN_DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise FateInputError(f"day={value!r} is not a day.", hint="Write YYYY-MM-DD, such as 2026-01-31.")


@dataclass(frozen=True)
class DatedName:
    """The name of a table, for any day.

    :param text: ``namespace.name`` with ``{{ ds_nodash }}`` (20260131), ``{{ ds }}`` (2026-01-31) or
        ``{{ ds_nodash[:6] }}`` (202601) where the date stands; ``{{ macros.fate.day(dag_run) }}`` is the same as
        ``{{ ds_nodash }}``. Without one, the table is the same on all days.
    """

    text: str

    def __post_init__(self) -> None:
        for found in _TEMPLATE.findall(self.text):
            if found not in _PLACEHOLDERS:
                raise FateInputError(
                    f"the name {self.text!r} holds {{{{ {found} }}}}, and both sides know dates only",
                    hint="Write {{ ds_nodash }}, {{ ds }} or {{ ds_nodash[:6] }}.",
                )
        self.on(_ANY_DAY)

    @cached_property
    def dated(self) -> bool:
        """Whether there is another table for another date."""
        return bool(_TEMPLATE.search(self.text))

    def on(self, day: date) -> TableName:
        """The name of the table with the data of a day."""
        return TableName.parse(_TEMPLATE.sub(lambda found: day.strftime(_PLACEHOLDERS[found[1]][0]), self.text))

    @cached_property
    def template(self) -> str:
        """The name with the templates that Airflow renders to the day of the run."""
        return _TEMPLATE.sub(lambda found: _PLACEHOLDERS[found[1]][1], self.text)

    def fits(self, table: str) -> bool:
        """Whether a table has this name, of whatever day."""
        return table == str(self.on(_ANY_DAY)) if not self.dated else self.day_of(table) is not None

    def day_of(self, table: str) -> date | None:
        """The day (of a month, the first) whose table this is; ``None`` if the name is another, or holds no date."""
        places = _TEMPLATE.findall(self.text)
        found = self._pattern.fullmatch(table)
        if not places or found is None:
            return None
        by_precision = sorted(
            ((_PLACEHOLDERS[place][0], written) for place, written in zip(places, found.groups(), strict=True)),
            key=lambda pair: pair[0] == _MONTH,
        )
        form, written = by_precision[0]
        try:
            day = datetime.strptime(written, form).date()
        except ValueError:
            return None
        return day if str(self.on(day)) == table else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = _TEMPLATE.split(self.text)  # text, placeholder, text, ...
        return re.compile(
            "".join(_DIGITS[_PLACEHOLDERS[part][0]] if i % 2 else re.escape(part) for i, part in enumerate(parts))
        )

    def __str__(self) -> str:
        return self.text
