"""The shell of a host: over SSH, or on this machine. Apart from the other rooms, so that it can connect first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.inventory import Host
    from plugins.target.roads import Roads


def shell_for(host: Host, environ: Mapping[str, str]) -> Roads:
    """The shell, not yet connected. ``environ`` is what local commands run with."""
    if host.ssh is None:
        from plugins.target.local import LocalShell  # noqa: PLC0415 - a host over SSH need not pay for it

        return LocalShell(environ)
    from plugins.target.ssh import SshShell  # noqa: PLC0415 - a host without SSH need not pay for it

    return SshShell(host.ssh, ssh_config=host.ssh_config)
