"""The runbook's sections by its own headings, in its order."""

from __future__ import annotations

#: What the suite is to stand for, by the heading that groups it.
GROUPS: dict[str, tuple[str, ...]] = {
    "Flush Redis": ("Flush All Data", "Flush Specific Keys"),
    "Keyspace Inspection": ("List All Keys", "Inspect Specific Key", "Keyspace Statistics"),
    "Memory Management": ("Check Memory Usage", "Set Memory Limits"),
    "Connection Troubleshooting": ("Check Connections", "Kill Connections"),
    "Performance Troubleshooting": (
        "Check Slow Commands",
        "Monitor Commands in Real-Time",
        "Check Command Statistics",
    ),
    "Health Checks": ("Basic Health Check", "Check Redis in Readiness Endpoint"),
    "Restart Redis": ("Graceful Restart", "Force Restart (if Redis is hung)"),
    "Verification Checklist": tuple(f"Verification Checklist {item}" for item in range(1, 6)),
}
#: Headings that say when, or what is needed first; checks may name them, too.
BESIDE = ("Prerequisites", "When to Flush Redis")
SECTIONS = tuple(section for sections in GROUPS.values() for section in sections)
