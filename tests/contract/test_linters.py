"""Every linter that kind `lint` knows, by its own command and report, on a small bad source."""

import json

import pytest

CPP = """#include <cstddef>
int* make() {
    int* p = NULL;
    return p;
}
int read() {
    int values[2] = {1, 2};
    return values[2];
}
"""
RUFF = {"ruff.toml": 'lint.select = ["F"]\n'}  # whatever the newest ruff checks by default
ESLINT = 'module.exports = [{files: ["a.js"], rules: {"no-unused-vars": "error"}}];\n'
DATABASE = """    run: |
      printf '[{"directory":"%s","command":"c++ -std=c++17 -c a.cpp","file":"%s/a.cpp"}]' "$PWD" "$PWD" \\
        > compile_commands.json
"""

# tool → (what must be installed, files, further keys of the job, the findings that must be among those it tells)
CASES = {
    "ruff": (["ruff"], {"app.py": "import os\n"}, "", [("app.py", 1, "F401", "error|warning")]),
    "flake8": (["flake8"], {"app.py": "import os\nx=1\n"}, "",
               [("app.py", 1, "F401", "warning"), ("app.py", 2, "E225", "warning")]),
    "pylint": (["pylint"], {"app.py": '"""Doc."""\nimport os\n'}, "", [("app.py", 2, "unused-import", "warning")]),
    "mypy": (["mypy"], {"app.py": 'def f() -> int:\n    return "x"\n'}, "", [("app.py", 2, "return-value", "error")]),
    "shellcheck": (["shellcheck"], {"run.sh": "#!/bin/sh\necho $1\n", "bare": "#!/bin/sh\ncd $1\n"}, "",
                   [("run.sh", 2, "SC2086", "note"), ("bare", 2, "SC2164", "warning")]),
    "yamllint": (["yamllint"], {"a.yml": "---\na: {  b: 1}\n"}, "", [("a.yml", 2, "braces", "error")]),
    "hadolint": (["hadolint"], {"Containerfile": "FROM debian\nRUN cd /tmp\n"}, "",
                 [("Containerfile", 1, "DL3006", "warning")]),
    "eslint": (["eslint"], {"a.js": "const unused = 1;\n",
                            "eslint.config.js": ESLINT},
               "", [("a.js", 1, "no-unused-vars", "error")]),
    "clang-format": (["clang-format|clang-format-14"], {"a.cpp": "int   main( ){return 0;}\n",
                                                        ".clang-format": "BasedOnStyle: LLVM\n"}, "",
                     [("a.cpp", 1, "format", "warning")]),
    "clang-tidy": (["clang-tidy|clang-tidy-14"], {"a.cpp": CPP, ".clang-tidy": "Checks: 'modernize-use-nullptr'\n"},
                   DATABASE, [("a.cpp", 3, "modernize-use-nullptr", "warning")]),
    "cppcheck": (["cppcheck"], {"a.cpp": CPP}, "", [("a.cpp", 8, "arrayIndexOutOfBounds", "error")]),
}


def lint(tools, more=""):
    return f"version: 1\non: {{push: {{}}}}\njobs:\n  lint:\n    kind: lint\n    tools: [{tools}]\n{more}"


def told(job):
    return [(f["file"], f["line"], f["rule"], f["severity"]) for f in job["reports"]["findings"]["annotations"]]


@pytest.mark.parametrize("tool", sorted(CASES))
def test_a_linter_tells_what_is_wrong_and_the_job_fails_by_policy(project, ci, needs, tool):
    tools, files, more, expected = CASES[tool]
    needs(*tools)
    level = "    fail_on: {level: note}\n"
    detail, jobs = project.push_and_end({".ci.yml": lint(tool, level + more), **files}, "failed")
    job = jobs["lint"]
    assert job["cause"] == "policy", (job["message"], ci.log_of(job["id"]).decode())
    got = told(job)
    for file, line, rule, severity in expected:
        assert any(g[:3] == (file, line, rule) and g[3] in severity.split("|") for g in got), (tool, got)
    assert all(f["tool"] == tool for f in job["reports"]["findings"]["annotations"])
    assert "no earlier run" in job["reports"]["findings"]["compared"]
    # The full report is there, with what connects a finding to its line.
    items = ci.get(f"/api/v1/jobs/{job['id']}/reports/findings")["items"]
    assert len(items) == job["reports"]["findings"]["total"]
    assert all(item["fingerprint"] for item in items if item["line"] > 0)


def test_a_clean_source_passes(project, needs):
    needs("ruff", "yamllint")
    files = {**RUFF, "app.py": "print(1)\n", "a.yml": "---\na: 1\n", ".yamllint": "extends: relaxed\n"}
    text = lint("ruff, yamllint", "    fail_on: {level: error}\n")
    _, jobs = project.push_and_end({".ci.yml": text, **files}, "passed")
    assert jobs["lint"]["reports"]["findings"]["errors"] == 0


def test_only_what_a_change_adds_fails(project, ci, needs):
    needs("ruff")
    old = "import os\nimport re\n"
    _, jobs = project.push_and_end({".ci.yml": lint("ruff"), **RUFF, "app.py": old}, "failed")
    assert jobs["lint"]["reports"]["findings"]["added"] == 2
    # The lines move, one is mended: nothing new.
    _, jobs = project.push_and_end({"app.py": "# one\n# two\nimport os\n"}, "passed")
    report = jobs["lint"]["reports"]["findings"]
    assert (report["total"], report["added"], report["fixed"]) == (1, 0, 1), report
    assert report["compared"].startswith("compared with run 1 of main")
    # Renamed: still nothing new. A second one beside it is.
    _, jobs = project.push_and_end({"app.py": None, "moved.py": "# one\n# two\nimport os\n"}, "passed")
    assert jobs["lint"]["reports"]["findings"]["added"] == 0
    _, jobs = project.push_and_end({"moved.py": "# one\n# two\nimport os\nimport sys\n"}, "failed")
    job = jobs["lint"]
    assert job["reports"]["findings"]["added"] == 1
    assert [f for f in told(job) if f[1] == 4]
    assert "new: 1 finding of level warning or worse; first: moved.py:4 F401" in job["message"]


def test_the_tools_of_a_project_are_found_by_their_configuration(project, ci, needs):
    needs("ruff", "yamllint")
    files = {**RUFF, ".yamllint": "extends: default\n", "app.py": "import os\n"}
    text = "version: 1\non: {push: {}}\njobs:\n  lint: {kind: lint}\n"
    _, jobs = project.push_and_end({".ci.yml": text, **files}, "failed")
    log = ci.log_of(jobs["lint"]["id"]).decode()
    assert "lint: ruff (configured)" in log and "lint: yamllint (configured)" in log, log
    assert [step["name"] for step in jobs["lint"]["steps"]] == ["ruff", "yamllint"]
    assert {f["tool"] for f in jobs["lint"]["reports"]["findings"]["annotations"]} == {"ruff", "yamllint"}


def test_a_tool_that_is_missing_fails_the_job(project, ci):
    text = lint("eslint", "    env: {PATH: '/bin:/usr/bin'}\n")
    _, jobs = project.push_and_end({".ci.yml": text, "a.js": "1\n"}, "failed")
    assert jobs["lint"]["cause"] == "script" and "command not found" in jobs["lint"]["message"], jobs["lint"]["message"]


def test_sarif_of_any_tool_counts_like_an_adapter(project):
    sarif = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "scan"}}, "results": [
        {"ruleId": "R1", "level": "error", "message": {"text": "bad"}, "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": "a.c"}, "region": {"startLine": 2}}}]}]}]}
    text = ("version: 1\non: {push: {}}\njobs:\n  lint:\n    kind: lint\n    run: cp in.sarif out.sarif\n"
            "    reports: {sarif: out.sarif}\n")
    _, jobs = project.push_and_end({".ci.yml": text, "in.sarif": json.dumps(sarif), "a.c": "a\nb\n"}, "failed")
    assert told(jobs["lint"]) == [("a.c", 2, "R1", "error")]
    assert jobs["lint"]["cause"] == "policy"
