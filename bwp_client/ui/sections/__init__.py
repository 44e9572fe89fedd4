"""One module a section of a page."""
