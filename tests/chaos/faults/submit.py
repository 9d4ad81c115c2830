"""Faults while a job is looked for and submitted."""

from __future__ import annotations

import time

from tests.chaos.proxy import Harm
from tests.chaos.scene import Scene
from tests.chaos.trial import BOTH_WORKS, JOB, ONE_JOB, ONE_MORE, UPLOAD, End, fault

LOOK = "/job/list/query"


@fault(ONE_JOB, works=BOTH_WORKS)
def refused_before_submit(scene: Scene) -> None:
    """FATE-Flow refuses connections for some time."""
    scene.proxy.down()
    scene.start()
    scene.wait_task("running")
    time.sleep(8)
    scene.proxy.up()


@fault(ONE_JOB)
def bad_gateway_before_submit(scene: Scene) -> None:
    """The look for an earlier job is answered by a proxy, for longer than the client tries again."""
    scene.harm(LOOK, Harm.BAD_GATEWAY, times=5)
    scene.start()


@fault(ONE_JOB)
def request_of_submit_lost(scene: Scene) -> None:
    """The submit never arrives, and nobody can know that."""
    scene.harm("/job/submit", Harm.LOSE_REQUEST)
    scene.start()


@fault(ONE_JOB)
def submit_answered_bad_gateway(scene: Scene) -> None:
    """A proxy answers instead of FATE-Flow, which has not seen the submit."""
    scene.harm("/job/submit", Harm.BAD_GATEWAY)
    scene.start()


@fault(ONE_JOB)
def reply_of_submit_lost(scene: Scene) -> None:
    """The job was created, and nothing comes back."""
    scene.harm("/job/submit", Harm.LOSE_REPLY)
    scene.start()


@fault(ONE_JOB)
def reply_of_submit_cut(scene: Scene) -> None:
    """The job was created, and half of the reply comes back."""
    scene.harm("/job/submit", Harm.CUT_REPLY)
    scene.start()


@fault(ONE_JOB)
def reply_of_submit_replaced_by_bad_gateway(scene: Scene) -> None:
    """The job was created, and a proxy says that it is not."""
    scene.harm("/job/submit", Harm.BAD_GATEWAY_AFTER)
    scene.start()


@fault(ONE_JOB)
def reply_of_submit_and_the_look_after_it_lost(scene: Scene) -> None:
    """The job was created, and looking for it fails, too."""
    rule = scene.harm("/job/submit", Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    scene.harm("*", Harm.LOSE_REPLY, times=6)
    scene.harm("*", Harm.BAD_GATEWAY, times=6)
    rule.go.set()


@fault(ONE_MORE)
def submit_made_twins(scene: Scene) -> None:
    """FATE-Flow creates two jobs and answers with the second."""
    scene.fake.hold()
    scene.fake.flow.faults.twin_submits(2)
    scene.start()
    scene.wait_until_it_waits()
    scene.fake.let_go()


@fault(End((("canceled", "canceled", "success"),)))
def submit_made_triplets_and_answered_104(scene: Scene) -> None:
    """FATE-Flow creates three jobs and answers that it has given up."""
    scene.fake.hold()
    scene.fake.flow.faults.twin_submits(3, answer="104")
    scene.start()
    scene.wait_until_it_waits()
    scene.fake.let_go()


@fault(ONE_JOB, works=UPLOAD)
def reply_of_upload_lost(scene: Scene) -> None:
    """The upload goes on, and nothing comes back: it is looked for."""
    scene.harm(scene.submit_path, Harm.LOSE_REPLY)
    scene.start()


@fault(ONE_JOB, works=UPLOAD)
def request_of_upload_lost(scene: Scene) -> None:
    """The upload never arrives."""
    scene.harm(scene.submit_path, Harm.LOSE_REQUEST)
    scene.start()


@fault(ONE_JOB, works=JOB)
def reply_of_submit_later_than_a_question_may_take(scene: Scene) -> None:
    """A submit may take long: the time limit of a question does not hold for it."""
    scene.harm("/job/submit", Harm.DELAY, seconds=9)
    scene.start()
