"""Jobs of FATE-LLM: tuning language models, and exchanging what they know, between parties.

:mod:`job` and :mod:`training` have what they share; :mod:`model`, :mod:`adapters` and :mod:`launcher` are the parts of
their description; the algorithms have a module each.
"""

from airflow_provider_fate.jobs.recipes.language.adapters import IA3, Lora, Prefix, Prompt, PTuning
from airflow_provider_fate.jobs.recipes.language.homo import HomoLLM
from airflow_provider_fate.jobs.recipes.language.launcher import DeepSpeed
from airflow_provider_fate.jobs.recipes.language.model import LanguageModel

__all__ = ["IA3", "DeepSpeed", "HomoLLM", "LanguageModel", "Lora", "PTuning", "Prefix", "Prompt"]
