"""Hetero SecureBoost: gradient-boosted trees on columns of several parties."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject, Output, StoredModel
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.hetero import CrossValidated
from airflow_provider_fate.jobs.recipes.steps import Data, Task
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["HeteroSecureBoost"]

Objective: TypeAlias = Literal["binary:bce", "multi:ce", "regression:l2"]

EVERY_TREE = 1_000_000
"""FATE counts ``complete_secure`` from the first tree of the earlier model, whose number is not known here."""

_TASKS: dict[str, Task] = {"binary:bce": "binary", "multi:ce": "multi", "regression:l2": "regression"}


class HeteroSecureBoost(CrossValidated):
    """Train boosted trees on the columns of guest and hosts, without showing them to each other.

    The defaults are those of a first honest model rather than FATE's: its own default of 3 trees underfits almost
    anything, and 20 trees of depth 3 at rate 0.3 come near the plateau of most tables. A tree is a round of
    encryption, which costs minutes on large tables (about 2 for 100 000 rows of 330 columns on 16 cores).

    Held-out rows are scored by a task of its own, ``sbt_0_validate``, because FATE's training leaves them out of its
    output: ``evaluation_0.sbt_0.train_set.auc`` is the AUC of the training rows, and
    ``evaluation_0.sbt_0_validate.test_set.auc`` that of the held-out rows.

    :param objective: a label of 0 and 1 (``binary:bce``), of 0..n-1 (``multi:ce``), or a number (``regression:l2``).
    :param num_class: number of classes, for ``multi:ce``.
    :param num_trees: boosting rounds; ``multi:ce`` grows ``num_class`` trees in each. With ``warm_start`` so many more.
    :param max_depth: layers of splits in a tree. 3 to 5; every layer is a round of encryption.
    :param learning_rate: weight of each tree.
    :param max_bin: bins per column for the search of splits; as XGBoost's ``max_bin`` with ``hist``, but fewer, for
        each bin is encrypted.
    :param l1: L1 penalty of the leaf weights.
    :param l2: L2 penalty of the leaf weights (XGBoost's ``lambda``).
    :param min_child_weight: least sum of hessians in a leaf.
    :param min_leaf_node: least number of rows in a leaf.
    :param min_sample_split: least number of rows in a node that is split.
    :param min_impurity_split: least gain of a split.
    :param goss: train later trees on rows with large gradients and a sample of the others; saves time on large tables.
    :param goss_start_iter: first tree (from 0) that samples.
    :param top_rate: share of the rows with the largest gradients that is kept.
    :param other_rate: share of the other rows that is sampled; together at most 1.
    :param complete_secure: so many first trees use the columns of the guest only. Hosts learn less from the later ones.
    :param guest_only: train on the guest's columns alone (all trees are ``complete_secure``), to see what federating
        gains. The hosts still take part in the intersection, so that the rows are the same; FATE cannot run this
        component in a job without hosts.
    :param guest_baseline: train a second model, ``sbt_alone_0``, on the guest's columns alone in the same job, on the
        same rows, and judge it by the same held-out rows. It is quick, for it encrypts nothing.
    """

    _component: ClassVar[str] = "hetero_secureboost"
    _name: ClassVar[str] = "sbt_0"
    _alone: ClassVar[str] = "sbt_alone_0"

    objective: Templated[Objective] = Field(
        default="binary:bce", description="'binary:bce', 'multi:ce' or 'regression:l2'"
    )
    num_class: Templated[Annotated[int, Field(ge=2, le=1000)]] = Field(
        default=2, description="a number of classes, 3 to 1000 for 'multi:ce'"
    )
    num_trees: Templated[Annotated[int, Field(ge=1, le=5000)]] = Field(default=20, description="1 to 5000 trees")
    max_depth: Templated[Annotated[int, Field(ge=1, le=16)]] = Field(default=3, description="1 to 16 layers")
    learning_rate: Templated[Annotated[float, Field(gt=0, le=1)]] = Field(
        default=0.3, description="a number above 0, at most 1"
    )
    max_bin: Templated[Annotated[int, Field(ge=2, le=1024)]] = Field(default=32, description="2 to 1024 bins")
    l1: Templated[Annotated[float, Field(ge=0)]] = Field(default=0.0, description="a number, at least 0")
    l2: Templated[Annotated[float, Field(ge=0)]] = Field(default=0.1, description="a number, at least 0")
    min_child_weight: Templated[Annotated[float, Field(gt=0)]] = Field(default=1.0, description="a number above 0")
    min_leaf_node: Templated[Annotated[int, Field(ge=1)]] = Field(
        default=1, description="a whole number of rows, at least 1"
    )
    min_sample_split: Templated[Annotated[int, Field(ge=1)]] = Field(
        default=2, description="a whole number of rows, at least 1"
    )
    min_impurity_split: Templated[Annotated[float, Field(gt=0)]] = Field(default=0.01, description="a number above 0")
    goss: Templated[bool] = Field(default=False, description="true or false")
    goss_start_iter: Templated[Annotated[int, Field(ge=0)]] = Field(default=5, description="a whole number, at least 0")
    top_rate: Templated[Annotated[float, Field(gt=0, lt=1)]] = Field(default=0.2, description="a share between 0 and 1")
    other_rate: Templated[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=0.1, description="a share between 0 and 1"
    )
    complete_secure: Templated[Annotated[int, Field(ge=0)]] = Field(
        default=0, description="a whole number of trees, at least 0"
    )
    guest_only: Templated[bool] = Field(default=False, description="true or false")
    guest_baseline: Templated[bool] = Field(default=False, description="true or false")

    def _task(self) -> Task:
        return _TASKS[self.objective]

    def _check(self) -> list[Problem]:
        problems = super()._check()
        assert isinstance(self.num_class, int)
        if self.objective == "multi:ce" and self.num_class < 3:
            problems.append(
                Problem(
                    "num_class", self.num_class, "'multi:ce' needs more than two classes", "Say how many there are."
                )
            )
        if self.objective != "multi:ce" and self.num_class != 2:
            problems.append(
                Problem(
                    "num_class",
                    self.num_class,
                    f"{self.objective!r} has no classes to count",
                    "Leave it out, or set objective='multi:ce'.",
                )
            )
        if self.goss and float(self.top_rate) + float(self.other_rate) > 1:
            problems.append(
                Problem("top_rate", self.top_rate, f"with other_rate {self.other_rate} it is above 1", "Lower one.")
            )
        if self.guest_only and self.guest_baseline:
            problems.append(
                Problem("guest_baseline", True, "guest_only trains on the guest's columns already", "Drop one.")
            )
        if self.guest_baseline and self.cross_validation is not None:
            fix = "Drop one of the two, and cross-validate with guest_only=True in a job of its own."
            problems.append(Problem("guest_baseline", True, "the folds would be those of two models", fix))
        if self.guest_baseline and self.warm_start is not None:
            fix = "Drop it, and go on from the second model in a job of its own, with guest_only=True and warm_start={"
            fix += f"'job_id': ..., 'task': {self._alone!r}}}."
            problems.append(Problem("guest_baseline", True, "one model goes on from one earlier model", fix))
        return problems

    def _build(self, dag: DagBuilder) -> None:
        data = self._data(dag)
        local_trees = (EVERY_TREE if self.warm_start else self.num_trees) if self.guest_only else self.complete_secure
        if self.cross_validation is not None:
            self._learn(dag, self._name, data.train, self._parameters(local_trees))
            return
        predictions = self._train(dag, self._name, data, local_trees)
        if self.guest_baseline:
            predictions += self._train(dag, self._alone, data, self.num_trees)
        self._evaluate(dag, predictions)

    def _train(self, dag: DagBuilder, name: str, data: Data, local_trees: object) -> list[Output]:
        inputs: dict[str, Output | StoredModel] = {"train_data": data.train, **self._warm_input()}
        trained = dag.add(name, self._component, inputs=inputs, parameters=self._parameters(local_trees))
        predictions = [trained["train_output_data"]]
        if data.validate is not None:
            scored = dag.add(
                f"{name}_validate",
                self._component,
                inputs={"test_data": data.validate, "input_model": trained["output_model"]},
                stage="predict",
            )
            predictions.append(scored["test_output_data"])
        return predictions

    def _parameters(self, local_trees: object) -> JsonObject:
        names = (
            *("objective", "num_class", "num_trees", "max_depth", "learning_rate", "max_bin", "l1", "l2"),
            *("min_child_weight", "min_leaf_node", "min_sample_split", "min_impurity_split"),
        )
        parameters: JsonObject = {name: getattr(self, name) for name in names}
        if self.goss:
            parameters |= {
                "goss": True,
                "goss_start_iter": self.goss_start_iter,
                "top_rate": self.top_rate,
                "other_rate": self.other_rate,
            }
        if local_trees:
            parameters["complete_secure"] = local_trees
        parameters["he_param"] = self.encryption.conf()
        return parameters
