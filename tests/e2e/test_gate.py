"""From a push to the verdict: what a person sees who changes a repository."""

GATED = """
version: 1
on: {push: {}}
gate: {branches: [main], require: [lint, test]}
jobs:
  lint: {run: "true"}
  test: {needs: [lint], run: sh test.sh}
"""


def test_a_push_turns_its_gate_green(project):
    sha = project.push({".ci.yml": GATED, "test.sh": "echo all is well\n"})
    detail = project.server.ended(project.run_of(sha), "passed")
    assert [job["key"] for job in detail["jobs"]] == ["lint", "test"]
    gate = project.gate(sha=sha)
    assert (gate["verdict"], gate["summary"]) == ("green", "2 of 2 checks green")
    assert project.server.log_of(detail["jobs"][1]["id"]) == b"all is well\n"
