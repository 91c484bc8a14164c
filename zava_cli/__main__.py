"""`zava` and `python -m zava_cli`."""

from __future__ import annotations

import os

from zava_cli.infra import garbage


def main() -> None:
    """Runs the command line."""
    garbage.begin()
    # Looking for plugins of pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from zava_cli.commands.main import app

    try:
        app(prog_name="zava")
    finally:
        garbage.end()


if __name__ == "__main__":
    main()
