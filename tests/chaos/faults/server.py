"""The job itself takes an unusual course on the server."""

from __future__ import annotations

from tests.chaos.scene import Scene
from tests.chaos.trial import NEW_AFTER_FAILURE, ONE_JOB, ONE_MORE, fault
from tests.support.fake_flow import Failure, Script

SLOW_TO_SETTLE = Script(waiting=0.0, seconds=0.4, settle=3.0)


@fault(NEW_AFTER_FAILURE)
def job_fails_once(scene: Scene) -> None:
    """The retry runs a new one."""
    flow = scene.fake.flow
    flow.plan(Script(fail={"psi_0": Failure("ValueError: once")}), when=lambda schema: not flow.jobs)
    scene.start()


@fault(ONE_MORE)
def stopped_by_a_partner(scene: Scene) -> None:
    """It reads failed first and canceled seconds later; the retry runs a new one."""
    scene.fake.flow.plan(SLOW_TO_SETTLE)
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.fake.flow.partner_stops(scene.jobs()[0].job_id)
    scene.fake.let_go()


@fault(ONE_JOB)
def rerun_on_the_server_while_it_reads_failed(scene: Scene) -> None:
    """Somebody reruns a failed job in FATEBoard before the task has believed the failure."""
    flow = scene.fake.flow
    flow.plan(Script(waiting=0.0, seconds=0.4, fail={"psi_0": Failure("ValueError: once")}))
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.fake.let_go()
    scene.wait_until(lambda: scene.jobs()[0].state == "failed", "the job has failed")
    job = next(iter(flow.jobs.values()))
    with flow.lock:
        job.script = Script(waiting=0.0, seconds=0.4)
        job.rerun()
        flow.activate(job)
