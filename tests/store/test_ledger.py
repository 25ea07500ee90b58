"""What a ledger promises, on every kind of database."""

import threading
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lives import START, Life, commands, decided, decision_sequences, events
from sqlalchemy import text

from forescale.model.decision import Direction
from forescale.model.effect import Act, Action, Decided, Done, NoOp, Notice, Retry
from forescale.model.errors import StoreError
from forescale.model.event import Commanded, Observed, Override, Pause, Resume
from forescale.model.journal import Entry
from forescale.model.sample import Point
from forescale.model.state import State
from forescale.model.value import encode
from forescale.store import Conflict, Held, Lease, Ledger, RecordedAction, fold


def begin(ledger, *lives):
    for life in lives:
        ledger.snapshot(life.target, '{"target": "' + life.target + '"}', life.state)


def rows(ledger, table):
    with ledger._db.read() as connection:
        return connection.execute(text(f"SELECT count(*) FROM ledger_{table}")).scalar()


def test_an_empty_ledger_knows_nothing(ledger):
    assert ledger.state("web") is None
    assert ledger.states() == {}
    assert ledger.targets() == ()
    assert ledger.decisions() == ledger.actions() == ledger.notices() == ledger.leases() == ()
    assert ledger.decision("web-1") is ledger.latest_decision("web") is ledger.action("web-1") is None
    assert list(ledger.segments("web")) == []
    assert ledger.orders() == {}
    ledger.commit(())


def test_a_life_comes_back_byte_for_byte(ledger):
    life = Life()
    begin(ledger, life)
    for make in (life.seen, life.quiet, life.quiet, life.news, life.quiet, life.failing, life.forecasted):
        make()
    life.acting()
    life.reported()
    life.quiet()
    for entry in life.entries:
        ledger.commit([entry])
    (segment,) = ledger.segments("web")
    assert (segment.target, segment.settings, segment.state) == ("web", '{"target": "web"}', State("web"))
    assert encode(segment.events) == encode(life.events)
    assert fold.first_difference(segment.decisions, life.decisions) is None
    assert encode(ledger.state("web")) == encode(life.state)
    assert ledger.states() == {"web": life.state}
    assert ledger.targets() == ("web",)


def test_the_uneventful_takes_few_rows(ledger):
    life = Life()
    begin(ledger, life)
    for _ in range(10):
        ledger.commit([life.news()])
        for _ in range(5):
            ledger.commit([life.quiet(demand=50.0)])
    assert rows(ledger, "event") == 10
    assert rows(ledger, "decision") == 1
    assert rows(ledger, "target") == 1


def test_one_commit_takes_many_targets_and_many_entries_of_one(ledger):
    lives = [Life(f"group-{i}") for i in range(30)]
    begin(ledger, *lives)
    for _ in range(3):
        ledger.commit([entry for life in lives for entry in (life.quiet(), life.news(), life.quiet())])
    assert rows(ledger, "event") == 30 * 4  # a quiet one at the start, then news with what followed
    for life in lives:
        (segment,) = ledger.segments(life.target)
        assert encode(segment.events) == encode(life.events)
        assert fold.first_difference(segment.decisions, life.decisions) is None


def test_runs_go_on_after_the_ledger_is_opened_again(url):
    life = Life()
    for i in range(6):
        with Ledger.open(url) as ledger:
            if i == 0:
                begin(ledger, life)
            assert ledger.state("web") == life.state
            ledger.commit([life.quiet()])
            ledger.commit([life.quiet()])
    with Ledger.open(url, read_only=True) as ledger:
        (run,) = ledger.decisions()
        assert (run.count, run.last_id) == (12, "web-12")
        assert run.digest == fold.digest_of(life.decisions)
        assert rows(ledger, "event") == rows(ledger, "decision") == 1
        (segment,) = ledger.segments("web")
        assert encode(segment.events) == encode(life.events)


def test_a_decision_is_found_inside_a_run(ledger):
    life = Life("eu-web-1")  # a name that itself looks like an id
    begin(ledger, life)
    ledger.commit([life.news() if i % 7 == 0 else life.quiet() for i in range(40)])
    for made in life.decisions:
        assert encode(ledger.decision(made.id)) == encode(made)
    assert ledger.latest_decision("eu-web-1") == life.decisions[-1]
    for missing in ("eu-web-1-0", "eu-web-1-41", "eu-web-2", "nothing", ""):
        assert ledger.decision(missing) is None


def test_decisions_are_listed_newest_first_and_filtered(ledger):
    web, api = Life("web"), Life("api", START + 1)
    begin(ledger, web, api)
    for _ in range(3):
        ledger.commit([web.news(), web.quiet(demand=50.0), api.news(60.0)])
    ledger.commit([web.acting()])
    runs = ledger.decisions()
    assert [run.first.time for run in runs] == sorted((run.first.time for run in runs), reverse=True)
    assert [run.first.target for run in ledger.decisions("api")] == ["api"]
    assert [run.first.id for run in ledger.decisions("web", only_actions=True)] == ["web-7"]
    assert len(ledger.decisions(limit=1)) == 1
    end = web.decisions[-2].time
    assert [run.first.id for run in ledger.decisions("web", since=end)] == ["web-7", "web-1"]
    assert [run.first.id for run in ledger.decisions("web", since=end + 1)] == ["web-7"]
    assert [run.first.id for run in ledger.decisions("web", until=end)] == ["web-1"]
    assert ledger.decisions("nobody") == ()


def test_actions_have_their_outcomes(ledger):
    life = Life()
    begin(ledger, life)
    ledger.commit([life.acting()])
    action = life.state.acting
    assert ledger.actions() == (RecordedAction(action),)
    retry = Retry(action.id, 30.0, "throttled")
    ledger.commit([life.reported(retry)])
    assert ledger.action("web-1") == RecordedAction(action, retry, life.time)
    ledger.commit([life.quiet()])
    again = life.quiet()
    # The engine journals an action again where its outcome never came: what was heard stays.
    ledger.commit([Entry("web", again.event, again.state, (*again.effects, Act(action)))])
    assert ledger.action("web-1").outcome == retry
    ledger.commit([life.reported(Done(action.id, 4))])
    assert ledger.actions("web") == (RecordedAction(action, Done(action.id, 4), life.time),)
    assert ledger.actions(since=action.time + 1) == ledger.actions(until=action.time) == ()
    assert ledger.action("web-2") is None


def test_an_outcome_of_an_unknown_action_changes_nothing(ledger):
    life = Life()
    begin(ledger, life)
    ledger.commit([life.acting()])
    for stranger in ("web-99", "api-1", "no id at all"):
        ledger.commit([life.reported(NoOp(stranger, "dry run"))])
    assert [found.outcome for found in ledger.actions()] == [None]


def test_notices_are_kept_in_order(ledger):
    life = Life()
    begin(ledger, life)
    for i in range(3):
        entry = life.quiet()
        told = [Notice("web", life.time, "foreign_write", f"{i}.{j} ✓") for j in range(2)]
        ledger.commit([Entry("web", entry.event, entry.state, (*told, *entry.effects))])
    assert [n.text for n in ledger.notices()] == ["2.1 ✓", "2.0 ✓", "1.1 ✓", "1.0 ✓", "0.1 ✓", "0.0 ✓"]
    assert [n.text for n in ledger.notices("web", since=START + 20, until=START + 30)] == ["1.1 ✓", "1.0 ✓"]
    assert len(ledger.notices(limit=2)) == 2
    assert ledger.notices("api") == ()


def test_a_snapshot_parts_what_is_before_from_what_is_after(ledger):
    life = Life()
    begin(ledger, life)
    ledger.commit([life.quiet(), life.quiet()])
    middle = life.state
    ledger.snapshot("web", '{"v": 2}', middle)
    ledger.snapshot("web", '{"v": 3}', middle)  # nothing in between: the last one counts
    ledger.commit([life.quiet(), life.quiet(), life.quiet()])
    one, two = ledger.segments("web")
    assert [len(one.events), len(two.events)] == [2, 3]
    assert (two.state, two.settings) == (middle, '{"v": 3}')
    assert [run.count for run in (*one.decisions, *two.decisions)] == [2, 3]
    assert fold.first_difference(two.decisions, life.decisions[2:]) is None
    (last,) = ledger.segments("web", since=life.time - 15)
    assert last.events == two.events
    assert len(list(ledger.segments("web", since=START))) == 2
    assert len(list(ledger.segments("web", since=life.time + 99))) == 1  # the newest has no end yet


def test_a_snapshot_is_the_state_even_before_the_first_event(ledger):
    state = State("web", seq=7, signals={"cpu": (Point(START, None),)})
    ledger.snapshot("web", "{}", state)
    assert ledger.state("web") == state


def test_all_or_nothing(ledger):
    web, api = Life("web"), Life("api")
    begin(ledger, web, api)
    good, kept = web.quiet(), web.state
    ledger.commit([good])
    lost = api.quiet()
    bad = Entry("api", lost.event, lost.state, (Decided(decided("web", 9, START, "x")),))
    with pytest.raises(StoreError, match="not an id"):
        ledger.commit(
            [
                web.news(),
                Entry("api", bad.event, bad.state, (Act(Action("?", "api", Direction.OUT, 1, 2, 1.0, 2.0)),)),
            ]
        )
    assert ledger.state("web") == kept
    assert rows(ledger, "event") == 1
    ledger.commit(web.entries[1:])
    assert ledger.state("web") == web.state


def test_text_of_any_script_and_size(ledger):
    life = Life("Größe-網站-🚀 %s 'x'; --")
    ledger.snapshot(life.target, '{"note": "' + "ü" * 100_000 + '"}', life.state)
    ledger.commit([life.failing("🔥" * 50_000), life.quiet()])
    (segment,) = ledger.segments(life.target)
    assert len(segment.settings) > 100_000
    assert encode(segment.events) == encode(life.events)
    assert ledger.decision(f"{life.target}-2") == life.decisions[1]


def test_names_that_differ_in_case_or_spaces_are_different_targets(ledger):
    lives = [Life(name) for name in ("web", "Web", " web", "wéb")]
    begin(ledger, *lives)
    for life in lives:
        ledger.commit([life.quiet()])
    assert set(ledger.targets()) == {"web", "Web", " web", "wéb"}


@pytest.mark.parametrize("name", ["", "x" * 256, "a\0b", "web "], ids=["empty", "long", "nul", "space"])
def test_impossible_names_are_refused(ledger, name):
    with pytest.raises(StoreError, match="cannot be the name"):
        ledger.snapshot(name, "{}", State(name))


def test_times_and_numbers_keep_all_their_digits(ledger):
    life = Life("web", 1_790_000_000.123_456_7)
    life.state = State("web", seq=2**53)
    begin(ledger, life)
    ledger.commit([life.acting(), life.reported()])
    assert ledger.decision(f"web-{2**53 + 1}").time == life.time
    assert ledger.actions()[0].reported == life.time
    with ledger._db.read() as connection:
        found = connection.execute(text("SELECT time, last_time FROM ledger_event ORDER BY n")).all()
    assert [tuple(row) for row in found] == [(life.time, life.time)] * 2


def test_a_second_writer_is_found_out(url, ledger):
    life = Life()
    begin(ledger, life)
    with Ledger.open(url) as rival:
        assert rival.state("web") == life.state
        ledger.commit([life.quiet()])
        other = Life()
        with pytest.raises(Conflict, match="web") as caught:
            rival.commit([other.news()])
        assert caught.value.targets == ("web",)
        with pytest.raises(Conflict):  # and stays found out
            rival.commit([other.news()])
        assert rival.state("web") == life.state
        with pytest.raises(Conflict):  # reading alone does not make the old entries right
            rival.commit([other.news()])
        other.state = rival.reload("web")
        rival.commit([other.quiet()])
    assert ledger.state("web") == other.state
    with pytest.raises(Conflict):
        ledger.commit([life.quiet()])
    (segment,) = ledger.segments("web")
    assert len(segment.events) == 2


def test_a_second_writer_on_another_target_is_welcome(url, ledger):
    web, api = Life("web"), Life("api")
    begin(ledger, web)
    with Ledger.open(url) as other:
        begin(other, api)
        for _ in range(5):
            ledger.commit([web.quiet()])
            other.commit([api.news()])
    assert ledger.states() == {"web": web.state, "api": api.state}


def test_readers_and_a_writer_at_the_same_time(ledger):
    life = Life()
    begin(ledger, life)
    failures, done = [], threading.Event()

    def read():
        try:
            while not done.is_set():
                (segment,) = ledger.segments("web")
                state = ledger.state("web")
                assert len(segment.events) <= state.seq
                assert sum(run.count for run in segment.decisions) == len(segment.events)
        except (AssertionError, StoreError) as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for i in range(100):
            ledger.commit([life.news() if i % 3 == 0 else life.quiet()])
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert failures == []


# Commands


def test_a_command_is_carried_out_once(url, ledger):
    life = Life()
    begin(ledger, life)
    with Ledger.open(url, create=False) as cli:
        first = cli.post("web", Pause(START + 600, "ada", "deploy ✓"), START)
        second = cli.post("web", Resume("ada"), START + 1)
        other = cli.post("api", Override(5, START + 9, "bob"), START + 2)
    waiting = ledger.orders()
    assert waiting == {
        "web": {first: Pause(START + 600, "ada", "deploy ✓"), second: Resume("ada")},
        "api": {other: Override(5, START + 9, "bob")},
    }
    assert list(waiting["web"]) == [first, second]
    entry = life.commanded(first, waiting["web"][first])
    ledger.commit([entry])
    assert ledger.orders()["web"] == {second: Resume("ada")}
    before = life.state
    with pytest.raises(Conflict, match="was carried out already") as caught:
        ledger.commit([life.commanded(first, waiting["web"][first])])
    assert caught.value.targets == ("web",)
    assert ledger.state("web") == before
    (segment,) = ledger.segments("web")
    assert segment.events == (entry.event,)


def test_a_command_of_another_target_cannot_be_taken(ledger):
    life = Life()
    begin(ledger, life)
    other = ledger.post("api", Resume("ada"), START)
    with pytest.raises(Conflict, match="carried out already"):
        ledger.commit([life.commanded(other, Resume("ada"))])
    assert set(ledger.orders()) == {"api"}


def test_a_command_that_was_never_posted_is_just_an_event(ledger):
    life = Life()
    begin(ledger, life)
    ledger.commit([life.commanded("from-a-test", Resume("ada"))])
    assert isinstance(next(ledger.segments("web")).events[0], Commanded)


# Ownership


def test_one_holder_at_a_time(url, ledger):
    ledger.hold(["web", "api"], "one", START, START + 30)
    with Ledger.open(url) as other:
        with pytest.raises(Held, match=r"web belongs to another forescale \(one\) until") as caught:
            other.hold(["db", "web"], "two", START + 1, START + 31)
        assert caught.value.leases == (Lease("web", "one", START + 30),)
        assert {lease.target for lease in other.leases()} == {"web", "api"}  # `db` was not taken either
        ledger.hold(["web", "api"], "one", START + 20, START + 50)  # renewed
        with pytest.raises(Held, match="and 1 more"):
            other.hold(["web", "api"], "two", START + 31, START + 61)
        other.hold(["web"], "two", START + 50, START + 80)  # run out at this very moment
        with pytest.raises(Held):
            ledger.hold(["web", "api"], "one", START + 51, START + 81)
        other.release("two")
    ledger.hold(["web", "api"], "one", START + 52, START + 82)
    assert ledger.leases() == (Lease("api", "one", START + 82), Lease("web", "one", START + 82))
    ledger.release("one", ["web"])
    assert [lease.target for lease in ledger.leases()] == ["api"]
    ledger.hold([], "one", START, START)


def test_only_one_of_many_gets_it(url):
    Ledger.open(url).close()
    results, ready = [], threading.Barrier(6)

    def grab(name):
        with Ledger.open(url) as ledger:
            ready.wait()
            try:
                ledger.hold(["web", "api", "db"], name, START, START + 30)
            except StoreError as error:
                results.append(type(error))
            else:
                results.append(name)

    threads = [threading.Thread(target=grab, args=(f"holder-{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [result for result in results if result is not Held]
    with Ledger.open(url) as ledger:
        assert [lease.holder for lease in ledger.leases()] == winners * 3


# Retention


def test_prune_keeps_what_can_be_replayed(ledger):
    web, api = Life("web"), Life("api")
    for _ in range(4):
        begin(ledger, web, api)
        for life in (web, api):
            ledger.commit([life.news(), life.quiet(demand=50.0), life.acting()])
            ledger.commit([life.reported()])
            entry = life.quiet()
            ledger.commit(
                [Entry(life.target, entry.event, entry.state, (Notice(life.target, life.time, "x", "y"),))]
            )
    order = ledger.post("web", Resume("ada"), START)
    ledger.commit([web.commanded(order, Resume("ada"))])
    ledger.post("web", Resume("bob"), START)
    whole = list(ledger.segments("web"))
    cut = whole[1].events[-1].time  # the second segment ends here: it reaches up to this time
    assert ledger.prune(cut) == ledger.prune(START).__class__(
        segments=2, events=10, decisions=6, actions=2, notices=2
    )
    assert list(ledger.segments("web")) == whole[1:]
    pruned = ledger.prune(cut + 0.1)
    assert (pruned.segments, pruned.events, pruned.decisions, pruned.actions) == (2, 10, 6, 2)
    assert list(ledger.segments("web")) == whole[2:]
    assert ledger.decision("web-1") is ledger.action("web-3") is None
    assert ledger.decision(whole[2].decisions[0].first.id) == whole[2].decisions[0].first
    last = ledger.prune(web.time + 1000)
    assert (last.segments, last.commands) == (2, 1)  # the newest segment of each stays
    assert list(ledger.segments("web")) == whole[3:]
    assert len(ledger.orders()["web"]) == 1
    ledger.commit([web.quiet()])
    assert ledger.state("web") == web.state
    begin(ledger, web)
    assert ledger.prune(web.time + 1000).segments == 1
    assert [len(s.events) for s in ledger.segments("web")] == [0]


def test_prune_while_another_process_writes(url, ledger):
    life = Life()
    with Ledger.open(url) as other:
        for i in range(30):
            begin(ledger, life)
            ledger.commit([life.news(float(i)), life.quiet(demand=float(i))])
            other.prune(life.time - 25)
    kept = list(ledger.segments("web"))
    assert [len(segment.events) for segment in kept] == [2] * len(kept)
    assert 1 <= len(kept) <= 3
    assert kept[-1].events == life.events[-2:]


# Anything at all

FRESH = count()
ACTIONS = st.sampled_from(["commit", "commit", "commit", "commit", "snapshot", "reopen", "fail"])


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), what=st.lists(ACTIONS, max_size=25))
def test_whatever_is_committed_comes_back(url, data, what):
    """Any events and decisions, cut by snapshots, restarts and commits that fail."""
    target = data.draw(st.text("abc-1é", min_size=1, max_size=40), "target")
    target = f"{target}{next(FRESH)}"  # the examples share the database
    decisions = iter(data.draw(decision_sequences(target, (1.5, 1.5, 2.5, None))))
    ledger, seq = Ledger.open(url), 0
    ledger.snapshot(target, "0", State(target))
    segments = [("0", State(target), [], [])]
    try:
        for i, name in enumerate(what):
            if name == "snapshot":
                state = State(target, seq=seq)
                ledger.snapshot(target, str(i), state)
                if segments[-1][2]:
                    segments.append(None)
                segments[-1] = (str(i), state, [], [])
            elif name == "reopen":
                ledger.close()
                ledger = Ledger.open(url)
            else:
                seq += 1
                event, decision = data.draw(events), next(decisions, None)
                if isinstance(event, Commanded) and event.id.startswith("command-"):
                    continue
                effects = () if decision is None else (Decided(decision),)
                entry = Entry(target, event, State(target, seq=seq), effects)
                if name == "fail":
                    broken = Act(Action("?", target, Direction.OUT, 1, 2, 1.0, 2.0))
                    with pytest.raises(StoreError, match="not an id"):
                        ledger.commit([Entry(target, event, entry.state, (*effects, broken))])
                ledger.commit([entry])
                segments[-1][2].append(event)
                segments[-1][3].extend([] if decision is None else [decision])
                assert ledger.state(target) == entry.state
        found = list(ledger.segments(target))
        assert [(s.settings, s.state) for s in found] == [s[:2] for s in segments]
        for segment, (_, _, events_in, decisions_in) in zip(found, segments, strict=True):
            assert [encode(e) for e in segment.events] == [encode(e) for e in events_in]
            assert fold.first_difference(segment.decisions, decisions_in) is None
            for made in decisions_in:
                assert encode(ledger.decision(made.id)) == encode(made)
    finally:
        ledger.close()


@pytest.mark.parametrize("event", [Observed("r-1", START)])
def test_a_damaged_row_is_told(ledger, event):
    ledger.commit([Entry("web", event, State("web"), ())])
    with ledger._db.write() as connection:
        connection.execute(text("UPDATE ledger_target SET state = '{\"nothing\": 1}'"))
    with pytest.raises(StoreError, match="cannot be read"):
        ledger.state("web")


@given(command=commands)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_commands_come_back(ledger, command):
    order = ledger.post("web", command, START)
    assert encode(ledger.orders()["web"][order]) == encode(command)
