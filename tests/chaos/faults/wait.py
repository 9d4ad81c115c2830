"""Faults while a job is waited for."""

from __future__ import annotations

import time

from tests.chaos.proxy import Harm
from tests.chaos.scene import Scene
from tests.chaos.trial import BOTH_WORKS, fault

QUESTION = "/job/query"
BEYOND_THE_CLIENT = 9
"""So many failures in a row outlast the client's own repeats twice."""


def questions_harmed(scene: Scene, harm: Harm, times: int, seconds: float = 0.0) -> None:
    """Let a job start, harm the questions about it, and let it end after that."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.wait_spent(scene.harm(QUESTION, harm, times, seconds))
    scene.fake.let_go()


@fault()
def questions_answered_bad_gateway(scene: Scene) -> None:
    """A proxy answers for a while."""
    questions_harmed(scene, Harm.BAD_GATEWAY, BEYOND_THE_CLIENT)


@fault()
def answers_cut(scene: Scene) -> None:
    """The answers break off in the middle for a while."""
    questions_harmed(scene, Harm.CUT_REPLY, BEYOND_THE_CLIENT)


@fault()
def questions_lost(scene: Scene) -> None:
    """The connections break for a while."""
    questions_harmed(scene, Harm.LOSE_REQUEST, BEYOND_THE_CLIENT)


@fault()
def answers_later_than_the_time_limit(scene: Scene) -> None:
    """The answers come after the client has given up."""
    questions_harmed(scene, Harm.DELAY, 2, seconds=6)


@fault(works=BOTH_WORKS)
def refused_while_waiting(scene: Scene) -> None:
    """Connections are refused for a while, and the job ends meanwhile."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.proxy.down()
    scene.fake.let_go()
    time.sleep(8)
    scene.proxy.up()


@fault()
def server_down_behind_its_gateway(scene: Scene) -> None:
    """FATE-Flow is restarted; what stands before it answers 502 meanwhile."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.fake.flow.down()
    time.sleep(8)
    scene.fake.flow.up()
    scene.fake.let_go()
