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


def test_models_over_the_budget_are_let_go_and_come_back_with_the_same_answer(monkeypatch):
    """STUDIO_MEMORY with two networks of the studio: room for one of them."""
    import gc
    import weakref

    from PIL import Image

    from core.vision import network, predict

    monkeypatch.setenv("STUDIO_MEMORY", "36m")  # the bear detector holds 18 MB, the backbone 28: each twice, as it was and packed
    runtime.models.cache_clear()
    try:
        pool, photo = runtime.models(), Image.new("RGB", (64, 64), "brown")
        before, first = predict.detect(photo).probabilities, weakref.ref(predict.detector())
        network.backbone()
        gc.collect()
        assert pool.keys() == ["backbone"] and 0 < pool.used() <= pool.budget and first() is None
        assert predict.detect(photo).probabilities == pytest.approx(before) and pool.keys() == ["bears"]
    finally:
        runtime.models.cache_clear()


def test_a_value_in_use_outlives_its_place_in_the_pool():
    pool = runtime.Pool(10)
    mine = pool.get("a", lambda: ["mine"], lambda _: 8)
    pool.get("b", lambda: "other", lambda _: 8)
    assert pool.keys() == ["b"] and mine == ["mine"]


def test_each_keeps_the_order_and_passes_errors_on(monkeypatch):
    for count in ("1", "3"):
        monkeypatch.setenv("STUDIO_THREADS", count)
        assert runtime.each(lambda n: n * n, list(range(20))) == [n * n for n in range(20)] and runtime.each(str, []) == []
        with pytest.raises(ZeroDivisionError):
            runtime.each(lambda n: 1 / n, [1, 0, 2])
