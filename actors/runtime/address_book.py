"""Where each peer of a ROUTER is to be answered: who it is comes from its key, where it is from what it last said."""

from actors.runtime.links import Socket, try_send_to
from actors.runtime.mailbox import Delivery


class AddressBook:
    """The peers of one ROUTER, by name. Without keys, a peer's name is its routing id."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._addresses: dict[str, bytes] = {}

    def moved(self, delivery: Delivery) -> None:
        """The peer has introduced itself: from now on it is answered here, and no longer where it was."""
        if delivery.user:
            self._addresses[delivery.user] = delivery.sender

    def heard(self, delivery: Delivery) -> None:
        """The peer has spoken: it is answered here if nothing better is known."""
        if delivery.user:
            self._addresses.setdefault(delivery.user, delivery.sender)

    def send(self, name: str, frame: bytes) -> bool:
        """Send now or not at all; an address that does not work is forgotten."""
        is_sent = try_send_to(self._socket, self._addresses.get(name) or name.encode(), frame)
        if not is_sent:
            self._addresses.pop(name, None)
        return is_sent
