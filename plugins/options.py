"""The command line: which suite, on which host, and what may be said about it.

Everything here is read and checked before anything is connected to. What is wrong is a ``pytest.UsageError``
(exit 4) that says what was given and what to write instead.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.mark.expression import Expression  # pytest offers no public way to evaluate ``-m``

from plugins import project, unfit
from plugins.quantity import count, seconds
from plugins.since import SinceRequest, parse_since

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from _pytest.mark.expression import ExpressionMatcher

_PATHS = frozenset({"--inventory", "--report-dir", "--render"})
#: Options of pytest's own that name files, which are relative to where the user is.
_PYTESTS_PATHS = frozenset({"--junit-xml", "--junitxml", "--html", "--css", "--log-file"})
#: Options of pytest's own that say where this project is.
_CONFIGURATION = frozenset({"-c", "--config-file", "--rootdir"})
_VALUED = _PATHS | {"--host", "--wait", "--stable-for", "--since", "--inspect", "--lease", "--keep"}
_FLAGS = frozenset({"--plan", "--recover", "--redact", "--fail-on-regression"})

#: The name under which ``--host`` means the disposable host that the suite brings up itself.
TWIN = "twin"

#: Under overload a shorter lease has fired while its runner was well.
SHORTEST_LEASE_S = 3.0
LEASE_S = 15.0


class Suite(StrEnum):
    """The two suites, by the marker that selects them."""

    VERIFY = "verify"
    CHAOS = "chaos"


@dataclass(frozen=True)
class Request:
    """What was asked on the command line, checked. Times in seconds."""

    suite: Suite | None
    host: str
    inventory: Path
    report_dir: Path
    wait_s: float
    stable_for_s: float
    since: SinceRequest
    strict: bool
    plan: bool
    inspect: str | None
    redact: bool
    recover: bool = False
    lease_s: float = LEASE_S
    keep: int | None = None  # so many runs are left in report_dir; None: all
    fail_on_regression: bool = False


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the suite's options; their names and defaults are its contract with pipelines."""
    config = pluginmanager.get_plugin("pytestconfig")
    if isinstance(config, pytest.Config):
        _start_over_elsewhere(config)
    group = parser.getgroup(
        "runbook", "the Redis runbook, against a live host (pytest's --strict: advice is fatal too)"
    )
    add = group.addoption
    # No defaults here: an option that was given must be told from one that was not.
    add("--host", metavar="NAME", help="host to judge: a name in the inventory, or 'twin'")
    add("--inventory", metavar="FILE", help="the hosts there are (default: hosts.toml at the root)")
    add("--report-dir", metavar="DIR", help="where runs leave their reports (default: reports)")
    add(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        help="wait for steady state first, at most so long: 90, 90s, 5m, 2h",
    )
    add("--stable-for", metavar="SECONDS", type=seconds, help="green must hold for so long")
    add(
        "--since",
        metavar="WHEN",
        help="when the intervention happened: 90s, 5m, 2h or RFC 3339 (default: 5 minutes ago)",
    )
    add(
        "--plan",
        action="store_true",
        help="print every remote command and its expected outage; connect to nothing",
    )
    add("--inspect", metavar="PATTERN", help="show at most 20 keys that match, read-only, then exit")
    add("--recover", action="store_true", help="run what is still owed on the host, then exit")
    add(
        "--lease",
        metavar="SECONDS",
        type=seconds,
        help="chaos: how long the host waits for us (default: 15)",
    )
    add("--render", metavar="RUNDIR", help="write the report of an earlier run anew, from its journal; needs no --host")
    add("--keep", metavar="N", type=count, help="leave only the N newest runs in the report directory (default: all)")
    add(
        "--fail-on-regression",
        action="store_true",
        help="chaos: a recovery beyond median + 3 MAD of at least 5 earlier runs fails the run (verify has none)",
    )
    add("--redact", action="store_true", help="with --inspect: show no values")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for line in (
        "verify: the verification checklist and health checks (needs --host)",
        "chaos: the runbook's interventions, done on purpose (needs --host)",
        "gate: a check that fails the run",
        "advice: a check that is shown as warned, and fails the run only under --strict",
        "runbook(*sections): the runbook's sections that the check stands for",
        "remedy(template): the corrected runbook step that mends or narrows a failure",
    ):
        config.addinivalue_line("markers", line)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Refuse to run without the rest of the suite."""
    project.must_be_whole(early_config)


def _start_over_elsewhere(config: pytest.Config) -> None:
    """Start over where pytest took an option's value for a test path, and so did not find this project.

    Before plugins are loaded, pytest looks for its configuration beside every argument that could be a path; in
    ``--inventory /etc/ops/hosts.toml`` that is the folder of the inventory. This module is an entry point, too, so it
    is there even then, and joins each option with its value. It also lets the suite run from any folder.
    """
    args = [os.fspath(arg) for arg in config.invocation_params.args]
    found = project.is_found(config)
    here = found and project.is_near(config, _positional(args))
    if here or _is_ours(args):
        project.must_assert()
        if not here:
            project.start_over(config, _joined(args, leave_out=_CONFIGURATION if found else frozenset()))


def _is_ours(args: list[str]) -> bool:
    """Whether a suite is asked for: by one of its options, or by its marker."""
    expressions = [after for option, after in itertools.pairwise(args) if option == "-m"]
    expressions += [arg.removeprefix("-m") for arg in args if arg.startswith("-m")]
    named = any(arg.partition("=")[0] in _VALUED | _FLAGS for arg in args)
    return named or any(_selects(expression, suite) for expression in expressions for suite in Suite)


def _positional(args: list[str]) -> Iterator[str]:
    """The arguments that may be paths of tests."""
    rest = iter(args)
    for arg in rest:
        name, joined, _ = arg.partition("=")
        if name in _VALUED | _PYTESTS_PATHS | _CONFIGURATION:
            if not joined:
                next(rest, "")
        elif not arg.startswith("-"):
            yield arg


def _joined(args: list[str], leave_out: frozenset[str]) -> Iterator[str]:
    """The arguments with each of the suite's options joined to its value, and paths made absolute."""
    rest = iter(args)
    for arg in rest:
        name, joined, value = arg.partition("=")
        if name in leave_out:
            if not joined:
                next(rest, "")
            continue
        if name not in _VALUED | _PYTESTS_PATHS:
            yield arg
            continue
        if not joined:
            value = next(rest, "")
        yield f"{name}={Path(value).absolute() if value and name in _PATHS | _PYTESTS_PATHS else value}"


def read_request(option: argparse.Namespace, root: Path) -> Request | None:
    """What was asked of the suites; None when the suite's own tests are to run. Raises ``pytest.UsageError``."""
    suite = chosen_suite(option.markexpr)
    if option.render is not None:
        if asked := [*([f"-m {suite}"] if suite else []), *_given(option), *(["--host"] if option.host else [])]:
            raise pytest.UsageError(f"--render renders what a run has left, and nothing else: leave out {asked[0]}")
        return None
    inspecting = option.inspect is not None
    if option.host is None:
        if asked := [*([f"-m {suite}"] if suite else []), *_given(option)]:
            raise pytest.UsageError(
                f"{asked[0]} needs --host NAME (a host of the inventory, or '{TWIN}'); there is no default host"
            )
        return None
    unfit.refuse(option, is_chaos=suite is Suite.CHAOS)
    if suite is None and not inspecting and not option.recover:
        raise pytest.UsageError(
            f"--host {option.host} was given without a suite: add -m verify or -m chaos (given: -m {option.markexpr!r})"
        )
    lease_s = LEASE_S if option.lease is None else option.lease
    if lease_s < SHORTEST_LEASE_S:
        raise pytest.UsageError(
            f"--lease {lease_s:g}: a host under load would undo too early; at least {SHORTEST_LEASE_S:g} seconds"
        )
    if "," in option.host:
        raise pytest.UsageError(f"--host {option.host}: several hosts in one run are reserved for a later release")
    return Request(
        suite=suite,
        host=option.host,
        inventory=_path(option, "--inventory") or root / "hosts.toml",
        report_dir=_path(option, "--report-dir") or root / "reports",
        wait_s=option.wait or 0.0,
        stable_for_s=option.stable_for or 0.0,
        since=_since(option.since),
        strict=bool(option.strict),  # pytest's own option; here it makes advice fatal, too
        plan=option.plan,
        inspect=option.inspect,
        redact=option.redact,
        recover=option.recover,
        lease_s=lease_s,
        keep=option.keep,
        fail_on_regression=option.fail_on_regression,
    )


def chosen_suite(markexpr: str) -> Suite | None:
    """The one suite that ``-m`` selects positively. Raises ``pytest.UsageError`` when it selects both."""
    chosen = [suite for suite in Suite if _selects(markexpr, suite)]
    if len(chosen) > 1:
        raise pytest.UsageError(f"-m {markexpr!r} selects both suites; run one at a time: -m verify, then -m chaos")
    return chosen[0] if chosen else None


def _selects(markexpr: str, suite: Suite) -> bool:
    """Whether some test is selected because it has the suite's marker, and would not be without it."""
    names = set(re.findall(r"[A-Za-z_]\w*", markexpr)) - {"and", "or", "not", "True", "False", "None"}
    if suite not in names:
        return False
    try:
        expression = Expression.compile(markexpr)
    except SyntaxError:
        return False  # pytest itself reports it, better than we could
    return any(
        expression.evaluate(_has({*others, str(suite)})) and not expression.evaluate(_has(others))
        for others in _subsets(sorted(names - {str(suite)})[:8])
    )


def _has(names: set[str]) -> ExpressionMatcher:
    def matcher(name: str, /, **_kwargs: str | int | bool | None) -> bool:
        return name in names

    return matcher


def _subsets(names: list[str]) -> Iterator[set[str]]:
    for size in range(len(names) + 1):
        yield from map(set, itertools.combinations(names, size))


def _given(option: argparse.Namespace) -> list[str]:
    """The suite's own options that were given, but for ``--host``."""
    names = sorted((_VALUED | _FLAGS) - {"--host", "--render"})
    values = {name: getattr(option, name.removeprefix("--").replace("-", "_")) for name in names}
    return [name for name, value in values.items() if value is not None and value is not False]


def _path(option: argparse.Namespace, name: str) -> Path | None:
    """A path that was given; an empty one is a variable that was not set, and must not mean the default."""
    given = getattr(option, name.removeprefix("--").replace("-", "_"))
    if given == "":
        raise pytest.UsageError(f"{name} '': it is empty; give a path, or leave it out")
    return None if given is None else Path(given)


def _since(text: str | None) -> SinceRequest:
    if text is None:
        return None
    try:
        return parse_since(text)
    except ValueError as error:
        raise pytest.UsageError(f"--since {text}: {error}") from error
