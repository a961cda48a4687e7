"""The JSON Schema: it accepts what the decoder accepts, as far as types can say, and refuses what it refuses."""

import datetime
import tomllib
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest

from actors.runtime.strategy_kinds import Offer, StrategyKinds, strategy_kinds
from actors.strategies.registry import KINDS
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.config.schema import DRAFT, config_schema
from supervisor.scaffold.template.dip_buyer import DipBuyer
from tests.supervisor.desk_config import STRATEGY, WHOLE, changed

ROOT = Path(__file__).parents[3]
TEMPLATE = (ROOT / "supervisor" / "scaffold" / "template" / "dip-buyer.toml").read_text()
ALL: Any = StrategyKinds({**KINDS, "dip-buyer": DipBuyer}, ())
ALL_KINDS = (ROOT / "tests" / "support" / "all_kinds.toml").read_text()
SCHEMA, _ = config_schema(ALL)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
EXAMPLES = {file.name: file.read_text() for file in sorted((ROOT / "examples").glob("*.toml"))}


def as_json(value: Any) -> Any:
    """A TOML document as editors hand it to a schema: dates are texts."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.datetime) else value


def faults(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(as_json(tomllib.loads(text)))]


def test_it_is_a_schema_of_its_draft() -> None:
    assert "https://json-schema.org/draft/2020-12/schema" == SCHEMA["$schema"] == DRAFT
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [DEFAULT_CONFIG, TEMPLATE, WHOLE, ALL_KINDS, *EXAMPLES.values()],
    ids=["embedded", "template", "desk", "all kinds", *EXAMPLES],
)
def test_right_configs_are_right(text: str) -> None:
    assert [] == faults(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "desk"', 'name = "${CLUSTER}"'),
        ('notional = "10000"', "notional = 10000"),
        ('notional = "10000"', 'notional = "${NOTIONAL}"'),
        ('notional = "10000"', 'notional = "1e4"\nleverage = 2'),
        ('tick_size = "0.01"', 'tick_size = ".01"\ntaker_fee_bps = 7.5\nmaker_fee_bps = "-0.5"'),
        ('type = "perpetual"', 'type = "future"\nexpiry = 2099-12-31T08:00:00Z'),
    ],
)
def test_what_the_decoder_takes_is_right(old: str, new: str) -> None:
    assert [] == faults(changed(old, new))


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name = "desk"', 'name = "-desk"', "$.cluster.name"),
        ('name = "desk"', 'name = "desk"\nhartbeat = 1', "$.cluster"),
        ('name = "desk"', 'name = "desk"\nrestarts_max = 1001', "$.cluster.restarts_max"),
        ('kind = "simulated"', 'kind = "real"', "$.gateways[0].kind"),
        ('tick_size = "0.01"', 'tick_size = "0.00"', "$.gateways[0].instruments[0].tick_size"),
        ('tick_size = "0.01"', 'tick_size = "-1"', "$.gateways[0].instruments[0].tick_size"),
        ('tick_size = "0.01"', "tick_size = 0.01", "$.gateways[0].instruments[0].tick_size"),
        ('tick_size = "0.01"', 'tick_size = "cheap"', "$.gateways[0].instruments[0].tick_size"),
        ('USDT = "1000"', 'USDT = "-1"', "$.gateways[0].balances.USDT"),
        ('USDT = "1000"', '"U SDT" = "1"', "$.gateways[0].balances"),
        ('kind = "synthetic"', 'kind = "made-up"', "$.gateways[0].source"),
        ('kind = "spot-futures"', 'kind = "spot-future"', "$.strategies[0].kind"),
        ('futures = "BTCUSDT.perp"', "", "$.strategies[0].parameters"),
        ('notional = "10000"', 'notional = "10000"\nleverage = 0', "$.strategies[0].parameters.leverage"),
        ('notional = "10000"', 'notional = "10000"\nlevrage = 2', "$.strategies[0].parameters"),
        ('notional = "10000"', 'notional = "10000"\nfirst_leg = "third"', "$.strategies[0].parameters.first_leg"),
    ],
)
def test_a_wrong_value_is_found_at_its_place(old: str, new: str, place: str) -> None:
    assert [place] == faults(changed(old, new))


def test_tables_of_several_sorts_are_told_apart_by_their_tag() -> None:
    route = 'type = "cross-venue"'
    assert ["$.strategies[3].parameters.routes[0]"] == faults(changed(route, 'type = "crossvenue"', ALL_KINDS))
    assert ["$.strategies[3].parameters.routes[0]"] == faults(changed(route, 'type = "triangular"', ALL_KINDS))


def test_parameters_that_a_kind_cannot_do_without_are_missed() -> None:
    without = changed(STRATEGY, '[[strategies]]\nid = "carry-btc"\nkind = "spot-futures"\n')
    assert ["$.strategies[0]"] == faults(without)


def test_each_kind_has_its_own_parameters() -> None:
    assert sorted([*KINDS, "dip-buyer"]) == SCHEMA["$defs"]["StrategyConfig"]["properties"]["kind"]["enum"]
    wrong = TEMPLATE.replace("dip_bps = 4.0", "min_edge_bps = 4.0")
    assert ["$.strategies[0].parameters"] == faults(wrong)


def test_descriptions_and_defaults_are_those_of_the_structs() -> None:
    parameters = SCHEMA["$defs"]["DipBuyerParameters"]["properties"]
    assert "rest after each order, in market time" == parameters["pause_s"]["description"]
    assert 1.0 == parameters["pause_s"]["default"]
    cluster = SCHEMA["$defs"]["ClusterConfig"]
    assert "`[cluster]`: its name, and how its processes are watched, restarted and stopped." == cluster["description"]


def test_kinds_that_cannot_be_used_are_left_out_and_told() -> None:
    kinds = StrategyKinds(KINDS, (Offer("away", "no_such_module:Away", "far 2.1"),))
    schema, (broken,) = config_schema(kinds)
    assert "away" not in schema["$defs"]["StrategyConfig"]["properties"]["kind"]["enum"]
    assert 'kind "away" of far 2.1' in broken


class Inner(msgspec.Struct):
    value: int


class Odd(msgspec.Struct):
    """Parameters of types that no built-in kind has."""

    inner: Inner
    either: int | str
    pair: tuple[int, str]
    names: set[str]
    share: Annotated[float, msgspec.Meta(gt=0.5)] = 0.75
    least: Annotated[msgspec.Raw, msgspec.Meta(extra={"expected": "anything"})] = msgspec.Raw()


def odd_kind(parameters: type[msgspec.Struct]) -> Any:
    return type("Kind", (), {"parameters_type": parameters})


def test_types_of_other_kinds_are_told_too() -> None:
    twin = msgspec.defstruct("Inner", [("text", str)])
    other = msgspec.defstruct("Other", [("inner", twin)], module="elsewhere")
    schema, _ = config_schema({"odd": odd_kind(Odd), "other": odd_kind(other)})
    properties = schema["$defs"]["Odd"]["properties"]
    assert {"anyOf": [{"type": "integer"}, {"type": "string"}]} == properties["either"]
    pair = {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2}
    assert pair == properties["pair"]
    assert {"type": "array", "items": {"type": "string"}} == properties["names"]
    assert {"description": "Expected: anything."} == properties["least"]
    assert {"type": "number", "exclusiveMinimum": 0.5, "default": 0.75} == properties["share"]
    first, second = properties["inner"]["$ref"], schema["$defs"]["Other"]["properties"]["inner"]["$ref"]
    assert first != second, "two structs of one name"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_installed_kinds_have_a_schema() -> None:
    schema, _ = config_schema(strategy_kinds())
    assert set(KINDS) <= set(schema["$defs"]["StrategyConfig"]["properties"]["kind"]["enum"])
