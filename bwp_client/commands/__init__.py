"""One module per group of commands; `bwp_client.cli` puts them together."""
