"""Optional steps before the training: split, statistics, binning, selection, scaling; and the evaluation after it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject, Output, StoredModel
from airflow_provider_fate.jobs.problems import did_you_mean
from airflow_provider_fate.jobs.recipes.plain import plain_errors
from airflow_provider_fate.jobs.recipes.templates import Templated, is_template

__all__ = ["Binning", "Data", "Encryption", "Evaluation", "Scaling", "Selection", "Statistics", "Task"]

Task: TypeAlias = Literal["binary", "multi", "regression"]
"""What is learned: a label of 0 and 1, a label of 0..n-1, or a number."""

Fraction: TypeAlias = Annotated[float, Field(gt=0, lt=1)]


def _key_length(value: object) -> object:
    # What is rendered is text, which a Literal of numbers does not take.
    return int(value) if isinstance(value, str) and value.isdigit() else value


KeyLength: TypeAlias = Annotated[Literal[1024, 2048, 3072, 4096], BeforeValidator(_key_length)]

_PERCENTILE = re.compile(r"(100|\d{1,2})%")
_STATISTICS = (
    *("count", "sum", "max", "min", "mean", "median", "std", "var", "coefficient_of_variation"),
    *("missing_count", "missing_ratio", "skewness", "kurtosis"),
)
_METRICS = (
    *("auc", "ks", "confusion_matrix", "lift", "gain", "fscore_table"),
    *("binary_accuracy", "binary_precision", "binary_recall", "binary_f1_score"),
    *("biclass_accuracy_table", "biclass_precision_table", "biclass_recall_table"),
    *("multi_accuracy", "multi_precision", "multi_recall", "multi_f1_score"),
    *("rmse", "mse", "mae", "r2_score"),
)


def _one_of(name: str, known: Sequence[str]) -> bool:
    if name not in known and not is_template(name):
        advice = did_you_mean(name, known, otherwise=f"known: {', '.join(known)}")
        raise ValueError(f"FATE has no metric {name!r}; {advice}")
    return True


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@plain_errors
class Encryption(_Step):
    """How gradients are encrypted on their way to the other parties.

    :param kind: ``paillier``; ``ou`` (Okamoto-Uchiyama), faster; or ``mock``, which encrypts nothing: for tests only.
    :param key_length: bits. 1024 is FATE's default and what its published timings are for, but only about 80 bits of
        security; take 2048 (112 bits, several times slower) where what is exchanged must stay secret for years.
    """

    kind: Templated[Literal["paillier", "ou", "mock"]] = "paillier"
    key_length: Templated[KeyLength] = 1024

    def conf(self) -> JsonObject:
        """Return it as FATE's ``he_param``."""
        return {"kind": self.kind, "key_length": self.key_length}


@plain_errors
class Statistics(_Step):
    """Describe the columns of every party, each for itself; read them from the model of the task ``statistics_0``.

    :param metrics: what to compute; also percentiles, such as ``"95%"``.
    """

    metrics: list[str] = Field(default=["mean", "std", "min", "max", "missing_ratio"], min_length=1)

    @field_validator("metrics")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        return [name for name in names if _PERCENTILE.fullmatch(name) or _one_of(name, _STATISTICS)]


@plain_errors
class Binning(_Step):
    """Bin the columns of all parties against the guest's label, which gives the information value (IV) of each.

    :param n_bins: at most so many bins per column. 10, as in score cards.
    :param method: bins of equal counts (``quantile``) or of equal width (``bucket``).
    :param transform: replace values by the number of their bin (``bin_idx``) or, at the guest only (FATE does not do it
        at hosts), by the weight of evidence (``woe``); by default the data stays as it is. FATE 2.2 puts no weights of
        evidence into rows that it has not trained on: with ``woe`` none can be held out, and none be scored later.
    """

    n_bins: Templated[Annotated[int, Field(ge=2, le=1000)]] = 10
    method: Templated[Literal["quantile", "bucket"]] = "quantile"
    transform: Templated[Literal["woe", "bin_idx"] | None] = None


@plain_errors
class Selection(_Step):
    """Keep only the columns that tell something about the label.

    :param iv_threshold: least information value; needs ``binning``. Under 0.02 a column counts as not predictive.
    :param host_iv_threshold: the same for columns of hosts; as for the guest by default.
    """

    iv_threshold: Templated[Annotated[float, Field(ge=0, le=1)]] = 0.02
    host_iv_threshold: Templated[Annotated[float, Field(ge=0, le=1)] | None] = None


@plain_errors
class Scaling(_Step):
    """Bring the columns to one scale, each party by its own statistics. Gradient methods need it; trees do not.

    :param method: to mean 0 and standard deviation 1 (``standard``), or to the range 0..1 (``min_max``).
    """

    method: Templated[Literal["standard", "min_max"]] = "standard"


@plain_errors
class Evaluation(_Step):
    """Judge predictions.

    :param metrics: names of FATE's metrics, such as ``["auc", "ks"]``. By default all that FATE has for the kind of
        label: AUC, KS, gain, lift, confusion and threshold tables; or accuracy, precision, recall; or RMSE, MAE, MSE,
        R2.
    """

    metrics: Annotated[list[str], Field(min_length=1)] | None = None

    @field_validator("metrics")
    @classmethod
    def _known(cls, names: list[str] | None) -> list[str] | None:
        return None if names is None else [name for name in names if _one_of(name, _METRICS)]

    def add(self, dag: DagBuilder, predictions: Sequence[Output], task: Task, roles: Sequence[str]) -> None:
        """Add the task ``evaluation_0``."""
        parameters: JsonObject = {"default_eval_setting": task}
        if self.metrics is not None:
            parameters["metrics"] = self.metrics
            if task == "multi":
                # With named metrics FATE would compare labels with lists of scores, and fail.
                parameters["predict_column_name"] = "predict_result"
        dag.add("evaluation_0", "evaluation", inputs={"input_datas": predictions}, parameters=parameters, roles=roles)


@dataclass(frozen=True, slots=True)
class Data:
    """Training data and, if there is any, data held out to judge the model."""

    train: Output
    validate: Output | None = None


def split(dag: DagBuilder, data: Output, *, share: float, seed: int, stratified: bool, hetero: bool) -> Data:
    """Hold out a share of the rows, the same ones on all parties."""
    parts = dag.add(
        "data_split_0",
        "data_split",
        inputs={"input_data": data},
        parameters={
            "train_size": round(1 - share, 9),
            "validate_size": share,
            "stratified": stratified,
            "random_state": seed,
            "hetero_sync": hetero,
        },
    )
    return Data(parts["train_output_data"], parts["validate_output_data"])


TakeModel: TypeAlias = Callable[[str, str], StoredModel]
"""Gives the model of an earlier job for a task of the new one and the key of that model."""


def prepare(
    dag: DagBuilder,
    data: Data,
    *,
    earlier: TakeModel | None = None,
    statistics: Statistics | None,
    binning: Binning | None,
    selection: Selection | None,
    scaling: Scaling | None,
    encryption: Encryption,
) -> Data:
    """Add the steps that were asked for. Each learns from the training rows alone and is applied to both parts.

    :param earlier: of a training that goes on from an earlier one: its steps are applied to all rows as they were then,
        for the model knows the columns only like that.
    """
    if statistics is not None:
        dag.add(
            "statistics_0",
            "statistics",
            inputs={"input_data": data.train},
            parameters={"metrics": statistics.metrics},
        )
    if earlier is not None:
        return _as_before(dag, data, earlier, binning, selection, scaling)
    binned = None
    if binning is not None:
        parameters: JsonObject = {
            "method": binning.method,
            "n_bins": binning.n_bins,
            "he_param": encryption.conf(),
        }
        if binning.transform == "bin_idx":
            parameters["transform_method"] = binning.transform
        if binning.transform == "woe":
            for guest in dag.parties["guest"]:  # FATE fails at a host that is told so
                dag.set_party_parameters("guest", guest, "binning_0", {"transform_method": "woe"})
        done = dag.add("binning_0", "hetero_feature_binning", inputs={"train_data": data.train}, parameters=parameters)
        binned = done["output_model"]
        if binning.transform is not None:
            again = _told_again(binning)
            data = _apply(dag, data, "binning_0", "hetero_feature_binning", done["train_output_data"], binned, again)
    if selection is not None and binned is not None:
        host = selection.host_iv_threshold
        done = dag.add(
            "selection_0",
            "hetero_feature_selection",
            inputs={"train_data": data.train, "input_models": [binned]},
            parameters={
                "method": ["iv"],
                "iv_param": {
                    "metrics": "iv",
                    "filter_type": "threshold",
                    "threshold": selection.iv_threshold,
                    "host_filter_type": "threshold",
                    "host_threshold": selection.iv_threshold if host is None else host,
                    "select_federated": True,
                },
            },
        )
        model, output = done["train_output_model"], done["train_output_data"]
        data = _apply(dag, data, "selection_0", "hetero_feature_selection", output, model)
    if scaling is not None:
        done = dag.add(
            "scale_0",
            "feature_scale",
            inputs={"train_data": data.train},
            parameters={"method": scaling.method},
        )
        data = _apply(dag, data, "scale_0", "feature_scale", done["train_output_data"], done["output_model"])
    return data


def _told_again(binning: Binning) -> JsonObject:
    """What a binning needs to know once more: FATE's predict stage forgets the method of the training."""
    return {"transform_method": binning.transform, "skip_metrics": True}


def _as_before(
    dag: DagBuilder,
    data: Data,
    earlier: TakeModel,
    binning: Binning | None,
    selection: Selection | None,
    scaling: Scaling | None,
) -> Data:
    """Apply the steps of an earlier job; a binning that has only measured columns changes no rows, and is left out."""
    steps: list[tuple[str, str, str, JsonObject | None]] = []
    if binning is not None and binning.transform is not None:
        steps.append(("binning_0", "hetero_feature_binning", "output_model", _told_again(binning)))
    if selection is not None:
        steps.append(("selection_0", "hetero_feature_selection", "train_output_model", None))
    if scaling is not None:
        steps.append(("scale_0", "feature_scale", "output_model", None))
    for name, component, key, parameters in steps:
        model = earlier(name, key)
        trained = dag.add(
            name,
            component,
            inputs={"test_data": data.train, "input_model": model},
            parameters=parameters,
            stage="predict",
        )
        data = _apply(dag, data, name, component, trained["test_output_data"], model, parameters)
    return data


def _apply(
    dag: DagBuilder,
    data: Data,
    name: str,
    component: str,
    trained: Output,
    model: Output | StoredModel,
    parameters: JsonObject | None = None,
) -> Data:
    if data.validate is None:
        return replace(data, train=trained)
    applied = dag.add(
        f"{name}_validate",
        component,
        inputs={"test_data": data.validate, "input_model": model},
        parameters=parameters,
        stage="predict",
    )
    return Data(trained, applied["test_output_data"])
