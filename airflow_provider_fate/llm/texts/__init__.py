"""Sets of texts: prompts and answers to train a language model with, and some to judge it with."""

from __future__ import annotations

from airflow_provider_fate.llm.texts.build import BuiltTexts, build_texts
from airflow_provider_fate.llm.texts.rules import TextRules
from airflow_provider_fate.llm.texts.template import TextTemplate
from airflow_provider_fate.llm.texts.text_file import ANSWER, PROMPT, TextFile
from airflow_provider_fate.llm.texts.tokens import CountedTokens, EstimatedTokens, TokenCounter, counter_of

__all__ = [
    "ANSWER",
    "PROMPT",
    "BuiltTexts",
    "CountedTokens",
    "EstimatedTokens",
    "TextFile",
    "TextRules",
    "TextTemplate",
    "TokenCounter",
    "build_texts",
    "counter_of",
]
