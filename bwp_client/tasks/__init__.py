"""One task's history, its dossier, and the shop's request file."""
