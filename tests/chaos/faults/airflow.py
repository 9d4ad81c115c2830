"""A part of Airflow itself is killed or restarted, with tasks of all kinds in its hands."""

from __future__ import annotations

from tests.chaos.proxy import Harm
from tests.chaos.scene import Scene
from tests.chaos.trial import BOTH_MODES, BOTH_WORKS, DEFERRABLE, End, fault


def hit_while_waiting(scene: Scene, crash: str) -> None:
    """The crash comes while the job runs, and the job ends after it."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.meet(crash)
    scene.fake.let_go()


def hit_and_ended(scene: Scene, crash: str) -> None:
    """The crash comes while the job runs, and the job ends while the part is away."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.fake.let_go()
    scene.meet(crash)


@fault(works=BOTH_WORKS, modes=DEFERRABLE, crash="triggerer-killed")
def triggerer_killed_while_waiting(scene: Scene) -> None:
    """Kill -9: the next triggerer takes the trigger over."""
    hit_while_waiting(scene, "triggerer-killed")


@fault(modes=DEFERRABLE, crash="triggerer-killed")
def triggerer_killed_while_the_job_ends(scene: Scene) -> None:
    """The job ends while there is no triggerer."""
    hit_and_ended(scene, "triggerer-killed")


@fault(works=BOTH_WORKS, modes=DEFERRABLE, crash="triggerer-restarted")
def triggerer_restarted_while_waiting(scene: Scene) -> None:
    """SIGTERM, as a deployment does: nothing is stopped."""
    hit_while_waiting(scene, "triggerer-restarted")


@fault(modes=BOTH_MODES, crash="scheduler-killed")
def scheduler_killed_while_waiting(scene: Scene) -> None:
    """Kill -9, with all workers of the LocalExecutor."""
    hit_while_waiting(scene, "scheduler-killed")


@fault(modes=BOTH_MODES, crash="scheduler-killed")
def scheduler_killed_while_submitting(scene: Scene) -> None:
    """The job exists, and the worker that has asked for it is gone."""
    rule = scene.harm("/job/submit", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    scene.meet("scheduler-killed")
    rule.go.set()


@fault(crash="api-server-killed")
def api_server_killed_while_waiting(scene: Scene) -> None:
    """Tasks and triggers speak to the database through it."""
    hit_while_waiting(scene, "api-server-killed")


@fault(End((("success",),)), crash="api-server-killed")
def api_server_killed_while_submitting(scene: Scene) -> None:
    """The job exists, and its id cannot be stored at first."""
    rule = scene.harm("/job/submit", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    scene.meet("api-server-killed")
    rule.go.set()
