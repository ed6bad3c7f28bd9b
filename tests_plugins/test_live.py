"""What a person sees while an experiment runs, on a terminal and in a pipeline's log."""

from __future__ import annotations

import io

from rich.console import Console

from plugins.report.live import PlainWatcher, RichWatcher, Standing, watching

WELL, AWAY, WAITING = Standing("ping", well=True), Standing("write", well=False), Standing("backend", well=None)


def test_a_log_has_a_line_for_each_step_and_each_change() -> None:
    """And none for what stays the same."""
    out = io.StringIO()
    with watching(out, colour=False) as watcher:
        watcher.begin("restart")
        watcher.phase("fault", "Redis is away")
        for _ in range(3):
            watcher.recovery(0.5, 5.0, [WELL, AWAY])
        watcher.recovery(1.5, 5.0, [WELL, Standing("write", well=True)])
    assert out.getvalue().splitlines() == [
        "restart: begins",
        "restart: fault: Redis is away",
        "restart: ping well at 0.50 s of 5 s",
        "restart: write away at 0.50 s of 5 s",
        "restart: write well at 1.50 s of 5 s",
    ]


def test_what_the_host_sent_does_not_steer_the_terminal() -> None:
    """Control characters show as what they are."""
    out = io.StringIO()
    watcher = PlainWatcher(out)
    watcher.begin("kill")
    watcher.phase("fault", "\x1b[2J\x07 wiped")
    assert "\x1b" not in out.getvalue()
    assert "\\x1b[2J" in out.getvalue()


def test_the_block_shows_phase_window_and_every_vantage_point() -> None:
    """As rich draws it; words in brackets are not taken for markup."""
    out = io.StringIO()
    watcher = RichWatcher(Console(file=out, width=100, force_terminal=False))
    watcher.begin("restart")
    watcher.phase("recovery", "[bold]within 5 s")
    watcher.recovery(1.2, 5.0, [WELL, AWAY, WAITING])
    watcher.console.print(watcher)
    shown = out.getvalue()
    for words in ("restart", "[bold]within 5 s", "1.2 s of the window's 5 s", "well", "away", "waiting", "backend"):
        assert words in shown
