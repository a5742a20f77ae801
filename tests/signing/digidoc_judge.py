"""Run as a program: what libdigidocpp says of the container argv[1]. It works in argv[2], a folder that it makes.

Prints one JSON object: the names of the files, and for each signature "valid" or the library's words.
"""

from __future__ import annotations

import json
import shutil
import sys

import pydigidoc


def main(container: str, home: str) -> None:
    shutil.copytree(pydigidoc._SCHEMA_DIR, home)
    pydigidoc._initialize_lib_raw("songda", "songda", home)
    opened = pydigidoc.Container.open(container)
    files = [one.file_name() for one in opened.data_files()]
    print(json.dumps({"files": files, "signatures": [judged(one) for one in opened.signatures()]}))


def judged(signature: pydigidoc.Signature) -> str:
    try:
        signature.validate()
    except Exception as fault:  # noqa: BLE001 — the binding raises nothing more exact, and its words are the verdict
        return str(fault)
    return "valid"


if __name__ == "__main__":
    main(*sys.argv[1:])
