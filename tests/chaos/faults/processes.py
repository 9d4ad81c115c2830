"""The process of one task is killed, or with it the worker that supervises it."""

from __future__ import annotations

from tests.chaos.proxy import Harm
from tests.chaos.scene import Scene
from tests.chaos.trial import ONCE, STOPPED, UPLOAD, WORKER, fault


def killed_at(scene: Scene, path: str, harm: Harm, *, with_worker: bool = False) -> None:
    """Kill the task while a request of it is on its way."""
    rule = scene.harm(path, harm)
    scene.start()
    scene.wait_reached(rule)
    if with_worker:
        scene.kill_worker()
    else:
        scene.kill_task_process()
    rule.go.set()


@fault()
def task_killed_before_submit(scene: Scene) -> None:
    """It has looked for an earlier job, and nothing more."""
    killed_at(scene, "/job/list/query", Harm.HOLD_REPLY)


@fault()
def task_killed_before_the_reply_to_submit(scene: Scene) -> None:
    """The job exists, and nobody knows its id."""
    killed_at(scene, "/job/submit", Harm.HOLD_REPLY)


@fault()
def task_killed_between_submit_and_waiting(scene: Scene) -> None:
    """The id was known to the process, and is lost with it."""
    rule = scene.harm("/job/submit", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    after = scene.harm("/job/list/query", Harm.HOLD_REPLY)
    rule.go.set()
    scene.wait_reached(after)
    scene.kill_task_process()
    after.go.set()


@fault()
def worker_killed_before_the_reply_to_submit(scene: Scene) -> None:
    """As when a machine is lost: Airflow notices by the absence of heartbeats."""
    killed_at(scene, "/job/submit", Harm.HOLD_REPLY, with_worker=True)


@fault(modes=WORKER)
def task_killed_while_waiting(scene: Scene) -> None:
    """The job runs on, and the retry takes it up."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.kill_task_process()
    scene.wait_requests("/job/list/query", 2)
    scene.fake.let_go()


@fault(modes=WORKER)
def worker_killed_while_waiting(scene: Scene) -> None:
    """The same, when a machine is lost; the job ends before anybody notices."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.kill_worker()
    scene.fake.let_go()


@fault(STOPPED, modes=ONCE)
def worker_killed_in_the_last_try(scene: Scene) -> None:
    """Nobody takes the job up again: it is stopped when Airflow gives the task up."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.kill_worker()


@fault()
def task_killed_while_finishing(scene: Scene) -> None:
    """The job has succeeded, its result was not stored."""
    killed_at(scene, "/output/metric/query", Harm.HOLD_REPLY)


@fault()
def worker_killed_while_finishing(scene: Scene) -> None:
    """The same, when a machine is lost."""
    killed_at(scene, "/output/metric/query", Harm.HOLD_REPLY, with_worker=True)


@fault(works=UPLOAD)
def task_killed_after_upload(scene: Scene) -> None:
    """The upload's job runs on, and the retry takes it up."""
    scene.fake.hold()
    rule = scene.harm("/job/notes/add", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    looks = scene.proxy.count("/job/list/query")
    scene.kill_task_process()
    rule.go.set()
    scene.wait_requests("/job/list/query", looks + 1)
    scene.fake.let_go()


@fault(works=UPLOAD)
def task_killed_before_the_reply_to_upload(scene: Scene) -> None:
    """The upload has arrived, and nobody knows its job: the retry finds it."""
    killed_at(scene, scene.submit_path, Harm.HOLD_REPLY)
