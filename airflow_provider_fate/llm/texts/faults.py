"""What is wrong with a set, all of it at once: a night is too long for one fault."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_fate.errors import FateDataError

__all__ = ["Faults"]

_SHOWN = 5


@dataclass
class _Fault:
    hint: str
    count: int = 0
    rows: list[int] = field(default_factory=list)


@dataclass
class Faults:
    """Gathers rows by what is wrong with them."""

    _found: dict[str, _Fault] = field(default_factory=dict)

    def add(self, what: str, row: int, hint: str) -> None:
        """Take note of a row.

        :param what: what is wrong with it.
        :param row: its number, from 1.
        :param hint: the way out; that of the first row counts.
        """
        fault = self._found.setdefault(what, _Fault(hint))
        fault.count += 1
        if len(fault.rows) < _SHOWN:
            fault.rows.append(row)

    def raise_any(self, source: str) -> None:
        """Tell of all of them.

        :param source: name of the set.
        :raises FateDataError: there is one.
        """
        if not self._found:
            return
        lines = [f"{_rows(fault)}: {what}" for what, fault in self._found.items()]
        hints = dict.fromkeys(fault.hint for fault in self._found.values())
        listed = lines[0] if len(lines) == 1 else "\n" + "\n".join(f"  - {line}" for line in lines)
        raise FateDataError(
            f"{source}: {listed}", hint=" ".join(hints), row=min(row for f in self._found.values() for row in f.rows)
        )


def _rows(fault: _Fault) -> str:
    shown = ", ".join(f"{row:,}" for row in fault.rows)
    if fault.count == 1:
        return f"row {shown}"
    more = f" and {fault.count - len(fault.rows):,} more" if fault.count > len(fault.rows) else ""
    return f"rows {shown}{more}"
