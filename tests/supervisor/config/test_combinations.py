"""What cannot go together in a config, though each value is right by itself."""

from pathlib import Path

import pytest

from tests.supervisor.desk_config import (
    CLUSTER,
    PERPETUAL,
    SPOT,
    STRATEGY,
    WHOLE,
    changed,
    loaded,
    mistakes_in,
    recorded,
)


class TestSources:
    @pytest.fixture
    def file(self, tmp_path: Path) -> str:
        file = tmp_path / "data.gz"
        file.touch()
        return str(file)

    def test_sources_of_several_speeds_are_told(self, file: str) -> None:
        fast = changed('id = "spot"', 'id = "fast"', recorded("spot", file, speed=10).removeprefix(CLUSTER))
        (mistake,) = mistakes_in(recorded("spot", file) + fast)
        assert mistake == (
            "gateways[1].source.speed: 10, but gateways[0] runs at 1; expected one speed for all sources, "
            "which share a clock"
        )

    def test_a_synthetic_source_beside_a_recorded_one_is_told(self, file: str) -> None:
        (mistake,) = mistakes_in(CLUSTER + PERPETUAL + recorded("spot", file, speed=10).removeprefix(CLUSTER))
        assert mistake == (
            "gateways[1].source.kind: recorded, but gateways[0] is synthetic; expected one kind for all sources, "
            "which share a clock"
        )

    def test_a_future_of_a_synthetic_market_that_has_expired_is_told(self) -> None:
        text = changed('type = "perpetual"', 'type = "future"\nexpiry = 2024-12-27T08:00:00Z')
        assert [
            "gateways[1].instruments[0].expiry: 2024-12-27T08:00:00+00:00, which is past; expected a date and time to "
            "come, in a synthetic market"
        ] == mistakes_in(changed("funding_interval_hours = 8", "", text))

    def test_a_future_of_a_recording_may_have_expired_since(self, file: str) -> None:
        future = 'type = "future"\nexpiry = 2024-12-27T08:00:00Z'
        config = loaded(changed('type = "spot"', future, recorded("usdm", file)))
        assert 2024 == config.gateways[0].instruments[0].expiry.year

    @pytest.mark.parametrize("balances", ["", '[gateways.balances]\nUSDT = "0"\n'])
    def test_a_gateway_without_balances_is_told(self, balances: str) -> None:
        text = changed('[gateways.balances]\nUSDT = "1000"\n', balances)
        expected = (
            "gateways[0].balances: no balances: nothing could be traded; expected an amount of at least one currency"
        )
        assert [expected] == mistakes_in(text)

    def test_a_recording_of_an_unknown_market_or_format_is_told(self, file: str) -> None:
        text = changed("binance-stream", "binance-steam", recorded("usd-m", file))
        assert [
            'gateways[0].source.format: "binance-steam" (text); expected one of binance-stream, lean-minute, '
            "lob-snapshots; did you mean binance-stream?",
            'gateways[0].source.market: "usd-m" (text); expected one of coinm, spot, usdm; did you mean usdm?',
        ] == mistakes_in(text)

    def test_an_instrument_of_another_market_than_the_recording_is_told(self, file: str) -> None:
        expected = 'gateways[0].source.market: "usdm", but the instrument belongs to spot; expected spot'
        assert [expected] == mistakes_in(recorded("usdm", file))

    def test_a_linear_and_an_inverse_perpetual_belong_to_different_markets(self, file: str) -> None:
        perpetual = changed('type = "spot"', 'type = "perpetual"', recorded("coinm", file))
        (mistake,) = mistakes_in(perpetual)
        assert mistake.endswith('"coinm", but the instrument belongs to usdm; expected usdm')
        assert "coinm" == loaded(changed("base =", "inverse = true\nbase =", perpetual)).gateways[0].source.market

    def test_a_recording_of_several_instruments_is_told(self, file: str) -> None:
        text = recorded("spot", file)
        listed = text[text.index("[[gateways.instruments]]") : text.index("[gateways.balances]")]
        text = changed(listed, listed + changed('"BTCUSDT"', '"ETHUSDT"', listed), text)
        expected = "gateways[0].instruments: 2 instruments; expected one, as the recording has; or a feed for each"
        assert [expected] == mistakes_in(text)

    def test_a_recording_without_files_is_told(self) -> None:
        expected = "gateways[0].source.files: no data files; expected at least one data file"
        assert [expected] == mistakes_in(recorded("spot"))

    def test_a_profile_or_an_asset_of_nothing_is_told(self) -> None:
        text = changed(
            'kind = "synthetic"',
            'kind = "synthetic"\nprofiles = { BTCUSD = {} }\nassets = { BTX = {} }',
            CLUSTER + SPOT,
        )
        assert [
            "gateways[0].source.profiles.BTCUSD: no instrument of this gateway has this symbol; expected BTCUSDT; "
            "did you mean BTCUSDT?",
            "gateways[0].source.assets.BTX: no instrument of this gateway has this currency; expected one of BTC, "
            "USDT; did you mean BTC?",
        ] == mistakes_in(text)


class TestCombinations:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("inverse = true", "inverse: true for a spot instrument; expected false, or another type"),
            ("multiplier = 10", "multiplier: 10 for a spot instrument; expected 1"),
            ('settle = "USDT"', "settle: set for a spot instrument; expected no settle currency"),
            (
                "expiry = 2024-12-27T08:00:00Z",
                'expiry: set for a spot instrument; expected no expiry, or type = "future"',
            ),
            (
                "funding_interval_hours = 8",
                'funding_interval_hours: set for a spot instrument; expected nothing, or type = "perpetual"',
            ),
            ('fee_currency = "BNB"', 'fee_currency: "BNB" (text); expected one of BTC, USDT'),
            (
                "max_quantity = 1\nmin_quantity = 2",
                "max_quantity: 1, less than min_quantity; expected at least 2",
            ),
        ],
    )
    def test_what_spot_cannot_have_is_told(self, line: str, told: str) -> None:
        expected = [f"gateways[0].instruments[0].{told}"]
        assert expected == mistakes_in(changed('type = "spot"', f'type = "spot"\n{line}', CLUSTER + SPOT))

    def test_an_expiry_on_a_perpetual_is_told(self) -> None:
        text = changed("funding_interval_hours = 8", "expiry = 2024-12-27T08:00:00Z")
        expected = 'expiry: set for a perpetual instrument; expected no expiry, or type = "future"'
        assert [f"gateways[1].instruments[0].{expected}"] == mistakes_in(text)

    def test_a_future_without_an_expiry_and_with_funding_is_told(self) -> None:
        assert [
            "gateways[1].instruments[0].expiry: missing key; expected the date and time of a future's last trade",
            "gateways[1].instruments[0].funding_interval_hours: set for a future instrument; "
            'expected nothing, or type = "perpetual"',
        ] == mistakes_in(changed('"perpetual"', '"future"'))

    def test_a_linear_contract_that_settles_in_its_base_is_told(self) -> None:
        (mistake,) = mistakes_in(changed("funding_interval_hours = 8", 'settle = "BTC"'))
        assert mistake.endswith('settle: "BTC" (text); expected USDT, the currency that linear contracts settle in')

    def test_an_instrument_against_itself_is_told(self) -> None:
        expected = "gateways[0].instruments[0].quote: BTC is the base too; expected another currency"
        assert [expected] == mistakes_in(changed('quote = "USDT"', 'quote = "BTC"', CLUSTER + SPOT))

    def test_what_the_simulated_venue_cannot_carry_is_told(self) -> None:
        # A lot of 1e-12, a tick of 1e-2 and a fee of 1e-4 x 1e-1 make amounts of 19 places.
        text = changed('"0.00001"', '"0.000000000001"\ntaker_fee_bps = 0.1', CLUSTER + SPOT)
        (mistake,) = mistakes_in(text)
        assert mistake.startswith("gateways[0]: simulated venue spot: BTCUSDT leads to amounts of 19 decimal places")

    def test_a_heartbeat_timeout_below_two_heartbeats_is_told(self) -> None:
        (mistake,) = mistakes_in(changed('"desk"', '"desk"\nheartbeat_interval_ms = 1500'))
        assert mistake == ("cluster.heartbeat_timeout_ms: is 2000, less than two heartbeats of 1500 ms")

    def test_a_backoff_that_shrinks_is_told(self) -> None:
        (mistake,) = mistakes_in(changed('"desk"', '"desk"\nbackoff_min_s = 31.5'))
        assert "cluster.backoff_max_s: is 30, less than backoff_min_s, 31.5" == mistake


class TestStrategies:
    def test_an_unknown_kind_of_strategy_is_told(self) -> None:
        expected = 'strategies[0].kind: "spot-future" (text); expected spot-futures; did you mean spot-futures?'
        assert [expected] == mistakes_in(changed('"spot-futures"', '"spot-future"'))

    def test_an_unknown_instrument_is_told_where_it_is_named(self) -> None:
        expected = (
            'strategies[0].parameters.futures: no instrument "BTCUSDT.prep"; expected one of BTCUSDT.perp, '
            "BTCUSDT.spot; did you mean BTCUSDT.perp?"
        )
        assert [expected] == mistakes_in(changed('"BTCUSDT.perp"', '"BTCUSDT.prep"'))

    def test_an_unknown_instrument_in_a_list_is_told_where_it_is_named(self) -> None:
        (mistake,) = mistakes_in(WHOLE + 'also = ["BTCUSDT.spot", "ETH.spot"]')
        assert mistake.startswith('strategies[0].parameters.also[1]: no instrument "ETH.spot"')

    def test_an_instrument_that_is_wrong_in_itself_is_not_unknown(self) -> None:
        (mistake,) = mistakes_in(changed('tick_size = "0.1"', 'tick_size = "0"'))
        assert mistake.startswith("gateways[1].instruments[0].tick_size: ")

    def test_a_negative_quantity_is_told(self) -> None:
        expected = "strategies[0].parameters.notional: must be greater than 0"
        assert [expected] == mistakes_in(changed('"10000"', '"-1"'))

    def test_parameters_of_a_wrong_type_are_told(self) -> None:
        text = changed('notional = "10000"', 'notional = 1e4\nexecution = "concurent"\nleverage = "x"')
        assert [
            'strategies[0].parameters.notional: 10000.0 (number); expected a decimal, in quotes: "10000.0"',
            'strategies[0].parameters.execution: "concurent" (text); expected one of concurrent, sequential; '
            "did you mean concurrent?",
            'strategies[0].parameters.leverage: "x" (text); expected a whole number',
        ] == mistakes_in(text)

    def test_unknown_instruments_are_told_together_with_parameters_of_a_wrong_type(self) -> None:
        text = changed('futures = "BTCUSDT.perp"', 'futures = "BTCUSDT.prep"\nalso = ["BTCUSDT.spot"]')
        mistakes = mistakes_in(changed('notional = "10000"', "notional = 1e4", text))
        assert ["strategies[0].parameters.notional", "strategies[0].parameters.futures"] == [
            mistake.split(":")[0] for mistake in mistakes
        ]
        assert 'no instrument "BTCUSDT.prep"' in mistakes[1]

    @pytest.mark.parametrize("wrong", ["also = 5", "spot = 5"])
    def test_an_instrument_of_a_wrong_type_is_told_once(self, wrong: str) -> None:
        key = wrong.split(maxsplit=1)[0]
        text = changed('spot = "BTCUSDT.spot"', wrong) if key == "spot" else WHOLE + wrong
        (mistake,) = mistakes_in(text)
        assert mistake.startswith(f"strategies[0].parameters.{key}: 5 (whole number); expected ")

    def test_parameters_that_are_no_table_are_told_once(self) -> None:
        text = STRATEGY[: STRATEGY.index("[strategies.parameters]")] + "parameters = 5"
        (mistake,) = mistakes_in(CLUSTER + SPOT + PERPETUAL + text)
        assert "strategies[0].parameters: 5 (whole number); expected a table" == mistake

    def test_missing_parameters_are_told_one_by_one(self) -> None:
        text = STRATEGY[: STRATEGY.index("[strategies.parameters]")]
        assert ["spot", "futures", "notional"] == [
            mistake.split(":")[0].rpartition(".")[2] for mistake in mistakes_in(CLUSTER + SPOT + text)
        ]

    def test_what_the_kind_complains_of_is_told(self) -> None:
        assert [
            "strategies[0].parameters.spot: BTCUSDT.perp is a perpetual",
            "strategies[0].parameters: both legs are derivatives",
        ] == mistakes_in(changed('spot = "BTCUSDT.spot"', 'spot = "BTCUSDT.perp"'))

    def test_a_strategy_without_a_kind_is_told_once(self) -> None:
        assert ["strategies[0].kind: missing key; expected text"] == mistakes_in(changed('kind = "spot-futures"\n', ""))
