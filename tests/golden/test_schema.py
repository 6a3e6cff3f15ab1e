"""The JSON Schema of `sluice schema` agrees with the planner on the golden files."""

import json
import os
import pathlib
import re
import subprocess

import jsonschema
import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/dev/bin"))
# A mistake in the shape of a file, which an editor can know of. The others need expressions, the graph or other files.
SHAPE = ["defaults_mistakes", "missing_version_and_on", "newcomer_github", "newcomer_gitlab", "wrong_version", "y13_on_no",
         "y13_typed_scalars", "y14_unknown_keys", "y15_wrong_shapes", "y16_bad_names", "y20_durations", "y23_env_names",
         "y25_privileged", "y26_paths"]


class Core(yaml.SafeLoader):
    """YAML 1.2 core, as editors and the parser read it: `on` is a word, `<<` merges."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
    ("merge", r"^<<$", "<"),
]:
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


def load(path_or_text):
    text = path_or_text.read_bytes() if isinstance(path_or_text, pathlib.Path) else path_or_text
    return yaml.load(text, Loader=Core)


def sluice(*arguments):
    done = subprocess.run([str(BIN / "sluice"), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(sluice("schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def complaints(validator, document):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator.iter_errors(document)]


def files_of(folder):
    return [path for path in [folder / ".ci.yml", *sorted(folder.glob(".ci/*.yml"))] if path.exists()]


def is_valid(case):
    said = case / "diagnostics.txt"
    return (case / "plan.json").exists() and not (said.exists() and ": error: " in said.read_text())


VALID = sorted(case.name for case in HERE.iterdir() if case.is_dir() and is_valid(case))


@pytest.mark.parametrize("case", VALID)
def test_a_file_that_plans_is_valid(validator, case):
    for path in files_of(HERE / case):
        assert complaints(validator, load(path)) == [], path


def test_there_are_enough_of_them():
    assert len(VALID) >= 20


@pytest.mark.parametrize("case", SHAPE)
def test_a_file_of_the_wrong_shape_is_not(validator, case):
    assert not all(validator.is_valid(load(path)) for path in files_of(HERE / case))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/.ci.yml")), ids=lambda path: path.parent.name)
def test_the_examples_are_valid(validator, path):
    assert complaints(validator, load(path)) == []


def test_every_example_of_the_page_is_valid(validator):
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs/reference/ci-yml.md").read_text(), re.M | re.S)
    assert len(blocks) > 200
    for block in blocks:
        document = {"version": 1, **load(block)}
        assert complaints(validator, document) == [], block


def test_what_an_editor_shows_is_there(validator):
    job = validator.schema["$defs"]["job"]["properties"]
    assert job["timeout"]["default"] == "1h"
    assert job["when"]["default"] == "success" and "always" in json.dumps(job["when"])
    assert job["needs"]["examples"] == [["build"]]
    assert "lint" in job["kind"]["anyOf"][0]["enum"]
    assert "```yaml" in job["needs"]["markdownDescription"]


@pytest.mark.parametrize("job,right", [
    ({"kind": "lint", "tools": ["ruff"]}, True),
    ({"run": "x", "tools": ["ruff"]}, False),
    ({"extends": ".lint", "tools": ["ruff"]}, True),
    ({"run": "x", "steps": ["y"]}, False),
    ({"name": "x"}, False),
    ({"extends": ".base"}, True),
    ({"steps": [{"name": "x"}]}, False),
    ({"run": "x", "allow_failure": "${{ matrix.edge }}"}, True),
    ({"run": "x", "allow_failure": "maybe"}, False),
    ({"run": "x", "timeout": 60}, False),
    ({"run": "x", "timeout": "1h30m"}, True),
    ({"run": "x", "timeout": "30m1h"}, False),
    ({"run": "x", "env": {"CI_JOB": "1"}}, False),
    ({"run": "x", "env": {"CIRCLE": "1", "N": 3, "GONE": None}}, True),
    ({"run": "x", "artifacts": ["/etc/passwd"]}, False),
    ({"run": "x", "artifacts": ["a/../../b"]}, False),
    ({"run": "x", "artifacts": ["out/**", "!out/tmp"]}, True),
    ({"run": "x", "matrix": {"py": [3.1, "3.2"], "include": [{"py": 3}], "fail_fast": True}}, True),
    ({"run": "x", "matrix": {"py": 3}}, False),
    ({"run": "x", "services": {"db": {"image": "postgres:15"}}}, True),
    ({"run": "x", "services": ["postgres"]}, False),
])
def test_single_rules(validator, job, right):
    assert validator.is_valid({"version": 1, "jobs": {"a": job, ".base": {}}}) is right
