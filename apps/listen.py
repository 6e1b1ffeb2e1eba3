"""Listening on a port until Ctrl-C; a taken port is a sentence."""

import contextlib
import logging
import os
import socket
import sys

import uvicorn


def serve(app, host, port, title):
    """Run an ASGI app until Ctrl-C; returns the process's exit code. Prints one sentence if the port is taken."""
    with contextlib.closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            print(_cannot_listen(host, port, error), file=sys.stderr)
            return 1
    os.environ["STUDIO_HOST"] = host  # a page with people's data asks who may come
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    print(f"{title} is on http://{shown}:{port}  (Ctrl-C stops it)", flush=True)
    # Open event streams of pages in a browser would otherwise hold the shutdown up.
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=2))
    # ... and being ended is no fault of theirs, which uvicorn would print a traceback about.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    print("Stopped.", flush=True)
    return 0


def _cannot_listen(host, port, error):
    if not 0 < port < 65536:
        return f"{port} is not a port number. Please choose one from 1024 to 65535."
    if getattr(error, "errno", None) in (13, 10013):
        return f"Port {port} needs administrator rights. Please choose one from 1024 up: --port 7860"
    if getattr(error, "errno", None) in (98, 48, 10048):
        return f"Port {port} is already in use. Stop the other program, or choose another port: --port {port + 1}"
    return f"{host}:{port} cannot be listened on ({error}). Please check --host and --port."
