"""A visitor's newest wish wins: what is still at work on an earlier one ends, and shows nothing more.

    newest = gr.State(Newest())
    gr.on([...], wish(0, look), [newest, photo], ..., trigger_mode="multiple").then(wish(1, draw), [newest, seen], ..., trigger_mode="multiple")

Without it the browser drops a click while an earlier one of the same kind is being answered, and answers of different kinds
are shown in the order in which they are done: the menu then says one thing, and the picture shows another.
"""

import functools
import inspect
import time

import gradio as gr


class Newest:
    """What one visitor wished last. Work has a stage; newer work ends what is at work in its own stage and in those after it."""

    def __init__(self):
        self.begun = {}  # stage: when its newest work began

    def begin(self, stage):
        """-> a function that says whether nothing newer has begun since."""
        mine = self.begun[stage] = time.perf_counter_ns()
        return lambda: max(when for at, when in list(self.begun.items()) if at <= stage) == mine

    def stop(self):
        """End all that is at work."""
        self.begin(-1)

    def run(self, stage, function, *inputs):
        """What the function returns, or the generator yields, as long as nothing newer comes."""
        wanted = self.begin(stage)
        work = function(*inputs)
        if not inspect.isgenerator(work):
            work = iter([work])
        for shown in work:
            if not wanted():
                yield gr.skip()  # of an event that shows nothing at all, Gradio empties what it would have shown
                return
            yield shown


def wish(stage, function):
    """The function, or generator, as an event of Gradio's, whose first input is the page's Newest."""

    @functools.wraps(function)
    def event(newest, *inputs):
        yield from newest.run(stage, function, *inputs)

    given = inspect.signature(function)  # Gradio finds its progress bar by the place among these
    first = inspect.Parameter("newest", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    event.__signature__ = given.replace(parameters=[first, *given.parameters.values()])
    return event
