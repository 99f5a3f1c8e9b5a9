"""Writes vectors.jsonl: templates, each with what the reference's engine makes of it.

usage: python generate.py > vectors.jsonl        (Jinja2 3.1 from its package registry)

A line is {"text": TEXT, "rendered": TEXT} or {"text": TEXT, "error": true}. The names that the templates may use are the
first line: {"names": {...}}. `map_format` is the one filter that is not Jinja's own.
"""
import json

import jinja2

NAMES = {
    "name": "acme-vision",
    "text": "1.10",
    "empty": "",
    "blank": "  two words  ",
    "html": "<a href='x'>&amp; y</a>",
    "path": "/data/set one/a+b.txt",
    "long": "the quick brown fox jumps over the lazy dog and runs away",
    "lines": "one\ntwo\n\nthree",
    "nothing": None,
    "yes": True,
    "no": False,
    "n": 7,
    "big": 123456789012,
    "neg": -7,
    "zero": 0,
    "lr": 0.1,
    "half": 2.5,
    "whole": 3.0,
    "tiny": 1e-7,
    "huge": 1e21,
    "tags": ["b", "a", "C", "a"],
    "nums": [3, 1, 2, 3],
    "mixed": [1, 0.5, True, None, "x"],
    "none": [],
    "map": {"b": 1, "a": "x", "C": None},
    "void": {},
    "rows": [{"k": "x", "v": 1, "on": True}, {"k": "y", "v": 2, "on": False}, {"k": "x", "v": 3, "on": True}],
    "nested": {"a": {"b": [10, 20]}},
}

VALUES = ["name", "text", "empty", "blank", "nothing", "yes", "no", "n", "neg", "zero", "lr", "half", "whole", "tiny",
          "huge", "tags", "nums", "mixed", "none", "map", "void", "rows", "nested", "missing"]

PLAIN_FILTERS = ["abs", "capitalize", "center(20)", "count", "d", "d('x')", "d('x', true)", "default('x')",
                 "default('x', true)", "default(1, boolean=true)", "dictsort", "e", "escape", "filesizeformat",
                 "filesizeformat(true)", "first", "float", "float(1.5)", "forceescape", "indent", "indent(2)",
                 "indent(2, true)", "int", "int(5)", "int(default=5)", "items | list", "join", "join(',')", "last",
                 "length", "list", "lower", "max", "min", "pprint", "reverse | list", "round", "round(1)",
                 "round(1, 'ceil')", "round(0, 'floor')", "sort", "sort(reverse=true)", "sort(case_sensitive=true)",
                 "string", "striptags", "sum", "title", "tojson", "tojson(2)", "trim", "trim('/')", "unique | list",
                 "upper", "urlencode", "wordcount", "batch(2) | list", "slice(2) | list", "string | length",
                 "tojson | length", "safe", "xmlattr", "bool"]

TESTS = ["boolean", "callable", "defined", "divisibleby(2)", "divisibleby 3", "eq 7", "equalto(7)", "escaped", "even",
         "false", "float", "ge 2", "gt 2", "greaterthan 2", "in [7, 'a']", "integer", "iterable", "le 2", "lessthan 2",
         "lower", "lt 2", "mapping", "ne 2", "none", "number", "odd", "sameas true", "sequence", "string", "true",
         "undefined", "upper", "== 7", "!= 7", "> 2", ">= 2", "< 2", "<= 2", "not none", "not defined"]

EXPRESSIONS = """
name ~ n ~ lr ~ nothing ~ tags ~ yes
n + 1 | n - 10 | n * 2 | n / 2 | n // 2 | n % 4 | n ** 2 | -n | +n | -n % 4 | n % -4 | -n // 2 | half % 2 | n % 2.5
1 + 2 * 3 % 4 | (1 + 2) * 3 % 4 | 2 ** 3 ** 2 | -2 ** 2 | 10 / 5 | 10 // 3.0 | 2 ** -1 | 7.0 // 2 | 1_000 + 1
'%s' % name | '%s-%d' % (name, n) | '%05d' % n | '%.2f' % lr | '%5s|%-5s|' % ('a', 'b') | '%%' % () | '%x' % 255
'%s' % tags | '%r' % name | '%s' % n + 1 | ('%s' % n) ~ 1 | '%s' % name | upper | '%s' % (name | upper)
'%(a)s' % map | '%(k)s=%(v)d' % rows[0] | text % () | 'a' % 1 | '%d' % 'x' | '%s %s' % name | '%e' % lr | '%g' % huge
'%o' % 8 | '%c' % 'x' | '%+d' % n | '%X' % 255 | '%#x' % 255 | '%i' % 2.7 | '%5.1f|' % half | '%s' % nothing | '%s' % missing
n % 4 == 3 | 'x' if n % 2 else 'y' | [n % 4, n % 3] | {'a': n % 4} | (n % 4, 1) | tags[n % 4] | n % 4 * 2 | n * 4 % 3
n == 7 and lr < 1 | n > 8 or no | not yes | n in nums | 'a' in tags | 'b' in map | 'vis' in name | n not in nums
1 < n < 10 | n < 5 < 10 | 'a' < 'b' | yes == 1 | 1 == 1.0 | '1' == 1 | none == [] | nothing == none | tags == ['b', 'a', 'C', 'a']
tags[0] | tags[-1] | tags[1:3] | tags[::-1] | tags[:2] | tags[9] | name[0] | name[-3:] | name[2:5] | map['a'] | map.a | map.b
nested.a.b[1] | nested['a']['b'] | nested.x | nested.a.x | rows[0].k | rows[-1]['v'] | map.items() | map.keys() | map.values()
map.get('a') | map.get('z') | map.get('z', 5) | map.items() | list | map | list | map | length | map | first | tags | last | first
name.upper() | name.split('-') | name.split('-')[1] | name.replace('-', '_') | name.startswith('ac') | name.endswith('x')
name.strip('a') | blank.strip() | name.find('v') | name.count('i') | name.title() | name.capitalize() | name.lower() | name.isdigit()
'7'.isdigit() | name.partition('-') | name.rsplit('-', 1) | name.rfind('i') | 'a,b'.split(',') | name.swapcase() | name.zfill(20)
name.center(20) | name.ljust(20) | name.rjust(20) | name.index('v') | name.splitlines() | lines.splitlines() | '-'.join(tags)
'{} {}'.format(name, n) | '{0}-{0}'.format(n) | '{a}'.format(a=n) | '{:>5}'.format(n) | '{:.2f}'.format(lr) | name.encode()
tags.index('a') | tags.count('a') | tags.append(1) | map.update({'z': 1}) | name.removeprefix('acme-') | name.removesuffix('-vision')
name.isalpha() | name.isupper() | 'a'.islower() | name.casefold() | name.expandtabs() | name.isalnum() | ' '.isspace() | name.lstrip('ac') | name.rstrip('n')
[1, 'a', none, true] | {'a': 1, 'b': [2]} | (1, 2) | (1,) | () | [] | {} | [[1], {'a': (1, 2)}] | 'it\\'s' | "a\\"b" | 'a\\nb'
true | false | none | True | False | None | 1.0 | 1e3 | 1e-7 | 1e22 | 123456789.123 | 0.1 + 0.2 | 1/3 | 100.0 | 1e16 | 12345678901234567890
range(3) | range(3) | list | range(1, 10, 3) | list | range(5, 0, -2) | list | dict(a=1, b='x') | namespace(a=1).a | lipsum | joiner | cycler('a', 'b').next()
name | upper | lower | title | name | replace('-', '_') | name | replace('i', 'I', 1) | name | truncate(5) | long | truncate(20) | long | truncate(20, true)
long | truncate(20, true, '') | long | truncate(20, false, '~') | long | truncate(20, leeway=0) | long | wordwrap(20) | long | wordcount | name | length
lines | indent | lines | indent(2, true) | lines | indent(2, blank=true) | lines | indent('> ') | lines | wordwrap(4) | lines | replace('\\n', ' ')
tags | join('-') | tags | sort | tags | sort(reverse=true) | tags | sort(case_sensitive=true) | tags | unique | list | nums | sum | nums | max | nums | min
rows | map(attribute='k') | list | rows | map(attribute='k') | join(',') | rows | map(attribute='z', default='-') | list | rows | selectattr('on') | list
rows | selectattr('v', 'gt', 1) | list | rows | rejectattr('on') | list | rows | selectattr('k', 'equalto', 'x') | map(attribute='v') | list | rows | sum(attribute='v')
rows | groupby('k') | rows | groupby('k') | list | rows | sort(attribute='v', reverse=true) | map(attribute='v') | list | rows | join(',', attribute='k') | rows | max(attribute='v')
nums | select('odd') | list | nums | reject('odd') | list | nums | select('gt', 1) | list | nums | map('string') | list | tags | map('upper') | join | tags | map('replace', 'a', 'z') | list
nums | batch(2) | list | nums | batch(3, 0) | list | nums | slice(2) | list | nums | slice(3, 'x') | list | nums | reverse | list | name | reverse | nums | first | none | first
map | dictsort | map | dictsort(true) | map | dictsort(false, 'value') | void | dictsort | map | items | list | map | tojson | map | tojson(indent=2) | tags | tojson | html | tojson | lr | tojson | nothing | tojson
html | escape | html | e | html | striptags | html | forceescape | path | urlencode | {'a': 1, 'b c': 'd/e'} | urlencode | [('a', 1)] | urlencode | 'http://example.com/x' | urlize
map | xmlattr | {'class': 'a b', 'id': none} | xmlattr | 'a b' | format | '%s-%s' | format(name, n) | '%(a)s' | format(a=n) | '%5.2f' | format(lr) | '%s' | format
name | attr('upper') | map | attr('a') | rows | map('attr', 'k') | list | name | default('x') | missing | default('x') | nothing | default('x') | empty | default('x') | empty | default('x', true)
n | string | lr | string | yes | string | nothing | string | tags | string | n | float | '7' | int | '7.9' | int | '0x1f' | int(0, 16) | 'ff' | int(0, 16) | '1_000' | int | ' 8 ' | int | 'x' | int(-1) | '1e3' | int | '1e3' | float | 'x' | float(2)
half | round | 3.5 | round | 1.005 | round(2) | 1234 | round(-2) | 1.25 | round(1) | half | int | -7.9 | int | neg | abs | n | round(2) | 2.5 | round | int | 42.55 | round(1, 'floor') | 42.55 | round(1, 'ceil')
tags | map_format('--t=%s') | tags | map('map_format', '--t=%s') | list | n | map_format('%03d') | lr | map_format('%.1e') | name | map_format('-%(v)s-', 'v') | (1, 2) | map_format('%s/%s')
big | filesizeformat | 1000 | filesizeformat | 1 | filesizeformat | 0 | filesizeformat | 1024 | filesizeformat(true) | 999999 | filesizeformat | 1500000 | filesizeformat
name is string | n is number | n is odd | n is even | n is divisibleby 7 | tags is iterable | map is mapping | name is sequence | missing is defined | missing is undefined | nothing is none | yes is boolean | yes is sameas true | n is in nums
'upper' is filter | 'nope' is filter | 'odd' is test | n is number and n > 3 | n is not odd | name is lower | name is upper | range is callable | lr is float | n is integer | yes is integer | yes is number | whole is integer
missing | missing | length | missing | list | missing ~ 'x' | missing + 'x' | missing.x | missing[0] | missing() | name.x | n.x | tags.x | nothing.x | name() | n() | 1 / 0 | n // 0 | n % 0 | 'a' + 1 | [1] + [2] | tags + nums | 'a' * 3 | [0] * 3 | 'a' - 1
name | nope | name is nope | n | upper | n | length | nothing | length | nothing | join | nothing | upper | tags | upper | map | upper | lr | upper | tags | int | map | int | nothing | int | yes | int | tags | float | nothing | float
tags | random | length | [5] | random | none | random | name | random | length | 'x' | random | missing | random | {'a': 1} | random
loop | self | caller | super | context | request | config | g | lipsum(1) | length > 0 | joiner(',')() | cycler(1, 2).current
""".strip().splitlines()

TEMPLATES = [
    "{% for t in tags %}{{ loop.index }}:{{ t }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for t in tags %}{{ loop.index0 }}{{ loop.first }}{{ loop.length }}{{ loop.revindex }} {% endfor %}",
    "{% for t in none %}x{% else %}nothing{% endfor %}",
    "{% for k, v in map.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in map | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in map %}{{ k }};{% endfor %}",
    "{% for r in rows if r.on %}{{ r.k }}{{ loop.index }}{% endfor %}",
    "{% for a in nums %}{% for b in tags %}{{ a }}{{ b }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for t in tags %}{{ loop.cycle('x', 'y') }}{% endfor %}",
    "{% for t in tags %}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
    "{% for t in tags %}{% if loop.changed(t) %}{{ t }}{% endif %}{% endfor %}",
    "{% for n in nums recursive %}{{ n }}{% endfor %}",
    "{% for c in name %}{{ c }}.{% endfor %}",
    "{% for x in missing %}x{% endfor %}|",
    "{% for x in nothing %}x{% endfor %}|",
    "{% for x in n %}x{% endfor %}|",
    "{% for t in tags %}{% if t == 'a' %}{% continue %}{% endif %}{{ t }}{% endfor %}",
    "{% for t in tags %}{% if t == 'C' %}{% break %}{% endif %}{{ t }}{% endfor %}",
    "{% if n > 5 %}big{% elif n > 2 %}mid{% else %}small{% endif %}",
    "{% if missing %}a{% else %}b{% endif %}{% if none %}a{% else %}b{% endif %}{% if zero %}a{% else %}b{% endif %}",
    "{% if missing is defined and missing.x %}a{% else %}b{% endif %}",
    "{% set x = n * 2 %}{{ x }}",
    "{% set x, y = 1, 2 %}{{ x }}{{ y }}",
    "{% set x %}block {{ n }}{% endset %}{{ x | upper }}",
    "{% set ns = namespace(c=0) %}{% for v in nums %}{% set ns.c = ns.c + v %}{% endfor %}{{ ns.c }}",
    "{% set c = 0 %}{% for v in nums %}{% set c = c + v %}{% endfor %}{{ c }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}",
    "{% filter upper %}{{ name }} x{% endfilter %}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, b=3) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{% endcall %}",
    "{% raw %}{{ name }}{% endraw %}",
    "{% do tags.append(1) %}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{% block a %}in{% endblock %}",
    "{% autoescape true %}{{ html }}{% endautoescape %}",
    "{# a comment #}{{ n }}",
    "a {%- if yes %} b {%- endif %} c",
    "a\n{% if yes %}\nb\n{% endif %}\nc",
    "  {{- n -}}  x",
    "{{ n }}\n",
    "{{ n }}\n\n",
    "\n{{ n }}",
    "{{ '{{' }} {{ '%}' }}",
    "{{ \"{{ n }}\" }}",
    "{{ {'a': {'b': 1}}['a']['b'] }}",
    "{{ {'a': {'b': 1}} }}",
    "{{ n",
    "{{ n }",
    "{% if n %}",
    "{% endif %}",
    "{% nope %}",
    "{{ }}",
    "{{ n n }}",
    "{{ n; }}",
    "{{ $n }}",
    "{{ n | }}",
    "{{ a.b.c }}",
    "{{ name['x'] }}",
    "{{ name.upper }}",
    "{{ tags | map('upper') }}",
    "{{ range }}",
    "{{ 'é' }} {{ 'é' | upper }} {{ '日本' | length }} {{ ['é'] }}",
    "{{ 'a' 'b' }}",
    "{{ 1.5.real }}",
    "{{ not n }}",
    "{{ n if n > 10 }}",
    "{{ n if n > 10 else lr }}",
    "{{ 'a' if no else 'b' if no else 'c' }}",
    "{{ tags | length > 2 }}",
    "{{ (tags | length) * 2 }}",
    "{{ name | upper ~ '!' }}",
    "{{ lr * 3 }} {{ lr + 0.2 }} {{ 10 ** 20 }} {{ 2 ** 0.5 }} {{ 7 / 7 }}",
    "{{ big * big }} {{ big * 1000000000 }}",
    "{% if n % 2 == 0 %}even{% else %}odd{% endif %}",
    "{% for i in range(6) %}{% if i % 3 == 0 %}{{ i }}{% endif %}{% endfor %}",
    "{% set x = '%s:%s' % (name, n) %}{{ x }}",
    "{{ '%s' % name }}%{{ n }}% {%- if yes %} 5%{% endif %}",
    "{{ name | replace('%', '') }} 100%",
    "{{ ['%d' % 5, 'a' if n % 7 else 'b'] }}",
    "{{ tags | map('upper') | map('replace', 'A', '%') | list }}",
    "{{ dict(tags=tags)['tags'][n % 2] }}",
]


def texts():
    for name in VALUES:
        yield "{{ %s }}" % name
        for filter_ in PLAIN_FILTERS:
            yield "{{ %s | %s }}" % (name, filter_)
        for test in TESTS:
            yield "{{ %s is %s }}" % (name, test) if test[0].isalpha() else "{{ %s %s }}" % (name, test)
    for line in EXPRESSIONS:
        # A line is read as one chain of filters and as its parts.
        yield "{{ %s }}" % line
        parts = line.split(" | ")
        for start in range(len(parts)):
            for end in range(start + 1, min(start + 4, len(parts)) + 1):
                yield "{{ %s }}" % " | ".join(parts[start:end])
    yield from TEMPLATES


def map_format(value, pattern, name=None):
    return pattern % {name: value} if name else pattern % value


def main():
    environment = jinja2.Environment()
    environment.filters["map_format"] = map_format
    print(json.dumps({"names": NAMES}))
    seen = set()
    for text in texts():
        if text in seen:
            continue
        seen.add(text)
        line = {"text": text}
        try:
            rendered = environment.from_string(text).render(**json.loads(json.dumps(NAMES)))
            if " at 0x" in rendered or "object" in rendered and "<" in rendered:
                continue
            line["rendered"] = rendered
        except Exception:
            line["error"] = True
        print(json.dumps(line))


if __name__ == "__main__":
    main()
