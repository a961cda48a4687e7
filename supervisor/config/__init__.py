"""The config of a cluster: one TOML file, decoded into structs, with all of its mistakes reported at once."""

from supervisor.config.loading import cluster_name, instruments, load, venue_specs
from supervisor.config.mistakes import ConfigError, Mistake
from supervisor.config.shape import ClusterConfig, Config, GatewayConfig, InstrumentConfig, StrategyConfig

__all__ = [
    "ClusterConfig",
    "Config",
    "ConfigError",
    "GatewayConfig",
    "InstrumentConfig",
    "Mistake",
    "StrategyConfig",
    "cluster_name",
    "instruments",
    "load",
    "venue_specs",
]
