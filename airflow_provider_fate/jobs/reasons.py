"""Known reasons why a job ends badly, and what to do about each: the part of a diagnosis that asks no server.

FATE reports tracebacks. What somebody has already found out about one of them stands here once, so that the next reader
of a log need not find it out again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """A reason that is known.

    :param name: short and stable, to count and to route by: ``missing_table``.
    :param hint: the next step, for somebody who reads nothing else.
    """

    name: str
    hint: str


_TEXTS: tuple[tuple[str, Reason], ...] = (
    (
        r"No found table",
        Reason(
            "missing_table",
            "The table does not exist at that party under this namespace and name (both are case sensitive). "
            "Let that party upload it, or correct the name; then run the job again.",
        ),
    ),
    (
        r"resource limit exceeded|Resource limit exceeded",
        Reason(
            "resource_limit",
            "The job asks for more cores than the cluster has, and would never start. Lower its cores "
            "(conf.cores, or cores of the recipe), or raise the cluster's.",
        ),
    ),
    (
        r"task \S+ \d+ no found",
        Reason(
            "missing_producer",
            "A task reads the output of a task that the job does not have. Correct producer_task.",
        ),
    ),
    (
        r"could not find registered cpn named",
        Reason(
            "unknown_component",
            "The party's FATE has no component of this name: correct component_ref, or let the party install the "
            "provider that brings it.",
        ),
    ),
    (
        r"No Permission|Authentication Failed",
        Reason(
            "permission",
            "The party has not granted what the job needs: each component that it runs (reader, too) and each table "
            "that it reads. Ask its operators to grant it.",
        ),
    ),
    (
        r"StatusCode\.UNAVAILABLE|Connection refused|DEADLINE_EXCEEDED|Read timed out|Bad Gateway|No route to host",
        Reason(
            "unreachable_party",
            "A server was not reached: the partner's, its proxy, or this site's own. Check that it runs and that the "
            "route between the sites works; then retry.",
        ),
    ),
    (
        r"a bytes-like object is required, not 'NoneType'",
        Reason(
            "no_rows",
            "The task had no row to compute with. After a PSI: the tables have not one id in common (intersect_count). "
            "Ask how each side makes its ids; FatePsiOperator(min_overlap=...) tells before a training.",
        ),
    ),
    (
        r"MemoryError|Cannot allocate memory|std::bad_alloc|OutOfMemory|out of memory",
        Reason(
            "out_of_memory",
            "The task ran out of memory. Give its machine more, or the job fewer cores (each takes memory of its own), "
            "fewer bins or smaller batches.",
        ),
    ),
    (
        r"No space left on device|MDB_MAP_FULL",
        Reason("disk_full", "The party's disk is full. Clean up old jobs' outputs and logs there; then retry."),
    ),
    (
        r"schema for fit and transform|not in index|[Ff]eature names? .*(mismatch|not match)|columns? .*not found",
        Reason(
            "feature_mismatch",
            "The columns differ from what the task expects: those that a model was trained on, or those that its "
            "parameters name. Compare the table's columns and their order with the ones before.",
        ),
    ),
    (
        r"should have label 0 and 1|label (values )?(must|should) be (0 and 1|in \[0, 1\])",
        Reason(
            "label_values",
            "A binary objective needs the labels 0 and 1, and no others such as -1 or 2. Upload the guest's table with "
            "such labels.",
        ),
    ),
    (
        r"no label found, please check if self\.label is set|but classes length is not 2|not equal to classes length",
        Reason(
            "network_label",
            "FATE's neural networks take the classes from the label of the rows that they score. Upload these with a "
            "label in which each class occurs; placeholders such as 0 and 1 in turn will do.",
        ),
    ),
    (
        r"Download model failed",
        Reason(
            "missing_model",
            "The party's part of the model is not there any more: it was deleted, or the job that trained it was "
            "cleaned. Ask its operators; without it the model must be trained again.",
        ),
    ),
    (
        r"[Oo]nly one class|single class|number of classes",
        Reason("constant_label", "The label has one value only in these rows. Check the label column and the overlap."),
    ),
    (
        r"No module named|cannot import name|ModuleNotFoundError|ImportError",
        Reason(
            "missing_package",
            "A Python package is missing in the party's FATE. Install it there, or use a component that needs less.",
        ),
    ),
    (
        r"version .*(not support|mismatch|incompatible)|unsupported (schema|protocol) version",
        Reason("version_mismatch", "The parties run versions of FATE that do not work together: compare them."),
    ),
    (
        r"is not allowed in config|[Vv]alidation ?[Ee]rror|ParameterError|unexpected keyword|not one of|"
        r"invalid (value|parameter)|object has no attribute|NotImplementedError",
        Reason(
            "bad_parameter",
            "The component does not accept one of its parameters; the last line of its report names it. Correct the "
            "job; a retry as it is fails in the same way.",
        ),
    ),
)
_COMPILED = tuple((re.compile(pattern), reason) for pattern, reason in _TEXTS)

KILLED = Reason(
    "killed_process",
    "The process of the task ended without a word: it was killed, most often for lack of memory, or FATE-Flow was down "
    "when it ended. Look at the system log of the machine; on_retry='rerun' goes on without redoing finished tasks.",
)
"""No party reports an error, and FATE-Flow itself has stopped the job."""

INPUT_REASONS = frozenset(
    {
        "resource_limit",
        "missing_producer",
        "unknown_component",
        "bad_parameter",
        "feature_mismatch",
        "constant_label",
        "label_values",
        "missing_model",
        "network_label",
    }
)
"""Reasons for which the same job fails again in the same way."""


def known_reason(text: str) -> Reason | None:
    """The reason that a report or log shows, if it is a known one; the last one, because tracebacks end with it.

    :param text: error report, log lines or server message.
    """
    found = [(match.start(), reason) for pattern, reason in _COMPILED for match in pattern.finditer(text)]
    return max(found, key=lambda item: item[0])[1] if found else None
