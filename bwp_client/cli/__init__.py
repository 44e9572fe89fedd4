"""One module per group of commands; `bwp_client.cli.app` puts them together."""
