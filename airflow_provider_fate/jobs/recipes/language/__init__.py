"""Jobs of FATE-LLM: tuning language models, and exchanging what they know, between parties.

:mod:`job` and :mod:`training` have what they share; :mod:`model`, :mod:`adapters` and :mod:`launcher` are the parts of
their description; the algorithms have a module each.
"""

from airflow_provider_fate.jobs.recipes.language.adapters import IA3, Lora, Prefix, Prompt, PTuning
from airflow_provider_fate.jobs.recipes.language.endpoint import ModelEndpoint
from airflow_provider_fate.jobs.recipes.language.homo import HomoLLM
from airflow_provider_fate.jobs.recipes.language.knowledge import FDKT
from airflow_provider_fate.jobs.recipes.language.kseed import FedKSeed
from airflow_provider_fate.jobs.recipes.language.launcher import DeepSpeed
from airflow_provider_fate.jobs.recipes.language.market import FedMKT, MarketModel
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel
from airflow_provider_fate.jobs.recipes.language.offsite import OffsiteTuning
from airflow_provider_fate.jobs.recipes.language.perturbed import PDSS, InferDPT
from airflow_provider_fate.jobs.recipes.language.questions import QuestionSet

__all__ = [
    "FDKT",
    "IA3",
    "PDSS",
    "DeepSpeed",
    "FedKSeed",
    "FedMKT",
    "HomoLLM",
    "InferDPT",
    "LanguageModel",
    "Lora",
    "MarketModel",
    "ModelEndpoint",
    "OffsiteTuning",
    "PTuning",
    "Prefix",
    "Prompt",
    "QuestionSet",
]
