"""From the job that trained a model to the job that scores with it.

FATE has no such step: its client edits the training script. Here the predict job is derived from the DAG of the
training job, as FATE-Flow keeps it: :mod:`training` says which tasks have a model, :mod:`lineage` follows the data of
the chosen one back to the tables, :mod:`tables` gives each party its new table, and :mod:`derive` puts the job
together.
"""

from airflow_provider_fate.jobs.predict.derive import PredictJob, TrainedModel, derivable, derive_predict
from airflow_provider_fate.jobs.predict.mark import Scoring
from airflow_provider_fate.jobs.predict.tables import Tables
from airflow_provider_fate.jobs.predict.training import trained_tasks

__all__ = ["PredictJob", "Scoring", "Tables", "TrainedModel", "derivable", "derive_predict", "trained_tasks"]
