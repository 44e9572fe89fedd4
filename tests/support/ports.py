"""Free loopback ports for servers that tests start."""

import random
import socket

# Below the ports that the kernel lends to outgoing connections (32768 on Linux): another test's connection
# never takes one of these between the look and the start of the server.
LOWEST, ABOVE = 10_000, 32_768
_UNSAFE = 10_080  # Chromium opens no page there


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(twin: int = 0) -> int:
    """Give a free port; with a twin, the port that much higher is free too."""
    for _ in range(1_000):
        port = random.SystemRandom().randrange(LOWEST, ABOVE - twin)
        if port != _UNSAFE and is_free(port) and is_free(port + twin):
            return port
    raise AssertionError("no free port")
