"""A local Buy with Prime API."""
