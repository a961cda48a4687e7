"""A cluster on the recorded BTC capture of three Binance markets, at full speed and without loss.

The expected counts, update ids and books are the recordings' ground truth, computed by scripts that are not of this
project.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.recordings import DATA, ROOT, needs_recordings
from tests.support.running_cluster import RunningCluster

pytestmark = [needs_recordings, pytest.mark.timeout(300)]

TRUTH = {
    ("binance-spot", "BTCUSDT"): {
        "quotes": 73174, "trades": 19904, "book_updates": 6493, "book_updates_discarded": 2, "gaps": 0, "crossed": 0,
        "last_update_id": 50093696318,
        "best_bid": "61602.01", "best_bid_size": "1.67177", "best_ask": "61602.02", "best_ask_size": "2.66795",
    },
    ("binance-usdm", "BTCUSDT"): {
        "quotes": 66089, "trades": 21313, "book_updates": 6547, "book_updates_discarded": 4, "gaps": 0, "crossed": 0,
        "last_update_id": 5123135475514,
        "best_bid": "61659.70", "best_bid_size": "1.486", "best_ask": "61659.80", "best_ask_size": "0.981",
    },
    ("binance-coinm", "BTCUSD_PERP"): {
        "quotes": 48355, "trades": 5235, "book_updates": 44772, "book_updates_discarded": 23, "gaps": 0, "crossed": 0,
        "last_update_id": 1007206781963,
        "best_bid": "61600.0", "best_bid_size": "27", "best_ask": "61600.1", "best_ask_size": "1647",
    },
}  # fmt: skip
SPOT, USDM, COINM = "BTCUSDT.binance-spot", "BTCUSDT.binance-usdm", "BTCUSD_PERP.binance-coinm"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    config = (ROOT / "examples" / "recorded_carry_coinm.toml").read_text().replace("speed = 1.0", "speed = 0")
    directory = tmp_path_factory.mktemp("recorded")
    with RunningCluster(config, directory, environment={"OUTCRY_DATA": str(DATA)}) as cluster:
        return cluster.wait_for_end(200)


@pytest.mark.parametrize(("venue", "symbol"), TRUTH)
def test_counts_update_ids_and_final_books_equal_the_ground_truth(report: dict, venue: str, symbol: str) -> None:
    feed = report["gateways"][venue]["instruments"][symbol]
    expected = TRUTH[venue, symbol]
    found = {name: type(value)(feed[name]) for name, value in expected.items()}
    for name in ("best_bid", "best_bid_size", "best_ask", "best_ask_size"):
        expected = {**expected, name: Decimal(expected[name])}
        found[name] = Decimal(found[name])
    assert expected == found


def test_every_published_message_reaches_the_strategies(report: dict) -> None:
    """A strategy hears each quote, each depth (one a diff and one for the snapshot) and its own executions."""
    for strategy, instruments in (("usdm-carry", (SPOT, USDM)), ("coinm-carry", (SPOT, COINM))):
        published = 0
        for instrument in instruments:
            symbol, venue = instrument.split(".")
            truth = TRUTH[venue, symbol]
            published += truth["quotes"] + truth["book_updates"] + 1
        assert report["strategies"][strategy]["messages"] >= published


def test_the_strategies_traded_and_their_positions_are_the_venues(report: dict) -> None:
    held = {name: strategy["positions"] for name, strategy in report["strategies"].items()}
    for name, strategy in report["strategies"].items():
        assert strategy["fills"] > 0, f"{name} did not trade"
        assert strategy["restarts"] == 0
    spot = sum(Decimal(positions[SPOT]) for positions in held.values())
    assert Decimal(report["gateways"]["binance-spot"]["balances"].get("BTC", 0)) == spot
    assert Decimal(report["gateways"]["binance-usdm"]["positions"]["BTCUSDT"]) == Decimal(held["usdm-carry"][USDM])
    assert Decimal(report["gateways"]["binance-coinm"]["positions"]["BTCUSD_PERP"]) == Decimal(
        held["coinm-carry"][COINM]
    )


def test_profit_equals_the_change_of_cash_and_position_at_the_venues_to_the_last_digit(report: dict) -> None:
    """By currency: change of cash at the venues + spot position at its mark + unrealised of the derivatives
    = realised + unrealised - fees + funding of the strategies.
    """
    earned = {"USDT": Decimal(0), "BTC": Decimal(0)}
    for strategy in report["strategies"].values():
        for pnl in strategy["pnls"]:
            realised, unrealised, fees, funding = (
                Decimal(pnl[name]) for name in ("realised", "unrealised", "fees", "funding")
            )
            earned[pnl["currency"]] += realised + unrealised - fees + funding
    spot, usdm, coinm = (report["gateways"][f"binance-{market}"] for market in ("spot", "usdm", "coinm"))
    spot_value = Decimal(spot["positions"]["BTCUSDT"]) * Decimal(spot["marks"]["BTCUSDT"])
    cash = Decimal(spot["balances"]["USDT"]) + Decimal(usdm["balances"]["USDT"]) - 200_000
    assert earned["USDT"] == cash + spot_value + Decimal(usdm["unrealised"]["BTCUSDT"])
    assert earned["BTC"] == Decimal(coinm["balances"]["BTC"]) - 2 + Decimal(coinm["unrealised"]["BTCUSD_PERP"])
