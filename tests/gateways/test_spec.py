"""A gateway's spec survives the file that the supervisor writes."""

from pathlib import Path

import msgspec
import pytest

from actors.runtime.spec import ChildSpec, write_spec
from gateways.spec import GatewaySpec
from tests.support.orders import PERPETUAL, SPOT

SPEC = GatewaySpec(
    process="sim", cluster="desk", supervisor_endpoint="ipc://supervisor", venue="sim", instruments=(SPOT, PERPETUAL),
    orders_endpoint="ipc://orders", market_data_endpoint="ipc://data", venue_orders_endpoint="ipc://venue",
    venue_data_endpoint="ipc://venue-data", journal_dir="journal",
)  # fmt: skip


def test_a_gateway_reads_what_the_supervisor_wrote(tmp_path: Path) -> None:
    write_spec(tmp_path / "sim.json", SPEC)
    assert msgspec.json.decode((tmp_path / "sim.json").read_bytes(), type=GatewaySpec) == SPEC


def test_a_spec_of_another_kind_of_child_is_refused(tmp_path: Path) -> None:
    write_spec(tmp_path / "other.json", ChildSpec(process="x", cluster="y", supervisor_endpoint="z"))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode((tmp_path / "other.json").read_bytes(), type=GatewaySpec)
