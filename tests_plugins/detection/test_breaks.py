"""Breaking a real host, and mending it, leaves nothing behind on the machine."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests_plugins.detection.breaks import REDIS
from tests_plugins.detection.docker_breaks import Recreated, docker, real
from tests_plugins.detection.scene import Scene
from tests_plugins.detection.stage import staging
from tests_plugins.staging import need_staging_host
from twin.options import Options

if TYPE_CHECKING:
    from pathlib import Path


def volumes(scene: Scene) -> set[str]:
    """The volumes of Redis's container that have no name but a digest."""
    mounts = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    return set(docker("inspect", "-f", mounts, real(scene).container(REDIS)).split())


def test_a_container_that_is_replaced_takes_its_volume_along(tmp_path: Path) -> None:
    """A table of fifty rows would leave as many, at every run."""
    need_staging_host()
    with ExitStack() as stack:
        scene = Scene(staging(stack, Options()), tmp_path)
        seen = volumes(scene)
        with scene.stack:
            Recreated({"restart": "no"}).inflict(scene)
            seen |= volumes(scene)
        left = volumes(scene)
        assert len(seen - left) == 2
        assert not (seen - left) & set(docker("volume", "ls", "--quiet").split())
