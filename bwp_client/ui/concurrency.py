"""Few pages are drawn at the same time; the others wait their turn.

Streamlit runs each visitor's page in a thread of its own and takes one lock dozens of times a run. With many threads at once
each holder of it is stopped in mid-way and all others queue behind it: 50 people waited 1.9 s at the median for pages that
take 0.03 s. A query leaves the interpreter to others meanwhile, so two are let in.
"""

from __future__ import annotations

import threading

MOST_AT_ONCE = 2
turn = threading.BoundedSemaphore(MOST_AT_ONCE)
"""To be held while a page is drawn."""
