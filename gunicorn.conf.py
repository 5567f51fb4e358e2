"""How gunicorn runs the web process, on Railway and by ``make run`` alike."""

from __future__ import annotations

from typing import Any

from config.settings import load_settings

_settings = load_settings()
if _settings.start_refusal is not None:
    raise SystemExit(_settings.start_refusal)

bind = f"{_settings.host}:{_settings.port}"
# One worker: Socket.IO keeps its clients in memory. More web instances go behind a balancer with sticky sessions.
workers = 1
# Threads, of which a slow sender gets none: web/collecting_worker.py.
worker_class = "web.collecting_worker.CollectingWorker"
threads = _settings.web_threads
# SIGTERM to the end of the process within 10 s, open WebSockets included.
graceful_timeout = 5
# Open at once, slow senders and pages that wait for events included.
worker_connections = 2000
timeout = 60
keepalive = 75
# A sender's headers, in bytes and number, before anything of ours is asked. Bodies: web/bodies.py.
limit_request_line = 4094
limit_request_field_size = 8190
limit_request_fields = 60
# No access log: a path may end in a webhook token. Refusals and faults are logged by the application.
accesslog = None
loglevel = "warning"
# Nothing of ours is steered through it, and it would leave a socket in the home folder.
control_socket_disable = True


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """Stop router and listener before the worker's process ends."""
    import web_server  # noqa: PLC0415 - the application is loaded in the worker only

    web_server.shutdown()
