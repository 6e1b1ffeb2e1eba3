"""Newer work ends older work of its own stage and of later ones, and what is ended shows nothing more."""

import copy
import inspect

import gradio as gr

from apps.newest import Newest, wish

LOOK, DRAW = 0, 1


def count(log, start, progress=gr.Progress()):  # noqa: B008
    for k in range(start, start + 3):
        log.append(k)
        yield k


def test_alone_it_shows_all_that_the_function_shows():
    newest = Newest()
    assert list(newest.run(LOOK, count, [], 1)) == [1, 2, 3]
    assert list(newest.run(LOOK, abs, -7)) == [7]


def test_newer_work_ends_older_work_of_its_own_stage_and_of_later_ones():
    newest = Newest()
    for first, second, ended in ((LOOK, LOOK, True), (LOOK, DRAW, False), (DRAW, LOOK, True), (DRAW, DRAW, True)):
        work = newest.run(first, count, log := [], 1)
        assert next(work) == 1
        assert list(newest.run(second, count, [], 7)) == [7, 8, 9]
        assert list(work) == ([gr.skip()] if ended else [2, 3]) and log == ([1, 2] if ended else [1, 2, 3])


def test_what_was_ended_before_it_showed_anything_leaves_the_page_as_it_is():
    newest = Newest()

    def slow():
        newest.stop()
        return "too late"

    assert list(newest.run(LOOK, slow)) == [gr.skip()]


def test_every_visitor_has_their_own():
    here, there = Newest(), copy.deepcopy(Newest())
    work = here.run(LOOK, count, [], 1)
    next(work)
    there.stop()
    assert list(work) == [2, 3]


def test_gradio_finds_the_progress_bar_behind_the_added_input():
    event = wish(DRAW, count)
    assert list(inspect.signature(event).parameters) == ["newest", "log", "start", "progress"] and inspect.isgeneratorfunction(event)
    *_, place, _, _ = gr.helpers.special_args(event)
    assert place == 3 and list(event(Newest(), [], 4, None)) == [4, 5, 6]
