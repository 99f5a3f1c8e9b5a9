"""Writes vectors: documents and scalars, each with what PyYAML's safe_load makes of it.

usage: python generate.py [SEED] > vectors.jsonl        (PyYAML 6 from its package registry)

The recorded ones are those of the seed that is used without an argument; a test asks for those of others.

A line is {"text": TEXT, "value": VALUE} or {"text": TEXT, "error": true}. Floats are {"$float": TEXT}, because JSON
readers differ in their last digit. Dates stay text, as in a Polyaxonfile. Keys are text. A document that PyYAML reads
and that has no such form (infinite numbers, integers beyond 64 bits, keys that fall together as text, tags such as
!!binary) is {"text": TEXT, "formless": true}.
"""
import json
import math
import random
import sys

import yaml


class Loader(yaml.SafeLoader):
    pass


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Formless(Exception):
    pass


def key(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise Formless


def plain(value, depth=0):
    if depth > 50:
        raise Formless
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise Formless
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Formless
        return {"$float": repr(value)}
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        out = {}
        for name, item in value.items():
            name = key(name)
            if name in out:
                raise Formless
            out[name] = plain(item, depth + 1)
        return out
    raise Formless


def record(text):
    try:
        value = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, OverflowError, IndexError, KeyError, AttributeError, TypeError):
        return {"text": text, "error": True}
    except RecursionError:
        return {"text": text, "formless": True}
    try:
        return {"text": text, "value": plain(value)}
    except Formless:
        return {"text": text, "formless": True}


WORDS = [
    "yes", "No", "on", "OFF", "y", "n", "true", "False", "null", "~", "Null", "nULL", "", "0777", "0o17", "0x1F",
    "0b101", "1_000", "_1", "1__0", "1:30", "190:20:30", "1:60", "1:30.5", "-1:30", "+12", "-0", "0.", ".5", "1.",
    "1e3", "1.e3", "1.5e3", "1.5e+3", "1.0E-2", "6.8523015e+5", "685_230.15", ".inf", "-.INF", ".nan", "2024-01-02",
    "2024-01-02 03:04:05", "2024-1-2", "=", "<<", "08", "09", "0_7", "1.10", "v1.10", "12e03", "- 1", "a: b", "a #b",
    "a#b", "#a", "&a", "*a", "!a", "!!str 1", "!!int '3'", "!!float 1", "|", ">", "%a", "@a", "`a", "{a", "[a", "a]",
    "'it''s'", "\"a\\tb\\x41\\u00e9\\n\"", "\"a\\qb\"", "a\tb", "\u00e9", "a:b", "a:", ":a", "-a", "?a", "- a", "? a",
    "null ", "'' ''", "'a' b", "1,000", "1 2", "0x", "0b2", "+.5", "-.5", "..5", "1..5", "1.2.3", "1e", "e3", "+", "-",
    "9223372036854775807", "9223372036854775808", "18446744073709551616", "0xFFFFFFFFFFFFFFFF", "1:2:3:4", "12:34:56.78",
]
ALPHABETS = ["0123456789_:.+-eE", "01_xXbBoO", "tTrRuUeEfFaAlLsSyYnNoO", "ab0 :#-?,[]{}&*!|>'\"%@`\\\t", "nul~NUL01.:"]


def scalars(rng):
    for word in WORDS:
        for form in ("{}", "k: {}", "- {}", "[{}]", "{{k: {}}}", "{}: v", "'{}'", '"{}"', "k:\n  {}\n"):
            yield form.format(word)
    for _ in range(900):
        text = "".join(rng.choice(rng.choice(ALPHABETS[:3])) for _ in range(rng.randint(1, 9)))
        yield rng.choice(["k: {}", "[{}]", "- {}", "{}: v"]).format(text)
    for _ in range(300):
        text = "".join(rng.choice(ALPHABETS[3]) for _ in range(rng.randint(1, 9)))
        yield rng.choice(["k: {}", "[{}]", "- {}", "k: '{}'", 'k: "{}"', "k: |\n  {}\n"]).format(text)


def tree(rng, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.35:
        return rng.choice(
            [None, True, False, 0, 7, -3, 1.5, -0.25, 1e20, "", "a", "on", "1", "1.10", "0777", "null", "a b", " a", "a ",
             "a: b", "#a", "a\nb", "a\n\nb\n", "\n", "\t", "\u00e9\u4e2d", "x" * 90, "'", '"', "\\", "- a", "{", "%", "2024-01-02"]
        )
    if kind < 0.65:
        return [tree(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    names = ["a", "b", "on", "1", "c d", "", "key:", "#k", "long" * 10]
    return {rng.choice(names): tree(rng, depth - 1) for _ in range(rng.randint(0, 3))}


def documents(rng):
    for _ in range(500):
        yield yaml.safe_dump(
            tree(rng, 4),
            default_flow_style=rng.choice([True, False, None]),
            default_style=rng.choice([None, None, None, "'", '"', "|", ">"]),
            width=rng.choice([20, 40, 80]),
            indent=rng.choice([2, 3, 4]),
            allow_unicode=rng.choice([True, False]),
            explicit_start=rng.choice([True, False]),
            explicit_end=rng.choice([True, False]),
            sort_keys=False,
        )


def lines(rng):
    parts = [
        "a: 1", "b: &x {k: v}", "c: *x", "<<: *x", "<<: [*x, *x]", "d: |", "  text", "   more", "", "  - item", "- item",
        "- - nested", "e: >-", "f: |+", "g: |2", "h: [1,", "  2]", "i: {a: 1,", "   b: 2}", "j: 'one", "  two'", "k: \"one\\",
        "  two\"", "l: plain", "  goes on", "# comment", "m: # comment", "  n: o", "? complex", ": value", "a: 2", "- a: 1",
        "  b: 2", "---", "...", "  ", "\t", "o: !!str 1", "p: &y", "  q: *y", "- &z 1", "- *z", "r: >", "  folded", "  text",
        "", "    indented", "s: on", "t: {}", "u: []", "v: ~", "'w': x", "\"y\": z", "2: two", "true: yes",
    ]
    for _ in range(1100):
        yield "\n".join(rng.choice(parts) for _ in range(rng.randint(1, 6))) + rng.choice(["", "\n"])


def mutations(rng, texts):
    for _ in range(700):
        text = rng.choice(texts)
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(text) + 1)
            cut = rng.randint(0, 2)
            text = text[:at] + rng.choice(["", "", " ", "\n", ":", "-", "'", "\"", "[", "}", "#", "&", "  "]) + text[at + cut:]
        yield text


# Blocks at the end of a text without a line break, and the sign that asks for a look at the text.
ENDS = [
    f"k: {header}\n{lines}"
    for header in ("|", "|+", "|-", ">", ">+", ">-")
    for lines in ("  ", "   ", "  a\n ", "  a\n  ", "  a\n   ", "  a\n\n  ", "  a\n\n   ", "  \n  ", "   \n    ", "  a\n   b")
] + [f"k: ! {text}" for text in ("", "12", "'12'", '"on"', "''", "[]", "{a: 1}", "|-\n  12\n", "a")] + [
    "k: !!int ' 3 '", "k: !!float |-\n  1.5 ",
]


def main():
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 20240102)
    texts = [*scalars(rng), *documents(rng), *lines(rng)]
    texts += mutations(rng, [text for text in texts if 0 < len(text) < 200])
    texts += ENDS
    seen = set()
    for text in texts:
        if len(text) < 400 and text not in seen:
            seen.add(text)
            json.dump(record(text), sys.stdout, ensure_ascii=True, sort_keys=False)
            print()


main()
