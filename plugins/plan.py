"""``--plan``: every question that a run may put to a host, and the outage it would cause, without connecting.

Each line is made by the very constant or function that the run uses. What depends on the inventory is decided here;
what only the host can tell is said in words: "only where ...".
"""

from __future__ import annotations

import shlex
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from plugins import steady
from plugins.canary import canary_commands, canary_key
from plugins.facts import asking, machine, tracing, walk
from plugins.facts.replies import QUESTIONS
from plugins.guard import may_write
from plugins.options import TWIN
from plugins.probe import CLIENTS, SAID_INSIDE, SAID_OUTSIDE
from plugins.target import commands, curl, engine_paths, engine_road, folder, redis, redis_cli
from plugins.target.local import named
from plugins.target.machine import session
from plugins.target.model import Container
from plugins.target.ssh_text import any_shell, master_argv, script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from plugins.inventory import Host
    from plugins.target.model import Command

ALWAYS = "always"

#: What redis-cli sends by itself before it reads its input, for its help: 6.2 and 7.0 do, 8.0 and Valkey do not (seen).
_FOR_HELP = (("COMMAND",), ("COMMAND", "DOCS"))


class Question(NamedTuple):
    """What is asked, as it is sent, and when."""

    text: str
    when: str = ALWAYS


class Part(NamedTuple):
    """Questions that go the same way."""

    heading: str
    questions: Sequence[Question]


def plan(host: Host) -> str:
    """What verify may do on ``host``, in words and commands; secrets are not in it, only their variables' names."""
    kind = "read-only but for the one canary key" if may_write(host) else "read-only"
    lines = [
        f"verify on {host.name} ({host.environment}): {kind}, expected outage: none",
        "Words in capitals stand for what only the run knows, $NAME for a variable of the runner's.",
    ]
    for part in parts(host):
        lines += ["", part.heading]
        for when, questions in groupby(part.questions, key=lambda question: question.when):
            lines.append(f"  {when}")
            lines += [textwrap.indent(question.text.strip(), "    ") for question in questions]
    return "\n".join(lines)


def parts(host: Host) -> Iterator[Part]:
    """The plan's parts, in the order in which a run comes to them; those without a question are left out."""
    found = (
        *_before(host),
        _commands_on(host),
        _connections(host),
        _engine(host),
        _inside_redis(host),
        _login(host),
        _to_redis(host),
        _keys(host),
        _canary(host),
        _inside_backend(host),
        _readiness(host),
        _again(host),
    )
    yield from (part for part in found if part.questions)


# --- the way there ----------------------------------------------------------------------------------------------


def _before(host: Host) -> Iterator[Part]:
    if host.name == TWIN:
        own = "no other is touched; without an engine: two processes, whose supervisor is asked the same"
        yield Part("on this machine, for the run only", [Question(f"a Compose project of its own ({own})")])
    if host.ssh is not None:
        login = _line(master_argv("FOLDER/config", "FOLDER/c", host.ssh))
        asking_again = "only where ssh has a question, and there is a terminal: once more, to ask it"
        heading = f"on the runner: one OpenSSH connection to {host.ssh}, which carries all that follows"
        yield Part(heading, [Question(login), Question(login, asking_again)])


def _commands_on(host: Host) -> Part:
    plain = host.docker == engine_road.PLAIN
    several = "only where several Compose projects have these services: which is the folder's own"
    elsewhere = "only where Compose's labels say that the project was started by other files"
    blocked = "only where the engine's socket cannot be used directly (a context, sudo, no forwarding): a process each"
    forbidden = "only where the SSH server forbids forwarding: the address by standard input, a private CA by a"
    forbidden += " temporary file, removed at once"
    questions = [Question(any_shell(script(("COMMAND",), "MARK")).decode(), "each of them inside")] if host.ssh else []
    if plain:
        questions.append(Question(_line(engine_road.REDIRECTIONS)))
    questions.append(Question(_line(session(_line(machine.command(["PATH..."]))))))
    questions.append(Question(_line(engine_road.relay(host.docker)), blocked if plain else ALWAYS))
    if host.compose_project is None:
        questions.append(Question(_line(folder.look(host)), several))
    questions.append(Question(_line(folder.look(host, ["/FILE"])), elsewhere))
    if host.ssh is not None and host.readiness_url is not None and host.readiness_via == "host":
        questions.append(Question(_line(curl.command("SECONDS")), forbidden))
    return Part(f"commands on {_where(host)}", questions)


def _connections(host: Host) -> Part:
    redis_there = Container("ID", "NAME", host.redis_service, addresses=("ADDRESS",), network_mode="host")
    own, shared = redis.addresses(redis_there, host.redis_port, routed=True)
    questions = []
    if host.docker == engine_road.PLAIN:
        questions += [
            Question(engine_road.DEFAULT_SOCKET),
            Question("/PATH", "only where DOCKER_HOST there names another unix socket: that one, too"),
        ]
    questions += [
        Question(f"HOST:PORT that port {host.redis_port} of {host.redis_service} is published on", "only where it is"),
        Question(named(own), "only where the published address does not answer, or there is none"),
        Question(named(shared), "only where the container shares the host's network"),
    ]
    if host.readiness_via == "host" and host.readiness_url is not None:
        questions.append(Question(f"that of {_address(host.readiness_url)}"))
    return Part(f"connections made from {_where(host)}", questions)


def _engine(host: Host) -> Part:
    listed = f"{engine_paths.CONTAINERS}?{_query(engine_paths.OF_COMPOSE)}"
    log = f"{engine_paths.log('ID')}?{_query(engine_paths.newest('SINCE', 'LINES'))}"
    oldest = f"{engine_paths.log('ID')}?{_query(engine_paths.whole())}"
    rotated = "only where the engine drops what is old of that log: one line of it"
    ahead = "only where no other question has found the way to the engine"
    questions = [
        *(Question(f"GET {path}") for path in (engine_paths.INFO, listed, engine_paths.container("ID"))),
        Question(f"POST {engine_paths.execution('ID')}"),
        Question(f"POST {engine_paths.started('EXEC')}"),
        Question(f"GET {engine_paths.ended('EXEC')}"),
        *([Question(f"GET {log}"), Question(f"GET {oldest}", rotated)] if host.backend_service is not None else []),
        Question(f"GET {engine_paths.VERSION}", ahead),
    ]
    return Part(f"Docker's API on {_where(host)}, as {_line(host.docker)} there reaches it", questions)


# --- Redis ------------------------------------------------------------------------------------------------------


def _inside_redis(host: Host) -> Part:
    arguments = asking.client_arguments(host, _variables(host))
    said = ", ".join(map(_command, SAID_INSIDE))
    login = redis.Login(host, _variables(host))
    first = "" if login.certain else f"{_command(redis_cli.entrance(login))}, by itself, then "
    through = f"{first}{_command(redis_cli.NAMED)} and what is asked of Redis below"
    questions = []
    for client, lack in zip(CLIENTS, ("", f", and the container has no {CLIENTS[0]}"), strict=True):
        cut_off = f"only where no address of Redis's can be reached{lack}: instead of the wire"
        pinged = f"only where{lack.removeprefix(', and')}" if lack else ALWAYS
        questions.append(Question(f"{_line((client, *arguments))} < {said}", pinged))
        questions.append(Question(f"{_line((client, *redis_cli.options(host, login)))} < {through}", cut_off))
    named_file = "only where the container's command line names a configuration file"
    questions.append(Question(_line(asking.reading("FILE")), named_file))
    late = "only where one of these has no answer in time: it is found by its mark in the environment, and ended"
    questions.append(Question(_line(commands.ending(f"{commands.MARK}=TOKEN")), late))
    secret = f", the password by {', '.join(asking.client_env(host, _variables(host)))}" if login.password else ""
    return Part(f"inside the container of {host.redis_service}{secret}", questions)


def _login(host: Host) -> Part:
    by_itself = "only where the client in the container is older than 8, which sends one of these by itself"
    given = f"only where ${host.redis_password_env} is not empty"
    login = redis.Login(host, _variables(host)).commands()
    said = [Question(_command(command), given if command[0] == "AUTH" else ALWAYS) for command in login]
    said += [Question(_command(command), by_itself) for command in _FOR_HELP]
    return Part(f"to Redis of {host.redis_service}, first on each connection", said)


def _to_redis(host: Host) -> Part:
    again = "only where two servers seem to answer: once more, over a connection of its own"
    untold = "only where the backend's connections can be told in no other way: once more"
    bond = [Question(_command(QUESTIONS["clients"]), untold)] if host.backend_service is not None else []
    mute = "only where Redis hangs up on a PING without a word: on a connection of its own, instead of a command"
    return Part(
        f"to Redis of {host.redis_service}, database {host.redis_db}",
        [
            Question("a TLS handshake's first message", mute),
            *(Question(_command(command)) for command in (*SAID_OUTSIDE, *QUESTIONS.values())),
            *(Question(_command(command), again) for command in SAID_OUTSIDE),
            *bond,
        ],
    )


def _keys(host: Host) -> Part:
    limits = host.limits
    sampled = "only where there are keys"
    many = f"only where there are more than {limits.sampled_keys} keys: so often"
    questions = [Question(_command(command)) for command in walk.count(limits.sampled_keys)]
    questions += [Question(_command(walk.DRAW), many)]
    questions += [Question(_command(command), sampled) for command in walk.measure(b"KEY")]
    for pattern in host.patterns:
        glob = pattern.glob.encode(errors="surrogateescape")
        questions.append(Question(_command(walk.scan(b"CURSOR", glob))))
        about = walk.about(pattern, b"KEY", measured=True)
        questions += [Question(_command(command), f"only for keys like {pattern.glob}") for command in about]
    return Part(f"the same, for at most {limits.survey_s:g} s, never KEYS", questions)


def _canary(host: Host) -> Part:
    commands = canary_commands(canary_key(host.namespace, "TOKEN"), b"TOKEN") if may_write(host) else ()
    heading = "the same, over a connection of its own: the one write, a key that expires by itself"
    return Part(heading, [Question(_command(command)) for command in commands])


# --- the backend ------------------------------------------------------------------------------------------------


def _inside_backend(host: Host) -> Part:
    unseen = "only where its check passes and CLIENT LIST shows no older connection from its address"
    shared = "only where it shares its network with Redis, instead"
    questions = [
        Question(_line(host.backend_check)),
        Question(_line(tracing.CONNECTIONS), unseen),
        Question(_line(tracing.OWNED), shared),
        Question(_line(commands.ending(f"{commands.MARK}=TOKEN")), "only where one of these has no answer in time"),
    ]
    heading = f"inside each running container of {host.backend_service}"
    return Part(heading, questions if host.backend_service is not None else [])


def _readiness(host: Host) -> Part:
    questions = [Question(f"GET {_address(host.readiness_url)}")] if host.readiness_url is not None else []
    return Part(f"readiness, asked from the {host.readiness_via}", questions)


def _again(host: Host) -> Part:
    asked = ["the containers", "in-container and wire PING"]
    asked += ["the write"] * may_write(host) + ["the backend's check"] * (host.backend_service is not None)
    asked += ["readiness"] * (host.readiness_url is not None)
    every = f"only with --wait or --stable-for: at most every {steady.EVERY_S:g} s until it is over"
    return Part("the same again", [Question(", ".join(asked), every)])


# --- words ------------------------------------------------------------------------------------------------------


def _where(host: Host) -> str:
    return host.ssh or "this machine"


def _variables(host: Host) -> Mapping[str, str]:
    """The variables that hold the login, each with its own name for a value: what they hold is never looked at."""
    return {name: f"${name}" for name in (host.redis_username_env, host.redis_password_env) if name}


def _address(url: str) -> str:
    """An address without its query, which may hold a token."""
    address, query, _ = url.partition("?")
    return address + ("?..." if query else "")


def _query(query: Mapping[str, str]) -> str:
    """A query to read: it is sent encoded."""
    return "&".join(f"{name}={value}" for name, value in query.items())


def _line(argv: Iterable[str]) -> str:
    return shlex.join(argv)


def _command(command: Command) -> str:
    return _line(word.decode(errors="backslashreplace") if isinstance(word, bytes) else str(word) for word in command)
