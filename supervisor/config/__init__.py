"""The config of a cluster: one TOML file, decoded into structs, with all of its mistakes reported at once."""

from supervisor.config.loading import ConfigText, cluster_name, instruments, load, read, venue_specs
from supervisor.config.mistakes import ConfigError, Mistake
from supervisor.config.shape import ClusterConfig, Config, GatewayConfig, InstrumentConfig, StrategyConfig

__all__ = [
    "ClusterConfig",
    "Config",
    "ConfigError",
    "ConfigText",
    "GatewayConfig",
    "InstrumentConfig",
    "Mistake",
    "StrategyConfig",
    "cluster_name",
    "instruments",
    "load",
    "read",
    "venue_specs",
]
