"""Long work is a generator: it yields (done, in all) and returns what it made. Standard library only."""


def finish(work, progress=lambda *done: None):
    """Run such a generator to its end -> what it returns; `progress` gets what it yields, as arguments."""
    while True:
        try:
            progress(*next(work))
        except StopIteration as end:
            return end.value
