"""A user clears the task, or marks it, while its job runs."""

from __future__ import annotations

import time

from tests.chaos.proxy import Harm
from tests.chaos.scene import Scene
from tests.chaos.trial import BOTH_WORKS, DEFERRABLE, ONE_MORE, STOPPED, End, fault


@fault(ONE_MORE, works=BOTH_WORKS)
def cleared_while_waiting(scene: Scene) -> None:
    """The job is stopped, a new one runs."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.clear()
    scene.wait_requests(scene.submit_path, 2)
    scene.fake.let_go()


@fault(ONE_MORE)
def cleared_while_submitting(scene: Scene) -> None:
    """The job exists, and the task does not know it yet: it is stopped all the same."""
    scene.fake.hold()
    rule = scene.harm("/job/submit", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    scene.clear()
    scene.wait_requests(scene.submit_path, 2)
    rule.go.set()
    scene.fake.let_go()


@fault(STOPPED, works=BOTH_WORKS)
def marked_failed_while_waiting(scene: Scene) -> None:
    """The job is stopped."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.mark("failed")


@fault(End((("canceled",),), "success"))
def marked_success_while_waiting(scene: Scene) -> None:
    """The job is stopped, too."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.mark("success")


@fault(STOPPED, modes=DEFERRABLE)
def marked_failed_right_after_deferral(scene: Scene) -> None:
    """No triggerer knows the trigger yet."""
    scene.fake.hold()
    scene.start()
    scene.wait_task("deferred")
    scene.mark("failed")


@fault(STOPPED, works=BOTH_WORKS)
def marked_failed_while_the_network_is_down(scene: Scene) -> None:
    """The stop does not arrive for longer than Airflow lets a process live that it has told to end."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    rule = scene.harm("/job/stop", Harm.BAD_GATEWAY, times=1000)
    scene.mark("failed")
    scene.wait_reached(rule)
    time.sleep(12)
    scene.proxy.heal()


@fault(STOPPED)
def marked_failed_and_the_reply_to_stop_lost(scene: Scene) -> None:
    """The job is stopped, and nobody is told."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.harm("/job/stop", Harm.LOSE_REPLY)
    scene.mark("failed")
