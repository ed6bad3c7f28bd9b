"""What Redis has counted since it started (or since CONFIG RESETSTAT): commands, errors, evictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.facts.info import figures
from plugins.facts.units import shown
from plugins.verdict import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.facts.info import Info

#: Plain counters of INFO stats that are watched; the second one only tells a reset.
PLAIN = ("total_commands_processed", "total_connections_received", "evicted_keys", "rejected_connections")


@dataclass(frozen=True)
class Statistics:
    """INFO stats, commandstats and errorstats as one set of cumulative counters."""

    info: Info

    @property
    def values(self) -> Mapping[str, int]:
        """Every counter by name: ``evicted_keys``, ``calls:get``, ``failed_calls:config|get``, ``errors:OOM``.

        What a version lacks is left out. Raises ``Unjudged`` where a counter is no number.
        """
        stats = self.info.section("stats")
        plain = {name: self.info.number(name) for name in PLAIN if name in stats}
        return {**plain, **self._commands, **self._errors}

    @property
    def _commands(self) -> dict[str, int]:
        section = self.info.sections.get("commandstats", {})
        counters = {}
        for field, value in section.items():
            command = field.removeprefix("cmdstat_").lower()
            numbers = figures(value, f"INFO {shown(field)}")
            for kind in ("calls", "rejected_calls", "failed_calls"):
                # A zero says that this version counts the kind at all.
                counters[f"{kind}:{command}"] = numbers.get(kind, 0)
        return counters

    @property
    def _errors(self) -> dict[str, int]:
        section = self.info.sections.get("errorstats", {})
        return {
            "errors:" + field.removeprefix("errorstat_"): figures(value, f"INFO {shown(field)}").get("count", 0)
            for field, value in section.items()
        }

    def require_errorstats(self) -> None:
        """Raise ``NotApplicable`` on a version before 6.2, which counts no errors by code."""
        if "errorstats" not in self.info.sections:
            raise NotApplicable(f"{self.info.product} counts no errors by code (errorstats came with 6.2)")
