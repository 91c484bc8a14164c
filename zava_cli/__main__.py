"""`zava` and `python -m zava_cli`."""

from __future__ import annotations


def main() -> None:
    """Runs the command line."""
    from zava_cli.commands.main import app

    app(prog_name="zava")


if __name__ == "__main__":
    main()
