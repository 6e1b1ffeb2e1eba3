"""Documents are data. Sentences in them that speak to an assistant are found here, and are never handed to a model.

The list knows what such sentences look like in English, German, French and Spanish; a sentence is only withheld from
the model, never from the reader: the passage shows it as it stands.
"""

import re

from core.rag.split import sentences

ORDER = r"(?:ignor\w*|disregard|forget|override|bypass|vergiss|ignorier\w*|oublie\w*|ignora\w*|olvida\w*)"
WHAT = (
    r"(?:instruct\w*|rules?|prompts?|guidelines?|context|question|messages?|"
    r"anweisung\w*|regeln|vorgaben|consignes?|instrucci\w*|reglas|documents?|sources?|above|everything)"
)
SAY = (
    r"(?:respond|reply|answer|say|output|print|write|repeat|return|state|tell|claim|insert|append|include|begin|end|start|"
    r"finish|mention|antworte|schreibe|sage|réponds?|répondez|écri\w+|responde|escribe|di)"
)
SIGNS = [
    rf"\b{ORDER}\b.{{0,60}}\b{WHAT}",
    rf"\b(?:you (?:must|should|shall|will|are to|have to)|instead|please|now|simply|just|do not|don't|never),? {SAY}\b",
    rf"\b(?:and|then|to|must|should|always|only) {SAY}\b.{{0,40}}[\"“«:]",
    rf"^[\W\d]*(?:\w+[,:]\s*)?{SAY}\b.{{0,80}}(?:[:\"“'«]|\bexactly\b|\bonly\b|\bword\b|\bphrase\b|\btoken\b|\bcode\b|\bgenau\b|\bseulement\b)",
    r"\b(?:you are (?:now|no longer|an?)|(?:you|please|now|and) act as|pretend (?:you|that you|to be an?)|"
    r"role ?-?play|from now on|du bist (?:jetzt|nun)|tu es maintenant|ahora eres)\b",
    r"\b(?:system|developer|hidden|new|secret|updated|initial|admin\w*) (?:prompt|message|instructions?|override|notice|note|command|directive)s?\b",
    r"(?:^|[\[<({#*|])\s*/?(?:system|assistant|inst|im_start|im_end|instructions?|prompt)\b\s*[\]>)}:|]|<\|.*?\|>|###\s*(?:instruction|system|response)",
    r"\b(?:as an? (?:ai|language model|llm|chatbot)|dear (?:ai|assistant|chatbot|model|llm)|"
    r"(?:note|attention|message|instructions?) (?:to|for) (?:the |any |all )?(?:ai|assistant|chatbot|model|llm)s?|"
    r"(?:ai|assistants?|chatbots?|language models?|llms?|bots?)\b.{0,40}\b(?:must|should|shall|will please|reading this|processing this|summari[sz]ing this))",
    r"\b(?:reveal|leak|exfiltrate|disclose|send|post|forward|upload|transmit|e-?mail)\b.{0,60}"
    r"\b(?:prompt|instructions?|conversation|chat|history|keys?|passwords?|secrets?|data|documents?|https?://|@)",
    r"!\[[^\]]*\]\(https?://|\b(?:visit|open|click|go to|fetch|call|load)\b.{0,40}https?://",
    r"\b(?:respond|reply|answer|output|print|say|write|repeat)\b (?:\w+ ){0,2}?(?:with|only|exactly|nothing|the (?:word|phrase|code|token))\b",
    r"\b(?:do not|don't|never|stop) (?:answer|cite|quote|use|mention|reveal|tell|trust|follow)\b",
]  # fmt: skip
SPEAKS_TO_A_MODEL = re.compile("|".join(f"(?:{sign})" for sign in SIGNS), re.I)


def suspicious(sentence):
    """Whether a sentence looks like an instruction to whoever answers from this document."""
    return bool(SPEAKS_TO_A_MODEL.search(sentence))


def without_instructions(text):
    """(text with each such sentence replaced by a note of equal meaning to a model, how many there were)."""
    out, at, count = [], 0, 0
    for start, end in sentences(text):
        if suspicious(text[start:end]):
            out += [text[at:start], "[left out: a sentence addressed to the assistant]"]
            at, count = end, count + 1
    return "".join([*out, text[at:]]), count
