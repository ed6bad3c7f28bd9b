"""Debian packages, and Compose v2, which Debian 12 itself does not have."""

from __future__ import annotations

from pathlib import Path

from provisioning.steps import ProvisionError, run, step, works

PACKAGES = (
    "busybox",
    "ca-certificates",
    "chromium",
    "debootstrap",
    "docker.io",
    "fish",
    "git",
    "iptables",
    "make",
    "openssh-client",
    "openssh-server",
    "procps",
    "python3-venv",
    "redis-server",
    "sudo",
)
COMPOSE_SUITE = "trixie"
_SOURCES = Path("/etc/apt/sources.list.d")


def install() -> None:
    """Install what is missing; apt is not even asked when nothing is."""
    with step("packages") as note:
        missing = [package for package in PACKAGES if not _installed(package)]
        compose_missing = not works(["docker", "compose", "version"])
        if compose_missing:
            _offer_compose()
        if missing or compose_missing:
            _apt("update")
        if missing:
            _apt("install", "--no-install-recommends", *missing)
        if compose_missing:
            _apt("install", "--no-install-recommends", f"docker-compose/{COMPOSE_SUITE}")
        note(f"installed {' '.join(missing)}" if missing else "all there")
        note("Compose " + run(["docker", "compose", "version", "--short"]).strip())


def _apt(*words: str) -> None:
    # Waiting for the lock: on a machine that has just booted another apt may be at work.
    run(
        ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", *words],
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )


def _installed(package: str) -> bool:
    """Whether dpkg knows the package as completely installed."""
    try:
        return run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package]) == "installed"
    except ProvisionError:
        return False


def _offer_compose() -> None:
    """Name the next Debian's packages to apt, from wherever this machine gets its own, without preferring them."""
    deb822 = [
        stanza.strip()
        for file in sorted(_SOURCES.glob("*.sources"))
        for stanza in file.read_text(encoding="utf-8").split("\n\n")
        if "bookworm" in _words(stanza, "Suites:") and "main" in _words(stanza, "Components:")
    ]
    one_line = [
        line
        for file in (_SOURCES.with_name("sources.list"), *sorted(_SOURCES.glob("*.list")))
        if file.exists()
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("deb ") and " bookworm main" in line
    ]
    if deb822:
        renamed = "\n".join(
            f"Suites: {COMPOSE_SUITE}" if line.startswith("Suites:") else line for line in deb822[0].splitlines()
        )
        (_SOURCES / "runbook-suite-compose.sources").write_text(renamed + "\n", encoding="utf-8")
    elif one_line:
        renamed = one_line[0].replace(" bookworm ", f" {COMPOSE_SUITE} ")
        (_SOURCES / "runbook-suite-compose.list").write_text(renamed + "\n", encoding="utf-8")
    else:
        raise ProvisionError("found no apt source of bookworm's main to derive the one for Compose v2 from")
    _SOURCES.with_name("preferences.d").joinpath("runbook-suite-compose").write_text(
        f"Package: *\nPin: release n={COMPOSE_SUITE}\nPin-Priority: 100\n", encoding="utf-8"
    )


def _words(stanza: str, field: str) -> list[str]:
    """The words of one field of a deb822 stanza."""
    return [word for line in stanza.splitlines() if line.startswith(field) for word in line.split()[1:]]
