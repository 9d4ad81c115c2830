"""Neural networks: horizontal by federated averaging, vertical as a split network. Only the FATE sites need torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeAlias

from pydantic import BaseModel, Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject, Output, StoredModel
from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.recipes.hetero import HeteroTraining
from airflow_provider_fate.jobs.recipes.homo import HomoTraining
from airflow_provider_fate.jobs.recipes.layers import (
    LOSSES,
    OPTIMIZERS,
    Layer,
    first_width,
    last_width,
    network,
    torch_item,
    width_problem,
)
from airflow_provider_fate.jobs.recipes.steps import Task
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["HeteroNN", "HomoNN"]

Layers: TypeAlias = Annotated[list[Layer], Field(min_length=1)]


class TorchTraining(BaseModel):
    """How a network is trained.

    :param task: what is learned: a label of 0 and 1, of 0..n-1, or a number.
    :param epochs: passes over the rows.
    :param batch_size: rows per step.
    :param loss: class of ``torch.nn``; by default the one for the task (BCELoss, CrossEntropyLoss, MSELoss).
    :param optimizer: class of ``torch.optim``.
    :param learning_rate: its ``lr``.
    :param optimizer_params: its other arguments, such as ``{"weight_decay": 0.01}``.
    :param seed: of the first weights and the order of the rows.
    :param training_args: further arguments of Hugging Face's ``TrainingArguments``, which FATE uses.
    """

    task: Literal["binary", "multi", "regression"] = "binary"
    epochs: Templated[Annotated[int, Field(ge=1, le=100_000)]] = Field(default=10, description="1 to 100000 epochs")
    batch_size: Templated[Annotated[int, Field(ge=1)]] = Field(
        default=64, description="a whole number of rows, at least 1"
    )
    loss: str | None = Field(default=None, description="a loss of torch.nn, such as 'BCELoss'")
    optimizer: str = Field(default="Adam", description="a class of torch.optim, such as 'Adam'")
    learning_rate: Templated[Annotated[float, Field(gt=0)]] = Field(default=0.01, description="a number above 0")
    optimizer_params: dict[str, Any] = Field(default_factory=dict)
    seed: Templated[Annotated[int, Field(ge=0)]] = Field(default=42, description="a whole number, at least 0")
    training_args: dict[str, Any] = Field(default_factory=dict)


class _Trained(Protocol):
    """What the functions here need of a recipe that has the fields of :class:`TorchTraining`."""

    @property
    def task(self) -> Task: ...
    @property
    def epochs(self) -> int | str: ...
    @property
    def batch_size(self) -> int | str: ...
    @property
    def loss(self) -> str | None: ...
    @property
    def optimizer(self) -> str: ...
    @property
    def learning_rate(self) -> float | str: ...
    @property
    def optimizer_params(self) -> dict[str, Any]: ...
    @property
    def seed(self) -> int | str: ...
    @property
    def training_args(self) -> dict[str, Any]: ...


_LOSS_OF: dict[Task, str] = {"binary": "BCELoss", "multi": "CrossEntropyLoss", "regression": "MSELoss"}


def _loss(recipe: _Trained) -> str:
    return recipe.loss or _LOSS_OF[recipe.task]


def _common_conf(recipe: _Trained) -> JsonObject:
    return {
        "task_type": recipe.task,
        "optimizer_conf": torch_item(
            "torch.optim", recipe.optimizer, {"lr": recipe.learning_rate, **recipe.optimizer_params}
        ),
        "training_args_conf": {
            "num_train_epochs": recipe.epochs,
            "per_device_train_batch_size": recipe.batch_size,
            "seed": recipe.seed,
            **recipe.training_args,
        },
    }


def _training_problems(recipe: _Trained, layers: Sequence[Layer], field: str) -> list[Problem]:
    """Return what is wrong with loss, optimizer and the layers that make the prediction."""
    problems = []
    for name, value, known in (("loss", _loss(recipe), LOSSES), ("optimizer", recipe.optimizer, OPTIMIZERS)):
        if value not in known:
            by_lower_case = {entry.lower(): entry for entry in known}
            match = by_lower_case.get(value.lower())
            fix = f"Did you mean {match!r}?" if match else did_you_mean(value, known)
            problems.append(
                Problem(name, value, "torch has none of this name", fix or f"One of: {', '.join(sorted(known))}.")
            )
    if _loss(recipe) == "BCELoss" and layers[-1].type not in ("Sigmoid", "Softmax", "Hardsigmoid"):
        problems.append(
            Problem(
                f"{field}.{len(layers) - 1}",
                layers[-1].type,
                "BCELoss takes probabilities, and this layer gives others",
                "Add a 'Sigmoid' layer at the end.",
            )
        )
    if recipe.task != "multi" and (width := last_width(layers)) not in (None, 1):
        problems.append(
            Problem(
                f"{field}.{len(layers) - 1}",
                width,
                f"a {recipe.task} label is one number, and the network gives {width}",
                "Let the last Linear layer have out_features=1.",
            )
        )
    return problems


def _layer_problem(field: str, layers: Sequence[Layer]) -> list[Problem]:
    mismatch = width_problem(layers)
    fix = "Let in_features be the out_features of the Linear layer before."
    return [Problem(field, None, mismatch, fix)] if mismatch else []


class HomoNN(HomoTraining, TorchTraining):
    """Horizontal neural network: every party trains on its rows, an arbiter averages the weights (FedAvg).

    :param layers: the network, from the columns to the prediction; see :func:`mlp` for a quick one.
    :param aggregate_every: epochs between two averagings.
    :param aggregator: ``secure_aggregate`` hides the weights of the single party from the arbiter; ``plaintext`` does
        not.
    """

    _component: ClassVar[str] = "homo_nn"
    _name: ClassVar[str] = "nn_0"

    layers: Layers
    aggregate_every: Templated[Annotated[int, Field(ge=1)]] = Field(
        default=1, description="a whole number of epochs, at least 1"
    )
    aggregator: Literal["secure_aggregate", "plaintext"] = "secure_aggregate"

    def _task(self) -> Task:
        return self.task

    def _check(self) -> list[Problem]:
        problems = super()._check() + _layer_problem("layers", self.layers)
        return problems + _training_problems(self, self.layers, "layers")

    def _build(self, dag: DagBuilder) -> None:
        conf: JsonObject = {
            "algo": "fedavg",
            **_common_conf(self),
            "model_conf": network(self.layers),
            "loss_conf": torch_item("torch.nn", _loss(self)),
            "fed_args_conf": {
                "aggregate_strategy": "epoch",
                "aggregate_freq": self.aggregate_every,
                "aggregator": self.aggregator,
            },
        }
        self._train(dag, {"runner_conf": conf})


class HeteroNN(HeteroTraining, TorchTraining):
    """Vertical neural network of one guest and one host.

    Each has a lower part for its own columns; they meet, encrypted, in a layer between (SSHE), and the guest has the
    upper part and the label.

    :param guest_layers: the guest's lower part; ends with a Linear layer (activations may follow).
    :param host_layers: the host's lower part, likewise.
    :param top_layers: the guest's upper part, from the joint layer to the prediction; begins with a Linear layer.
    :param interaction_learning_rate: of the joint layer, which has an optimizer of its own.
    """

    _component: ClassVar[str] = "hetero_nn"
    _name: ClassVar[str] = "nn_0"
    _not_offered: ClassVar[dict[str, tuple[str, str]]] = {
        "cross_validation": (
            "FATE 2.2 does not cross-validate neural networks",
            "Hold rows out with holdout=0.2, and train once for each holdout_seed.",
        )
    }

    guest_layers: Layers
    host_layers: Layers
    top_layers: Layers
    interaction_learning_rate: Templated[Annotated[float, Field(gt=0)]] = Field(
        default=0.01, description="a number above 0"
    )

    def _task(self) -> Task:
        return self.task

    def _check(self) -> list[Problem]:
        problems = super()._check()
        if len(self.hosts) > 1:
            problems.append(
                Problem(
                    "hosts",
                    [host.party_id for host in self.hosts],
                    "the joint layer of FATE 2.2 is between one guest and one host",
                    "Keep one host.",
                )
            )
        for field, layers in self._parts():
            problems += _layer_problem(field, layers)
            width = first_width(layers) if field == "top_layers" else last_width(layers)
            if width is None:
                where = "begin" if field == "top_layers" else "end"
                problems.append(
                    Problem(
                        field,
                        None,
                        "the width of the joint layer cannot be read from it",
                        f"Let it {where} with a Linear layer.",
                    )
                )
        return problems + _training_problems(self, self.top_layers, "top_layers")

    def _parts(self) -> list[tuple[str, list[Layer]]]:
        return [
            ("guest_layers", self.guest_layers),
            ("host_layers", self.host_layers),
            ("top_layers", self.top_layers),
        ]

    def _build(self, dag: DagBuilder) -> None:
        data = self._data(dag)
        inputs: dict[str, Output | StoredModel] = {"train_data": data.train, **self._warm_input()}
        if data.validate is not None:
            inputs["validate_data"] = data.validate
        trained = dag.add(self._name, self._component, inputs=inputs)
        joint: JsonObject = {
            "agg_type": "hess",
            "guest_in_features": last_width(self.guest_layers),
            "host_in_features": last_width(self.host_layers),
            "out_features": first_width(self.top_layers),
            "layer_lr": self.interaction_learning_rate,
            "precision_bits": None,
        }
        common = {**_common_conf(self), "agglayer_arg_conf": joint}
        guest: JsonObject = {
            **common,
            "bottom_model_conf": network(self.guest_layers),
            "top_model_conf": network(self.top_layers),
            "loss_conf": torch_item("torch.nn", _loss(self)),
        }
        host: JsonObject = {**common, "bottom_model_conf": network(self.host_layers)}
        dag.set_party_parameters("guest", self.guest.party_id, "nn_0", {"runner_conf": guest})
        dag.set_party_parameters("host", self.hosts[0].party_id, "nn_0", {"runner_conf": host})
        self._evaluate(dag, [trained["train_output_data"]])
