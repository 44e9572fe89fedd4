"""The command line: a module for each group of commands, joined in `bwp_client.cli.app`."""
