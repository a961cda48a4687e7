"""`python -m gateways.exchange SPEC`: the process of all simulated venues."""

import sys

from gateways.exchange.exchange import main

sys.exit(main(sys.argv[1:]))
