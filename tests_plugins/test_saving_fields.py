"""Fields of hashes that expire by themselves (Redis 7.4): what has gone of them meanwhile is nobody's doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.eventually import eventually
from plugins.saving import restore
from plugins.saving.digest import same, vanishes
from tests_plugins.keyspaces import IMAGES, staged
from tests_plugins.staging import need_staging_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests_plugins.keyspaces import Place

#: Fields of a hash that Redis keeps packed, and of one that it does not.
SIZES = pytest.mark.parametrize("fields", [3, 700], ids=["packed", "large"])
LATER_MS = 600_000


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A server that can let fields expire."""
    need_staging_host()
    with staged(IMAGES["8.0"]) as made:
        yield made


def now_ms(place: Place) -> int:
    """The server's clock."""
    seconds, micros = place.ask("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def make(place: Place, key: str, fields: int, *expiring: str) -> bytes:
    """A hash, some fields of which soon expire and another one later; what DUMP says of it before."""
    place.ask("DEL", key)
    place.ask("HSET", key, *(word for number in range(fields) for word in (f"f{number}", "v")))
    if "f2" not in expiring:
        place.ask("HPEXPIRE", key, LATER_MS, "FIELDS", 1, "f2")
    place.ask("HPEXPIRE", key, 500, "FIELDS", len(expiring), *expiring)
    payload = place.ask("DUMP", key)
    assert isinstance(payload, bytes)
    return payload


@SIZES
def test_a_field_whose_time_is_over_is_not_missed(place: Place, fields: int) -> None:
    """Before its time it would be."""
    before = make(place, "some", fields, "f1")
    begun_ms = now_ms(place)
    eventually(lambda: place.ask("HLEN", "some") == fields - 1, what="one field expires", within_s=5)
    after = place.ask("DUMP", "some")
    assert (same(before, after, now_ms(place)), same(before, after, begun_ms)) == (True, False)
    place.ask("HSET", "some", "f0", "another")
    assert same(before, place.ask("DUMP", "some"), now_ms(place)) is False


@SIZES
def test_when_the_last_that_could_expire_has_gone_the_rest_is_compared_all_the_same(place: Place, fields: int) -> None:
    """As a hash like any other, which it may have become by then."""
    before = make(place, "some", fields, "f1", "f2")
    eventually(lambda: place.ask("HLEN", "some") == fields - 2, what="two fields expire", within_s=5)
    place.ask("DEL", "plain")
    place.ask(
        "HSET", "plain", *(word for number in range(fields) if number not in {1, 2} for word in (f"f{number}", "v"))
    )
    for key in ("some", "plain"):
        assert same(before, place.ask("DUMP", key), now_ms(place)) is True


@SIZES
def test_a_key_goes_with_its_last_field(place: Place, fields: int) -> None:
    """It has expired, and is not missing; with a field that stays it would be."""
    some, whole = make(place, "some", fields, "f1"), make(place, "all", fields, *(f"f{one}" for one in range(fields)))
    begun_ms = now_ms(place)
    eventually(lambda: place.ask("EXISTS", "all") == 0, what="all fields expire", within_s=5)
    assert (vanishes(whole, now_ms(place)), vanishes(whole, begun_ms), vanishes(some, now_ms(place))) == (
        True,
        False,
        False,
    )


def test_hashes_that_lose_fields_meanwhile_are_put_back(place: Place) -> None:
    """Nothing is amiss, whether the server has let the fields go by the time of the comparison or not."""
    place.ask("FLUSHALL")
    make(place, "some", 700, "f1")
    make(place, "all", 3, "f0", "f1", "f2")
    saved = place.save()
    saved.writers.release()
    eventually(lambda: place.ask("EXISTS", "all") == 0, what="all fields expire", within_s=5)
    place.lose(saved)
    restored = restore(place.target, place.redis, saved)
    saved.close()
    assert (restored.put_back + restored.expired, restored.wrong, restored.doubtful) == (2, "", "")
