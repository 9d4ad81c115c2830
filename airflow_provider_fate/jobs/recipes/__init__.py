"""Recipes: typed descriptions of the usual federated jobs, from which their DAGs are made.

One module per family: :mod:`psi`, :mod:`secureboost`, :mod:`linear` (vertical regression), :mod:`homo` (horizontal
regression), :mod:`networks`, :mod:`language` (FATE-LLM); :mod:`steps` has what can be done before and after the
training, :mod:`base` what all recipes share. A new recipe is a subclass of :class:`Recipe`, ``HeteroTraining`` or
``HomoTraining`` with its fields and ``_build``.
"""

from airflow_provider_fate.jobs.recipes.base import Recipe
from airflow_provider_fate.jobs.recipes.folds import CrossValidation
from airflow_provider_fate.jobs.recipes.homo import HomoLR
from airflow_provider_fate.jobs.recipes.language import (
    FDKT,
    IA3,
    PDSS,
    DeepSpeed,
    FedKSeed,
    FedMKT,
    HomoLLM,
    InferDPT,
    LanguageModel,
    Lora,
    MarketModel,
    ModelEndpoint,
    OffsiteTuning,
    Prefix,
    Prompt,
    PTuning,
    QuestionSet,
)
from airflow_provider_fate.jobs.recipes.layers import Layer, mlp
from airflow_provider_fate.jobs.recipes.linear import CoordinatedLinR, CoordinatedLR, SsheLinR, SsheLR
from airflow_provider_fate.jobs.recipes.networks import HeteroNN, HomoNN
from airflow_provider_fate.jobs.recipes.party import Party
from airflow_provider_fate.jobs.recipes.psi import Psi
from airflow_provider_fate.jobs.recipes.secureboost import HeteroSecureBoost
from airflow_provider_fate.jobs.recipes.steps import (
    Binning,
    Encryption,
    Evaluation,
    Scaling,
    Selection,
    Statistics,
)
from airflow_provider_fate.jobs.recipes.warm_start import WarmStart

__all__ = [
    "FDKT",
    "IA3",
    "PDSS",
    "Binning",
    "CoordinatedLR",
    "CoordinatedLinR",
    "CrossValidation",
    "DeepSpeed",
    "Encryption",
    "Evaluation",
    "FedKSeed",
    "FedMKT",
    "HeteroNN",
    "HeteroSecureBoost",
    "HomoLLM",
    "HomoLR",
    "HomoNN",
    "InferDPT",
    "LanguageModel",
    "Layer",
    "Lora",
    "MarketModel",
    "ModelEndpoint",
    "OffsiteTuning",
    "PTuning",
    "Party",
    "Prefix",
    "Prompt",
    "Psi",
    "QuestionSet",
    "Recipe",
    "Scaling",
    "Selection",
    "SsheLR",
    "SsheLinR",
    "Statistics",
    "WarmStart",
    "mlp",
]
