import pytest

from airflow_provider_fate.jobs.reasons import known_reason


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('Check failed[{"code":7001,"message":"No found table: name[a],namespace[b]"}\n]', "missing_table"),
        ("host 10000 resource limit exceeded", "resource_limit"),
        ("task 202611240812424085160_nobody_0 0 no found", "missing_producer"),
        ("RuntimeError: could not find registered cpn named `psy`", "unknown_component"),
        ("No Permission: type[component],component_name[reader]", "permission"),
        ("StatusCode.UNAVAILABLE ... Connection refused", "unreachable_party"),
        ("502 Server Error: Bad Gateway for url", "unreachable_party"),
        ("TypeError: a bytes-like object is required, not 'NoneType'", "no_rows"),
        ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate", "out_of_memory"),
        ("OSError: [Errno 28] No space left on device", "disk_full"),
        ("KeyError: \"['x9'] not in index\"", "feature_mismatch"),
        ("ModuleNotFoundError: No module named 'torch'", "missing_package"),
        ("ValueError: curve_type=nope is not allowed in config", "bad_parameter"),
        ("ValueError: no label found, please check if self.label is set", "network_label"),
        ("ValueError: task_type is binary, but classes length is not 2: [0.0]", "network_label"),
        ("RuntimeError: Download model failed: {'task_name': 'lr_0', 'role': 'host'}", "missing_model"),
        ("pydantic.error_wrappers.ValidationError: 1 validation error", "bad_parameter"),
    ],
)
def test_a_reason_is_known_by_what_fate_writes(text, name):
    reason = known_reason(text)
    assert reason is not None
    assert reason.name == name
    assert reason.hint.endswith((".", "way."))


def test_the_end_of_a_traceback_counts():
    text = "ModuleNotFoundError: No module named 'x'\nDuring handling:\nValueError: a is not allowed in config"
    assert getattr(known_reason(text), "name", None) == "bad_parameter"


def test_what_nobody_has_seen_before_is_not_guessed():
    assert known_reason("ZeroDivisionError: division by zero") is None
    assert known_reason("") is None
