"""fate-client, and what it needs beside it."""

from __future__ import annotations

__all__ = ["FATE_CLIENT", "REQUIREMENTS"]

FATE_CLIENT = "fate_client==2.2.0"
# What building a pipeline really imports of fate-client's dependencies, with the limits that it does not declare: it
# was written for pydantic 1 and calls functions that ruamel.yaml 0.18 removed. (It needs torch and transformers
# for the neural-network components only.) Then what pipelines import themselves: all of FATE's own examples import
# fate_client.pipeline.utils.test_utils, which needs PyYAML and does not declare it, and many read CSV files.
REQUIREMENTS = (
    "pydantic>=1.10,<2",
    "ruamel.yaml>=0.17,<0.18",
    "requests>=2.28",
    "requests-toolbelt>=1",
    "networkx>=3",
    "PyYAML>=6",
    "pandas>=2,<2.3",
    "numpy>=1.26,<2.3",
    "setuptools<80",
)
