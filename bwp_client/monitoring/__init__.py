"""Alert rules, notices and the status of the warehouse."""
