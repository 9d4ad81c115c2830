"""Where the examples keep models, and how they call the one that gets better."""

from __future__ import annotations

import os
from pathlib import Path

from example_tables import CLINIC

from airflow_provider_fate.assets import model_asset

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "fate_examples"
MODELS, REGISTRY = f"{HOME}/models", f"{HOME}/registry"
"""In production ``s3://aws_default@models/...``, or ``mlflow://mlflow_default`` for the registry."""
NAME = "malignancy_of_biopsies"
CHAMPION = model_asset(CLINIC, NAME)
"""Told of each new champion: ``score_with_champion`` is scheduled on it."""

SERVICE, SERVED = "biopsies", "malignancy_for_hospitals"
"""The service that ``train_and_serve`` keeps alive, and the model behind it."""
SERVED_CHAMPION = model_asset(CLINIC, SERVED)
"""Told of each new champion: ``redeploy_champion`` is scheduled on it."""
SERVING = f"local://{HOME}/serving"
"""A model server on this machine; in production ``kserve://...``."""
