"""An EventBridge archive as a source: the archive, its replays, the queue they fill, the messages in it."""
