"""Runs the training task of a FATE-LLM job without FATE-Flow; for FATE-LLM's own Python, importing nothing of ours.

``python fate_llm_parties.py JOB.json OUT`` forks a process for each party from one that has imported torch once, and
does in each what the component ``homo_nn`` does: make the runner that the job names, and let it train, over FATE's own
federation for one machine. That the runner takes what a recipe writes is seen in seconds so; how FATE-Flow schedules it
is not. ``OUT/<role>_<party>.json`` has for each party what went wrong, the losses, and the files of its model.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

if Path(sys.path[0]) == Path(__file__).parent:
    del sys.path[0]  # a module there has the name of FATE's package

PATIENCE = 420
"""Longest that all parties may take (seconds)."""


def parameters(dag: dict[str, Any], task: str, role: str, party_id: str) -> dict[str, Any]:
    """The parameters of a task as one party gets them."""
    common = dag["tasks"][task].get("parameters", {})
    own = dag.get("party_tasks", {}).get(f"{role}_{party_id}", {}).get("tasks", {}).get(task, {}).get("parameters", {})
    return {**common, **own}


def train(job: dict[str, Any], role: str, party_id: str, out: Path) -> dict[str, Any]:
    """Be one party, to the end of the training."""
    import torch
    from fate.arch import Context
    from fate.arch.computing.backends.standalone import CSession
    from fate.arch.federation import FederationBuilder
    from fate.components.components.nn.component_utils import prepare_context_and_role, prepare_runner_class
    from fate.components.core import Role

    torch.manual_seed(1)
    dag, session = job["dag"], job["session"]
    computing = CSession(session_id=f"{session}_{role}_{party_id}", data_dir=str(out / "data"))
    parties = [(group["role"], each) for group in dag["parties"] for each in group["party_id"]]
    builder = FederationBuilder(federation_session_id=session, party=(role, party_id), parties=parties)
    context = Context(computing=computing, federation=builder.build_standalone(computing))
    given = parameters(dag, job["task"], role, party_id)
    conf = json.loads(json.dumps(given.get("runner_conf", {})))
    runner = prepare_runner_class(given["runner_module"], given["runner_class"], conf, None)
    prepare_context_and_role(runner, context, Role.from_str(role), "train")
    model = out / f"model_{role}_{party_id}"
    model.mkdir(parents=True, exist_ok=True)
    if role == "arbiter":
        runner.train(output_dir=str(model))
    else:
        runner.train(job["data"][f"{role}_{party_id}"], None, str(model), None)
        runner.predict(job["data"][f"{role}_{party_id}"], None)
    state = getattr(getattr(runner, "trainer", None), "state", None)
    history = getattr(state, "log_history", [])
    return {
        "losses": [entry["loss"] for entry in history if "loss" in entry],
        "files": sorted(str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()),
    }


def party(job: dict[str, Any], role: str, party_id: str, out: Path) -> int:
    """What a forked process does."""
    log = out / f"{role}_{party_id}.log"
    logging.basicConfig(level=logging.INFO, filename=log, format="%(asctime)s %(name)s %(message)s", force=True)
    answer: dict[str, Any] = {"error": None}
    try:
        answer |= train(job, role, party_id, out)
    except BaseException as error:
        answer["error"] = f"{type(error).__name__}: {error}"
        answer["traceback"] = traceback.format_exc()
    (out / f"{role}_{party_id}.json").write_text(json.dumps(answer))
    return 1 if answer["error"] else 0


def main(job_file: str, out_folder: str) -> int:
    """Fork the parties, and wait for them; where one fails, the others would wait for it for ever."""
    job, out = json.loads(Path(job_file).read_text()), Path(out_folder)
    out.mkdir(parents=True, exist_ok=True)
    import fate_llm  # noqa: F401
    import peft  # noqa: F401
    import torch
    import transformers.trainer_seq2seq  # noqa: F401

    torch.set_num_threads(1)
    running = {}
    for group in job["dag"]["parties"]:
        for party_id in group["party_id"]:
            child = os.fork()
            if child == 0:
                os._exit(party(job, group["role"], party_id, out))
            running[child] = group["role"]
    deadline, failed = time.monotonic() + PATIENCE, False
    while running:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            running.pop(child)
            if os.waitstatus_to_exitcode(status):
                failed, deadline = True, min(deadline, time.monotonic() + 5)
        elif time.monotonic() > deadline:
            failed = True
            for left in running:
                os.kill(left, signal.SIGKILL)
            deadline += 60
        else:
            time.sleep(0.1)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
