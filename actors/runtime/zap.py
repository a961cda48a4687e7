"""Who may come in: answers ZeroMQ's question (ZAP, RFC 27) about every key that is shown to a binding socket.

A socket's ZAP domain names the roles that it admits. A key in the allow-list whose owner has one of them is admitted,
and the owner's name becomes the `User-Id` of every frame of that connection. Everybody else is refused, before any
frame of theirs is read.
"""

import threading
import traceback
from collections.abc import Iterable, Sequence
from time import monotonic_ns
from typing import Final

import structlog
import zmq

from actors.runtime.keys import Doorlist, Role, UnsafeKey
from actors.runtime.refusals import Refusals

ENDPOINT: Final = "inproc://zeromq.zap.01"
CURVE: Final = b"CURVE"
KEY_BYTES: Final = 32
ADMITTED, REFUSED = (b"200", b"OK"), (b"400", b"No access")

log = structlog.get_logger()


def domain(roles: Iterable[Role]) -> bytes:
    """The ZAP domain of a socket that admits these roles. It is never empty, since libzmq takes that for no domain."""
    return ("admits:" + ",".join(sorted(roles))).encode()


class Doorkeeper:
    """The ZAP handler of one context, in a thread that only wakes for handshakes. It ends with the context.

    :param process: whose door it is, for the log.
    :ivar refusals: connections that were refused.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", process: str, doorlist: Doorlist) -> None:
        self.refusals = Refusals()
        self._process = process
        self._doorlist = doorlist
        # A context of its own over the same one of libzmq: whoever closes all sockets leaves this one to its thread.
        self._shadow: zmq.Context[zmq.Socket[bytes]] = zmq.Context.shadow(context)
        self._socket = self._shadow.socket(zmq.REP)
        self._socket.bind(ENDPOINT)
        self._thread = threading.Thread(target=self._serve, name=f"zap-{process}", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while True:
                version, request_id, zap_domain, address, _, mechanism, *credentials = self._socket.recv_multipart()
                name = self._admitted(zap_domain, address, mechanism, credentials)
                status = REFUSED if name is None else ADMITTED
                self._socket.send_multipart((version, request_id, *status, (name or "").encode(), b""))
        except zmq.ContextTerminated:
            self._socket.close(0)

    def _admitted(
        self, zap_domain: bytes, address: bytes, mechanism: bytes, credentials: Sequence[bytes]
    ) -> str | None:
        """As `_name`; a mistake of ours lets nobody in, and does not end the thread."""
        try:
            return self._name(zap_domain, address, mechanism, credentials)
        except Exception:  # noqa: BLE001  # the shell loop: without it nobody would ever come in again
            log.error("the doorkeeper failed", process=self._process, traceback=traceback.format_exc())
            return None

    def _name(self, zap_domain: bytes, address: bytes, mechanism: bytes, credentials: Sequence[bytes]) -> str | None:
        """The name of whoever is admitted, else None."""
        why = "it shows no CURVE key"
        if mechanism == CURVE and len(credentials) == 1 and len(credentials[0]) == KEY_BYTES:
            try:
                guest = self._doorlist.guest(credentials[0])
            except UnsafeKey as error:  # no list, nobody
                guest, why = None, str(error)
            else:
                why = "its key is not in the allow-list"
            if guest is not None:
                if guest.role.encode() in zap_domain.removeprefix(b"admits:").split(b","):
                    return guest.name
                why = f"{guest.name} is a {guest.role}, this socket {zap_domain.decode()}"
        count = self.refusals.add(monotonic_ns())
        if count:
            log.warning(
                "connection refused",
                process=self._process,
                why=why,
                address=address.decode("ascii", "replace"),
                count=count,
            )
        return None
