"""The whole cluster in one thread: the production handlers on a seeded clock, network, disk and venue."""
