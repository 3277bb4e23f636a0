"""An operator's own SNOMED CT codes; clinq ships none, because their use is licensed by country."""

from __future__ import annotations

from pathlib import Path

from shared.case import Code
from shared.errors import PermanentError
from shared.terminologies import LICENSED, SNOMED, is_code


def table(path: Path) -> dict[str, Code]:
    """The codes by the English name of what is meant, from a file of lines `name<TAB>code<TAB>display`.

    Empty lines and such as begin with # count for nothing. Raises PermanentError, which names the line, for one
    that has no name or no SNOMED CT identifier (their check digit finds most slips).
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(f"the table of SNOMED CT codes at {path} cannot be read: see CLINQ_SNOMED") from error
    rows = [(number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    codes = {}
    for number, row in rows:
        name, code, display = (*(each.strip() for each in row), "", "", "")[:3]
        if not name or not is_code(SNOMED, code, LICENSED):
            raise PermanentError(f"line {number} of {path} is not: name, tab, SNOMED CT code, tab, display")
        codes[" ".join(name.casefold().split())] = Code(SNOMED, code, display or name)
    return codes
