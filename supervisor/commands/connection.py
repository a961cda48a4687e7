"""How commands reach the cluster that is meant, and what they make of its answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from messages.health import ClusterStatus
from messages.operator import CommandAccepted, CommandFinished, FromOperator, StatusReply, StatusRequest
from supervisor.cluster_finder import AmbiguousCluster, find
from supervisor.commands.base import failure
from supervisor.commands.exit_codes import BAD_USAGE, FAILED, NOT_RUNNING
from supervisor.config import ConfigError
from supervisor.keys import OPERATOR, keyring_of
from supervisor.operator_link import SOCKET_NAME, NotRunning, OperatorLink, OperatorLinkError, new_command_id
from supervisor.paths import ClusterPaths, UnsafePath


@contextmanager
def linked(config: Path | None, cluster: str | None, state: Path | None) -> Iterator[tuple[OperatorLink, ClusterPaths]]:
    """Connect to the cluster that is meant; whatever goes wrong on the way ends the command with its exit code."""
    try:
        paths = find(config, cluster, state)
        with OperatorLink(paths.endpoint(SOCKET_NAME), keyring_of(paths, OPERATOR)) as link:
            yield link, paths
    except (AmbiguousCluster, ConfigError, UnsafePath) as error:
        raise failure(str(error), BAD_USAGE) from error
    except NotRunning as error:
        raise failure(str(error), NOT_RUNNING) from error
    except OperatorLinkError as error:
        raise failure(str(error), FAILED) from error


def status_of(link: OperatorLink) -> ClusterStatus:
    reply = link.request(StatusRequest(new_command_id()))
    if isinstance(reply, StatusReply):
        return reply.status
    raise failure(reply.text, FAILED)


def accepted(link: OperatorLink, request: FromOperator) -> str:
    """What is answered to a request that is accepted at once; any other answer ends the command."""
    reply = link.request(request)
    if isinstance(reply, CommandAccepted) or (isinstance(reply, CommandFinished) and reply.is_ok):
        return reply.text
    text = "the supervisor answered with a status" if isinstance(reply, StatusReply) else reply.text
    raise failure(text, FAILED)
