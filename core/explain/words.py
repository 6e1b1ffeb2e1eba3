"""Numbers and names as a visitor reads them."""


def share(p):
    """A probability in words: "under 1 %", "93 %"."""
    return "under 1 %" if p < 0.01 else f"{p:.0%}".replace("%", " %")


def capital(text):
    """The text with its first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]
