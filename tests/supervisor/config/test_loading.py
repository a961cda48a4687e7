"""A config is decoded whole, and a file that is none is refused."""

import datetime
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.exchange.spec import RecordedSourceSpec, SyntheticSourceSpec
from messages.instruments import InstrumentType
from supervisor.config import Config, ConfigError, Mistake, cluster_name, instruments, load, venue_specs
from supervisor.config import text as config_text
from supervisor.config.decoder import FAILED, Decoder
from supervisor.config.mistakes import nearest_name, shown
from tests.supervisor.desk_config import (
    CLUSTER,
    KINDS,
    SPOT,
    WHOLE,
    CarryParameters,
    changed,
    loaded,
    mistakes_in,
    recorded,
)


class TestWhatIsRight:
    def test_a_config_is_decoded_with_its_defaults(self) -> None:
        config = loaded(WHOLE)
        assert "desk" == config.cluster.name
        assert (100, 2_000, 3) == (
            config.cluster.heartbeat_interval_ms,
            config.cluster.heartbeat_timeout_ms,
            config.cluster.restarts_max,
        )
        assert ["spot", "perp"] == [gateway.id for gateway in config.gateways]
        assert {"USDT": Decimal(1000)} == config.gateways[0].balances
        assert (5, True, ()) == (config.strategies[0].priority, config.strategies[0].enabled, config.strategies[0].cpus)

    def test_the_parameters_of_a_strategy_are_decoded_by_its_kind(self) -> None:
        expected = CarryParameters("BTCUSDT.spot", "BTCUSDT.perp", Decimal(10_000))
        assert expected == loaded(WHOLE).strategies[0].parameters

    def test_a_cluster_may_have_no_strategies(self) -> None:
        assert () == loaded(CLUSTER + SPOT).strategies

    def test_each_gateway_becomes_the_spec_of_a_venue_of_its_id(self) -> None:
        config = loaded(
            changed('kind = "simulated"', 'kind = "simulated"\nlatency_ms = 7\ndepth_levels = 20\nseed = 9')
        )
        spot, perpetual = venue_specs(config)
        assert ("spot", 7.0, 20, 9) == (spot.id, spot.latency_ms, spot.depth_levels, spot.seed)
        assert "BTCUSDT.spot" == spot.instruments[0].id
        assert isinstance(perpetual.source, SyntheticSourceSpec)

    def test_instruments_are_known_by_symbol_and_gateway(self) -> None:
        found = instruments(loaded(WHOLE))
        assert {"BTCUSDT.spot", "BTCUSDT.perp"} == set(found)
        assert (InstrumentType.PERPETUAL, 8, "USDT") == (
            found["BTCUSDT.perp"].type,
            found["BTCUSDT.perp"].funding_interval_hours,
            found["BTCUSDT.perp"].settle,
        )

    def test_an_inverse_contract_settles_in_its_base(self) -> None:
        text = changed('type = "perpetual"', 'type = "perpetual"\ninverse = true\nmultiplier = 100')
        found = instruments(loaded(text))["BTCUSDT.perp"]
        assert ("BTC", Decimal(100), True) == (found.settle, found.multiplier, found.inverse)

    def test_an_expiry_becomes_nanoseconds_since_the_epoch(self) -> None:
        text = changed('type = "perpetual"', 'type = "future"\nexpiry = 2124-12-29T08:00:00.000001Z')
        text = changed("funding_interval_hours = 8", "", text)
        # 2124-12-29T08:00:00Z is 4,891,132,800 s after the epoch; one microsecond is 1,000 ns.
        assert 4_891_132_800_000_001_000 == instruments(loaded(text))["BTCUSDT.perp"].expiry_ns

    def test_fees_may_be_floats_and_keep_the_digits_that_were_written(self) -> None:
        text = changed('type = "spot"', 'type = "spot"\nmaker_fee_bps = -0.1\ntaker_fee_bps = 1.0')
        spot = instruments(loaded(text))["BTCUSDT.spot"]
        assert (Decimal("-0.1"), Decimal("1.0")) == (spot.maker_fee_bps, spot.taker_fee_bps)

    def test_money_may_be_a_whole_number(self) -> None:
        assert {"USDT": Decimal(5)} == loaded(changed('USDT = "1000"', "USDT = 5")).gateways[0].balances

    def test_a_variable_is_taken_from_the_environment(self) -> None:
        config = loaded(changed('name = "desk"', 'name = "desk-${SIDE}-${N}"'), SIDE="left", N="2")
        assert "desk-left-2" == config.cluster.name

    def test_the_text_of_a_variable_is_not_searched_for_variables(self) -> None:
        mistakes: list[Mistake] = []
        substituted = config_text.substitute({"a": ["${A}"]}, {"A": "${B}"}, "", mistakes)
        assert ({"a": ["${B}"]}, []) == (substituted, mistakes)

    def test_data_files_are_absolute_in_the_config(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "spot.gz").touch()
        monkeypatch.chdir(tmp_path)
        source = loaded(recorded("spot", "spot.gz")).gateways[0].source
        assert isinstance(source, RecordedSourceSpec)
        assert (str(tmp_path.resolve() / "spot.gz"),) == source.files

    def test_a_file_is_read_and_named_in_its_mistakes(self, tmp_path: Path) -> None:
        file = tmp_path / "desk.toml"
        file.write_text(WHOLE)
        assert loaded(WHOLE) == load(file, {}, KINDS)
        file.write_text(changed("desk", "?"))
        with pytest.raises(ConfigError, match=f"1 mistake in {file}:\n  cluster.name: "):
            load(file, {}, KINDS)


class TestTheFileItself:
    def test_a_syntax_error_is_told_with_its_line_and_column(self) -> None:
        assert ["line 2, column 8: not TOML: Invalid value"] == mistakes_in("[cluster]\nname = desk")

    def test_a_text_that_ends_too_early_is_told(self) -> None:
        assert ["end of document: not TOML: Expected ']' at the end of a table declaration"] == mistakes_in("[cluster")

    def test_deep_nesting_is_refused(self) -> None:
        (mistake,) = mistakes_in("a = " + "[" * 20_000)
        assert mistake.startswith("nested too deeply")

    def test_an_endless_number_is_refused(self) -> None:
        (mistake,) = mistakes_in("a = " + "9" * 5_000)
        assert mistake.startswith("not TOML: Exceeds the limit")

    def test_a_missing_config_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot read it: No such file or directory"):
            load(tmp_path / "none.toml")

    def test_a_file_that_is_not_text_is_told(self, tmp_path: Path) -> None:
        file = tmp_path / "binary.toml"
        file.write_bytes(b"a = \xff")
        with pytest.raises(ConfigError, match="byte 4 is not UTF-8"):
            load(file)

    def test_a_file_that_is_too_long_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(config_text, "CONFIG_BYTES_MAX", 10)
        file = tmp_path / "long.toml"
        file.write_text("#" * 11)
        with pytest.raises(ConfigError, match="the file is too long; expected at most 10 bytes"):
            load(file)

    def test_the_cluster_is_known_by_name_though_its_config_is_wrong(self, tmp_path: Path) -> None:
        file = tmp_path / "wrong.toml"
        file.write_text('gateways = 5\n[cluster]\nname = "desk"')
        assert "desk" == cluster_name(file)

    @pytest.mark.parametrize("text", ['[cluster]\nname = "../desk"', "[cluster]", "cluster = 5", ""])
    def test_a_file_without_a_name_names_no_cluster(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "nameless.toml"
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"cluster\.name: no usable name"):
            cluster_name(file)


class TestWords:
    def test_several_mistakes_are_one_list_with_one_line_each(self) -> None:
        error = ConfigError("desk.toml", [Mistake("a.b", "unknown key", nearest="c"), Mistake("", "empty", "more")])
        assert "2 mistakes in desk.toml:\n  a.b: unknown key; did you mean c?\n  empty; expected more" == str(error)

    def test_a_long_value_is_cut(self) -> None:
        assert f'"{"x" * 58}… (text)' == shown("x" * 100)

    def test_a_name_like_no_other_has_no_nearest(self) -> None:
        assert "" == nearest_name("abc", ["xyz"])

    def test_a_date_is_called_by_its_name(self) -> None:
        assert "2024-01-01 (date or time)" == shown(datetime.date(2024, 1, 1))


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["", "a", "BTCUSDT", "simulated", "recorded", "1e99", "NaN", "-1", "ä\n", "x" * 99]),
    st.sampled_from([FAILED, datetime.datetime(2024, 1, 1), datetime.time(1), datetime.date(2024, 1, 1)]),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cluster", "gateways", "strategies", "id", "kind", "source", "instruments", "name", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["cluster", "gateways", "strategies"]), DOCUMENTS))
def test_whatever_a_document_holds_ends_in_mistakes_and_never_in_another_error(document: dict[str, Any]) -> None:
    decoder = Decoder()
    assert FAILED is decoder.decode(document, Config, "")
    assert decoder.mistakes or FAILED in document.values() or "FAILED" in repr(document)


@given(st.data())
def test_whatever_value_is_put_in_place_of_another_ends_in_a_config_or_in_mistakes(data: st.DataObject) -> None:
    document = tomllib.loads(WHOLE)
    holder: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not (isinstance(holder[key], dict | list) and holder[key] and data.draw(st.booleans())):
            break
        holder = holder[key]
    holder[key] = data.draw(DOCUMENTS)
    decoder = Decoder()
    decoded = decoder.decode(document, Config, "")
    assert isinstance(decoded, Config) or decoder.mistakes or "FAILED" in repr(document)
