"""An EventBridge archive as a source: the archive, its replays, the queue that a replay fills, and the queue's messages."""
