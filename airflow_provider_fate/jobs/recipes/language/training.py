"""How a language model is trained at each party: what transformers' ``TrainingArguments`` are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.language.arguments import argument_problems
from airflow_provider_fate.jobs.recipes.language.job import LanguageJob
from airflow_provider_fate.jobs.recipes.language.launcher import DeepSpeed
from airflow_provider_fate.jobs.recipes.language.memory import training_gib
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel
from airflow_provider_fate.jobs.recipes.templates import Templated

__all__ = ["FineTuning"]

Positive: TypeAlias = Annotated[int, Field(ge=1)]
Scheduler: TypeAlias = Literal["constant", "constant_with_warmup", "linear", "cosine", "polynomial", "inverse_sqrt"]


class FineTuning(LanguageJob):
    """A job in which every party trains a language model.

    :param batch_size: rows per step and process.
    :param accumulation: steps whose gradients are added up before the weights change: ``batch_size * accumulation``
        rows count as one, with the memory of ``batch_size``.
    :param learning_rate: length of the steps.
    :param scheduler: how the learning rate changes over all steps.
    :param warmup: share of the steps in which it rises first.
    :param precision: numbers that are computed with: ``fp32``, or mixed with ``fp16`` or ``bf16``.
    :param device: ``auto`` computes on a GPU where the task sees one; ``cpu`` never does.
    :param launcher: start several processes on GPUs, at guest and hosts: ``DeepSpeed(gpus=4)``. One process per task
        by default, which is all that FATE standalone can do.
    :param seed: of the first weights of the adapter and the order of the rows.
    :param log_every: steps between two losses in the metrics and in the log, by which a ``stall_timeout`` knows that
        the training goes on; ``None``: once an epoch, and the arbiter has the average of the parties, too.
    :param memory_gib: memory of a GPU, or of the machine without one; with it, and ``parameters`` of the model, a batch
        that cannot fit is refused. The estimate is rough, and errs on the side of trying.
    :param training_args: further arguments of transformers' ``TrainingArguments``, such as ``{"weight_decay": 0.01}``.
    """

    _default_args: ClassVar[JsonObject] = {"remove_unused_columns": False, "predict_with_generate": False}
    _tunes_adapter: ClassVar[bool] = True

    batch_size: Templated[Positive] = Field(default=4, description="a whole number of rows, at least 1")
    accumulation: Templated[Positive] = Field(default=1, description="a whole number of steps, at least 1")
    learning_rate: Templated[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=2e-4, description="a number above 0 and below 1"
    )
    scheduler: Templated[Scheduler] = Field(default="constant", description="such as 'constant', 'linear' or 'cosine'")
    warmup: Templated[Annotated[float, Field(ge=0, lt=1)]] = Field(
        default=0.0, description="a share, from 0 to below 1"
    )
    precision: Templated[Literal["fp32", "fp16", "bf16"]] = Field(
        default="fp32", description="'fp32', 'fp16' or 'bf16'"
    )
    device: Templated[Literal["auto", "cpu"]] = Field(default="auto", description="'auto' or 'cpu'")
    launcher: DeepSpeed | None = None
    seed: Templated[Annotated[int, Field(ge=0)]] = Field(default=42, description="a whole number, at least 0")
    log_every: Templated[Positive | None] = Field(default=10, description="a whole number of steps, or none")
    memory_gib: Annotated[float, Field(gt=0)] | None = None
    training_args: dict[str, Any] = Field(default_factory=dict)

    @property
    def gpus(self) -> int:
        """GPUs that the training takes up at each of guest and hosts: slots of a pool that counts them."""
        if self.launcher is not None:
            return self.launcher.gpus
        return 0 if self.device == "cpu" else 1

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check(self) -> list[Problem]:
        return [*super()._check(), *self._training_problems()]

    def _training_problems(self) -> Iterator[Problem]:
        if self.precision == "fp16" and self.device == "cpu":
            yield Problem(
                "precision",
                "fp16",
                "transformers mix fp16 on GPUs only, and device is 'cpu'",
                "Take 'fp32', or 'bf16' where the CPU knows it.",
            )
        if self.launcher is not None:
            yield from self.launcher.problems("launcher", device=str(self.device))
            if self.provider is not None and not self.provider.endswith("@local"):
                yield Problem(
                    "launcher",
                    "DeepSpeed",
                    f"FATE-Flow starts it for local providers only, and provider is {self.provider!r}",
                    "Name a provider '...@local', or leave the launcher out.",
                )
        for name, value in self.training_args.items():
            yield from argument_problems(name, value, wrapped=self._tunes_adapter)

    def _model_problems(self, field: str, model: LanguageModel, party_ids: list[str], tokens: int) -> Iterator[Problem]:
        """Yield what is wrong with a model that is trained.

        :param tokens: of the longest row.
        """
        yield from model.problems(field, party_ids, adapter=self._tunes_adapter)
        if model.dtype == "float16" and self.precision == "fp16":
            yield Problem(
                f"{field}.dtype",
                "float16",
                "precision 'fp16' scales gradients, which torch refuses for weights that are float16 themselves",
                "Leave dtype out, or set it to 'bfloat16' with precision='bf16'.",
            )
        if model.positions is not None and tokens > model.positions:
            yield Problem(
                f"{field}.positions",
                model.positions,
                f"the longest rows are {tokens} tokens, those that the adapter adds and the end token included",
                "Set a smaller max_length.",
            )
        if self.memory_gib is not None and model.parameters is not None:
            yield from self._memory(model, tokens)

    def _memory(self, model: LanguageModel, tokens: int) -> Iterator[Problem]:
        assert isinstance(self.batch_size, int)
        assert model.parameters is not None
        assert self.memory_gib is not None
        half = model.dtype in ("float16", "bfloat16")
        shares = self.launcher.gpus if self.launcher is not None and self.launcher.zero_stage == 3 else 1
        needed = training_gib(
            model.parameters, bytes_per_weight=2 if half else 4, rows=self.batch_size, tokens=tokens, shares=shares
        )
        # The estimate is good to a factor of two: what may fit is tried.
        if needed > 2 * self.memory_gib:
            lighter = "" if half else ", dtype='bfloat16'"
            yield Problem(
                "batch_size",
                self.batch_size,
                f"{self.batch_size} rows of {tokens} tokens need about {needed:.0f} GiB, and there are "
                f"{self.memory_gib:g}",
                f"Try batch_size=1 with more accumulation, a shorter max_length{lighter}.",
            )

    # -- the job -----------------------------------------------------------------------------------------------------

    def _training_args(self) -> JsonObject:
        """Return what the trainer is told, besides the number of epochs."""
        conf: dict[str, object] = {
            # fate-client leaves out what is as by its own default, which is not the server's.
            "use_cpu": self.device == "cpu",
            **self._default_args,
            "disable_tqdm": True,
            "report_to": "none",  # else transformers report to whatever service they find a client of
            "per_device_train_batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "lr_scheduler_type": self.scheduler,
            "seed": self.seed,
        }
        if self.accumulation != 1:
            conf["gradient_accumulation_steps"] = self.accumulation
        if self.warmup:
            conf["warmup_ratio"] = self.warmup
        if self.log_every is not None:
            conf |= {"logging_strategy": "steps", "logging_steps": self.log_every}
        if self.precision != "fp32":
            conf[str(self.precision)] = True
        if self.launcher is not None:
            conf["deepspeed"] = self.launcher.settings()
        return {**conf, **self.training_args}

    def _launch(self, dag: DagBuilder, parties: list[tuple[str, str]]) -> None:
        """Let the processes of the training at these parties be started by the launcher, if there is one."""
        if self.launcher is not None:
            for role, party_id in parties:
                dag.set_party_conf(role, party_id, self._name, self.launcher.task_conf())
