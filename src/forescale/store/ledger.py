"""The ledger: every event, decision and action of every target, and where each one stands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from forescale.model.decision import Decision
from forescale.model.effect import Notice
from forescale.model.event import Command
from forescale.model.journal import Entry
from forescale.model.state import State
from forescale.store import commands, leases, reader, retention
from forescale.store.database import Database
from forescale.store.fold import DecisionRun
from forescale.store.location import locate
from forescale.store.migrate import prepare
from forescale.store.rows import Lease, Pruned, Recorded, RecordedAction
from forescale.store.writer import Writer


class Ledger:
    """A ledger, opened. Safe to use from one writing thread and any number of reading ones.

    Every method raises `StoreError` where the database fails; what was being written is then
    written as a whole or not at all, and doing the same again gives the same result. A server
    that was away is connected to again by the next call.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._writer = Writer(database)

    @classmethod
    def open(cls, url: str, *, create: bool = True, read_only: bool = False) -> Self:
        """Open the ledger at a path or URL; create it, or bring its tables up to date, if allowed.

        Args:
            url: A path, `sqlite:///path` (`?timeout=SECONDS` to wait for its lock),
                `mysql://`, `mariadb://` or `postgresql://user:password@host:port/database`.
            create: Make the ledger where there is none.
            read_only: Open it so that nothing can be written, not even a migration.

        Raises:
            StoreError: There is no such ledger, it cannot be opened, a driver is missing, or
                a newer forescale wrote it.
        """
        database = Database(locate(url), create=create, read_only=read_only)
        try:
            prepare(database, create=create)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @property
    def label(self) -> str:
        """Where it is, without a password."""
        return self._db.place.label

    def close(self) -> None:
        """Close all connections."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write entries of any number of targets in one transaction: all of them, or none.

        Each brings its event, the new state, decisions, the journaled action and notices; a
        `Reported` event gives its action an outcome; a `Commanded` event takes its command.
        Entries of one target must be in order. Committing the same entries again after an
        error is safe, even where the server had carried them out and could not say so.

        Raises:
            Conflict: A target is not where these entries start from: another process has
                written to it, a command was carried out already, or an earlier commit that
                failed had been carried out after all and is not what is repeated. `reload`
                it, and look at `orders` again.
        """
        self._writer.commit(entries)

    def snapshot(self, target: str, settings: str, state: State) -> None:
        """Start a segment: from here on the target can be replayed, and all before can be pruned.

        To be called when a target starts, when its settings change, and every few hours.

        Args:
            target: Its name.
            settings: The JSON of the settings in force from here on.
            state: The state before the next event.
        """
        self._writer.snapshot(target, settings, state)

    def reload(self, target: str) -> State | None:
        """The state to go on from after a `Conflict`."""
        self._writer.forget((target,))
        return self.state(target)

    # Reading

    def targets(self) -> tuple[str, ...]:
        """The names of the targets that have a state."""
        with self._db.read() as connection:
            return reader.targets(connection)

    def state(self, target: str) -> State | None:
        """The state after the last event of a target; None where the ledger knows none."""
        if not self._db.read_only:
            self._writer.remember((target,))
        with self._db.read() as connection:
            return reader.states(connection, target).get(target)

    def states(self) -> Mapping[str, State]:
        """The state of every target, by name."""
        if not self._db.read_only:
            self._writer.remember(None)
        with self._db.read() as connection:
            return reader.states(connection)

    def decisions(
        self,
        target: str | None = None,
        since: float | None = None,
        until: float | None = None,
        only_actions: bool = False,
        limit: int = 100,
    ) -> tuple[DecisionRun, ...]:
        """Decisions, equal ones in a row folded into one run, the newest first.

        Args:
            target: Only this target's.
            since: Only runs that reach to this time or beyond.
            until: Only runs that begin before this time.
            only_actions: Only decisions that change capacity.
            limit: The most runs to return.
        """
        with self._db.read() as connection:
            return reader.decisions(connection, target, since, until, only_actions, limit)

    def decision(self, wanted: str) -> Decision | None:
        """The decision of this id, exactly as it was made, folded or not."""
        with self._db.read() as connection:
            return reader.decision(connection, wanted)

    def latest_decision(self, target: str) -> Decision | None:
        """The newest decision of a target."""
        with self._db.read() as connection:
            return reader.latest_decision(connection, target)

    def actions(
        self,
        target: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
    ) -> tuple[RecordedAction, ...]:
        """Journaled actions with their outcomes, the newest first, made in [since, until)."""
        with self._db.read() as connection:
            return reader.actions(connection, target, since, until, limit)

    def action(self, wanted: str) -> RecordedAction | None:
        """The action of this id, which is also the id of its decision."""
        with self._db.read() as connection:
            return reader.action(connection, wanted)

    def notices(
        self,
        target: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
    ) -> tuple[Notice, ...]:
        """What people were told in [since, until), the newest first."""
        with self._db.read() as connection:
            return reader.notices(connection, target, since, until, limit)

    def segments(self, target: str, since: float | None = None) -> Iterator[Recorded]:
        """The target's segments in full, oldest first, each with the decisions recorded in it.

        Each is read as it is asked for, in a transaction of its own. With `since`, those
        that end before it are left out.
        """
        with self._db.read() as connection:
            starts = reader.starts(connection, target, since)
        for start in starts:
            with self._db.read() as connection:
                segment = reader.segment(connection, target, start)
            if segment is not None:
                yield segment

    # Commands

    def post(self, target: str, command: Command, now: float) -> str:
        """Leave a command for whoever runs the target. Returns the id its event will have."""
        return self._db.transact(lambda connection: commands.post(connection, target, command, now))

    def orders(self) -> Mapping[str, Mapping[str, Command]]:
        """Commands not carried out yet: by target, by id, oldest first.

        Each becomes a `Commanded` event with the same id. Committing that event takes the
        command, in one transaction, so it is carried out once; a commit that would take it
        again is refused.
        """
        with self._db.read() as connection:
            return commands.orders(connection)

    # Ownership

    def hold(self, targets: Iterable[str], holder: str, now: float, until: float) -> None:
        """Take, or renew, the leases on targets: all of them, or none.

        Args:
            targets: Their names.
            holder: Names a process, and no other one.
            now: The time, in seconds since the epoch. A lease that has run out is free.
            until: When the leases run out, if they are not renewed.

        Raises:
            Held: Another process has one of them.
        """
        names = tuple(targets)
        self._db.transact(lambda connection: leases.hold(connection, names, holder, now, until))

    def release(self, holder: str, targets: Iterable[str] | None = None) -> None:
        """Give up leases: the holder's own on these targets, or all of them."""
        names = None if targets is None else tuple(targets)
        self._db.transact(lambda connection: leases.release(connection, holder, names))

    def leases(self) -> tuple[Lease, ...]:
        """Who holds what; a lease whose `expires` has passed counts no more."""
        with self._db.read() as connection:
            return leases.leases(connection)

    # Retention

    def prune(self, before: float) -> Pruned:
        """Remove whole segments that ended before a time, with all that belongs to them.

        What remains of a target begins with a snapshot and can be replayed. The newest
        segment always stays, so a target without snapshots is never pruned. SQLite gives
        the space back to the file system.
        """
        return retention.prune(self._db, before)
