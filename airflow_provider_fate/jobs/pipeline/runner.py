"""Runs inside fate-client's environment: executes the user's code and hands over the DAG.

Reads its orders as JSON from stdin, and writes its answer as JSON to the file descriptor that it is given, so that what
the user's code prints goes to the log and nowhere else. Imports nothing of this package, and works on Python 3.8 and
later, which users' environments may have.
"""

from __future__ import annotations
import __future__

import json
import linecache
import os
import runpy
import sys
import traceback
from typing import Any, NoReturn

HERE = __file__
DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""What to install for modules that are called otherwise than their distributions."""


class Captured(BaseException):
    """Ends a script at its first `fit()`. Not an Exception, so that no `except Exception` of the script swallows it."""

    def __init__(self, dag: dict[str, Any]) -> None:
        self.dag = dag


def main() -> None:
    """Read the orders, do them, and answer: either ``{"dag": ...}`` or ``{"error": ...}``."""
    answer = os.fdopen(int(sys.argv[1]), "w")
    orders = json.load(sys.stdin)
    # Code that reads from the terminal gets an end of file, not the rest of the orders.
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the process lives
    try:
        result: dict[str, Any] = {"dag": run_script(orders) if "script" in orders else run_function(orders)}
    except CannotCompile as problem:
        result = {"error": str(problem), "hint": problem.hint}
    except (Exception, SystemExit) as error:
        result = {
            "error": f"{type(error).__name__}: {error}",
            "traceback": users_traceback(error),
            "hint": hint_for(error),
        }
    with answer:
        json.dump(result, answer)


class CannotCompile(Exception):
    """Something to be told without a traceback."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def run_function(orders: dict[str, Any]) -> dict[str, Any]:
    """Call the function with its arguments and return the DAG of what it returns."""
    patch()
    # The function is compiled under its own file name and at its own lines, so that tracebacks and debuggers show them.
    padding = "\n" * (orders["first_line"] - 1)
    flags = __future__.annotations.compiler_flag
    code = compile(padding + orders["source"], orders["filename"], "exec", flags=flags, dont_inherit=True)
    lines = (padding + orders["source"]).splitlines(True)
    if not linecache.getlines(orders["filename"]):
        linecache.cache[orders["filename"]] = (len(lines), None, lines, orders["filename"])
    namespace: dict[str, Any] = {"__name__": "fate_pipeline", "__file__": orders["filename"]}
    exec(code, namespace)  # noqa: S102 - to run it is what this is for
    try:
        returned = namespace[orders["name"]](*orders["args"], **orders["kwargs"])
    except Captured as captured:
        return captured.dag
    return dag_of(returned, orders["name"])


def run_script(orders: dict[str, Any]) -> dict[str, Any]:
    """Run the script up to its first ``fit()`` and return the DAG of that pipeline."""
    patch()
    path = orders["script"]
    sys.argv = [path] + [str(argument) for argument in orders["args"]]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        namespace = runpy.run_path(path, run_name="__main__")
    except Captured as captured:
        return captured.dag
    except SystemExit as error:
        if error.code:
            raise
        namespace = {}
    from fate_client.pipeline.pipeline import Pipeline

    pipelines = [value for value in namespace.values() if isinstance(value, Pipeline)]
    if len(pipelines) == 1:
        return dag_of(pipelines[0], path)
    raise CannotCompile(
        "{} ended without calling fit(), and has {} pipelines".format(path, len(pipelines) or "no"),
        "Call fit() on the pipeline that is to be run.",
    )


def patch() -> None:
    """Keep fate-client from talking to any server: the job is run by Airflow, not from here."""
    from fate_client.pipeline.pipeline import FateFlowPipeline, Pipeline

    def fit(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise Captured(dag_of(self, "fit()"))

    def predict(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        # A deployed pipeline predicts with a model: its DAG names that in conf.model_warehouse.
        raise Captured(dag_of(self, "predict()"))

    def no_server(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise CannotCompile(
            "the code talks to FATE-Flow itself (upload or transformation of data)",
            "Upload with FateUploadOperator before, and let the code only build the pipeline.",
        )

    for kind in (Pipeline, FateFlowPipeline):
        kind.fit, kind.predict = fit, predict
    FateFlowPipeline.transform_local_file_to_dataframe = no_server
    FateFlowPipeline.bind_local_path = no_server


def dag_of(returned: Any, name: str) -> dict[str, Any]:
    """Compile a pipeline and return its DAG as JSON has it."""
    from fate_client.pipeline.pipeline import Pipeline

    if isinstance(returned, dict):
        return returned
    if not isinstance(returned, Pipeline):
        raise CannotCompile(
            f"{name} returned {type(returned).__name__}, not a pipeline",
            "Return the FateFlowPipeline (compiled or not).",
        )
    returned.compile()
    spec = returned._dag.dag_spec.dict(exclude_defaults=True)
    plain: dict[str, Any] = json.loads(json.dumps(spec))
    return plain


def users_traceback(error: BaseException) -> str:
    """Return the traceback from the user's first frame on; the frames of this file say nothing to them."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in (HERE, runpy.__file__, "<frozen runpy>"):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def hint_for(error: BaseException) -> str | None:
    """Return the way out of an error, where there is a known one."""
    missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
    text = str(error)
    torch_is_missing = missing in ("torch", "transformers", "accelerate") or (
        # fate-client hides the failed import, and its names are simply not there.
        isinstance(error, (ImportError, NameError, AttributeError))
        and any(word in text for word in ("torch", "HomoNN", "HeteroNN", "fate.nn", "homo_nn", "hetero_nn"))
    )
    if torch_is_missing:
        return (
            "The neural-network components of fate-client need torch and transformers in the environment of the "
            'pipeline: requirements=["torch"] at the task (extra_requirements of PipelineEnvironment), or an '
            "interpreter of your own that has them."
        )
    if missing:
        module = missing.partition(".")[0]
        package = DISTRIBUTIONS.get(module, module)
        return f"Add it to the environment: requirements=[{package!r}] at the task (extra_requirements)."
    return None


if __name__ == "__main__":
    main()
