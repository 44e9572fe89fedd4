"""Report snapshots: evidence that can be made again, from the very rows it was made of."""
