"""Leases: one holder at a time, whoever dies or sleeps."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest

from truthmap.errors import RunFolderError, StorageError
from truthmap.runs import lease as leasing
from truthmap.runs.lease import NAME, Lease, leased
from truthmap.storage import RemoteStorage


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> RemoteStorage:
    """Return an empty folder in memory; signs of life come fast."""
    monkeypatch.setattr(leasing, "BEAT", 0.05)
    monkeypatch.setattr(leasing, "STALE", 1.0)
    monkeypatch.setattr(leasing, "SETTLE", 0.1)
    monkeypatch.setattr(leasing, "_LOOK", 0.02)
    return RemoteStorage(f"memory://{uuid4().hex}/run")


def unheard(news: str) -> None:
    raise AssertionError(news)


def test_a_lease_is_there_while_it_is_held_and_gone_after(place: RemoteStorage) -> None:
    with leased(place, "here", unheard) as lease:
        first = place.read(NAME)
        lease.check()
        time.sleep(0.3)
        assert place.read(NAME) != first  # a sign of life
    assert place.sizes() == {}


def test_a_holder_that_lives_is_not_disturbed(place: RemoteStorage) -> None:
    news: list[str] = []
    with (
        leased(place, "here", unheard),
        pytest.raises(RunFolderError, match=r"another run is working in memory://.* \(process \d+ on "),
        leased(place, "there", news.append),
    ):
        raise AssertionError
    assert len(news) == 1
    assert "looking for 1 s whether it lives" in news[0]


def test_a_dead_holder_is_followed_after_a_while(place: RemoteStorage) -> None:
    Lease(place, "there").take(unheard)  # and never a sign of life
    begun = time.monotonic()
    with leased(place, "here", lambda _news: None) as lease:
        assert time.monotonic() - begun >= 1.0
        lease.check()


def test_a_dead_holder_of_the_same_working_copy_is_followed_at_once(place: RemoteStorage) -> None:
    Lease(place, "here").take(unheard)
    begun = time.monotonic()
    with leased(place, "here", unheard):
        assert time.monotonic() - begun < 1.0


def test_a_lease_that_nobody_can_read_is_one_of_the_dead(place: RemoteStorage) -> None:
    nobodys = b"\x00[" * 40
    place.put(NAME, nobodys)
    with leased(place, "here", lambda _news: None) as lease:
        lease.check()
        assert place.read(NAME) != nobodys


def test_who_slept_too_long_takes_nothing_back(place: RemoteStorage) -> None:
    sleeper = Lease(place, "there")
    sleeper.take(unheard)
    with leased(place, "here", lambda _news: None) as lease:
        with pytest.raises(RunFolderError, match="another run has taken over memory://"):
            sleeper.check()
        sleeper.keep()  # ends at once
        sleeper.release()
        lease.check()


def test_of_many_who_follow_the_dead_at_once_one_works(place: RemoteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "SETTLE", 0.5)
    Lease(place, "gone").take(unheard)
    ready, working, refused = threading.Barrier(5), [], []

    def follow(name: str) -> None:
        lease = Lease(place, name)
        ready.wait()
        try:
            lease.take(lambda _news: None)
        except RunFolderError:
            refused.append(name)
        else:
            working.append(lease)

    threads = [threading.Thread(target=follow, args=(f"home {n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(working) == 1
    assert len(refused) == 4
    working[0].check()


def test_a_place_that_is_away_for_a_moment_does_not_end_a_lease(
    place: RemoteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with leased(place, "here", unheard) as lease:
        with monkeypatch.context() as patch:

            def away(*_args: object) -> None:
                raise StorageError("the network is down")

            patch.setattr(place, "read", away)
            with pytest.raises(StorageError, match="the network is down"):
                lease.check()
            time.sleep(0.2)
        before = place.read(NAME)
        time.sleep(0.3)
        assert place.read(NAME) != before
        lease.check()
