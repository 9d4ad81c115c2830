"""The worst of it on a real FATE, and what only a real one does: its server is killed in the middle of a job."""

from __future__ import annotations

from tests.chaos.proxy import Harm
from tests.chaos.scene import Scene
from tests.chaos.trial import DEFERRABLE, ONE_MORE, STOPPED, WORKER, End, fault

SURVIVED_OR_RETRIED = End((("success",), ("failed", "success"), ("canceled", "success")))
"""A task that ends while there is no server cannot report; FATE-Flow then fails the job, and it is retried. A job that
was between two tasks may read `running` for ever: it is stopped after its stall limit, and retried."""


@fault(modes=DEFERRABLE, real=True)
def reply_of_submit_lost(scene: Scene) -> None:
    """The job was created, and nothing comes back."""
    scene.harm("/job/submit", Harm.LOSE_REPLY)
    scene.start()


@fault(modes=WORKER, real=True)
def task_killed_before_the_reply_to_submit(scene: Scene) -> None:
    """The job exists, and nobody knows its id."""
    rule = scene.harm("/job/submit", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    scene.kill_task_process()
    rule.go.set()


@fault(ONE_MORE, modes=DEFERRABLE, real=True)
def cleared_while_waiting(scene: Scene) -> None:
    """The job is stopped, a new one runs."""
    scene.start()
    scene.wait_until_it_waits()
    scene.clear()


@fault(STOPPED, modes=DEFERRABLE, real=True)
def marked_failed_right_after_deferral(scene: Scene) -> None:
    """No triggerer knows the trigger yet."""
    scene.start()
    scene.wait_task("deferred")
    scene.mark("failed")


@fault(SURVIVED_OR_RETRIED, real=True, crash="fate-flow-killed")
def fate_flow_killed_while_waiting(scene: Scene) -> None:
    """Kill -9 of the server in the middle of the job."""
    scene.start()
    scene.wait_until_it_waits()
    scene.meet("fate-flow-killed")


@fault(SURVIVED_OR_RETRIED, modes=DEFERRABLE, real=True, crash="fate-flow-killed")
def fate_flow_killed_before_the_reply_to_submit(scene: Scene) -> None:
    """Kill -9 of the server when it has created the job; the reply comes when it is back."""
    rule = scene.harm("/job/submit", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    scene.meet("fate-flow-killed")
    rule.go.set()
