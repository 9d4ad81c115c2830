"""Write the JSON schema of federation files into the package: ``python -m dev.federation_schema``."""

from __future__ import annotations

import json
from pathlib import Path

import airflow_provider_fate.federation
from airflow_provider_fate.federation.schema import federation_schema

PLACE = Path(airflow_provider_fate.federation.__file__).with_name("federation.schema.json")


def text() -> str:
    """The schema as it is to stand in the file."""
    return json.dumps(federation_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text(), encoding="utf-8")
