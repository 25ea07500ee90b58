"""Questions of the same moment travel together; a bad one fails alone."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forescale.aws import Batcher, Rejected
from forescale.model.errors import NotFound, Throttled


class Api:
    """Answers each key with ten times itself; rejects a call that holds a bad key."""

    def __init__(self, bad=(), error=None, unknown=()):
        self.calls, self.bad, self.error, self.unknown = [], set(bad), error, set(unknown)

    async def __call__(self, keys):
        self.calls.append(tuple(keys))
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        if self.bad & set(keys):
            raise Rejected("bad key", code="ValidationError")
        return {key: 10 * key for key in keys if key not in self.unknown}


def ask(batcher, keys):
    async def main():
        return await asyncio.gather(*(batcher.load(key) for key in keys), return_exceptions=True)

    return asyncio.run(main())


def test_one_moment_is_one_call_and_equal_keys_are_asked_once():
    api = Api()
    assert ask(Batcher(api, limit=500), [3, 1, 3, 2]) == [30, 10, 30, 20]
    assert api.calls == [(3, 1, 2)]


def test_a_key_left_out_of_the_answer_is_none():
    assert ask(Batcher(Api(unknown=[2]), limit=500), [1, 2]) == [10, None]


def test_no_call_is_larger_than_the_limit():
    api = Api()
    ask(Batcher(api, limit=100), range(1000))
    assert [len(call) for call in api.calls] == [100] * 10


def test_weights_count_and_families_do_not_mix():
    api = Api()
    ask(Batcher(api, limit=4, weight=lambda k: k, family=lambda k: k % 2), [1, 2, 3, 2, 1, 4])
    assert all(sum(call) <= 4 and len({k % 2 for k in call}) == 1 for call in api.calls)
    assert sorted(k for call in api.calls for k in call) == [1, 2, 3, 4]


@given(
    st.sets(st.integers(0, 300), min_size=1, max_size=60),
    st.sets(st.integers(0, 300), max_size=5),
    st.integers(1, 20),
)
def test_only_the_culprits_fail(keys, bad, limit):
    api = Api(bad)
    batcher = Batcher(api, limit=limit)
    for key, result in zip(keys, ask(batcher, keys), strict=True):
        if key in bad:
            assert isinstance(result, Rejected)
        else:
            assert result == 10 * key
    assert all(len(call) <= limit for call in api.calls)


def test_a_known_culprit_travels_alone_until_it_is_well():
    api = Api(bad=[7])
    batcher = Batcher(api, limit=500)
    ask(batcher, range(64))
    api.calls.clear()
    ask(batcher, range(64))
    assert sorted(len(call) for call in api.calls) == [1, 63]
    api.bad.clear()
    ask(batcher, range(64))
    api.calls.clear()
    assert ask(batcher, range(64)) == [10 * key for key in range(64)]
    assert len(api.calls) == 1


def test_not_found_is_split_too():
    class Missing(Api):
        async def __call__(self, keys):
            self.calls.append(tuple(keys))
            if 3 in keys:
                raise NotFound("no such instance")
            return {key: key for key in keys}

    results = ask(Batcher(Missing(), limit=500), [1, 2, 3, 4])
    assert [r if isinstance(r, int) else type(r) for r in results] == [1, 2, NotFound, 4]


def test_throttling_fails_the_callers_and_is_not_split():
    api = Api(error=Throttled("slow down", after=3.0))
    results = ask(Batcher(api, limit=500), range(8))
    assert all(isinstance(r, Throttled) and r.after == 3.0 for r in results)
    assert len(api.calls) == 1


def test_a_bug_in_the_call_reaches_the_callers():
    api = Api(error=KeyError("bug"))
    assert [type(r) for r in ask(Batcher(api, limit=500), [1, 2])] == [KeyError, KeyError]


def test_a_caller_that_gives_up_takes_nobody_along():
    api = Api()
    batcher = Batcher(api, limit=500)

    async def main():
        leaving = asyncio.ensure_future(batcher.load(1))
        staying = asyncio.ensure_future(batcher.load(1))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert asyncio.run(main()) == 10


def test_while_calls_are_under_way_the_rest_gathers():
    class Slow(Api):
        async def __call__(self, keys):
            self.calls.append(tuple(keys))
            await gate.wait()
            return {key: key for key in keys}

    api = Slow()
    batcher = Batcher(api, limit=500, parallel=1)

    async def main():
        global gate
        gate = asyncio.Event()
        first = asyncio.ensure_future(batcher.load(0))
        await asyncio.sleep(0.01)
        later = []
        for key in range(1, 6):
            later.append(asyncio.ensure_future(batcher.load(key)))
            await asyncio.sleep(0.001)
        assert api.calls == [(0,)]
        gate.set()
        await asyncio.gather(first, *later)

    asyncio.run(main())
    assert api.calls == [(0,), (1, 2, 3, 4, 5)]


def test_a_failed_call_with_nobody_left_is_no_warning():
    batcher = Batcher(Api(error=Throttled("slow down")), limit=500)

    async def main():
        leaving = asyncio.ensure_future(batcher.load(1))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await leaving

    asyncio.run(main())


def test_a_loop_that_ends_in_the_middle_leaves_it_usable():
    api = Api()
    batcher = Batcher(api, limit=500)

    async def leave():
        asking = asyncio.ensure_future(batcher.load(1))
        await asyncio.sleep(0)
        assert not asking.done()

    asyncio.run(leave())
    assert ask(batcher, [1, 2]) == [10, 20]
