"""``caravan``, also as ``python -m cli``."""

from cli.app import create_app


def main() -> None:
    """Run one command; exits with its status (cli/exits.py)."""
    create_app()(prog_name="caravan")


if __name__ == "__main__":
    main()
