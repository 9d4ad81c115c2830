"""What a set of texts must be like: what an author says, or a file that the parties share."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from airflow_provider_fate.data.contract import ContractFile, Rows
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.llm.texts.template import TextTemplate
from airflow_provider_fate.llm.texts.tokens import TokenCounter

__all__ = ["TextRules"]

OnRow = Literal["fail", "drop"]


class TextRules(ContractFile):
    """How rows become pairs of a prompt and an answer, and which of them are no good.

    All parties of a training need the same ``prompt`` and ``answer``, or their adapters learn different things: that is
    why this can be a file.

    :param prompt: template of what the model is given, ``"Question: {question}"``, or the name of a column.
    :param answer: template of what it is to say, or the name of a column.
    :param group: column whose rows stay together when rows are held out, such as a patient's number.
    :param held_out: share of the rows that are kept from the training, 0 (none) to 0.9.
    :param seed: another one holds other rows out.
    :param max_length: tokens of prompt and answer together, as the training's ``max_length``.
    :param max_prompt_length: tokens of the prompt, as the training's; FATE-LLM cuts off what is more.
    :param too_long: what becomes of a row that has more: ``fail``, ``drop`` it, or let FATE-LLM ``cut`` it.
    :param empty: what becomes of a row without a prompt or without an answer.
    :param duplicates: what becomes of a pair that was there already: ``fail``, ``drop`` it, or ``keep`` it.
    :param leakage: what becomes of a prompt that is on both sides of the split.
    :param rows: how many rows there must be for the training.
    :param answers: all answers that there may be, for a set that classifies.
    :param forbidden: by a name, a regular expression (RE2) that no prompt and no answer may match: numbers of insured
        people, for example.
    :param tokenizer_sha256: of the ``tokenizer.json`` that rows are to be counted with.
    """

    begins_with: ClassVar[str] = "prompt:"

    prompt: str
    answer: str
    group: str | None = None
    held_out: float = Field(default=0.1, ge=0, le=0.9)
    seed: str = "0"
    max_length: int = Field(default=512, ge=8)
    max_prompt_length: int = Field(default=256, ge=1)
    too_long: Literal["fail", "drop", "cut"] = "fail"
    empty: OnRow = "fail"
    duplicates: Literal["fail", "drop", "keep"] = "drop"
    leakage: OnRow = "fail"
    rows: Rows = Rows()
    answers: tuple[str, ...] | None = Field(default=None, min_length=1)
    forbidden: dict[str, str] = Field(default_factory=dict)
    tokenizer_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @field_validator("seed", mode="before")
    @classmethod
    def _text(cls, seed: Any) -> Any:
        return str(seed) if isinstance(seed, int) and not isinstance(seed, bool) else seed

    @field_validator("forbidden")
    @classmethod
    def _expressions(cls, forbidden: dict[str, str]) -> dict[str, str]:
        import pyarrow as pa
        import pyarrow.compute as pc

        for name, pattern in forbidden.items():
            try:
                pc.match_substring_regex(pa.array([""]), pattern)
            except pa.ArrowInvalid as error:
                raise ValueError(f"{name} is not a regular expression of RE2: {' '.join(str(error).split())}") from None
        return forbidden

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if self.max_prompt_length + 2 > self.max_length:
            raise ValueError(
                f"max_prompt_length {self.max_prompt_length} leaves no room for an answer in max_length "
                f"{self.max_length}"
            )
        return self

    @property
    def prompt_template(self) -> TextTemplate:
        """The prompt's template.

        :raises FateInputError: it is none.
        """
        return TextTemplate.parse(self.prompt, "prompt")

    @property
    def answer_template(self) -> TextTemplate:
        """The answer's template.

        :raises FateInputError: it is none.
        """
        return TextTemplate.parse(self.answer, "answer")

    @property
    def columns(self) -> list[str]:
        """The columns that are needed of a source."""
        named = [*self.prompt_template.columns, *self.answer_template.columns, *([self.group] if self.group else [])]
        return list(dict.fromkeys(named))

    def require(self, counter: TokenCounter) -> None:
        """Make sure that rows can be counted as it is asked for.

        :raises FateInputError: they would only be estimated, or by another tokenizer than the agreed one.
        """
        wants = "too_long='drop'" if self.too_long == "drop" else "tokenizer_sha256" if self.tokenizer_sha256 else None
        if wants is not None and not counter.exact:
            raise FateInputError(
                f"{wants} needs a tokenizer, and tokens are {counter.how}",
                hint="Give tokenizer='/models/gpt2', the folder of the base model as this worker sees it.",
            )
        if self.tokenizer_sha256 is not None and self.tokenizer_sha256 != counter.sha256:
            raise FateInputError(
                f"tokens are {counter.how}, which has the checksum {counter.sha256}, and tokenizer_sha256 is "
                f"{self.tokenizer_sha256}",
                hint="All parties need the same base model: an adapter fits no other tokenizer.",
            )
