"""Alert rules, notices and status."""
