"""The README says what the code does."""

from __future__ import annotations

import re

import pytest

from plugins.report.readme import README, ROOT, Documented, documented_checks, rendered
from plugins.report.runbook import BESIDE, GROUPS, SECTIONS


def test_the_tables_are_current() -> None:
    """Generated blocks are what the code generates; ``make readme`` renews them."""
    text = README.read_text(encoding="utf-8")
    assert text == rendered(text)


@pytest.mark.parametrize("check", documented_checks(), ids=lambda check: check.id)
def test_every_check_says_what_it_promises_and_what_mends_it(check: Documented) -> None:
    """A promise in words, the runbook's sections, and a corrected step."""
    assert check.promise.endswith(".")
    assert check.runbook
    assert check.remedy


def test_every_section_of_the_runbook_has_a_check() -> None:
    """What the runbook teaches a person to look at, the suite looks at."""
    covered = {section for check in documented_checks() for section in check.runbook}
    assert set(SECTIONS) - covered == set()


def test_no_check_names_a_section_that_the_runbook_does_not_have() -> None:
    """A misspelt section would be looked for in vain."""
    covered = {section for check in documented_checks() for section in check.runbook}
    assert covered - {*SECTIONS, *GROUPS, *BESIDE} == set()


def test_every_option_is_in_the_readme() -> None:
    """An option that is not written down is not found."""
    options = re.findall(r'add\(\s*"(--[a-z-]+)"', (ROOT / "plugins" / "options.py").read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    assert [option for option in options if option not in text] == []
