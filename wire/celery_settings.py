"""The Celery settings that the service and its workers share.

Messages are JSON and small. There is no result backend: answers of analyses come back over
`wire.names.answered_channel`, results of jobs are in the job store.
"""

from typing import Any

from kombu.entity import Exchange, Queue
from redis.maint_notifications import MaintNotificationsConfig

from wire.names import INTERACTIVE, QUEUES

VISIBILITY_TIMEOUT_S = 1800
"""A message not acknowledged by then is delivered again. Shards take a minute at most; that one is
delivered twice does no harm, because it names no shard."""

CONNECT_S, ANSWER_S = 2.0, 5.0
"""How long Redis may take to accept a connection, and to answer a command."""


def redis_options() -> dict[str, Any]:
    """For clients of redis-py, blocking or not."""
    return {
        "socket_connect_timeout": CONNECT_S,
        "socket_timeout": ANSWER_S,
        "socket_keepalive": True,
        # Announced by hosted Redis Enterprise only; asking costs each connection a round trip.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def celery_settings(redis_url: str) -> dict[str, Any]:
    """For `Celery.conf.update`; the same on both sides."""
    transport = {
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_S,
        "socket_timeout": ANSWER_S,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }
    return {
        "broker_url": redis_url,
        "broker_transport_options": transport,
        "result_backend": None,
        "result_backend_transport_options": {"visibility_timeout": VISIBILITY_TIMEOUT_S},
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        # The nameless exchange routes by queue name: no table of bindings that a wiped Redis loses.
        "task_default_exchange": "",
        "task_default_queue": INTERACTIVE,
        "task_queues": [Queue(name, Exchange(""), routing_key=name) for name in QUEUES],
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_enable_remote_control": False,
    }
