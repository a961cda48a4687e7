"""Where the recorded exchange data is; tests that need it skip where it is not."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("OUTCRY_DATA") or ROOT.parent / "shared" / "data").resolve()
BINANCE = DATA / "wire" / "binance_spot_usdm_coinm_2024"

needs_recordings = pytest.mark.skipif(
    not BINANCE.is_dir(), reason=f"no recorded data in {DATA}; set OUTCRY_DATA to the folder of the recordings"
)
