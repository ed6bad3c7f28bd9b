"""How a check's end becomes an outcome, and what a person is told."""

from __future__ import annotations

import pytest

from plugins.check import CheckResult, check_id
from plugins.judging import outcome_of
from plugins.report.html import cells_of
from plugins.report.terminal import printable
from plugins.verdict import Blocked, NotApplicable, Outcome, Severity, Unjudged


def ended(error: BaseException) -> pytest.ExceptionInfo[BaseException]:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught


@pytest.mark.parametrize(
    ("error", "severity", "strict", "outcome"),
    [
        (AssertionError("no"), Severity.GATE, False, Outcome.FAILED),
        (AssertionError("no"), Severity.ADVICE, False, Outcome.WARNED),
        (AssertionError("no"), Severity.ADVICE, True, Outcome.FAILED),
        (NotApplicable("nothing declared"), Severity.GATE, False, Outcome.SKIPPED),
        (Blocked("container/redis_is_running", "exited"), Severity.GATE, False, Outcome.SKIPPED),
        (Unjudged("the log is kept nowhere"), Severity.GATE, False, Outcome.ERROR),
        (KeyError("suite"), Severity.GATE, False, Outcome.ERROR),
    ],
)
def test_each_end_has_its_outcome(error: BaseException, severity: Severity, strict: bool, outcome: Outcome) -> None:
    """Red, warned, skipped or unjudged: by what the check raised, and by its severity."""
    assert outcome_of(ended(error), severity, strict=strict)[0] is outcome


def test_a_check_that_returns_has_passed() -> None:
    """Nothing raised: passed, and there is no reason to give."""
    assert outcome_of(None, Severity.GATE, strict=False) == (Outcome.PASSED, "")


def test_a_blocked_check_names_the_one_that_failed() -> None:
    """The reader is led to the root, not to the consequence."""
    _, reason = outcome_of(ended(Blocked("container/redis_is_running", "it exited")), Severity.GATE, strict=False)
    assert reason == "because container/redis_is_running failed: it exited"


def test_a_fault_of_the_suite_says_so() -> None:
    """A bug of ours is neither a verdict on the host nor hidden."""
    _, reason = outcome_of(ended(KeyError("oops")), Severity.GATE, strict=False)
    assert reason.startswith("fault in the suite: KeyError: 'oops'")


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests_verify/test_health.py::test_wire_ping", "health/wire_ping"),
        ("tests_verify/test_x.py::test_y[a::b/c]", "x/y[a::b/c]"),
    ],
)
def test_a_check_is_named_after_its_file_and_function(nodeid: str, name: str) -> None:
    """The id that pipelines and limits use."""
    assert check_id(nodeid) == name


HOSTILE = "<script>alert(1)</script>\x1b[2J\x00\r\n\"'"


def hostile_result() -> CheckResult:
    return CheckResult(
        id="a/b",
        promise=HOSTILE,
        severity=Severity.GATE,
        outcome=Outcome.FAILED,
        runbook=(HOSTILE,),
        expected=HOSTILE,
        observed=HOSTILE,
        remedy=HOSTILE,
        reason=HOSTILE,
        duration_s=0.0,
    )


def test_hostile_text_is_only_text_in_the_page() -> None:
    """What a host sends never becomes markup, nor a control character."""
    page = "".join(cells_of(hostile_result(), "<td>Failed</td>", "<td>1 ms</td>"))
    assert "<script" not in page
    assert not set(page) & {"\x1b", "\x00", "\r"}


def test_hostile_text_cannot_steer_the_terminal() -> None:
    """Escape sequences are shown, not obeyed; line ends and tabs stay."""
    assert printable("a\x1b[2Jb\r\tc\nd\u202e") == "a\\x1b[2Jb\\r\tc\nd\\u202e"


def test_a_result_reads_as_promise_observation_and_mend() -> None:
    """What was promised comes first, what mends it last, each on a line of its own."""
    result = CheckResult(
        id="a/b",
        promise="It holds.",
        severity=Severity.GATE,
        outcome=Outcome.FAILED,
        runbook=(),
        expected="at most 1",
        observed="2\n3",
        remedy="mend it",
        reason="",
        duration_s=0.0,
    )
    told = "promised  It holds.\nexpected  at most 1\nobserved  2\n          3\nmend      mend it"
    assert result.describe() == told
