"""`zava` and `python -m zava_cli`."""

from __future__ import annotations

import gc
import os

YOUNG_OBJECTS = 50_000
"""Objects between two collections: imports make many, and nearly all of them stay."""


def main() -> None:
    """Runs the command line."""
    gc.set_threshold(YOUNG_OBJECTS)
    # Looking for plugins of pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from zava_cli.commands.main import app

    try:
        app(prog_name="zava")
    finally:
        # The interpreter's last collections would look for garbage that ends with the process anyway.
        gc.freeze()


if __name__ == "__main__":
    main()
