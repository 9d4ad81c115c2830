"""How the processes of a task are started on GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.plain import plain_errors

__all__ = ["DeepSpeed"]


@plain_errors
class DeepSpeed(BaseModel):
    """Several processes per party, one for each GPU, started through EggRoll.

    Needs EggRoll as the site's computing engine, and GPUs that its node managers have found: FATE standalone and Spark
    refuse it. FATE-Flow does not count GPUs: give the task a pool of Airflow, see "GPUs" in the documentation. It gives
    such a task up after ten hours, whatever ``task_timeout`` says.

    :param gpus: processes, and GPUs, per party.
    :param start_timeout: seconds that EggRoll may wait for GPUs to be free. FATE's own default is six hours, in which
        the task runs, and shows nothing.
    :param when_busy: what EggRoll does where too few GPUs are free: ``waiting``, or ``throw_error`` to fail at once.
    :param zero_stage: what is divided between the GPUs: nothing (0), the state of the optimizer (1), the gradients, too
        (2), the weights, too (3).
    :param offload: keep the state of the optimizer in the memory of the machine; with stage 3 the weights, too.
    :param config: further settings of DeepSpeed; they take the place of those made here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpus: Annotated[int, Field(ge=1)] = 1
    start_timeout: Annotated[int, Field(ge=1)] = 900
    when_busy: Literal["waiting", "throw_error"] = "waiting"
    zero_stage: Annotated[int, Field(ge=0, le=3)] = 2
    offload: bool = False
    config: dict[str, Any] = Field(default_factory=dict)

    def task_conf(self) -> JsonObject:
        """Return ``conf`` of the task at a party whose processes are started like this."""
        return {
            "launcher_name": "deepspeed",
            "engine_run": {
                "cores": self.gpus,
                "timeout_seconds": self.start_timeout,
                "resource_exhausted_strategy": self.when_busy,
            },
        }

    def settings(self) -> JsonObject:
        """Return DeepSpeed's own settings; transformers fill in what is ``auto``."""
        zero: dict[str, object] = {"stage": self.zero_stage}
        if self.offload:
            zero["offload_optimizer"] = {"device": "cpu"}
            if self.zero_stage == 3:
                zero["offload_param"] = {"device": "cpu"}
        return {
            "train_micro_batch_size_per_gpu": "auto",
            "gradient_accumulation_steps": "auto",
            "fp16": {"enabled": "auto"},
            "bf16": {"enabled": "auto"},
            "zero_optimization": zero,
            **self.config,
        }

    def problems(self, field: str, *, device: str) -> Iterator[Problem]:
        """Yield what does not fit."""
        if device == "cpu":
            yield Problem(
                field,
                "DeepSpeed",
                "it starts one process for each GPU, and device is 'cpu'",
                "Set device='auto', or leave the launcher out.",
            )
        if self.offload and self.zero_stage == 0:
            yield Problem(
                f"{field}.offload", True, "with zero_stage 0 nothing is divided or moved", "Set zero_stage=2 or 3."
            )
        for name in ("train_micro_batch_size_per_gpu", "train_batch_size", "gradient_accumulation_steps"):
            if name in self.config and self.config[name] != "auto":
                yield Problem(
                    f"{field}.config.{name}",
                    self.config[name],
                    "the recipe sets it, and transformers refuse two different values",
                    "Set batch_size and accumulation instead.",
                )
