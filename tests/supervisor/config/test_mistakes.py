"""Wrong types, keys, values and names in a config: each is told, with its place and what would be right."""

import pytest

from tests.supervisor.desk_config import (
    CLUSTER,
    PERPETUAL,
    SPOT,
    STRATEGY,
    WHOLE,
    changed,
    mistakes_in,
    recorded,
)


class TestShape:
    def test_an_unknown_key_is_told_with_the_one_that_was_meant(self) -> None:
        expected = "gateways[0].instruments[0].tick_sise: unknown key; did you mean tick_size?"
        assert [expected] == mistakes_in(changed("tick_size", "tick_sise"))

    def test_an_unknown_key_like_no_other_is_told_with_the_valid_ones(self) -> None:
        (mistake,) = mistakes_in(changed('name = "desk"', 'name = "desk"\nxyzzy = 1'))
        assert mistake.startswith("cluster.xyzzy: unknown key; expected one of backoff_max_s, backoff_min_s, ")

    def test_a_missing_key_is_told_with_what_it_takes(self) -> None:
        expected = "gateways[0].instruments[0].tick_size: missing key; expected a decimal greater than 0"
        assert [expected] == mistakes_in(changed('tick_size = "0.01"\n', ""))

    def test_a_missing_section_is_told(self) -> None:
        expected = ["cluster: missing key; expected a table", "gateways: missing key; expected a list"]
        assert expected == mistakes_in("")

    def test_a_cluster_needs_a_gateway(self) -> None:
        assert ["gateways: 0 entries; expected 1 to 32"] == mistakes_in(f"gateways = []\n{CLUSTER}")

    def test_a_wrong_type_is_told(self) -> None:
        expected = 'gateways[0].latency_ms: "5" (text); expected a number from 0 to 60000'
        assert [expected] == mistakes_in(changed('kind = "simulated"', 'kind = "simulated"\nlatency_ms = "5"'))

    def test_a_table_in_place_of_a_list_is_told(self) -> None:
        assert ["gateways: {id} (table); expected a list"] == mistakes_in(f'{CLUSTER}[gateways]\nid = "a"')

    def test_a_value_in_place_of_a_table_is_told(self) -> None:
        expected = "gateways[0].source: 5 (whole number); expected a table"
        assert [expected] == mistakes_in(changed('[gateways.source]\nkind = "synthetic"', "source = 5"))

    def test_a_value_in_place_of_balances_is_told(self) -> None:
        expected = "gateways[0].balances: true (true or false); expected a table"
        text = changed('[gateways.balances]\nUSDT = "1000"', "")
        assert [expected] == mistakes_in(changed('id = "spot"', 'id = "spot"\nbalances = true', text))

    def test_a_number_out_of_range_is_told(self) -> None:
        expected = "strategies[0].priority: 11 (whole number); expected a whole number from 1 to 10"
        assert [expected] == mistakes_in(changed('kind = "spot-futures"', 'kind = "spot-futures"\npriority = 11'))

    @pytest.mark.parametrize("written", ["0", "inf", "nan", "1e9"])
    def test_bounds_of_several_kinds_are_told_together(self, written: str) -> None:
        (mistake,) = mistakes_in(changed('"desk"', f'"desk"\nrestart_period_s = {written}'))
        assert mistake.startswith("cluster.restart_period_s: ")
        assert mistake.endswith("expected a number greater than 0 and at most 86400")

    def test_an_infinite_number_is_refused(self) -> None:
        (mistake,) = mistakes_in(changed('kind = "simulated"', 'kind = "simulated"\nlatency_ms = inf'))
        assert "gateways[0].latency_ms: inf (number); expected a number from 0 to 60000" == mistake

    def test_a_choice_is_told_with_the_one_that_was_meant(self) -> None:
        expected = (
            'gateways[0].instruments[0].type: "Spot" (text); expected one of future, perpetual, spot; '
            "did you mean spot?"
        )
        assert [expected] == mistakes_in(changed('type = "spot"', 'type = "Spot"'))

    def test_an_unknown_kind_of_source_is_told(self) -> None:
        expected = 'gateways[0].source.kind: "sinthetic" (text); expected one of recorded, synthetic'
        assert [f"{expected}; did you mean synthetic?"] == mistakes_in(changed("synthetic", "sinthetic"))

    def test_a_source_without_a_kind_is_told(self) -> None:
        expected = "gateways[0].source.kind: missing key; expected one of recorded, synthetic"
        assert [expected] == mistakes_in(changed('kind = "synthetic"', "seed = 5"))

    def test_an_unknown_kind_of_gateway_is_told(self) -> None:
        assert ['gateways[0].kind: "ftx" (text); expected simulated'] == mistakes_in(changed('"simulated"', '"ftx"'))

    def test_an_expiry_without_an_offset_is_told(self) -> None:
        (mistake,) = mistakes_in(changed('type = "perpetual"', 'type = "future"\nexpiry = 2024-12-27T08:00:00'))
        assert mistake == (
            "gateways[1].instruments[0].expiry: 2024-12-27 08:00:00 (date or time); "
            "expected a date and time with its offset: 2024-12-27T08:00:00Z"
        )

    def test_every_mistake_is_told_at_once_in_the_order_of_the_document(self) -> None:
        text = changed('name = "desk"', 'name = "d e"\nhartbeat_interval_ms = 5')
        text = changed('tick_size = "0.01"', "tick_size = 0.01", text)
        text = changed('lot_size = "0.001"', 'lot_size = "0"', text)
        text = changed("notional", "notionl", text)
        text = changed("BTCUSDT.perp", "BTCUSDT.prp", text)
        assert [
            "cluster.hartbeat_interval_ms: unknown key; did you mean heartbeat_interval_ms?",
            'cluster.name: "d e" (text); expected 1 to 32 letters, digits and -, not opening with -',
            'gateways[0].instruments[0].tick_size: 0.01 (number); expected a decimal greater than 0, in quotes: "0.01"',
            'gateways[1].instruments[0].lot_size: "0" (text); expected a decimal greater than 0',
            "strategies[0].parameters.notionl: unknown key; did you mean notional?",
        ] == mistakes_in(text)


class TestMoney:
    @pytest.mark.parametrize(
        ("written", "told"),
        [
            ('"-5"', '"-5" (text); expected a decimal of at least 0'),
            ("-5", "-5 (whole number); expected a decimal of at least 0"),
            ("0.1", '0.1 (number); expected a decimal of at least 0, in quotes: "0.1"'),
            ('"much"', '"much" (text); expected a decimal of at least 0'),
            ("true", "true (true or false); expected a decimal of at least 0"),
            ("[]", "[] (list); expected a decimal of at least 0"),
            (
                '"NaN"',
                '"NaN" (text); expected a decimal of at least 0, finite, within ±1e18, with at most 18 places',
            ),
            (
                '"1e19"',
                '"1e19" (text); expected a decimal of at least 0, finite, within ±1e18, with at most 18 places',
            ),
        ],
    )
    def test_a_balance_that_is_no_amount_is_told(self, written: str, told: str) -> None:
        assert [f"gateways[0].balances.USDT: {told}"] == mistakes_in(changed('"1000"', written))

    def test_a_fee_out_of_range_is_told(self) -> None:
        (mistake,) = mistakes_in(changed('type = "spot"', 'type = "spot"\nmaker_fee_bps = 1000.5'))
        assert mistake == (
            "gateways[0].instruments[0].maker_fee_bps: 1000.5 (number); "
            "expected a decimal of at least -1000 and at most 1000"
        )

    def test_a_currency_that_is_none_is_told(self) -> None:
        (mistake,) = mistakes_in(changed("USDT =", '"US DT" ='))
        assert mistake.startswith('gateways[0].balances.US DT: "US DT" (text); expected a currency such as USDT')


class TestNames:
    def test_a_variable_that_is_not_set_is_told_and_nothing_else_of_its_text(self) -> None:
        text = changed('"${DATA}/spot.gz"', '"${DATA}/spot.gz"', recorded("spot", "${DATA}/spot.gz"))
        expected = "gateways[0].source.files[0]: the environment variable DATA is not set; did you mean DATE?"
        assert [expected] == mistakes_in(text, DATE="/x")

    def test_a_variable_in_the_kind_of_a_source_that_is_not_set_is_told_once(self) -> None:
        expected = "gateways[0].source.kind: the environment variable KIND is not set"
        assert [expected] == mistakes_in(changed('"synthetic"', '"${KIND}"'))

    def test_a_missing_data_file_is_told(self) -> None:
        expected = 'gateways[0].source.files[0]: no file "/none/spot.gz"; expected a file that can be read'
        assert [expected] == mistakes_in(recorded("spot", "/none/spot.gz"))

    @pytest.mark.parametrize("name", ["exchange", "supervisor"])
    def test_a_reserved_name_is_told(self, name: str) -> None:
        (mistake,) = mistakes_in(changed('id = "carry-btc"', f'id = "{name}"'))
        assert f'strategies[0].id: "{name}" is the name of a part of every cluster; expected another id' == mistake

    @pytest.mark.parametrize("name", ["a b", "a_b", "-a", "", "ä", "a/b", "a\\n", "x" * 33])
    def test_an_id_with_other_letters_or_too_long_is_told(self, name: str) -> None:
        (mistake,) = mistakes_in(changed('id = "carry-btc"', f'id = "{name}"'))
        assert mistake.endswith("expected 1 to 32 letters, digits and -, not opening with -")
        assert mistake.startswith("strategies[0].id: ")

    def test_a_symbol_that_is_too_long_is_told(self) -> None:
        (mistake,) = mistakes_in(changed('"BTCUSDT"', f'"{"B" * 32}"', CLUSTER + SPOT))
        assert mistake.endswith("expected 1 to 31 letters, digits and _ / : . -")

    def test_two_gateways_with_one_id_are_told(self) -> None:
        (mistake,) = mistakes_in(CLUSTER + SPOT + changed('id = "perp"', 'id = "spot"', PERPETUAL))
        assert mistake == (
            'gateways[1].id: "spot" is taken by gateways[0].id; expected an id that no other gateway or strategy has'
        )

    def test_two_strategies_with_one_id_are_told(self) -> None:
        (mistake,) = mistakes_in(WHOLE + STRATEGY)
        assert mistake.startswith('strategies[1].id: "carry-btc" is taken by strategies[0].id')

    def test_a_strategy_with_the_id_of_a_gateway_is_told(self) -> None:
        (mistake,) = mistakes_in(changed('id = "carry-btc"', 'id = "spot"'))
        assert mistake.startswith('strategies[0].id: "spot" is taken by gateways[0].id')

    def test_two_instruments_of_one_gateway_with_one_symbol_are_told(self) -> None:
        listed = SPOT[SPOT.index("[[gateways.instruments]]") : SPOT.index("[gateways.balances]")]
        (mistake,) = mistakes_in(CLUSTER + changed(listed, listed * 2, SPOT))
        assert mistake.startswith(
            'gateways[0].instruments[1].symbol: "BTCUSDT" is taken by gateways[0].instruments[0].symbol'
        )

    def test_two_strategies_whose_orders_would_look_alike_are_told(self) -> None:
        (mistake,) = mistakes_in(WHOLE + changed('id = "carry-btc"', 'id = "carry-btc-2"', STRATEGY))
        assert mistake == (
            'strategies[1].id: "carry-btc-2" and "carry-btc" of strategies[0].id both give orders the tag "carrybtc"; '
            "expected ids that differ in their first 8 letters and digits"
        )

    def test_a_processor_that_the_machine_has_not_is_told(self) -> None:
        (mistake,) = mistakes_in(changed('id = "carry-btc"', 'id = "carry-btc"\ncpus = [1023]'))
        assert mistake.startswith("strategies[0].cpus[0]: no processor 1023 here; expected some of 0")
