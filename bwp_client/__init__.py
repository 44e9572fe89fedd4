"""Buy with Prime data deletions made visible: how often they fail, why, and which are about to be late."""

__version__ = "0.1.0"
