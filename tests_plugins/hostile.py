"""What hypothesis throws at the suite: text that came from anywhere, and how long it may go on."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

#: For every property test: no deadline (the machine is shared), and in CI the same examples each time.
hostile = settings(
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

#: Strings that have broken shells, parsers, terminals and reports before.
NASTY = (
    "-oProxyCommand=touch /tmp/owned",
    "--",
    "a b",
    "a\nb",
    "a'b\"c",
    "$(id)",
    "`id`",
    "${HOME}",
    "; rm -rf /",
    "*?[a-z]",
    "<script>alert(1)</script>",
    "\x1b[31mred",
    "\u202egnp.exe",
    "{redis_cli}",
    "{{.ID}}",
    "%s%n",
    "é\U0001f600",
)

#: Any text that an environment, a TOML file or a command line can hold.
any_text = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
)
some_text = any_text.filter(bool)
