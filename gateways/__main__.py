"""`python -m gateways SPEC`: the process of one gateway."""

import sys

from gateways.gateway import main

sys.exit(main(sys.argv[1:]))
