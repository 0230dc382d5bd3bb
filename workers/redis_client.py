"""Redis as a worker uses it: every command is tried again for a few seconds."""

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from wire.celery_settings import redis_options

RETRIES = 6


def connect(url: str) -> redis.Redis:
    """A client that threads may share; it connects at the first command."""
    client: redis.Redis = redis.Redis.from_url(
        url,
        **redis_options(),
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), RETRIES),
    )
    return client
