"""Runs inside fate-client's environment: executes the user's code and hands over the DAG.

Reads its orders as a line of JSON from stdin, and writes its answer as one to the file descriptor that it is given, so
that what the user's code prints goes to the log and nowhere else. Before the answer it may ask, and read what it is
told from stdin. Imports nothing of this package, and works on Python 3.8 and later, which users' environments may have.

Code that runs several jobs, one with the model of the other, runs anew for each of them: at the calls whose jobs have
been run it is told their ids and goes on, and the first one whose job has not ends it.
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
    """Ends a script at a `fit()`. Not an Exception, so that no `except Exception` of the script swallows it."""

    def __init__(self, dag: dict[str, Any]) -> None:
        self.dag = dag


class Parent:
    """The process that has started this one: gives orders, answers questions, takes the answer."""

    def __init__(self, descriptor: int) -> None:
        self._from = os.fdopen(os.dup(sys.stdin.fileno()))
        self._to = os.fdopen(descriptor, "w")
        self.orders: dict[str, Any] = json.loads(self._from.readline())

    def ask(self, question: dict[str, Any]) -> Any:
        """Ask, and wait for what is told."""
        self.tell({"ask": question})
        return json.loads(self._from.readline())

    def tell(self, what: dict[str, Any]) -> None:
        """Write a line."""
        self._to.write(json.dumps(what) + "\n")
        self._to.flush()


def main() -> None:
    """Do the orders, and answer ``{"dag": ...}``, ``{"ended": true}`` or ``{"error": ...}``."""
    parent = Parent(int(sys.argv[1]))
    orders = parent.orders
    # Code that reads from the terminal gets an end of file, not what this process is told.
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the process lives
    replay = Replay(parent)
    try:
        dag = run_script(orders, replay) if "script" in orders else run_function(orders, replay)
        result: dict[str, Any] = {"ended": True} if dag is None else {"dag": dag}
    except CannotCompile as problem:
        result = {"error": str(problem), "hint": problem.hint}
    except (Exception, SystemExit) as error:
        result = {
            "error": f"{type(error).__name__}: {error}",
            "traceback": users_traceback(error),
            "hint": hint_for(error),
        }
    parent.tell(result)


class CannotCompile(Exception):
    """Something to be told without a traceback."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Replay:
    """Stands for FATE-Flow in the user's code: the job is run by Airflow, not from here."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._jobs: list[dict[str, Any]] = parent.orders.get("jobs", [])
        self._next = 0
        self._run: list[Any] = []

    @property
    def goes_on(self) -> bool:
        """Whether there were jobs before."""
        return bool(self._jobs)

    def has_run(self, pipeline: Any) -> bool:
        """Whether the job of a pipeline has been run."""
        return any(pipeline is one for one in self._run)

    def job(self, pipeline: Any, call: str) -> Any:
        """Go on where the job has been run; else end the code."""
        dag = dag_of(pipeline, call)
        if self._next == len(self._jobs):
            raise Captured(dag)
        job = self._jobs[self._next]
        self._next += 1
        tasks = sorted(dag["dag"]["tasks"])
        if tasks != sorted(job["tasks"]):
            raise CannotCompile(
                "{} number {} builds the tasks {}, and job {} has run {}".format(
                    call, self._next, ", ".join(tasks), job["job_id"], ", ".join(sorted(job["tasks"]))
                ),
                "Give the jobs that the same code has run before this one, in their order.",
            )
        pipeline._model_info = model_info(job)
        self._run.append(pipeline)
        return pipeline

    def check_all(self, name: str) -> None:
        """Refuse jobs that the code has not asked for."""
        if self._next < len(self._jobs):
            raise CannotCompile(
                f"{name} has run {self._next} jobs, and {len(self._jobs)} are given",
                "Give the jobs that the same code has run before this one, in their order.",
            )

    def output(self, what: str, info: Any) -> Any:
        """Ask for what a task of an earlier job has left behind."""
        told = self._parent.ask({"what": what, "job_id": info._model_info.job_id, "task": info._task_name})
        if "error" in told:
            raise ValueError(told["error"])
        return told["value"]


def model_info(job: dict[str, Any]) -> Any:
    """What `fit()` remembers of its job."""
    from fate_client.pipeline.entity.model_info import FateFlowModelInfo

    return FateFlowModelInfo(job["job_id"], job["role"], job["party_id"], job["model_id"], job["model_version"])


def run_function(orders: dict[str, Any], replay: Replay) -> dict[str, Any] | None:
    """Call the function with its arguments; return the DAG of its next job, or None where there is none."""
    patch(replay)
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
    replay.check_all(orders["name"])
    if replay.goes_on and (returned is None or replay.has_run(returned)):
        return None
    return dag_of(returned, orders["name"])


def run_script(orders: dict[str, Any], replay: Replay) -> dict[str, Any] | None:
    """Run the script up to the first job that has not been run; return its DAG, or None where there is none."""
    patch(replay)
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
    replay.check_all(path)
    if replay.goes_on:
        return None
    from fate_client.pipeline.pipeline import Pipeline

    pipelines = [value for value in namespace.values() if isinstance(value, Pipeline)]
    if len(pipelines) == 1:
        return dag_of(pipelines[0], path)
    raise CannotCompile(
        "{} ended without calling fit(), and has {} pipelines".format(path, len(pipelines) or "no"),
        "Call fit() on the pipeline that is to be run.",
    )


def patch(replay: Replay) -> None:
    """Keep fate-client from talking to any server."""
    from fate_client.pipeline.entity.task_info import FateFlowTaskInfo
    from fate_client.pipeline.pipeline import FateFlowPipeline, Pipeline

    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        return replay.job(self, "fit()")

    def predict(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A deployed pipeline predicts with a model: its DAG names that in conf.model_warehouse.
        return replay.job(self, "predict()")

    def no_server(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise CannotCompile(
            "the code talks to FATE-Flow itself (upload or transformation of data)",
            "Upload with FateUploadOperator before, and let the code only build the pipeline.",
        )

    for kind in (Pipeline, FateFlowPipeline):
        kind.fit, kind.predict = fit, predict
    FateFlowPipeline.transform_local_file_to_dataframe = no_server
    FateFlowPipeline.bind_local_path = no_server
    FateFlowTaskInfo.get_output_model = lambda self: replay.output("model", self)
    FateFlowTaskInfo.get_output_metric = lambda self: replay.output("metric", self)
    FateFlowTaskInfo.get_output_data = lambda self: frames(replay.output("data", self))


def frames(folder: str) -> Any:
    """Tables by output as fate-client gives them, from a folder of CSV files."""
    from fate_client.pipeline.utils.fateflow.fate_flow_job_invoker import FATEFlowJobInvoker

    found: dict[str, Any] = {}
    for output in sorted(os.listdir(folder)):
        place = os.path.join(folder, output)
        files = sorted(name for name in os.listdir(place) if name.endswith("csv"))
        read = {name: FATEFlowJobInvoker.load_data_to_pd_df(os.path.join(place, name)) for name in files}
        found[output] = read[files[0]] if len(files) == 1 else read
    return found or None


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
