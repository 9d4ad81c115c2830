from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from airflow_provider_fate.errors import (
    FateClockSkewError,
    FateDataError,
    FateJobFailed,
    FateNotFlowError,
    FateResourceError,
    FateSignatureError,
    FateStallTimeout,
    FateTableNotFound,
    FateUnreachable,
    FateWaitingTimeout,
)
from airflow_provider_fate.retry_policy import FateRetryPolicy

POLICY = FateRetryPolicy(timedelta(minutes=1), timedelta(minutes=10))


def failed(reason):
    return FateJobFailed("it failed", diagnosis=SimpleNamespace(reason=reason))


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (FateDataError("ragged"), RetryAction.FAIL),
        (FateNotFlowError("nginx"), RetryAction.FAIL),
        (FateSignatureError("no"), RetryAction.FAIL),
        (failed("bad_parameter"), RetryAction.FAIL),
        (failed("resource_limit"), RetryAction.FAIL),
        (failed("missing_table"), RetryAction.RETRY),
        (FateUnreachable("down"), RetryAction.RETRY),
        (FateResourceError("full", code=1005), RetryAction.RETRY),
        (FateWaitingTimeout("queue"), RetryAction.RETRY),
        (FateStallTimeout("stuck"), RetryAction.RETRY),
        (failed("killed_process"), RetryAction.DEFAULT),
        (failed(""), RetryAction.DEFAULT),
        (FateTableNotFound("no"), RetryAction.DEFAULT),
        (FateClockSkewError("late"), RetryAction.DEFAULT),
        (ValueError("of somebody else"), RetryAction.DEFAULT),
    ],
    ids=lambda value: getattr(value, "name", None) or type(value).__name__,
)
def test_only_what_may_help_is_tried_again(error, action):
    assert POLICY.evaluate(error, 1, 3).action is action


def test_pauses_double_up_to_the_longest():
    pauses = [POLICY.evaluate(FateUnreachable("down"), n, 9).retry_delay.total_seconds() for n in (1, 2, 3, 9)]
    for pause, wanted in zip(pauses, (60, 120, 240, 600), strict=True):
        assert 0.9 * wanted <= pause <= 1.1 * wanted


def test_a_decision_says_why():
    assert "bad_parameter" in POLICY.evaluate(failed("bad_parameter"), 1, 3).reason


def test_pauses_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="delay="):
        FateRetryPolicy(timedelta(minutes=5), timedelta(minutes=1))


def test_a_policy_survives_serialization():
    again = FateRetryPolicy.deserialize(POLICY.serialize())
    assert (again.delay, again.longest) == (POLICY.delay, POLICY.longest)
