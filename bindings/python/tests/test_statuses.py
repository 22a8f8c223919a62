"""One table of numbers for every language."""

import re

from parlor import Status

from support import REPOSITORY


def test_statuses_have_the_names_and_numbers_of_the_c_header() -> None:
    header = (REPOSITORY / "include/parlor.h").read_text()
    declared = {name: int(number) for name, number in re.findall(r"^\s+PARLOR_STATUS_(\w+) = (-?\d+),", header, re.M)}
    assert len(declared) > 25
    assert {status.name: status.value for status in Status} == declared
