#!/usr/bin/env python3
"""Takes the commands out of a text that shows them to a reader, in their order, as a script of Bash.

    deploy/testbed/shown-commands.py TEXT FOLDER

TEXT is a page in Markdown, or the notes of a chart. Commands are what is indented by four spaces. A block between fences whose
paragraph begins with the name of a file, as `agent-values.yaml`, is written to that file in FOLDER. What stands after a comment
`<!-- not in the test: REASON -->` is left out, up to the next paragraph or block, and named on standard error.
"""

import pathlib
import re
import sys

INDENT = "    "
LEFT_OUT = re.compile(r"<!-- not in the test: (.*) -->")
FILE_NAME = re.compile(r"`([\w.-]+\.yaml)`")


def blocks(text):
    """Kind (`prose`, `code`, `fence` or a reason to leave out what comes) and lines of each block."""
    fence, lines = False, []
    for line in [*text.splitlines(), ""]:
        if line.startswith("```"):
            if fence or lines:
                yield ("fence" if fence else "prose"), lines
            fence, lines = not fence, []
        elif fence or line.strip():
            lines.append(line)
        elif lines:
            code = all(line.startswith(INDENT) for line in lines)
            yield ("code" if code else "prose"), lines
            lines = []
    if fence:
        sys.exit("shown-commands: a fence is not closed")


def main(page, folder):
    left_out, name, forwards = None, None, 0
    for kind, lines in blocks(page.read_text()):
        comment = LEFT_OUT.fullmatch(lines[0]) if kind == "prose" else None
        if comment:
            left_out = comment.group(1)
            continue
        if left_out and kind != "prose":
            print(f"left out, {left_out}: {lines[0].strip()} ...", file=sys.stderr)
        elif kind == "fence" and not name:
            sys.exit(f"shown-commands: no file is named before `{lines[0]}` ...: name one, or say why it is left out")
        elif kind == "fence":
            (folder / name).write_text("\n".join([*lines, ""]))
        elif kind == "code":
            for line in lines:
                print(line.removeprefix(INDENT))
                if line.endswith(" &"):
                    # A reader takes longer for the next line than a port-forward does.
                    forwards += 1
                    print(f'until [ "$(grep --count "^Forwarding from 127" "$told")" -ge {forwards} ]; do kill -0 $!; sleep 0.1; done')
        found = FILE_NAME.match(lines[0]) if kind == "prose" else None
        left_out, name = None, found and found.group(1)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("shown-commands: give a text and a folder for the files that it shows")
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
