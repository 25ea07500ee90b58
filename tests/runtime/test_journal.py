"""Many targets, one transaction; and what becomes of the others when one cannot be written."""

import asyncio

import pytest

from forescale.model.errors import StoreError
from forescale.model.event import Observed
from forescale.model.journal import Entry
from forescale.model.state import State
from forescale.runtime.journal import Journal
from forescale.store import Conflict, Ledger
from runtime_world import START


def entry(target, n=1):
    return Entry(target, Observed(f"e{n}", START + n), State(target, START + n, seq=n))


class Counting(Ledger):
    """A real ledger that says what was committed together, and fails where told."""

    commits: list[list[str]]
    fail: Exception | None = None
    poisoned = ""

    def commit(self, entries):
        self.commits.append([e.target for e in entries])
        if self.fail is not None:
            raise self.fail
        if any(e.target == self.poisoned for e in entries):
            raise ValueError("this cannot be written")
        super().commit(entries)


@pytest.fixture
def ledger(tmp_path):
    with Counting.open(str(tmp_path / "ledger.db")) as ledger:
        ledger.commits = []
        yield ledger


def write(ledger, *entries):
    async def go():
        journal = Journal(ledger)
        try:
            return await asyncio.gather(*map(journal.write, entries), return_exceptions=True)
        finally:
            await journal.close()

    return asyncio.run(go())


def test_the_targets_of_a_moment_share_a_commit(ledger):
    assert write(ledger, *(entry(f"t{i}") for i in range(100))) == [None] * 100
    assert [len(commit) for commit in ledger.commits] == [100]
    assert len(ledger.states()) == 100


def test_a_target_with_a_rival_fails_alone(ledger, tmp_path):
    write(ledger, entry("web"), entry("api"))
    with Ledger.open(str(tmp_path / "ledger.db")) as rival:
        rival.reload("web")
        rival.commit([entry("web", 2)])
    web, api = write(ledger, entry("web", 2), entry("api", 2))
    assert isinstance(web, Conflict)
    assert api is None
    assert ledger.state("api").seq == 2


def test_a_database_that_fails_fails_for_all(ledger):
    ledger.fail = StoreError("the disk is full")
    assert {str(e) for e in write(ledger, entry("web"), entry("api"))} == {"the disk is full"}
    ledger.fail = None
    assert write(ledger, entry("web"), entry("api")) == [None, None]


def test_an_entry_that_cannot_be_written_takes_no_other_with_it(ledger):
    ledger.poisoned = "web"
    api, web, db = write(ledger, entry("api"), entry("web"), entry("db"))
    assert api is db is None
    assert isinstance(web, ValueError)
    assert set(ledger.states()) == {"api", "db"}


def test_who_has_gone_away_does_not_keep_the_others_from_being_written(ledger):
    async def go():
        journal = Journal(ledger)
        gone = asyncio.create_task(journal.write(entry("web")))
        stays = asyncio.create_task(journal.write(entry("api")))
        await asyncio.sleep(0)
        gone.cancel()
        await stays
        await journal.close()

    asyncio.run(go())
    assert set(ledger.states()) == {"web", "api"}
