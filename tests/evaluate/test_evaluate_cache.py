import pytest
from evaluate.cache import Cache, code_of, digest


def test_comments_docstrings_and_layout_do_not_count():
    one = code_of('"""A."""\ndef f(x):\n    """B."""\n    return x + 1  # c\n')
    assert one == code_of("def f(x): return (x +\n    1)\n")
    assert one != code_of("def f(x): return x + 2\n")


def test_each_part_of_a_digest_counts_by_itself():
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("a", 1.0) == digest("a", 1.0)


def test_what_was_put_is_there_for_its_key_only(tmp_path):
    cache = Cache(tmp_path)
    cache.put("name", "k1", [1, 2])
    assert cache.has("name", "k1")
    assert cache.get("name", "k1") == [1, 2]
    assert not cache.has("name", "k2")
    with pytest.raises(FileNotFoundError):
        cache.get("name", "k2")


def test_a_new_key_drives_out_the_old_of_this_name_alone(tmp_path):
    cache = Cache(tmp_path)
    for name, key in (("name", "k1"), ("name-said", "k1"), ("name", "k2")):
        cache.put(name, key, key)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["name-said@k1.pickle.gz", "name@k2.pickle.gz"]
