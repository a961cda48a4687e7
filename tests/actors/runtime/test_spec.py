"""A child's spec: written for its owner only, read back as it was, refused where it is not understood."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.runtime.spec import ChildSpec, GatewayEndpoints, HostSpec, write_spec
from messages.instruments import Instrument, InstrumentType

SPOT = Instrument(
    symbol="BTCUSDT", venue="sim", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=Decimal("0.010"), lot_size=Decimal("0.00001"),
)  # fmt: skip
SPEC = HostSpec(
    process="host", cluster="desk", supervisor_endpoint="ipc://supervisor", cpus=(1,), strategy="carry",
    kind="spot-futures", epoch=3, order_prefix="desk-carry", parameters={"notional": "10000"}, instruments=(SPOT,),
    gateways={"sim": GatewayEndpoints("ipc://orders", "ipc://data")}, journal_dir="journal",
)  # fmt: skip


def test_a_spec_comes_back_as_it_was_written_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    write_spec(path, SPEC)
    assert msgspec.json.decode(path.read_bytes(), type=HostSpec) == SPEC
    assert str(msgspec.json.decode(path.read_bytes(), type=HostSpec).instruments[0].tick_size) == "0.010"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_spec_is_written_anew_for_every_incarnation(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    write_spec(path, SPEC)
    write_spec(path, msgspec.structs.replace(SPEC, epoch=4, parameters={}))
    assert msgspec.json.decode(path.read_bytes(), type=HostSpec).epoch == 4


@pytest.mark.parametrize(
    "text",
    [b"{}", b'{"process": "x", "cluster": "y", "supervisor_endpoint": "z", "more": 1}', b"[]", b"", b'{"process": 1}'],
)
def test_a_spec_that_is_not_understood_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        msgspec.json.decode(text, type=ChildSpec)


def test_a_child_is_not_pinned_loses_quotes_when_behind_and_runs_on_market_time_unless_told_otherwise() -> None:
    spec = ChildSpec(process="x", cluster="y", supervisor_endpoint="z")
    assert (spec.cpus, spec.is_lossless, spec.is_simulated, spec.heartbeat_interval_ms) == ((), False, True, 100)
