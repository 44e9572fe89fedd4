"""The command line: a module for each group of commands, joined in `bwp_client.cli.app`.

The modules of commands do without `from __future__ import annotations`: typer would compile and evaluate each annotation
of each option twice at every start, which made `--help` a tenth slower. Names imported for type checking only are quoted.
"""
