import threading
import time

import pytest

from core import runtime
from core.errors import BadInput


def test_pool_makes_once_under_threads():
    pool, made, got = runtime.Pool(100), [], []

    def make():
        made.append(1)
        time.sleep(0.05)
        return object()

    threads = [threading.Thread(target=lambda: got.append(pool.get("x", make))) for _ in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(made) == 1 and len({id(value) for value in got}) == 1


def test_pool_makes_different_keys_at_the_same_time():
    pool, both = runtime.Pool(100), threading.Barrier(2, timeout=5)
    threads = [threading.Thread(target=pool.get, args=(key, both.wait)) for key in "ab"]
    [t.start() for t in threads]
    [t.join(timeout=6) for t in threads]
    assert pool.keys() and not both.broken


def test_pool_lets_the_least_recently_used_go():
    pool = runtime.Pool(10)
    for key in "abc":
        pool.get(key, lambda key=key: key, lambda _: 4)
        pool.get("a", lambda: "new a", lambda _: 4)
    assert pool.keys() == ["c", "a"] and pool.used() == 8
    pool.get("huge", lambda: "huge", lambda _: 99)
    assert pool.keys() == ["huge"]


def test_pool_forgets_failures():
    pool = runtime.Pool(10)
    with pytest.raises(ZeroDivisionError):
        pool.get("x", lambda: 1 / 0)
    assert pool.get("x", lambda: 7) == 7


@pytest.mark.parametrize(("text", "value"), [("500m", 500 * 2**20), ("2GB", 2 * 2**30), ("1.5g", int(1.5 * 2**30)), ("4096", 4096)])
def test_memory_budget(monkeypatch, text, value):
    monkeypatch.setenv("STUDIO_MEMORY", text)
    assert runtime.memory_budget() == value


@pytest.mark.parametrize("text", ["", "lots", "-3g", "0"])
def test_memory_budget_refuses_nonsense(monkeypatch, text):
    monkeypatch.setenv("STUDIO_MEMORY", text)
    with pytest.raises(BadInput, match="500m"):
        runtime.memory_budget()


def test_threads(monkeypatch):
    monkeypatch.setenv("STUDIO_THREADS", "3")
    assert runtime.threads() == 3
    monkeypatch.setenv("STUDIO_THREADS", "none")
    with pytest.raises(BadInput):
        runtime.threads()
    monkeypatch.delenv("STUDIO_THREADS")
    assert 1 <= runtime.threads() <= 4
