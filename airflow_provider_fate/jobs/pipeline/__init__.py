"""fate-client's own pipelines, compiled to a DAG in an environment of their own.

fate-client 2.2 needs pydantic 1 and an old ruamel.yaml, so it can never be imported beside Airflow. What uses it runs
in a subprocess of a small virtual environment: JSON goes in, the DAG comes back as JSON, and nothing is pickled.

``environment`` makes and finds that environment; ``source`` takes a function out of its module; ``runner`` is what runs
inside; ``compile`` brings them together.
"""

from airflow_provider_fate.jobs.pipeline.compile import FatePipelineError, compile_function, compile_script
from airflow_provider_fate.jobs.pipeline.environment import PipelineEnvironment

__all__ = ["FatePipelineError", "PipelineEnvironment", "compile_function", "compile_script"]
