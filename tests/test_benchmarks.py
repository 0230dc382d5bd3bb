"""The pages in `benchmarks/results/` say what the records beside them say."""

import json

import pytest

from benchmarks.__main__ import PAGES, RESULTS


@pytest.mark.parametrize("part", PAGES)
def test_the_page_of_a_part_is_made_of_its_record(part: str) -> None:
    record = json.loads((RESULTS / f"{part}.json").read_text(encoding="utf-8"))
    page = (RESULTS / f"{part}.md").read_text(encoding="utf-8")
    assert PAGES[part](record["machine"], record[part]) == page
