"""Whether a new model is better than the champion, measured as others measure it; and what cannot be judged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from airflow_provider_fate.errors import FateDataError, FateError, FateInputError, FateNotJudgedError
from airflow_provider_fate.models.decide import ScoreComparison
from airflow_provider_fate.models.decide.bounds import read_bounds
from airflow_provider_fate.models.decide.comparison import compare, count_rows, figures_of, standing_of
from airflow_provider_fate.models.decide.judge import judge
from airflow_provider_fate.models.decide.scores import PairedScores, ScoredRows, pair_scores, scored_rows
from airflow_provider_fate.models.decide.text import difference_markdown, verdict_markdown, verdict_table
from airflow_provider_fate.models.decide.verdict import GateVerdict, Standing

ROWS = 400


def table(name: str = "scores", **columns: Any) -> ScoredRows:
    return scored_rows(name, pa.table(columns), id="id", label="label")


def binary(noise: float, *, rows: int = ROWS, draw: int = 0, digits: int | None = None, **columns: Any) -> ScoredRows:
    """Scores of two classes for always the same rows; with more noise they are worse."""
    rng = np.random.default_rng(7)
    label = (rng.random(rows) < 0.4).astype(int)
    truth = rng.normal(size=rows) + 1.5 * label
    score = 1 / (1 + np.exp(-(truth - 0.75 + noise * np.random.default_rng(draw).normal(size=rows))))
    given = {"id": [f"r{i}" for i in range(rows)], "label": label}
    given |= {"predict_score": score if digits is None else score.round(digits)} | columns
    return table(f"noise {noise:g}", **{name: value for name, value in given.items() if value is not None})


def several(seed: int, *, rows: int = 300) -> ScoredRows:
    """Scores of three classes."""
    label = np.random.default_rng(1).integers(0, 3, rows)
    chances = np.random.default_rng(seed).dirichlet([1, 1, 1], rows)
    chances[np.arange(rows), label] += 0.5
    chances /= chances.sum(axis=1, keepdims=True)
    return table(
        id=range(rows),
        label=label,
        predict_score=chances.max(axis=1),
        predict_result=chances.argmax(axis=1),
        predict_detail=[json.dumps({str(k): c for k, c in enumerate(row)}) for row in chances.tolist()],
    )


def figures(pairs: PairedScores, metric: Any) -> dict[str, float]:
    return {figure.metric: figure.challenger for figure in figures_of(pairs, ScoreComparison(metric=metric))}


# --- measures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [None, 1], ids=["all different", "many equal scores"])
def test_two_classes_are_measured_as_scikit_learn_does(digits: int | None) -> None:
    rows = binary(1, digits=digits)
    label, score = rows.label, rows.scores.score
    found = figures(pair_scores(rows, None), "auc")

    false, true, _ = sk.roc_curve(label, score)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(label, score), abs=1e-12)
    assert found["ks"] == pytest.approx(max(abs(true - false)), abs=1e-12)
    assert found["logloss"] == pytest.approx(sk.log_loss(label, score), rel=1e-9)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(label, score >= 0.5))


def test_several_classes_are_measured_as_scikit_learn_does() -> None:
    rows = several(3)
    assert rows.scores.detail is not None
    chances = np.array([list(json.loads(text.as_py()).values()) for text in rows.scores.detail])
    found = figures(pair_scores(rows, None), "accuracy")
    assert found == {
        "accuracy": pytest.approx(sk.accuracy_score(rows.label, rows.scores.result)),
        "auc": pytest.approx(sk.roc_auc_score(rows.label, chances, multi_class="ovr", average="macro"), abs=1e-12),
        "logloss": pytest.approx(sk.log_loss(rows.label, chances)),
    }


def test_the_auc_of_several_classes_decides_with_an_interval() -> None:
    """Also of classes that the held-out rows lack: they are not in the mean."""
    good, random = several(3), several(3)
    assert random.scores.detail is not None
    mixed = np.random.default_rng(0).permutation(len(random))
    shuffled = replace(random, scores=random.scores.take(mixed))
    found = compare(pair_scores(good, shuffled), ScoreComparison())
    assert (found.metric, found.standing) == ("auc", Standing.BETTER)
    assert found.challenger > 0.9 > 0.6 > found.champion > 0.4
    assert found.low < found.gain < found.high
    two = table(
        id=range(200),
        label=[0, 1] * 100,
        predict_score=[0.5] * 200,
        predict_detail=['{"0": 0.6, "1": 0.2, "2": 0.2}', '{"0": 0.1, "1": 0.2, "2": 0.7}'] * 100,
    )
    assert figures(pair_scores(two, None), "auc")["auc"] == pytest.approx((1 + 0.5) / 2)


def test_numbers_are_measured_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(2)
    label = rng.normal(10, 3, ROWS)
    rows = table(id=range(ROWS), label=label, predict_score=label + rng.normal(size=ROWS))
    assert figures(pair_scores(rows, None), "mae") == {
        "mae": pytest.approx(sk.mean_absolute_error(rows.label, rows.scores.score)),
        "rmse": pytest.approx(sk.root_mean_squared_error(rows.label, rows.scores.score)),
    }


def test_what_fate_decides_counts_rather_than_a_threshold_of_our_own() -> None:
    rows = binary(1, predict_result=np.zeros(ROWS, int))
    assert rows.label is not None
    assert figures(pair_scores(rows, None), "auc")["accuracy"] == pytest.approx(1 - rows.label.mean())


def test_texts_of_a_csv_are_read_as_numbers() -> None:
    assert table(id=[b"007", b"8"], label=[b"1", b" 0.0 "], predict_score=[b"0.5", b"1e-3"]).scores.score.tolist() == [
        0.5,
        0.001,
    ]


def test_details_in_fates_own_writing_are_read() -> None:
    detail = "\"{'0': 0.2, '1': 0.3, '2': 0.5}\""
    rows = table(id=[1, 2], label=[2, 0], predict_score=[0.5, 0.6], predict_detail=[detail] * 2)
    assert rows.label is not None
    assert rows.scores.chance_of(rows.label).tolist() == [0.5, 0.2]


# --- the interval -----------------------------------------------------------------------------------------------------


def delong(label: Any, one: Any, other: Any) -> float:
    """Standard error of the difference of two AUCs on the same rows (DeLong, DeLong and Clarke-Pearson, 1988)."""
    pairs = [(score[label == 1][:, None], score[label == 0]) for score in (one, other)]
    wins = [(above > below) + 0.5 * (above == below) for above, below in pairs]
    positive, negative = (wins[0].mean(axis=k) - wins[1].mean(axis=k) for k in (1, 0))
    return float(np.sqrt(positive.var(ddof=1) / len(positive) + negative.var(ddof=1) / len(negative)))


def test_the_interval_of_auc_is_as_wide_as_theory_has_it() -> None:
    ours, theirs = binary(0.8), binary(1.2)
    found = compare(pair_scores(ours, theirs), ScoreComparison(resamples=4000))
    error = delong(ours.label, ours.scores.score, theirs.scores.score)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.08)
    assert found.low < found.gain < found.high


def test_the_interval_of_a_mean_is_as_wide_as_theory_has_it() -> None:
    rng = np.random.default_rng(5)
    label = rng.normal(size=ROWS)
    ours, theirs = (
        table(id=range(ROWS), label=label, predict_score=label + k * rng.normal(size=ROWS)) for k in (1.0, 1.3)
    )
    found = compare(pair_scores(ours, theirs), ScoreComparison(metric="mae", resamples=4000))
    losses = [abs(rows.scores.score - label) for rows in (ours, theirs)]
    error = (losses[0] - losses[1]).std(ddof=1) / np.sqrt(ROWS)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.08)
    assert found.gain == pytest.approx((losses[1] - losses[0]).mean()), "less is better, so a gain is positive"
    assert found.standing is Standing.BETTER


def test_the_same_rows_give_the_same_interval_in_whatever_order_they_come() -> None:
    ours, theirs = binary(0.8), binary(1.2)
    shuffled = np.random.default_rng(0).permutation(ROWS)
    assert ours.label is not None
    other = ScoredRows("x", "id", ours.ids.take(pa.array(shuffled)), ours.label[shuffled], ours.scores.take(shuffled))
    rule = ScoreComparison(resamples=200)
    found = compare(pair_scores(ours, theirs), rule)
    assert compare(pair_scores(other, theirs), rule) == found
    assert compare(pair_scores(ours, theirs), ScoreComparison(resamples=200, seed=1)).low != found.low


@pytest.mark.parametrize(
    ("low", "high", "margin", "standing"),
    [
        (0.01, 0.03, 0.0, Standing.BETTER),
        (-0.01, 0.03, 0.0, Standing.UNDECIDED),
        (-0.01, 0.03, 0.01, Standing.NOT_WORSE),
        (0.0, 0.0, 0.0, Standing.NOT_WORSE),
        (-0.03, -0.01, 0.0, Standing.WORSE),
        (-0.03, -0.01, 0.02, Standing.WORSE),
        (-0.03, -0.01, 0.05, Standing.NOT_WORSE),
        (-0.03, 0.0, 0.02, Standing.UNDECIDED),
    ],
)
def test_what_an_interval_says(low: float, high: float, margin: float, standing: Standing) -> None:
    assert standing_of(low, high, margin) is standing


def verdict(challenger: ScoredRows, champion: ScoredRows | None, **rule: Any) -> GateVerdict:
    bounds = read_bounds(None if champion else {"scores.auc": "> 0.5"})
    return judge(metrics={}, bounds=bounds, challenger=challenger, champion=champion, rule=ScoreComparison(**rule))


def test_a_better_challenger_passes_and_a_worse_one_does_not() -> None:
    good, bad = binary(0.3), binary(3)
    better, worse = verdict(good, bad, require="better"), verdict(bad, good, require="not_shown_worse", metric="ks")
    assert better.passed
    assert better.comparison is not None
    assert better.comparison.standing is Standing.BETTER
    assert not worse.passed
    assert worse.comparison is not None
    assert worse.comparison.standing is Standing.WORSE
    assert "the challenger is worse; not shown worse is required" in worse.reasons[0]


def test_the_champion_against_itself_is_not_worse_and_not_better() -> None:
    same = binary(1)
    assert verdict(same, same).passed
    assert not verdict(same, same, require="better").passed


def test_what_is_not_decided_passes_only_where_that_is_enough() -> None:
    ours, theirs = binary(1, rows=150), binary(1, rows=150, draw=1)
    found = verdict(ours, theirs)
    assert found.comparison is not None
    assert found.comparison.standing is Standing.UNDECIDED
    assert not found.passed
    assert verdict(ours, theirs, require="not_shown_worse").passed
    assert verdict(ours, theirs, margin=0.2).passed


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "held"),
    [
        (">= 0.75", 0.75, True),
        ("> 0.75", 0.75, False),
        ("<0.5", 0.4, True),
        (">= 0.2, < 0.9", 0.9, False),
        ("<= -1e-3", -0.5, True),
        (">= 1", 1, True),
    ],
)
def test_a_bound_holds_or_not(text: str, value: float, held: bool) -> None:
    found = judge(metrics={"auc": value}, bounds=read_bounds({"auc": text}))
    assert (found.passed, found.bounds[0].held, found.first) == (held, held, True)
    assert ("There is no champion to compare with: the bounds alone count." in found.reasons) is True


@pytest.mark.parametrize(
    "text", [0.75, "0.75", ">= high", "=> 1", ">= 0.9, < 0.2", "> 1, < 1", ">= 1, > 2", ">= nan", "", None, ">= 0.5,"]
)
def test_what_is_no_bound_is_refused(text: Any) -> None:
    with pytest.raises(FateInputError, match="bounds") as caught:
        read_bounds({"auc": text})
    assert ">= 0.75" in str(caught.value)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"evaluation_0.sbt_0.auc": 0.8, "ks": 0.1}, r"There is no metric 'auc'.*\n.*evaluation_0.sbt_0.auc|ks"),
        ({}, "none at all"),
        ({"auc": float("nan")}, "is nan, which is no finite number"),
        ({"auc": float("inf")}, "is inf"),
        ({"auc": "0.8"}, "is '0.8'"),
        ({"auc": True}, "is True"),
        ({"auc": None}, "is None"),
    ],
)
def test_a_metric_that_is_no_number_is_an_error_or_rejects_the_model(metrics: Any, said: str) -> None:
    bounds = read_bounds({"auc": ">= 0.75", "ks": "<= 1"})[:1]
    with pytest.raises(FateNotJudgedError, match=said):
        judge(metrics=metrics, bounds=bounds)
    found = judge(metrics=metrics, bounds=bounds, if_unjudged="reject")
    assert (found.passed, found.judged, found.bounds[0].value) == (False, False, None)
    assert "auc" in found.reasons[0]


def test_without_champion_and_bounds_nothing_is_judged() -> None:
    with pytest.raises(FateNotJudgedError, match="no champion and there are no bounds"):
        judge(metrics={"auc": 0.9}, bounds=[], challenger=binary(1))


# --- what cannot be compared ------------------------------------------------------------------------------------------


def columns(**changed: Any) -> dict[str, Any]:
    return {
        "id": [str(i) for i in range(200)],
        "label": [i % 2 for i in range(200)],
        "predict_score": [i / 200 for i in range(200)],
    } | changed


NAN = float("nan")
UNFIT: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "one class": ({"label": [1] * 200}, {}, "All 200 rows have the label 1"),
    "too few of a class": ({"label": [1] * 5 + [0] * 195}, {}, "5 rows of class 1 are too few.*min_per_class=10"),
    "too few rows": ({}, {"min_rows": 201}, "200 rows are too few.*min_rows=201"),
    "NaN scores": (
        {"predict_score": [NAN] * 3 + [0.5] * 197},
        {},
        "predict_score is no finite number in 3 of 200 rows",
    ),
    "no score": ({"predict_score": [None] * 200}, {}, "no finite number in 200 of 200"),
    "ids twice": ({"id": ["a"] * 3 + [str(i) for i in range(197)]}, {}, "2 of 200 rows have the id of another row"),
    "no id": ({"id": [None] + [str(i) for i in range(199)]}, {}, "1 rows have no id"),
    "no label": ({"label": [None] + [0, 1] * 99 + [0]}, {}, "1 of 200 rows have no label"),
    "no rows": ({"id": [], "label": [], "predict_score": []}, {}, "has no rows"),
    "several classes": (
        {"label": [0, 1, 2, 1] * 50},
        {"metric": "ks"},
        "ks compares two classes, and the labels are 0, 1, 2",
    ),
    "several classes without their probabilities": (
        {"label": [0, 1, 2, 1] * 50},
        {},
        "auc of the classes 0, 1, 2 needs the column 'predict_detail'",
    ),
    "a class that the model does not know": (
        {"label": [0, 1, 3, 1] * 50, "predict_detail": ['{"0": 0.2, "1": 0.2, "2": 0.6}'] * 200},
        {},
        r"not a probability of each class \(0, 1, 3\) in 200 of 200 rows",
    ),
    "classes 1 and 2": ({"label": [1, 2] * 100}, {}, "the classes 1, 2 needs"),
    "numbers": ({"label": [i / 7 for i in range(200)]}, {}, "has 200 different values, so it is no class as auc"),
    "no probabilities": ({"predict_score": [2.0] * 200}, {"metric": "logloss"}, "needs probabilities"),
    "no detail": ({"label": [0, 1, 2, 1] * 50}, {"metric": "logloss"}, "needs the column 'predict_detail'"),
    "no result": ({"label": [0, 1, 2, 1] * 50}, {"metric": "accuracy"}, "needs the column 'predict_result'"),
    "unknown class": (
        {"label": [0, 1, 3, 1] * 50, "predict_detail": ['{"0": 0.2, "1": 0.2, "2": 0.6}'] * 200},
        {"metric": "logloss"},
        "no probability of the true class in 50 of 200 rows",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
@pytest.mark.parametrize("with_champion", [False, True])
def test_scores_that_are_not_fit_are_an_error_or_reject_the_model(case: str, with_champion: bool) -> None:
    changed, given, said = UNFIT[case]
    challenger, rule = table(**columns(**changed)), ScoreComparison(**given)
    champion = challenger if with_champion else None
    bounds = read_bounds({"a": "> 0"})
    with pytest.raises(FateNotJudgedError, match=said):
        judge(metrics={"a": 1}, bounds=bounds, challenger=challenger, champion=champion, rule=rule)
    found = judge(
        metrics={"a": 1}, bounds=bounds, challenger=challenger, champion=champion, rule=rule, if_unjudged="reject"
    )
    assert (found.passed, found.judged) == (False, False)
    assert found.bounds[0].held, "the rest is judged all the same"
    json.dumps(found.to_json(), allow_nan=False)


def test_other_rows_are_counted_and_allowed_up_to_a_share() -> None:
    ours = table("new.csv", **columns())
    theirs = table("old.csv", **columns(id=[str(i) for i in range(4, 204)]))
    with pytest.raises(FateNotJudgedError, match=r"196 are in both tables, 4 only in new\.csv, 4 only in old\.csv"):
        pair_scores(ours, theirs)
    with pytest.raises(FateNotJudgedError, match="0 are in both"):
        pair_scores(ours, table(**columns(id=[f"x{i}" for i in range(200)])), max_unmatched=1)
    pairs = pair_scores(ours, theirs, max_unmatched=0.05)
    assert (len(pairs.label), pairs.only_challenger, pairs.only_champion) == (196, 4, 4)
    # The same id, and not the same place in the file.
    assert pairs.champion is not None
    assert (pairs.challenger.score - pairs.champion.score).round(6).tolist() == [4 / 200] * 196
    assert count_rows(pairs, ScoreComparison()).classes == {"0": 98, "1": 98}
    found = verdict(ours, theirs, max_unmatched=0.05)
    assert (
        "On 196 rows (left out, scored by the challenger only: 4; by the champion only: 4) auc is" in found.reasons[0]
    )
    assert "4 were scored by the challenger only and left out" in verdict_markdown(found)


def test_labels_that_differ_are_found_and_one_table_with_labels_is_enough() -> None:
    ours, theirs = binary(1), binary(2)
    assert theirs.label is not None
    other = 1 - theirs.label
    with pytest.raises(FateNotJudgedError, match=f"labels of {ROWS} of {ROWS} rows differ"):
        pair_scores(ours, binary(2, label=other))
    assert (pair_scores(ours, binary(2, label=None)).label == pair_scores(ours, theirs).label).all()
    with pytest.raises(FateInputError, match="have no label"):
        pair_scores(binary(1, label=None), binary(2, label=None))


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"predict_score": ["high"] * 200}, FateDataError, "'predict_score' holds something else than numbers"),
        ({"label": ["good", "bad"] * 100}, FateDataError, "'label' holds something else"),
        ({"id": [b"\xff"] * 200}, FateDataError, "no text in UTF-8"),
    ],
)
def test_columns_of_another_kind_are_refused(changed: Any, kind: type[FateError], said: str) -> None:
    with pytest.raises(kind, match=said):
        table(**columns(**changed))


@pytest.mark.parametrize(
    ("gone", "said"),
    [("id", "no column 'id', which id names; it has label"), ("predict_score", "no column 'predict_score'")],
)
def test_columns_that_are_missing_are_named(gone: str, said: str) -> None:
    with pytest.raises(FateInputError, match=said):
        table(**{name: values for name, values in columns().items() if name != gone})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metric": "gini"}, "metric='gini' is unknown"),
        ({"require": "best"}, "require='best'"),
        ({"margin": -1}, "margin=-1"),
        ({"margin": "inf"}, "margin='inf'"),
        ({"level": 95}, "level=95"),
        ({"resamples": 1}, "resamples=1"),
        ({"resamples": 150.5}, "resamples=150.5"),
        ({"min_rows": "many"}, "min_rows='many'"),
        ({"max_unmatched": True}, "max_unmatched=True"),
        ({"id": ""}, "id='' names no column"),
        ({"threshold": 1}, "is not a comparison"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(FateInputError, match=said):
        ScoreComparison.of(given)


def test_a_rule_may_come_from_templates() -> None:
    found = ScoreComparison.of({"margin": "0.01", "min_rows": "50", "seed": "3"})
    assert found == ScoreComparison(margin=0.01, min_rows=50, seed=3)


# --- for people -------------------------------------------------------------------------------------------------------


def test_a_verdict_reads_well_and_survives_xcom() -> None:
    bounds = read_bounds({"auc": ">= 0.7", "ks": ">= 0.5"})
    found = judge(metrics={"auc": 0.8, "ks": 0.31}, bounds=bounds, challenger=binary(0.3), champion=binary(3))
    assert GateVerdict.model_validate(json.loads(json.dumps(found.to_json()))) == found
    text = verdict_markdown(found)
    assert found.reasons[0] == "ks is 0.31: not >= 0.5.", "what has failed it comes first"
    assert "**The gate is not passed.**" in text
    assert f"On the held-out rows ({ROWS}, " in text
    assert "95 % interval +" in text
    lines = verdict_table(found).splitlines()
    assert [line.split()[0] for line in lines] == ["metric", "auc", "ks", "auc", "ks", "logloss", "accuracy"]


def test_names_of_others_cannot_become_markdown() -> None:
    found = judge(metrics={"<b>[x](http://e)": 1}, bounds=read_bounds({"<b>[x](http://e)": ">= 0.7"}))
    assert "<b>" not in verdict_markdown(found).replace("\\<b\\>", "")
    assert "[x](" not in verdict_markdown(found)
    assert "<i>" not in difference_markdown({"<i>": 1}, {}, "<i>").replace("\\<i\\>", "")


def test_the_difference_to_the_champion_is_shown_per_metric() -> None:
    text = difference_markdown({"auc": 0.8, "task": "x", "new": 1}, {"auc": 0.75, "old": 2, "nan": NAN}, "version 3")
    assert "## Next to version 3" in text
    assert "| auc | 0.8 | 0.75 | +0.05 |" in text
    assert "| new | 1 |  |  |" in text
    assert "| old |  | 2 |  |" in text
    assert "nan" not in text
    assert "Neither model has metrics" in difference_markdown({}, {})
