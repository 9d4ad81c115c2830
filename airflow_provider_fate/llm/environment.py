"""The environment in which language models run here: once for evaluation, merge and chat server, and their scripts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow_provider_fate.errors import FateInputError, FateServerError
from airflow_provider_fate.local.environments import PackageEnvironment
from airflow_provider_fate.local.progress import Progress, silent

__all__ = ["ENVIRONMENT", "PAYLOAD", "cores", "run_script", "script_environment"]

#: torch for the CPU, what loads models and adapters, what compares texts, and what answers over HTTP.
ENVIRONMENT = PackageEnvironment(
    "language-models",
    (
        *("transformers==4.57.6", "peft==0.21.2", "accelerate==1.15.0", "safetensors==0.8.0", "jinja2==3.1.6"),
        *("sentencepiece==0.2.3", "protobuf==7.36.2", "numpy==2.4.6", "rouge-score==0.1.2"),
        *("starlette==1.10.0", "uvicorn==0.54.0"),
    ),
    # Big ones are only looked for, so that the check costs a fraction of a second each time.
    check="from importlib.util import find_spec; import numpy, safetensors, starlette, tokenizers; "
    "assert all(map(find_spec, ('torch', 'transformers', 'peft', 'rouge_score', 'uvicorn')))",
    torch=True,
)
PAYLOAD = Path(__file__).parent / "payload"


def cores() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def script_environment(threads: int) -> dict[str, str]:
    """Variables of a script: offline, and with so many threads."""
    return {
        "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip


def run_script(
    name: str, request: Mapping[str, Any], progress: Progress = silent, *, python: Path | None = None
) -> dict[str, Any]:
    """Run a script of ``payload``, and give its answer. It ends when this process ends.

    :param name: of the script: ``"fate_llm_merge"``.
    :param request: what it is asked; ``threads`` among it, by default all cores.
    :param progress: called with each line that it prints.
    :param python: another interpreter that has what it needs; default: that of :data:`ENVIRONMENT`.
    :raises FateInputError: it refuses what it was given.
    :raises FateServerError: it has failed; carries the end of what it said.
    """
    interpreter = python or ENVIRONMENT.ensure(progress)
    threads = int(request.get("threads") or cores())
    with TemporaryDirectory(prefix="fate-llm-") as temporary:
        folder = Path(temporary)
        asked, answer, errors = (folder / name for name in ("request.json", "answer.json", "errors"))
        asked.write_text(json.dumps({**request, "threads": threads}))
        env = {
            **{key: os.environ[key] for key in ("LANG", "LD_LIBRARY_PATH", "TMPDIR") if key in os.environ},
            **script_environment(threads), "PATH": os.defpath, "HOME": temporary,
        }  # fmt: skip
        command = [str(interpreter), str(PAYLOAD / f"{name}.py"), str(asked), str(answer)]
        with (
            errors.open("wb") as said,
            subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said) as process,
        ):
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    progress(line.decode(errors="replace").rstrip())
                process.wait()
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise _failed(name, process.returncode, errors.read_text(errors="replace"))
        told: dict[str, Any] = json.loads(answer.read_text())
    if refused := told.get("refused"):
        raise FateInputError(str(refused))
    return told


def _failed(name: str, code: int, said: str) -> FateServerError:
    if code == -signal.SIGKILL:
        return FateServerError(
            f"{name} was killed, most likely because the machine has no memory left.",
            hint="Give the task a worker with more memory, or judge in smaller batches.",
        )
    lines = "\n".join(said.strip().splitlines()[-15:]) or "nothing"
    return FateServerError(f"{name} has failed (status {code}). The end of what it said:\n{lines}")
