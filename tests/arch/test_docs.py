"""Pages that repeat what the code says are compared with the code."""

import re

import pytest

from tree import ROOT, files


def section(page: str, name: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.split(f"<!-- {name} -->\n", 1)[1].split("<!-- end -->", 1)[0]


def transitions_in_code():
    """(from, event, to) of every `case E::x: return S::y;` inside a `case S::from:`."""
    code = (ROOT / "pipelines/model/job_state.cpp").read_text(encoding="utf-8")
    return {(block.split(":", 1)[0], event, target)
            for block in re.split(r"case S::(?=\w+:\s*switch)", code)[1:]
            for event, target in re.findall(r"case E::(\w+):\s*return S::(\w+);", block)}


def test_the_lifecycle_page_is_the_transition_table():
    table = section("docs/architecture/lifecycle.md", "transitions")
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \|$", table, re.M)
    page = set(rows) - {("from", "event", "to")}
    assert len(transitions_in_code()) >= 15
    assert page == transitions_in_code()


def test_the_protocol_page_lists_the_calls_of_the_header():
    header = (ROOT / "pipelines/protocol/agent.hpp").read_text(encoding="utf-8")
    comment = " ".join(line[3:] for line in header.split("#include")[0].splitlines() if line.startswith("///"))
    # The formatter may break the header's lines anywhere: the words and their order are compared.
    calls = " ".join(comment[comment.index("| call |"):].split())
    assert calls == " ".join(section("docs/architecture/protocol.md", "calls").split())


MENTION = re.compile(r"`((?:[a-z_]+/)+[A-Za-z0-9_.-]+\.(?:cpp|hpp|py|md|json|sql|sh|c))`")


def test_pages_mention_files_that_exist():
    missing = [f"{page}: {path}" for page, text in files("*.md") if not page.startswith(("web/", "tests/"))
               for path in MENTION.findall(text)
               if "NNNN" not in path and not (ROOT / path).exists()]
    assert not missing, "\n" + "\n".join(missing)


def cpp_test_names():
    return {match.group(1) for _, text in files("tests/*_test.cpp")
            for match in re.finditer(r'TEST_CASE\(\s*"((?:[^"\\]|\\.)*)"', text)}


@pytest.mark.parametrize("page, first, least", [("threat-model.md", "threat", 15), ("faults.md", "fault", 25)])
def test_pages_of_dangers_name_tests_that_exist(page, first, least):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(f"| {first} |")]
    assert len(rows) > least
    if page == "faults.md":
        assert all('"' in row.rsplit(" | ", 1)[1] for row in rows), "a fault without a test"
    names = cpp_test_names()
    python = "\n".join(text for _, text in files("tests/*.py"))
    for row in rows:
        for name in re.findall(r'"([^"]+)"', row.rsplit(" | ", 1)[1]):
            assert name in names or f"def {name}(" in python, f"no test is called {name!r}"
        for folder in re.findall(r"`(y\d\d_\w+)`", row):
            assert (ROOT / "tests/golden" / folder).is_dir(), folder


@pytest.mark.parametrize("page", ["README.md", "docs/architecture/overview.md"])
def test_pages_name_folders_that_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    made_at_run_time = ("logs/", "agent/")
    for folder in re.findall(r"`((?:[a-z_]+/)+)`", text):
        assert (ROOT / folder).is_dir() or folder in made_at_run_time, folder
