"""Subscribes to all market data of a gateway, with a strategy's key, and never reads any of it."""

import sys
from time import sleep

from actors.runtime.keys import load_keyring
from actors.runtime.links import open_context, subscriber
from supervisor.keys import key_files
from supervisor.paths import ClusterPaths


def main(state_dir: str, gateway: str, name: str) -> None:
    paths = ClusterPaths(state_dir)
    endpoint = paths.endpoint(f"{gateway}.market")
    context = open_context(load_keyring(name, key_files(paths, name, {endpoint: gateway})))
    socket = subscriber(context, endpoint)
    socket.subscribe(b"")
    while True:
        sleep(1.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
