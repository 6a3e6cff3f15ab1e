"""Every test framework that kind `test` knows, by its own command and report, on a small suite with a failing test."""

import os
import shutil
import subprocess

import pytest

PYTEST = "def test_good():\n    pass\n\n\ndef test_bad():\n    assert 1 == 2\n"
GO = """package a

import "testing"

func TestGood(t *testing.T) {}

func TestBad(t *testing.T) {
\tt.Run("inner", func(t *testing.T) { t.Errorf("one is not two") })
}
"""
GTEST = """#include <gtest/gtest.h>
TEST(Suite, Good) { EXPECT_EQ(1, 1); }
TEST(Suite, Bad) { EXPECT_EQ(1, 2); }
"""
CATCH = """#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
TEST_CASE("good") { CHECK(1 == 1); }
TEST_CASE("bad") { CHECK(1 == 2); }
"""
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(a NONE)
enable_testing()
add_test(NAME good COMMAND true)
add_test(NAME bad COMMAND sh -c "echo it is broken; exit 1")
"""
JEST = "test('good', () => {});\ndescribe('suite', () => { test('bad', () => { expect(1).toBe(2); }); });\n"
BUILD = "    run: mkdir -p build && c++ -std=c++17 suite.cpp -o build/suite_test {}\n"

# framework → (what must be installed, files, further keys, (suite, name, place) of what fails, how many tests)
CASES = {
    "pytest": (["pytest"], {"test_a.py": PYTEST}, "", ("test_a", "test_bad", "test_a.py:6"), 2),
    "ctest": (["ctest", "cmake"], {"CMakeLists.txt": CMAKE}, "", (None, "bad", None), 2),
    "gtest": (["c++"], {"suite.cpp": GTEST}, BUILD.format("-lgtest -lgtest_main -pthread"),
              ("Suite", "Bad", "suite.cpp:3"), 2),
    "catch2": (["c++"], {"suite.cpp": CATCH}, BUILD.format(""), (None, "bad", "suite.cpp:4"), 2),
    "go": (["go"], {"go.mod": "module example.org/a\n\ngo 1.20\n", "a_test.go": GO}, "",
           ("example.org/a", "TestBad/inner", "a_test.go:8"), 2),
    "jest": (["jest"], {"package.json": '{"jest": {}}\n', "a.test.js": JEST}, "", ("suite", "bad", "a.test.js:2"), 2),
}


GO_CACHE = "/tmp/sluice-contract-go"


@pytest.fixture(scope="session")
def warm_go(tmp_path_factory):
    """Go builds its standard library on first use, which on a busy machine takes longer than a test may."""
    folder = tmp_path_factory.mktemp("go")
    (folder / "go.mod").write_text("module example.org/warm\n\ngo 1.20\n")
    (folder / "a_test.go").write_text('package a\n\nimport (\n\t"os"\n\t"testing"\n)\n\n'
                                      'func TestA(t *testing.T) { os.Getpid() }\n')
    if shutil.which("go"):
        subprocess.run(["go", "test", "-json", "./..."], cwd=folder, env={**os.environ, "GOCACHE": GO_CACHE},
                       capture_output=True, check=False, timeout=280)


def job_text(framework, more=""):
    return (f"version: 1\non: {{push: {{}}}}\njobs:\n  test:\n    kind: test\n    framework: {framework}\n"
            f"    env: {{GOCACHE: {GO_CACHE}}}\n{more}")


@pytest.mark.parametrize("framework", sorted(CASES))
def test_a_framework_tells_its_failing_test(project, ci, needs, framework, warm_go):
    tools, files, more, (suite, name, place), total = CASES[framework]
    needs(*tools)
    _, jobs = project.push_and_end({".ci.yml": job_text(framework, more), **files}, "failed")
    job = jobs["test"]
    tests = job["reports"].get("tests")
    assert tests, (job["message"], ci.log_of(job["id"]).decode())
    assert (tests["total"], tests["failed"] + tests["errored"]) == (total, 1), tests
    failure = tests["failures"][0]
    assert failure["name"] == name
    assert suite is None or failure["suite"] == suite
    assert place is None or f"{failure['file']}:{failure['line']}" == place, failure
    assert failure["message"]
    assert job["cause"] == "script"
    assert "1 test of 2 failed" in job["message"], job["message"]
    assert len(ci.get(f"/api/v1/jobs/{job['id']}/reports/tests")["items"]) == total


FLAKY = """import pathlib


def test_flaky():
    mark = pathlib.Path(__file__).parent / "mark"
    was = mark.exists()
    mark.touch()
    assert was


def test_good():
    pass
"""


def test_a_test_that_passes_when_run_again_is_flaky(project, needs):
    needs("pytest")
    text = job_text("pytest", "    rerun_failed: 2\n")
    _, jobs = project.push_and_end({".ci.yml": text, "test_a.py": FLAKY}, "passed")
    tests = jobs["test"]["reports"]["tests"]
    assert (tests["total"], tests["passed"], tests["flaky"]) == (2, 2, 1), tests
    assert tests["flaky_cases"][0]["name"] == "test_flaky" and tests["flaky_cases"][0]["attempts"] == 2


def test_what_stays_broken_fails_after_its_reruns(project, needs):
    needs("pytest")
    text = job_text("pytest", "    rerun_failed: 1\n")
    _, jobs = project.push_and_end({".ci.yml": text, "test_a.py": PYTEST}, "failed")
    tests = jobs["test"]["reports"]["tests"]
    assert (tests["total"], tests["failed"]) == (2, 1)
    assert tests["failures"][0]["attempts"] == 2


def test_reruns_of_go_and_gtest_run_only_what_failed(project, needs, warm_go):
    needs("go", "c++")
    go = ('package a\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestGood(t *testing.T) {}\n\n'
          'func TestFlaky(t *testing.T) {\n\tif _, err := os.Stat("mark"); err != nil {\n'
          '\t\tos.WriteFile("mark", nil, 0o644)\n\t\tt.Fatal("first time")\n\t}\n}\n')
    gtest = ('#include <gtest/gtest.h>\n#include <unistd.h>\n#include <cstdio>\n'
             'TEST(Suite, Good) {}\nTEST(Suite, Flaky) {\n    bool was = access("mark2", F_OK) == 0;\n'
             '    fclose(fopen("mark2", "w"));\n    EXPECT_TRUE(was);\n}\n')
    files = {"go.mod": "module example.org/a\n\ngo 1.20\n", "a_test.go": go, "cpp/suite.cpp": gtest}
    build = BUILD.replace("suite.cpp", "cpp/suite.cpp").format("-lgtest -lgtest_main -pthread")
    text = (job_text("go", "    rerun_failed: 1\n") +
            f"  cpp:\n    kind: test\n    framework: gtest\n    rerun_failed: 1\n{build}")
    _, jobs = project.push_and_end({".ci.yml": text, **files}, "passed")
    for key in ("test", "cpp"):
        tests = jobs[key]["reports"]["tests"]
        assert (tests["total"], tests["flaky"]) == (2, 1), (key, tests)


def has_coverage(python):
    return subprocess.run([python, "-c", "import pytest, pytest_cov"], capture_output=True, check=False).returncode == 0


def test_coverage_is_read_and_held_against_thresholds(project, needs):
    needs("pytest")
    python = next((p for p in ("python3", "/usr/bin/python3") if has_coverage(p)), None)
    if not python:
        pytest.skip("pytest-cov is not installed: ./dev setup --for contract")
    source = "def f(x):\n    if x:\n        return 1\n    return 2\n"
    text = ("version: 1\non: {push: {}}\njobs:\n  test:\n    kind: test\n"
            f"    run: {python} -m pytest --junitxml=j.xml --cov=app --cov-report=xml:c.xml\n"
            "    reports: {junit: j.xml, coverage: c.xml}\n"
            "    thresholds: [{metric: coverage.lines, min: 80%}]\n")
    files = {"app.py": source, "test_a.py": "import app\n\n\ndef test_f():\n    assert app.f(1) == 1\n"}
    _, jobs = project.push_and_end({".ci.yml": text, **files}, "failed")
    job = jobs["test"]
    assert job["cause"] == "policy" and job["message"] == "coverage.lines is 75%, the minimum is 80%"
    assert job["reports"]["coverage"]["lines"] == 4 and job["reports"]["coverage"]["lines_covered"] == 3
    # The next change covers what it touches.
    files = {"app.py": source.replace("return 2", "return 3"),
             "test_a.py": "import app\n\n\ndef test_f():\n    assert app.f(0) == 3\n",
             ".ci.yml": text.replace("coverage.lines, min: 80%", "coverage.changed, min: 100%")}
    _, jobs = project.push_and_end(files, "passed")
    assert jobs["test"]["reports"]["coverage"]["changed_lines"] == 1


def test_gcov_and_lcov_of_a_c_program(project, needs):
    needs("gcc", "gcov", "lcov")
    source = "int main(int argc, char **argv) {\n    if (argc > 1)\n        return 1;\n    return 0;\n}\n"
    text = ("version: 1\non: {push: {}}\njobs:\n"
            "  gcov:\n    run: |\n      gcc --coverage a.c -o a && ./a\n      gcov --json-format *.gcda\n"
            "    reports: {coverage: '*.gcov.json.gz'}\n"
            "  lcov:\n    run: |\n      gcc --coverage a.c -o a && ./a\n      lcov -q -c -d . -o c.info\n"
            "    reports: {coverage: c.info}\n")
    _, jobs = project.push_and_end({".ci.yml": text, "a.c": source}, "passed")
    for key in ("gcov", "lcov"):
        coverage = jobs[key]["reports"]["coverage"]
        assert (coverage["lines"], coverage["lines_covered"]) == (4, 3), (key, jobs[key]["reports"])


# framework → (what must be installed, files, further keys): four tests in four files or packages, one of them slow
SHARDED = {
    "pytest": (["pytest"], {f"t/test_{n}.py": f"import time\n\n\ndef test_{n}():\n    time.sleep({2 if n == 'c' else 0})\n"
                            for n in "abcd"}, ""),
    "ctest": (["ctest", "cmake"], {"CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(a NONE)\nenable_testing()\n"  # noqa: E501
                                   + "".join(f"add_test(NAME {n} COMMAND sleep {2 if n == 'c' else 0})\n" for n in "abcd")}, ""),  # noqa: E501
    "gtest": (["c++"], {"suite.cpp": "#include <gtest/gtest.h>\n#include <unistd.h>\n"
                        + "".join(f"TEST(Suite, {n}) {{ usleep({2000000 if n == 'c' else 0}); }}\n" for n in "abcd")},
              BUILD.format("-lgtest -lgtest_main -pthread")),
    "catch2": (["c++"], {"suite.cpp": "#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n#include <unistd.h>\n"
                         + "".join(f'TEST_CASE("case, [{n}] \\"x\\"") {{ SECTION("a/b") {{ usleep({2000000 if n == "c" else 0}); '  # noqa: E501
                                   "CHECK(1 == 1); } }\n" for n in "abcd")}, BUILD.format("")),
    "go": (["go"], {"go.mod": "module example.org/a\n\ngo 1.20\n",
                    **{f"{n}/a_test.go": f'package {n}\n\nimport (\n\t"testing"\n\t"time"\n)\n\nfunc Test{n.upper()}(t *testing.T) '  # noqa: E501
                       f"{{ time.Sleep({2 if n == 'c' else 0} * time.Second) }}\n" for n in "abcd"}}, ""),
    "jest": (["jest"], {"package.json": '{"jest": {}}\n',
                        **{f"x {n}.test.js": f"test('{n}', () => new Promise((done) => setTimeout(done, {2000 if n == 'c' else 0})));\n"  # noqa: E501
                           for n in "abcd"}}, ""),
}


@pytest.mark.parametrize("framework", sorted(SHARDED))
def test_shards_run_each_test_once_and_the_slow_one_alone(project, ci, needs, framework, warm_go):
    tools, files, more = SHARDED[framework]
    needs(*tools)
    project.push_and_end({".ci.yml": job_text(framework, f"    shards: 2\n{more}"), **files}, "passed")
    _, jobs = project.push_and_end({"note": "now the durations are known"}, "passed")
    parts = [ci.get(f"/api/v1/jobs/{jobs[key]['id']}/reports/tests")["items"] for key in ("test (1/2)", "test (2/2)")]
    slow = [[test for test in part if test["duration_ms"] >= 1900] for part in parts]
    assert sorted(len(part) for part in parts) == [1, 3], parts
    assert sorted(len(part) for part in slow) == [0, 1] and len(min(parts, key=len)) == len(max(slow, key=len)), parts
    names = [test["suite"] + test["name"] for part in parts for test in part]
    assert len(set(names)) == 4
