"""Faults when a job has ended and its result is read."""

from __future__ import annotations

import time

from tests.chaos.proxy import Harm
from tests.chaos.scene import Scene
from tests.chaos.trial import UPLOAD, fault

METRICS = "/output/metric/query"
TABLE = "/table/query"


@fault()
def metrics_answered_bad_gateway(scene: Scene) -> None:
    """The metrics cannot be read for longer than the client tries again: the job has succeeded all the same."""
    scene.harm(METRICS, Harm.BAD_GATEWAY, times=5)
    scene.start()


@fault()
def metrics_cut(scene: Scene) -> None:
    """The answer breaks off once."""
    scene.harm(METRICS, Harm.CUT_REPLY)
    scene.start()


@fault()
def refused_while_finishing(scene: Scene) -> None:
    """Connections are refused when the result is to be read: the retry takes the finished job up."""
    rule = scene.harm(METRICS, Harm.HOLD_REPLY)
    scene.start()
    scene.wait_reached(rule)
    scene.proxy.down()
    rule.go.set()
    time.sleep(12)
    scene.proxy.up()


@fault(works=UPLOAD)
def count_of_rows_answered_bad_gateway(scene: Scene) -> None:
    """The table cannot be counted: the retry finds it, and uploads nothing."""
    scene.fake.hold()
    scene.start()
    scene.wait_until_it_waits()
    scene.harm(TABLE, Harm.BAD_GATEWAY, times=5)
    scene.fake.let_go()
