"""How a worker is called."""

import os
import socket
from uuid import uuid4


def worker_id(queue: str) -> str:
    """A name that no other worker has, nor had."""
    return f"{queue}:{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
