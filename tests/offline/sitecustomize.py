"""Loaded by every Python that the tests start: writes down, and refuses, whatever would leave this machine."""

import os
import socket

LOG = os.environ.get("STUDIO_TEST_CONNECTIONS")
LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None, socket.gethostname())

if LOG:
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def refuse(what):
        with open(LOG, "a") as log:
            log.write(f"{what}\n")
        raise OSError(f"the tests allow no connection to {what}")

    def guarded_connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOCAL:
            refuse(address[0])
        return connect(self, address)

    def guarded_look_up(host, *args, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOCAL:
            refuse(name)
        return look_up(host, *args, **options)

    socket.socket.connect, socket.getaddrinfo = guarded_connect, guarded_look_up
