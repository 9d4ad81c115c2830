"""Vertical logistic and linear regression: by secret sharing (SSHE, no third party) or coordinated by an arbiter."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject, Output, StoredModel
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.hetero import CrossValidated
from airflow_provider_fate.jobs.recipes.party import PartyId
from airflow_provider_fate.jobs.recipes.steps import Scaling, Task
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["CoordinatedLR", "CoordinatedLinR", "SsheLR", "SsheLinR"]

OptimizerName: TypeAlias = Literal[
    "sgd", "adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop"
]


class LinearModel(CrossValidated):
    """A model that is linear in the columns, trained by gradient descent.

    :param epochs: at most so many passes over the rows; with ``warm_start`` so many more.
    :param batch_size: rows per step, at least 10; ``None`` for all rows in one step.
    :param learning_rate: length of the steps, on scaled columns.
    :param tol: training ends early when the criterion changes by less.
    :param early_stop: the criterion: change of the loss (``diff``), the loss (``abs``), or change of the weights
        (``weight_diff``; SSHE must reveal them after every epoch for it).
    :param threshold: score from which a row counts as positive (logistic regression only).
    :param scaling: on by default: one learning rate for columns of different scale does not converge.
    """

    _kind: ClassVar[Task]

    epochs: Templated[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=20, description="1 to 10000 epochs")
    batch_size: Templated[Annotated[int, Field(ge=10)] | None] = Field(
        default=256, description="a whole number of rows, at least 10, or none for all"
    )
    learning_rate: Templated[Annotated[float, Field(gt=0)]] = Field(default=0.15, description="a number above 0")
    tol: Templated[Annotated[float, Field(ge=0)]] = Field(1e-4, description="a number, at least 0")
    early_stop: Templated[Literal["diff", "abs", "weight_diff"]] = Field(
        default="diff", description="'diff', 'abs' or 'weight_diff'"
    )
    threshold: Templated[Annotated[float, Field(ge=0, le=1)]] = Field(default=0.5, description="a number from 0 to 1")
    scaling: Scaling | None = Scaling()

    def _task(self) -> Task:
        return self._kind

    @abstractmethod
    def _method(self) -> JsonObject:
        """Return the parameters of the way of training."""

    def _build(self, dag: DagBuilder) -> None:
        data = self._data(dag)
        parameters: JsonObject = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "tol": self.tol,
            "early_stop": self.early_stop,
            # A convex loss needs no random start, and two runs of the same job should agree.
            "init_param": {"method": "zeros", "fit_intercept": True},
            **self._method(),
        }
        if self._kind == "binary":
            parameters["threshold"] = self.threshold
        if self.cross_validation is not None:
            self._learn(dag, self._name, data.train, parameters)
            return
        inputs: dict[str, Output | StoredModel] = {"train_data": data.train, **self._warm_input()}
        if data.validate is not None:
            inputs["validate_data"] = data.validate
        trained = dag.add(self._name, self._component, inputs=inputs, parameters=parameters)
        # Predictions for both parts come in one output; its column "type" tells train_set and validate_set apart.
        self._evaluate(dag, [trained["train_output_data"]])


class Sshe(LinearModel):
    """Training on secret shares: no arbiter, nothing revealed but the loss. One guest and one host.

    About twice as slow as with an arbiter (5 minutes an epoch for 100 000 rows of 330 columns on 16 cores).

    :param reveal_loss_freq: reveal the loss every so many steps.
    """

    reveal_loss_freq: Templated[Annotated[int, Field(ge=1)]] = Field(
        default=1, description="a whole number of steps, at least 1"
    )

    def _check(self) -> list[Problem]:
        problems = super()._check()
        if len(self.hosts) > 1:
            problems.append(
                Problem(
                    "hosts",
                    [host.party_id for host in self.hosts],
                    "secret sharing in FATE 2.2 is between one guest and one host",
                    "Keep one host, or take the coordinated recipe.",
                )
            )
        return problems

    def _method(self) -> JsonObject:
        return {"learning_rate": self.learning_rate, "reveal_loss_freq": self.reveal_loss_freq}


class Coordinated(LinearModel):
    """Training coordinated by an arbiter, which holds the private key and sees the sums of gradients.

    :param arbiter: party id of the arbiter. It has no default on purpose: whoever holds the key must not work together
        with one of the others, so take a party that all trust; in a test any party will do.
    :param optimizer: ``rmsprop`` by default, as in FATE's benchmarks: it forgives a bad learning rate.
    :param penalty: ``l2``, ``l1`` or ``none``.
    :param alpha: weight of the penalty. FATE's own default of 1.0 shrinks a model on scaled columns to nearly nothing.
    :param floating_point_precision: bits of the encrypted numbers behind the binary point.
    """

    arbiter: PartyId
    optimizer: Templated[OptimizerName] = Field(
        default="rmsprop", description="the name of a torch optimizer, such as 'rmsprop' or 'sgd'"
    )
    penalty: Templated[Literal["l1", "l2", "none"]] = Field(default="l2", description="'l1', 'l2' or 'none'")
    alpha: Templated[Annotated[float, Field(ge=0)]] = Field(default=0.01, description="a number, at least 0")
    floating_point_precision: Templated[Annotated[int, Field(ge=0, le=64)]] = Field(
        default=23, description="0 to 64 bits"
    )

    def _arbiter(self) -> str:
        return self.arbiter

    def _method(self) -> JsonObject:
        return {
            "optimizer": optimizer(self.optimizer, self.learning_rate, self.penalty, self.alpha),
            "learning_rate_scheduler": CONSTANT_RATE,
            "floating_point_precision": self.floating_point_precision,
            "he_param": self.encryption.conf(),
        }


CONSTANT_RATE: JsonObject = {"method": "constant", "scheduler_params": {"factor": 1.0}}


def optimizer(method: object, learning_rate: object, penalty: object, alpha: object) -> JsonObject:
    """Return FATE's ``optimizer`` parameter."""
    return {"method": method, "penalty": penalty, "alpha": alpha, "optimizer_params": {"lr": learning_rate}}


class SsheLR(Sshe):
    """Vertical logistic regression on secret shares: a label of 0 and 1 at the guest, one host, no arbiter."""

    _component: ClassVar[str] = "sshe_lr"
    _name: ClassVar[str] = "lr_0"
    _kind: ClassVar[Task] = "binary"


class SsheLinR(Sshe):
    """Vertical linear regression on secret shares: a number as label at the guest, one host, no arbiter."""

    _component: ClassVar[str] = "sshe_linr"
    _name: ClassVar[str] = "linr_0"
    _kind: ClassVar[Task] = "regression"


class CoordinatedLR(Coordinated):
    """Vertical logistic regression, coordinated by an arbiter: a label of 0 and 1 at the guest, any number of hosts."""

    _component: ClassVar[str] = "coordinated_lr"
    _name: ClassVar[str] = "lr_0"
    _kind: ClassVar[Task] = "binary"


class CoordinatedLinR(Coordinated):
    """Vertical linear regression, coordinated by an arbiter: a number as label at the guest, any number of hosts."""

    _component: ClassVar[str] = "coordinated_linr"
    _name: ClassVar[str] = "linr_0"
    _kind: ClassVar[Task] = "regression"
