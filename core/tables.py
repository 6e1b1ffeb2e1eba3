"""Rows as CSV, and the one rule that keeps a spreadsheet from running them. Two rooms and more use it."""

import csv
import io

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell):
    """A cell as it may stand in a spreadsheet: text that would run as a formula is quoted with '."""
    return "'" + cell if isinstance(cell, str) and cell[:1] in FORMULA else cell


def to_csv(columns, rows):
    """Column names and rows -> CSV text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()
