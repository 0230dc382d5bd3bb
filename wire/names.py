"""Names in Redis: the queues, the tasks, and the keys, all of which live only for a while.

A request is a hash (its blobs, and "by": the worker that took it) whose time to live is what is
left of its deadline, so that no two clocks need to agree. Its answer waits under a key of its own
until the service fetches it.
"""

INTERACTIVE, EVALUATION = "interactive", "evaluation"
QUEUES = (INTERACTIVE, EVALUATION)

ANALYSE_TASK = "ipvit.analyse"
WORK_TASK = "ipvit.work_on_a_shard"

GONE_CHANNEL = "ipvit:gone"
"""Ids of requests whose clients have gone."""

WORKERS = "ipvit:workers"
"""A set of worker ids; those without a heartbeat are dead."""

TAKEN_BY = "by"
BLOB_PREFIX = "blob:"

ANSWER_TTL_S = 60
HEARTBEAT_S = 1.0
HEARTBEAT_TTL_S = 5
LIFE_SIGN_S = 5.0
"""A worker that has not beaten for so long is taken for dead."""


def request_key(request_id: str) -> str:
    """Hash of the request's blobs."""
    return f"ipvit:request:{request_id}"


def answer_key(request_id: str) -> str:
    """The request's answer, as JSON."""
    return f"ipvit:answer:{request_id}"


def answered_channel(service_id: str, request_id: str) -> str:
    """Where the news is published that an answer waits."""
    return f"ipvit:answered:{service_id}:{request_id}"


def answered_pattern(service_id: str) -> str:
    """All such news for one process of the service."""
    return f"ipvit:answered:{service_id}:*"


def heartbeat_key(worker_id: str) -> str:
    """What the worker last told about itself."""
    return f"ipvit:worker:{worker_id}"
