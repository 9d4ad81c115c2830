"""Horizontal (homo) jobs: the same columns and the label at all parties, other people at each; no intersection."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject, Output, StoredModel
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.hetero import check_holdout, read_tables
from airflow_provider_fate.jobs.recipes.learning import Learning
from airflow_provider_fate.jobs.recipes.linear import CONSTANT_RATE, OptimizerName, optimizer
from airflow_provider_fate.jobs.recipes.party import PartyId
from airflow_provider_fate.jobs.recipes.steps import Data, Evaluation, Fraction, Statistics, Task, split
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["HomoLR", "HomoTraining"]


class HomoTraining(Learning):
    """A model that every party trains on its own rows and an arbiter averages.

    Scaling and binning are not offered: FATE would do them by each party's own statistics, and the same value would
    mean different things at different parties. Scale before the upload, by numbers that the parties agree on.

    :param arbiter: party id of the arbiter, which adds up the models; by default the guest, whose logs the one who
        starts the job can read. With secure aggregation it sees the sum only.
    :param holdout: share of each party's rows, such as 0.2, that the model is not trained on but judged by. Instead of
        it, every party may have a ``holdout_table``.
    :param holdout_seed: fixes which rows are held out.
    :param statistics: describe the columns first, at each party.
    :param evaluation: how the predictions are judged, by each of guest and hosts for its own rows; ``None`` for not at
        all.
    :param warm_start: go on from the model of an earlier job: what the task that trained it gives back
        (``train.output``), a model asset, or the id of the job.
    """

    _not_offered: ClassVar[dict[str, tuple[str, str]]] = {
        "cross_validation": (
            "FATE 2.2 cross-validates vertical models only",
            "Hold rows out with holdout=0.2, and train once for each holdout_seed.",
        )
    }

    arbiter: PartyId | None = None
    holdout: Templated[Fraction | None] = Field(default=None, description="a share between 0 and 1, such as 0.2")
    holdout_seed: Templated[Annotated[int, Field(ge=0)]] = Field(default=42, description="a whole number, at least 0")
    statistics: Statistics | None = None
    evaluation: Evaluation | None = Evaluation()

    def _task(self) -> Task:
        return "binary"

    def _arbiter(self) -> str:
        return self.arbiter or self.guest.party_id

    def _check(self) -> list[Problem]:
        return super()._check() + check_holdout(self.guest, self.hosts, self.holdout)

    def _read(self, dag: DagBuilder, number: int, *, holdout: bool = False) -> Output:
        name = f"reader_{number}"
        table = dag.add(name, "reader", roles=["guest", "host"])["output_data"]
        read_tables(dag, name, self.guest, self.hosts, holdout=holdout)
        return table

    def _data(self, dag: DagBuilder) -> Data:
        rows = self._read(dag, 0)
        if self.guest.holdout_table is not None:
            data = Data(rows, self._read(dag, 1, holdout=True))
        elif isinstance(self.holdout, float):
            stratified = self._task() != "regression"
            assert isinstance(self.holdout_seed, int)
            data = split(dag, rows, share=self.holdout, seed=self.holdout_seed, stratified=stratified, hetero=False)
        else:
            data = Data(rows)
        if self.statistics is not None:
            dag.add(
                "statistics_0",
                "statistics",
                inputs={"input_data": data.train},
                parameters={"metrics": self.statistics.metrics},
            )
        return data

    def _train(self, dag: DagBuilder, parameters: JsonObject) -> None:
        data = self._data(dag)
        inputs: dict[str, Output | StoredModel] = {"train_data": data.train, **self._warm_input()}
        if data.validate is not None:
            inputs["validate_data"] = data.validate
        trained = dag.add(self._name, self._component, inputs=inputs, parameters=parameters)
        if self.evaluation is not None:
            self.evaluation.add(dag, [trained["train_output_data"]], self._task(), ["guest", "host"])


class HomoLR(HomoTraining):
    """Horizontal logistic regression: every party trains, an arbiter averages the models after every epoch.

    :param num_class: number of classes; with more than two, one model per class is trained (one versus rest).
    :param epochs: passes of each party over its rows, with an averaging after each.
    :param batch_size: rows per step.
    :param optimizer: ``adam`` by default, which needs no tuning for a model this small.
    :param learning_rate: length of the steps, for columns that are scaled already.
    :param penalty: ``l2``, ``l1`` or ``none``.
    :param alpha: weight of the penalty; FATE's own default of 1.0 shrinks the model to nearly nothing.
    :param threshold: score from which a row counts as positive.
    """

    _component: ClassVar[str] = "homo_lr"
    _name: ClassVar[str] = "lr_0"

    num_class: Templated[Annotated[int, Field(ge=2, le=1000)]] = Field(default=2, description="2 to 1000 classes")
    epochs: Templated[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=20, description="1 to 10000 epochs")
    batch_size: Templated[Annotated[int, Field(ge=1)]] = Field(
        default=64, description="a whole number of rows, at least 1"
    )
    optimizer: Templated[OptimizerName] = Field(
        default="adam", description="the name of a torch optimizer, such as 'adam' or 'sgd'"
    )
    learning_rate: Templated[Annotated[float, Field(gt=0)]] = Field(default=0.05, description="a number above 0")
    penalty: Templated[Literal["l1", "l2", "none"]] = Field(default="l2", description="'l1', 'l2' or 'none'")
    alpha: Templated[Annotated[float, Field(ge=0)]] = Field(default=0.001, description="a number, at least 0")
    threshold: Templated[Annotated[float, Field(ge=0, le=1)]] = Field(default=0.5, description="a number from 0 to 1")

    def _task(self) -> Task:
        return "binary" if self.num_class == 2 else "multi"

    def _build(self, dag: DagBuilder) -> None:
        parameters: JsonObject = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": optimizer(self.optimizer, self.learning_rate, self.penalty, self.alpha),
            "learning_rate_scheduler": CONSTANT_RATE,
            "init_param": {"method": "zeros", "fit_intercept": True},
            "threshold": self.threshold,
        }
        if self.num_class != 2:
            parameters |= {"ovr": True, "label_num": self.num_class}
        self._train(dag, parameters)
