"""Language models: what goes into their federated tuning, and what comes out. No Airflow.

FATE-LLM tunes in FATE's own environment. Whatever imports torch or transformers on this side runs in an environment of
its own, too: a script of a ``payload`` folder, which imports nothing of this package and is spoken to in JSON files.
"""
