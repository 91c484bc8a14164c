"""Where zava keeps things on this machine: configuration, data and keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

SYSTEM_DATA_DIRECTORY = Path("/var/lib/zava")


def config_directory() -> Path:
    """Folder of the user's `zava.toml` and list of trusted folders."""
    return platformdirs.user_config_path("zava")


def default_data_directory() -> Path:
    """Folder of the embedded database and its keys.

    The platform's user data directory. For root the server runs as another system user, which must be able
    to pass through every parent folder: where it cannot (below `/root`, say) the answer is `/var/lib/zava`.
    """
    wanted = platformdirs.user_data_path("zava")
    if os.geteuid() == 0 and not others_can_reach(wanted):
        return SYSTEM_DATA_DIRECTORY
    return wanted


def others_can_reach(path: Path) -> bool:
    """Whether another system user can pass through the existing parents of `path`."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents if parent.exists())


def make_passable(folder: Path) -> None:
    """Makes a folder and its missing parents; as root other system users can pass through, whatever the umask."""
    for path in reversed([folder, *folder.parents]):
        if not path.exists():
            path.mkdir(exist_ok=True, mode=0o711)
            if os.geteuid() == 0:
                path.chmod(0o711)
