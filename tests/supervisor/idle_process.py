"""A process that waits to be killed, and ends by itself should that never come."""

import sys
from typing import Final

IDLE: Final = (sys.executable, "-c", "import signal; signal.alarm(60); signal.pause()")
