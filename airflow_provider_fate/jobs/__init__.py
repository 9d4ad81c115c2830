"""What a FATE job means, free of Airflow: recipes that build it, checks that find what is wrong with it, its metrics.

``recipes`` make a DAG from a typed description; ``load`` reads one from wherever it is kept; ``validate`` checks it;
``metrics`` makes one flat mapping of what a job measured; ``pipeline`` compiles fate-client pipelines in an environment
of their own.
"""

from airflow_provider_fate.jobs.load import load_dag
from airflow_provider_fate.jobs.metrics import summarize_metrics
from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes import (
    IA3,
    Binning,
    CoordinatedLinR,
    CoordinatedLR,
    CrossValidation,
    DeepSpeed,
    Encryption,
    Evaluation,
    HeteroNN,
    HeteroSecureBoost,
    HomoLLM,
    HomoLR,
    HomoNN,
    LanguageModel,
    Layer,
    Lora,
    Party,
    Prefix,
    Prompt,
    Psi,
    PTuning,
    Recipe,
    Scaling,
    Selection,
    SsheLinR,
    SsheLR,
    Statistics,
    WarmStart,
    mlp,
)
from airflow_provider_fate.jobs.sweeps import Sweep, sweep
from airflow_provider_fate.jobs.trials import best
from airflow_provider_fate.jobs.validate import check_dag, require_valid, require_valid_document

__all__ = [
    "IA3",
    "Binning",
    "CoordinatedLR",
    "CoordinatedLinR",
    "CrossValidation",
    "DeepSpeed",
    "Encryption",
    "Evaluation",
    "HeteroNN",
    "HeteroSecureBoost",
    "HomoLLM",
    "HomoLR",
    "HomoNN",
    "LanguageModel",
    "Layer",
    "Lora",
    "PTuning",
    "Party",
    "Prefix",
    "Problem",
    "Prompt",
    "Psi",
    "Recipe",
    "Scaling",
    "Selection",
    "SsheLR",
    "SsheLinR",
    "Statistics",
    "Sweep",
    "WarmStart",
    "best",
    "check_dag",
    "load_dag",
    "mlp",
    "require_valid",
    "require_valid_document",
    "summarize_metrics",
    "sweep",
]
