"""Reports: published figures with the rows that they were computed from, so that every report can be rebuilt."""
