"""Vertical (hetero) jobs: the same people at all parties, other columns at each; the label is at the guest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject, Output
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.base import Recipe
from airflow_provider_fate.jobs.recipes.folds import CrossValidation, Folds
from airflow_provider_fate.jobs.recipes.learning import Learning
from airflow_provider_fate.jobs.recipes.party import Party
from airflow_provider_fate.jobs.recipes.steps import (
    Binning,
    Data,
    Encryption,
    Evaluation,
    Fraction,
    Scaling,
    Selection,
    Statistics,
    Task,
    prepare,
    split,
)
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["CrossValidated", "HeteroTraining", "PrivateIntersection"]


def check_holdout(guest: Party, hosts: list[Party], share: object) -> list[Problem]:
    """Return what is wrong with the data that is held out: it comes from tables of all parties, or from a share."""
    given = [party.holdout_table is not None for party in (guest, *hosts)]
    if any(given) and share is not None:
        return [Problem("holdout", share, "the parties have holdout tables already", "Drop one of the two.")]
    if any(given) and not all(given):
        field = "guest.holdout_table" if not given[0] else f"hosts.{given.index(False) - 1}.holdout_table"
        return [Problem(field, None, "other parties have a holdout table", "Give all parties one, or none.")]
    return []


class PrivateIntersection(Recipe):
    """Reads the table of every party and keeps the rows whose ids all parties have (PSI).

    :param psi_protocol: the only one that FATE 2.2 has: elliptic-curve Diffie-Hellman. No party learns ids that it does
        not have itself.
    """

    psi_protocol: Literal["ecdh_psi"] = "ecdh_psi"

    def _intersect(self, dag: DagBuilder, number: int, *, holdout: bool = False) -> Output:
        reader = f"reader_{number}"
        table = dag.add(reader, "reader", roles=["guest", "host"])["output_data"]
        read_tables(dag, reader, self.guest, self.hosts, holdout=holdout)
        return dag.add(f"psi_{number}", "psi", inputs={"input_data": table})["output_data"]


def read_tables(dag: DagBuilder, reader: str, guest: Party, hosts: list[Party], *, holdout: bool = False) -> None:
    """Tell a reader which table each party has."""
    for role, party in [("guest", guest), *(("host", host) for host in hosts)]:
        table = (party.holdout_table or "") if holdout else party.table
        namespace, _, name = table.partition(".")
        dag.set_party_parameters(role, party.party_id, reader, {"namespace": namespace, "name": name})


class HeteroTraining(PrivateIntersection, Learning):
    """A model trained on columns of several parties.

    :param holdout: share of the common rows, such as 0.2, that the model is not trained on but judged by. Instead of
        it, every party may have a ``holdout_table``. By default the model is judged by its training rows alone.
    :param holdout_seed: fixes which rows are held out.
    :param statistics: describe the columns first.
    :param binning: bin the columns and compute their information value.
    :param selection: keep only informative columns; needs ``binning``.
    :param scaling: bring columns to one scale.
    :param evaluation: how the predictions are judged, at the guest; ``None`` for not at all.
    :param encryption: how gradients are encrypted.
    :param warm_start: go on from the model of an earlier job: what the task that trained it gives back
        (``train.output``), a model asset, or the id of the job. The steps before the training are applied as they were
        then.
    """

    holdout: Templated[Fraction | None] = Field(default=None, description="a share between 0 and 1, such as 0.2")
    holdout_seed: Templated[Annotated[int, Field(ge=0)]] = Field(default=42, description="a whole number, at least 0")
    statistics: Statistics | None = None
    binning: Binning | None = None
    selection: Selection | None = None
    scaling: Scaling | None = None
    evaluation: Evaluation | None = Evaluation()
    encryption: Encryption = Encryption()

    def _task(self) -> Task:
        return "binary"

    def _check(self) -> list[Problem]:
        problems = super()._check() + check_holdout(self.guest, self.hosts, self.holdout)
        if self.selection is not None and self.binning is None:
            problems.append(
                Problem(
                    "selection",
                    self.selection.model_dump(),
                    "the information value comes from the binning, and there is none",
                    "Add binning=Binning().",
                )
            )
        held_out = self.holdout is not None or self.guest.holdout_table is not None
        woe = self.binning is not None and self.binning.transform == "woe"
        if woe and self.warm_start is not None:
            problems.append(
                Problem(
                    "binning.transform",
                    "woe",
                    "FATE 2.2 puts the weights of evidence of an earlier training into no other rows than its own",
                    "Take 'bin_idx' in both trainings, or train without warm_start.",
                )
            )
        elif woe and held_out:
            problems.append(
                Problem(
                    "binning.transform",
                    "woe",
                    "FATE 2.2 leaves rows that it has not trained on without weights of evidence, and would judge the "
                    "model by numbers of bins instead",
                    "Take 'bin_idx', or hold no rows out.",
                )
            )
        if self.binning is not None and self._task() != "binary":
            problems.append(
                Problem(
                    "binning",
                    self.binning.model_dump(),
                    f"FATE bins against a label of 0 and 1, but this label is {self._task()}",
                    "Leave it out.",
                )
            )
        return problems

    def _data(self, dag: DagBuilder) -> Data:
        rows = self._intersect(dag, 0)
        earlier = None if self.warm_start is None else self._earlier
        if self.guest.holdout_table is not None:
            data = Data(rows, self._intersect(dag, 1, holdout=True))
        elif isinstance(self.holdout, float):
            stratified = self._task() != "regression"
            assert isinstance(self.holdout_seed, int)
            data = split(dag, rows, share=self.holdout, seed=self.holdout_seed, stratified=stratified, hetero=True)
        else:
            data = Data(rows)
        return prepare(
            dag,
            data,
            earlier=earlier,
            statistics=self.statistics,
            binning=self.binning,
            selection=self.selection,
            scaling=self.scaling,
            encryption=self.encryption,
        )

    def _evaluate(self, dag: DagBuilder, predictions: list[Output]) -> None:
        # Only the guest has the label.
        if self.evaluation is not None:
            self.evaluation.add(dag, predictions, self._task(), ["guest"])


class CrossValidated(HeteroTraining):
    """A model that FATE can cross-validate.

    :param cross_validation: judge the parameters by so many folds instead of training a model: ``5``, or a
        :class:`CrossValidation`. The metrics have each fold (``cv.fold_0.auc``) and ``cv.auc.mean`` and ``cv.auc.std``.
    """

    cross_validation: Folds = Field(default=None, description="a number of folds, at least 2, or a CrossValidation")

    def _check(self) -> list[Problem]:
        problems = super()._check()
        if self.cross_validation is None:
            return problems
        for field, value, fix in (
            ("holdout", self.holdout, "Drop one of the two: each fold is held out once."),
            ("guest.holdout_table", self.guest.holdout_table, "Drop one of the two: each fold is held out once."),
            ("warm_start", self.warm_start, "Drop one of the two: FATE trains the model of each fold anew."),
        ):
            if value is not None:
                problems.append(Problem(field, value, "the job cross-validates", fix))
        return problems

    def _learn(self, dag: DagBuilder, name: str, data: Output, parameters: JsonObject) -> None:
        """Add a task that cross-validates. FATE-Flow cannot hand the tables of several folds to an evaluation."""
        assert isinstance(self.cross_validation, CrossValidation)
        dag.add(
            name,
            self._component,
            inputs={"cv_data": data},
            parameters={**parameters, "cv_param": self.cross_validation.conf()},
            stage="cross_validation",
        )
