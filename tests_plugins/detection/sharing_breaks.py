"""A real host whose Redis has no network of its own: it shares that of a container of another kind, as of a proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar
from urllib.request import urlopen

from plugins.eventually import eventually
from tests_plugins.detection.breaks import REDIS
from tests_plugins.detection.docker_breaks import BRIDGE, Recreated, bridge, docker, real
from tests_plugins.detection.scene import LULL_S, WELL_S
from tests_plugins.staging import REDIS as IMAGE

if TYPE_CHECKING:
    from tests_plugins.detection.scene import Scene


@dataclass(frozen=True)
class Sharing:
    """Redis in the network of a container that is reached by its name and publishes its port."""

    published: str = "127.0.0.1::6379"

    marks: ClassVar[bool] = True

    def inflict(self, scene: Scene) -> None:
        """Run that container, deploy Redis into its network, and wait until the backend is well with it."""
        project = real(scene).project
        name = f"{project}-proxy"
        scene.mend(lambda: docker("rm", "--force", name))
        network = (
            "--network",
            f"{project}_default",
            "--network-alias",
            REDIS,
            "--publish",
            self.published.replace(BRIDGE, bridge()),
        )
        docker("run", "--detach", "--name", name, *network, "--entrypoint", "sleep", IMAGE, "600")
        Recreated({"network_mode": f"container:{name}", "ports": []}).inflict(scene)
        url = scene.twin.host.readiness_url or ""
        eventually(
            lambda: _says(url),
            lambda said: said == {"status": "ok"},
            what="a backend that is well",
            within_s=WELL_S,
            hold_s=LULL_S,
            catch=(OSError,),
        )
        scene.since = datetime.now(UTC)


def _says(url: str) -> object:
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - the twin's own address
        return json.load(answer)["checks"]["redis"]
