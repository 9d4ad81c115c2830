"""Run a function or a script that builds a fate-client pipeline, and return the DAG that it compiles to."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from airflow_provider_fate.errors import FateNotFoundError
from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.document import read_document
from airflow_provider_fate.jobs.pipeline.environment import PipelineEnvironment, minimal_environment
from airflow_provider_fate.jobs.pipeline.errors import FatePipelineError
from airflow_provider_fate.jobs.pipeline.replay import EarlierJob, Outputs
from airflow_provider_fate.jobs.pipeline.source import function_source

__all__ = ["FatePipelineError", "compile_function", "compile_script"]

log = logging.getLogger(__name__)

_RUNNER = Path(__file__).with_name("runner.py")
_TIMEOUT = 600.0
# fate-client says so at every import; where it matters the error says it better.
_NOISE = "does not install yet, so HeteroNN and HomoNN does not support"


def compile_function(
    function: Callable[..., object],
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    environment: PipelineEnvironment | None = None,
    timeout: float = _TIMEOUT,
    earlier: Sequence[EarlierJob] = (),
    outputs: Outputs | None = None,
) -> JsonObject | None:
    """Run a function that returns a ``FateFlowPipeline`` and return its DAG.

    The function runs in another Python: it imports what it needs inside, its arguments are JSON values, and what it
    prints goes to the log. Decorators on it are ignored. It may also call ``fit()`` or ``predict()``: then it ends at
    the first of these whose job is not among the earlier ones.

    :param function: the function.
    :param args: its positional arguments.
    :param kwargs: its keyword arguments.
    :param environment: where fate-client is; by default one is made on first use.
    :param timeout: seconds that it may take.
    :param earlier: the jobs that it has run before, in their order.
    :param outputs: gives what their tasks have left behind.
    :returns: the next job; ``None``: it has run all of its jobs, and has ended.
    :raises FatePipelineError: it failed (with its traceback), needs what it does not have, or gave no pipeline.
    """
    source = function_source(function)
    orders = {
        "name": source.name,
        "source": source.text,
        "filename": source.filename,
        "first_line": source.first_line,
        "args": list(args),
        "kwargs": dict(kwargs or {}),
    }
    return _run(orders, source.name, environment, timeout, earlier, outputs)


def compile_script(
    path: str | os.PathLike[str],
    args: Sequence[str] = (),
    *,
    environment: PipelineEnvironment | None = None,
    timeout: float = _TIMEOUT,
    earlier: Sequence[EarlierJob] = (),
    outputs: Outputs | None = None,
) -> JsonObject | None:
    """Run a fate-client script as it is, up to the first ``fit()`` or ``predict()`` whose job has not been run.

    :param path: the script.
    :param args: its command line.
    :param environment: where fate-client is; by default one is made on first use.
    :param timeout: seconds that it may take.
    :param earlier: the jobs that it has run before, in their order.
    :param outputs: gives what their tasks have left behind.
    :returns: the DAG of that job; ``None``: it has run all of its jobs, and has ended.
    :raises FatePipelineError: as for :func:`compile_function`.
    """
    script = Path(path)
    if not script.is_file():
        raise FatePipelineError(f"there is no script {str(path)!r}", hint="Name a file that this worker can read.")
    orders = {"script": str(script.resolve()), "args": list(args)}
    return _run(orders, str(path), environment, timeout, earlier, outputs)


def _run(
    orders: Mapping[str, Any],
    name: str,
    environment: PipelineEnvironment | None,
    timeout: float,
    earlier: Sequence[EarlierJob],
    outputs: Outputs | None,
) -> JsonObject | None:
    try:
        text = json.dumps({**orders, "jobs": [job.orders() for job in earlier]})
    except TypeError as error:
        raise FatePipelineError(
            f"the arguments of {name} cannot be passed to another process: {error}",
            hint="Pass text, numbers, lists and mappings.",
        ) from None
    interpreter = (environment or PipelineEnvironment()).interpreter()
    answer = _converse(interpreter, text, name, timeout, outputs)
    if "error" in answer:
        raise FatePipelineError(
            f"{name} failed: {answer['error']}", traceback=answer.get("traceback"), hint=answer.get("hint")
        )
    return read_document(answer["dag"]) if "dag" in answer else None


def _converse(interpreter: Path, orders: str, name: str, timeout: float, outputs: Outputs | None) -> dict[str, Any]:
    """Give the orders to the runner, log what it prints, answer its questions, and return its answer."""
    readable, writable = os.pipe()
    # The answer has a pipe of its own, so that prints of the user's code cannot be taken for it.
    process = subprocess.Popen(
        [str(interpreter), "-u", str(_RUNNER), str(writable)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[writable],
        env={**minimal_environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        errors="replace",
    )
    os.close(writable)
    assert process.stdin is not None
    assert process.stdout is not None
    printed: list[str] = []
    chatter = threading.Thread(target=_log_lines, args=(process.stdout, name, printed), daemon=True)
    chatter.start()
    watch = threading.Timer(timeout, process.kill)
    watch.start()
    answer: dict[str, Any] | None = None
    try:
        with process.stdin as stdin, open(readable, encoding="utf-8") as pipe:
            _say(stdin, orders)
            for line in pipe:
                told: dict[str, Any] = json.loads(line)
                if "ask" not in told:
                    answer = told
                    break
                _say(stdin, json.dumps(_answered(told["ask"], outputs)))
        status = process.wait()
        chatter.join(timeout=5)
    except BrokenPipeError:
        status = process.wait()
    finally:
        timed_out = not watch.is_alive()
        watch.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    if answer is not None:
        return answer
    if timed_out:
        raise FatePipelineError(
            f"{name} did not end within {timeout:.0f} s", hint="Let it only build the pipeline; FATE does the work."
        )
    last = "\n".join(printed[-15:])
    raise FatePipelineError(
        f"{name} ended its Python with status {status} and gave no pipeline\n{last}",
        hint="Return the pipeline instead of ending the process.",
    )


def _say(stdin: IO[str], line: str) -> None:
    stdin.write(line + "\n")
    stdin.flush()


def _answered(question: Mapping[str, Any], outputs: Outputs | None) -> dict[str, Any]:
    if outputs is None:
        return {"error": "what tasks leave behind is not known here"}
    try:
        return {"value": outputs(question["what"], question["job_id"], question["task"])}
    except FateNotFoundError as error:
        return {"error": str(error)}


def _log_lines(stream: IO[str], name: str, printed: list[str]) -> None:
    for line in stream:
        if _NOISE in line:
            continue
        log.info("[%s] %s", name, line.rstrip())
        printed.append(line.rstrip())
        del printed[:-50]
