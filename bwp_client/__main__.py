"""`python -m bwp_client …` and the installed `bwp` command."""


def main() -> None:
    """Run the command line."""
    from bwp_client.cli import app

    app()


if __name__ == "__main__":
    main()
