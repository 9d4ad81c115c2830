"""What a retention has found and done, for the log and for XCom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_fate.site.retention import Action
from airflow_provider_fate.text import columns

if TYPE_CHECKING:
    from airflow_provider_fate.site.policy import Kind
    from airflow_provider_fate.site.retention import Item

__all__ = ["as_xcom", "singular", "summary", "table"]

MOST_ITEMS = 1000
"""XCom lies in Airflow's database: not more items than this."""
_ACTIONS: tuple[Action, ...] = get_args(Action)
_DAY = 86400


def table(items: Sequence[Item]) -> str:
    """One line per item."""
    rows = [(singular(i.kind), i.name, f"{_days(i):.1f}", i.rows, i.action, i.reason or None) for i in items]
    return "\n".join(columns(("kind", "name", "days", "rows", "action", "why"), rows))


def summary(items: Sequence[Item], young: Mapping[Kind, int]) -> str:
    """How many of each kind, in one line."""
    counts = Counter((item.action, item.kind) for item in items)
    return "; ".join(
        f"{kind}: "
        + ", ".join(
            [
                f"{n} {'to delete' if action == 'delete' else action}"
                for action in _ACTIONS
                if (n := counts[action, kind])
            ]
            + [f"{too_young} too young"]
        )
        for kind, too_young in young.items()
    )


def as_xcom(items: Sequence[Item], young: Mapping[Kind, int], *, dry_run: bool) -> dict[str, Any]:
    """Numbers by action and kind, and the items."""
    counts = Counter((item.action, item.kind) for item in items)
    numbers: dict[str, Any] = {action: {kind: counts[action, kind] for kind in young} for action in _ACTIONS}
    return {
        "dry_run": dry_run,
        **numbers,
        "too_young": dict(young),
        "items": [
            {
                "kind": singular(item.kind),
                "name": item.name,
                "age_days": round(_days(item), 2),
                "rows": item.rows,
                "action": item.action,
                "reason": item.reason,
            }
            for item in items[:MOST_ITEMS]
        ],
    }


def singular(kind: Kind) -> str:
    """The kind of one thing."""
    return kind.removesuffix("s")


def _days(item: Item) -> float:
    return item.age.total_seconds() / _DAY
