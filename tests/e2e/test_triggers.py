"""Which events bring a run, and what they carry."""

import pytest

PIPELINE = """
version: 1
on: {push: {branches: [main, "release/**"]}, tag: ["v*"], manual: {}}
jobs:
  a: {run: 'echo "$CI_EVENT $CI_COMMIT_BRANCH $CI_COMMIT_TAG"'}
"""


def log_of_only_job(server, detail):
    assert len(detail["jobs"]) == 1
    return server.log_of(detail["jobs"][0]["id"]).decode().strip()


def outcome_of_newest(project):
    return project.settled(project.deliveries()[0]["id"])


def test_a_push_says_who_changed_what(project, ci):
    detail, _ = project.push_and_end({".ci.yml": PIPELINE}, message="Add a pipeline\n\nWith a body.")
    run = detail["run"]
    assert (run["event"], run["branch"], run["tag"], run["number"]) == ("push", "main", "", 1)
    assert run["message"].startswith("Add a pipeline") and run["author"] == "Ada"
    assert log_of_only_job(ci, detail) == "push main"
    delivery = outcome_of_newest(project)
    assert (delivery["source"], delivery["kind"], delivery["state"], delivery["run_id"]) == (
        "git",
        "push",
        "done",
        run["id"],
    )


def test_each_ref_of_one_push_gets_its_run(project, ci):
    first = project.push({".ci.yml": PIPELINE})
    ci.ended(project.run_of(first))
    main = project.repo.commit({"a": "1"})
    other = project.repo.commit({"b": "1"}, branch="release/1")
    ignored = project.repo.commit({"c": "1"}, branch="topic")
    project.repo.push("main", "release/1", "topic")
    assert ci.ended(project.run_of(main), "passed")["run"]["branch"] == "main"
    assert ci.ended(project.run_of(other), "passed")["run"]["branch"] == "release/1"
    outcome_of_newest(project)
    assert project.runs(sha=ignored) == []


def test_a_tag_runs_with_its_name(project, ci):
    sha = project.push({".ci.yml": PIPELINE})
    ci.ended(project.run_of(sha))
    project.repo.git("tag", "v1.0")
    project.repo.git("tag", "other")
    project.repo.push("v1.0")
    detail = ci.ended(project.run_of(sha, "tag"), "passed")
    assert (detail["run"]["tag"], detail["run"]["sha"]) == ("v1.0", sha)
    assert log_of_only_job(ci, detail) == "tag  v1.0"
    project.repo.push("other")
    assert outcome_of_newest(project)["run_id"] is None


def test_an_annotated_tag_runs_at_its_commit(project, ci):
    sha = project.push({".ci.yml": PIPELINE})
    ci.ended(project.run_of(sha))
    project.repo.git("tag", "-a", "v1.1", "-m", "release")
    project.repo.push("v1.1")
    run = ci.ended(outcome_of_newest(project)["run_id"], "passed")["run"]
    assert (run["tag"], run["sha"]) == ("v1.1", sha)


def test_a_manual_run_takes_a_branch_or_a_commit(project, ci):
    first = project.repo.commit({".ci.yml": PIPELINE})
    second = project.repo.commit({"a": "1"})
    project.repo.push("main", options=["ci.skip"])
    by_default = ci.ended(project.start(), "passed")["run"]
    assert (by_default["event"], by_default["branch"], by_default["sha"], by_default["actor"]) == (
        "manual",
        "main",
        second,
        "admin",
    )
    assert ci.ended(project.start(branch="main"), "passed")["run"]["sha"] == second
    assert ci.ended(project.start(sha=first), "passed")["run"]["sha"] == first
    missing = ci.call("POST", f"{project.path}/runs", {"branch": "nowhere"})
    assert missing.status in (404, 422, 400) and missing.json["error"] == "ref_not_found"
    gone = ci.call("POST", f"{project.path}/runs", {"sha": "1" * 40})
    assert gone.json["error"] == "commit_gone"


def test_a_file_without_manual_says_how_to_allow_it(project, ci):
    project.repo.commit({".ci.yml": PIPELINE.replace(", manual: {}", "")})
    project.repo.push("main", options=["ci.skip"])
    refused = ci.call("POST", f"{project.path}/runs", {})
    assert refused.status == 409 and "manual" in refused.json["message"]


@pytest.mark.parametrize("message", ["[skip ci] only words", "words [ci skip]"])
def test_a_commit_message_can_skip_the_run(project, ci, message):
    sha = project.push({".ci.yml": PIPELINE}, message=message)
    delivery = outcome_of_newest(project)
    assert delivery["state"] == "done" and "skip" in delivery["outcome"] and project.runs(sha=sha) == []
    assert project.gate(sha=sha)["verdict"] == "red", "what was skipped is missing, never green"


def test_a_push_option_can_skip_the_run(project, ci):
    sha = project.push({".ci.yml": PIPELINE}, options=["ci.skip"])
    assert "skip" in outcome_of_newest(project)["outcome"] and project.runs(sha=sha) == []
    assert ci.ended(project.start(), "passed"), "a person can start it all the same"


def test_numbers_of_a_project_count_up_from_one(project, ci):
    first, _ = project.push_and_end({".ci.yml": PIPELINE})
    second, _ = project.push_and_end({"a": "1"})
    assert (first["run"]["number"], second["run"]["number"]) == (1, 2)


def test_runs_are_listed_by_branch_and_commit_and_page_by_page(project, ci):
    shas = [project.push({".ci.yml": PIPELINE})]
    ci.ended(project.run_of(shas[0]))
    shas += [project.push({"a": str(i)}) for i in range(4)]
    ids = [project.run_of(sha) for sha in shas]
    for run in ids:
        ci.ended(run, "passed")
    page = ci.get(f"{project.path}/runs", limit=2)
    assert [run["id"] for run in page["runs"]] == ids[:2:-1] and page["next"]
    rest = ci.get(f"{project.path}/runs", limit=200, before=page["next"])
    assert [run["id"] for run in rest["runs"]] == ids[2::-1] and rest["next"] is None
    assert [run["id"] for run in project.runs(sha=shas[1])] == [ids[1]]
    assert len(project.runs(branch="main")) == 5 and project.runs(branch="nowhere") == []
