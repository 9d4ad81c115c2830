"""What FATE measures and puts into a model rather than among the metrics: read from the model of a task.

Statistics of columns, information values, what a selection has kept, correlations, and what columns count for in
trees. Keys are those of FATE 2.2. What has other keys or shapes is left out: the model holds much that is no measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard

from airflow_provider_fate.metrics.logged import Found
from airflow_provider_fate.metrics.model import FeatureImportance, FeatureShare, MetricTable

__all__ = ["READ_FROM_MODELS", "read_model"]

Model: TypeAlias = Mapping[str, Any]
Place: TypeAlias = dict[str, Any]

READ_FROM_MODELS = {
    "feature_correlation": "correlations",
    "hetero_feature_binning": "information values",
    "hetero_feature_selection": "selected columns",
    "hetero_secureboost": "feature importance",
    "statistics": "statistics of columns",
}
"""Components whose measures stand in their models, and what they are."""


def read_model(task: str, component: str, who: str, outputs: Mapping[str, Any]) -> Found:
    """Read what is measured in the models of a task.

    :param who: the party, as ``guest 9999``.
    :param outputs: models by output key, as the client returns them.
    """
    found = Found()
    read = _READERS.get(component)
    for key, model in outputs.items():
        if read is not None and isinstance(model, Mapping):
            read(found, {"task": task, "metric": key, "model": task}, who, model)
    return found


def _boosting(found: Found, place: Place, who: str, model: Model) -> None:
    """``{"feature_importance": {"x0": {"gain": 12.5, "split": 3}}}``; a host is not told what its splits gain."""
    importance = _mapping(model.get("feature_importance"))
    for measure in ("split",) if who.startswith("host ") else ("gain", "split"):
        shares = {str(name): one[measure] for name, one in importance.items() if _is_number(_mapping(one).get(measure))}
        if shares:
            found.importances.append(_ranked(place, measure, [(who, shares)]))


def _binning(found: Found, place: Place, who: str, model: Model) -> None:
    """Information values of all parties' columns, at the guest; and the bins of each column that has some."""
    data = _mapping(model.get("data"))
    own, hosts = _mapping(data.get("metrics_summary")), _mapping(data.get("host_metrics_summary"))
    parties = [(who, own), *((_party(name), _mapping(summary)) for name, summary in hosts.items())]
    shares = [(party, _numbers(summary.get("iv"))) for party, summary in parties]
    if any(of_party for _, of_party in shares):
        found.importances.append(_ranked(place, "iv", shares))
    rows = tuple(row for party, summary in parties for row in _bins(party, summary))
    if rows:
        found.tables.append(MetricTable(**place, name="bins", columns=_BIN_COLUMNS, rows=rows))


_PER_BIN = {"event_count": "event_count", "non_event_count": "non_event_count", "woe": "woe", "iv_array": "iv"}
_BIN_COLUMNS = ("party", "column", "bin", *_PER_BIN.values())


def _bins(party: str, summary: Model) -> Iterator[tuple[Any, ...]]:
    woe = _mapping(summary.get("woe"))
    for column, bins in woe.items():
        for number in sorted(_mapping(bins), key=_order):
            measured = (_mapping(_mapping(summary.get(key)).get(column)).get(number) for key in _PER_BIN)
            yield (party, str(column), str(number), *(cell if _is_number(cell) else None for cell in measured))


def _statistics(found: Found, place: Place, who: str, model: Model) -> None:
    """``{"data": {"metrics_summary": {"x0": {"mean": 0.1}}}}``."""
    summary = _mapping(_mapping(model.get("data")).get("metrics_summary"))
    if summary:
        found.tables.append(_grid(place | {"name": "statistics"}, "column", summary))


def _selection(found: Found, place: Place, who: str, model: Model) -> None:
    """A row for each step of the selection and column of this party."""
    rows = []
    steps = _mapping(model.get("data")).get("selection_obj_list")
    for step in steps if isinstance(steps, list) else ():
        method = str(_mapping(step).get("method"))
        mask = _mapping(_mapping(step).get("selected_mask"))
        rows += [(method, who, str(column), kept) for column, kept in mask.items() if isinstance(kept, bool)]
        for name, host in _mapping(_mapping(step).get("host_selected_mask")).items():
            party = _party(name)
            rows += [
                (method, party, str(column), kept) for column, kept in _mapping(host).items() if isinstance(kept, bool)
            ]
    if rows:
        columns = ("method", "party", "column", "selected")
        found.tables.append(MetricTable(**place, name="selection", columns=columns, rows=tuple(rows)))


def _correlation(found: Found, place: Place, who: str, model: Model) -> None:
    data = _mapping(model.get("data"))
    for key, name in (("local_corr", "correlation"), ("remote_corr", "correlation_with_partner")):
        if grid := _mapping(data.get(key)):
            found.tables.append(_grid(place | {"name": name}, "column", grid))
    if vif := _numbers(data.get("vif")):
        rows = tuple(vif.items())
        found.tables.append(MetricTable(**place, name="vif", columns=("column", "vif"), rows=rows))


_READERS: dict[str, Callable[[Found, Place, str, Model], None]] = {
    "feature_correlation": _correlation,
    "hetero_feature_binning": _binning,
    "hetero_feature_selection": _selection,
    "hetero_secureboost": _boosting,
    "statistics": _statistics,
}


def _ranked(place: Place, measure: str, shares: Sequence[tuple[str, Mapping[str, float]]]) -> FeatureImportance:
    features = [
        FeatureShare(feature=feature, value=value, party=party)
        for party, of_party in shares
        for feature, value in of_party.items()
    ]
    features.sort(key=lambda one: (-one.value, one.party or "", one.feature))
    return FeatureImportance(**place, name=measure, features=tuple(features))


def _grid(place: Place, first: str, grid: Mapping[str, Any]) -> MetricTable:
    """``{"x0": {"mean": 0.1}}``: a row for each column of the data."""
    names = tuple(dict.fromkeys(str(name) for row in grid.values() for name in _mapping(row)))
    cells = (
        (str(key), *(cell if _is_number(cell := _mapping(row).get(name)) else None for name in names))
        for key, row in grid.items()
    )
    return MetricTable(**place, columns=(first, *names), rows=tuple(cells))


def _party(name: object) -> str:
    """FATE's name of a party in a model (``host_10000``), as people write it."""
    role, _, party_id = str(name).partition("_")
    return f"{role} {party_id}" if party_id else role


def _numbers(value: object) -> dict[str, float]:
    return {str(name): number for name, number in _mapping(value).items() if _is_number(number)}


def _order(number: object) -> tuple[int, str]:
    text = str(number)
    return (int(text), "") if text.isdecimal() else (len(text) + 10**6, text)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
