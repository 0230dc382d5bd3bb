"""The Celery side of a worker: which pool, which acknowledgement, and when models are loaded.

interactive: threads of one process in front of one `Runtime`, so that concurrent requests meet in
one batch; models are loaded before the first message is taken.

evaluation: prefork, one process a device. The parent loads neither torch nor a model, for a CUDA
context does not survive a fork; each child builds its own worker.
"""

import logging
import os
import socket
import sys
import warnings

from celery import Celery, signals
from celery.platforms import SecurityWarning

from wire.celery_settings import celery_settings
from wire.messages import RequestMessage
from wire.names import ANALYSE_TASK
from workers.celery_options import WorkerOptions
from workers.identity import worker_id

log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"
NOISY_LOGGERS = ("celery.worker.strategy", "celery.app.trace", "alembic")


def run_worker(options: WorkerOptions) -> int:
    """Work until told to stop; the exit status.

    Raises what loading the models raises.
    """
    _log_to_stderr(options.log_level)
    app = Celery("ipvit", set_as_current=False)
    app.conf.update(celery_settings(options.redis_url))
    if options.queue == "interactive":
        return _serve_interactive(app, options)
    from workers.celery_evaluation import prepare_evaluation

    prepare_evaluation(app, options)
    return _start_consuming(app, options, "prefork")


def _start_consuming(app: Celery, options: WorkerOptions, pool: str) -> int:
    """Take messages until SIGTERM or Ctrl-C; the exit status."""
    worker = app.Worker(
        hostname=f"{options.queue}-{os.getpid()}@{socket.gethostname()}",
        pool=pool,
        concurrency=options.processes_or_threads,
        queues=[options.queue],
        loglevel=options.log_level.upper(),
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _serve_interactive(app: Celery, options: WorkerOptions) -> int:
    from workers.celery_interactive import InteractiveWork
    from workers.intake import Intake
    from workers.presence import Presence
    from workers.redis_client import connect
    from workers.runtime import Runtime

    runtime = Runtime(
        options.specs,
        cache_dir=options.cache_dir,
        device=options.device,
        precision=options.precision,
        max_batch=options.max_batch,
        max_wait_ms=options.max_wait_ms,
        max_queue=options.max_queue,
        preload=options.preload,
        threads=options.threads,
    )
    runtime.start()
    client, name = connect(options.redis_url), worker_id(options.queue)
    work = InteractiveWork(
        client,
        name,
        runtime,
        Intake(options.image_limits, slots=runtime.stats().lanes),
        device=options.device,
        saliency_model=options.saliency_model,
    )
    presence = Presence(client, name, work.heartbeat)

    def analyse(**message: object) -> None:
        work.answer(RequestMessage(**message))  # type: ignore[arg-type]

    app.task(analyse, name=ANALYSE_TASK, ignore_result=True, acks_late=False)
    # Messages stay in the queue, for other workers to take, until a thread here is free.
    app.conf.update(worker_disable_prefetch=True, worker_prefetch_multiplier=1)

    def ready(**_: object) -> None:
        log.info("%s takes requests; loaded: %s", name, ", ".join(runtime.loaded()))
        presence.start()

    def leave(**_: object) -> None:
        log.info("%s takes no more requests", name)
        presence.leaving()

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(leave, weak=False)
    work.watch_for_leavers()
    try:
        return _start_consuming(app, options, "threads")
    finally:
        presence.end()
        runtime.close()


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format=LOG_FORMAT, force=True)
    # It warns of root because messages may hold code; ours are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    # One line for each message taken and done would hide the lines that matter.
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    signals.setup_logging.connect(_keep_logging, weak=False)


def _keep_logging(**_: object) -> None:
    """Tell Celery that logging is set up."""
