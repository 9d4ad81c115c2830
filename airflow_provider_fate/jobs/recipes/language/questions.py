"""Data sets of questions and answers in the format of Hugging Face's datasets (``save_to_disk``)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.recipes.language.model import item
from airflow_provider_fate.jobs.recipes.plain import plain_errors

__all__ = ["QuestionSet"]

Layout: TypeAlias = Literal[
    "piqa", "sciq", "openbookqa", "arc_easy", "arc_challenge", "wic", "boolq", "commonsenseqa", "rte"
]
"""Public data sets whose columns FATE-LLM knows."""


@plain_errors
class QuestionSet(BaseModel):
    """A folder with a data set, which a table of the party is bound to.

    :param layout: which columns it has: those of one of the public data sets that FATE-LLM knows, such as ``"sciq"``;
        ``None``: it holds tokens already, as FATE-LLM's ``tokenize_qa_dataset`` writes them.
    :param part: the part of it that is read, such as ``"train"``.
    :param rows: so many rows of it; all by default.
    :param max_length: tokens after which a row is cut off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: Layout | None = None
    part: str = "train"
    rows: Annotated[int, Field(ge=1)] | None = None
    max_length: Annotated[int, Field(ge=8)] = 1000

    def conf(self, tokenizer: str, part: str | None = None) -> JsonObject:
        """Return ``dataset_conf``.

        :param tokenizer: its folder.
        :param part: instead of the part that is named here.
        """
        arguments: dict[str, object] = {"tokenizer_name_or_path": tokenizer}
        if self.rows is not None:
            arguments["select_num"] = self.rows
        if (read := part or self.part) != "train":
            arguments["data_part"] = read
        if self.layout is not None:
            arguments |= {"need_preprocess": True, "dataset_name": self.layout, "seq_max_len": self.max_length}
        return item("fate_llm.dataset.qa_dataset", "QaDataset", arguments)
