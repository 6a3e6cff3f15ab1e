"""Identity tokens, checked as a cloud checks them: discovery document, key set, an independent library."""

import json

import pytest

from forges import GitHub
from harness import by_key

jwt = pytest.importorskip("jwt", reason="no PyJWT (Debian: python3-jwt)")
pytest.importorskip("cryptography", reason="no cryptography (Debian: python3-cryptography)")

AUDIENCE = "https://cloud.example"
GITHUB = GitHub()


def pipeline(run, **job):
    lines = {"id_tokens": {"CLOUD": {"audience": AUDIENCE}}, "run": run, **job}
    return json.dumps({"version": 1, "on": {"push": {}, "pull_request": {}}, "jobs": {"a": lines}})


# Reversed, else the mask takes it.
SAY = "printf '%s' \"$CLOUD\" | rev; echo; echo \"plain: $CLOUD\""


def said(ci, job):
    first, plain = ci.log_of(job["id"]).decode().splitlines()[-2:]
    assert plain == "plain: ***"
    return first[::-1]


def verified(ci, token, audience=AUDIENCE):
    config = ci.call("GET", "/.well-known/openid-configuration", token=None).json
    assert config["issuer"] == ci.url
    keys = ci.call("GET", config["jwks_uri"].removeprefix(ci.url), token=None).json
    assert len({key["kid"] for key in keys["keys"]}) == len(keys["keys"]) >= 2, "a successor is published beside the key"
    assert not any({"d", "p", "q"} & set(key) for key in keys["keys"])
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in keys["keys"] if key["kid"] == kid)
    public = jwt.algorithms.RSAAlgorithm.from_jwk(json.dumps(key))
    return jwt.decode(token, public, algorithms=config["id_token_signing_alg_values_supported"], audience=audience,
                      issuer=config["issuer"], options={"require": ["exp", "iat", "nbf", "aud", "sub", "jti"]})


def test_a_token_says_which_job_this_is(project, ci):
    detail, jobs = project.push_and_end({".ci.yml": pipeline(SAY)}, "passed")
    token = said(ci, jobs["a"])
    claims = verified(ci, token)
    assert claims["exp"] - claims["iat"] <= 600
    assert claims["sub"] == f"repo:{project.id}:env::ref:refs/heads/main"
    run = detail["run"]
    assert (claims["sha"], claims["tier"], claims["ref_protected"]) == (run["sha"], "T3", True)
    assert (claims["run_id"], claims["job"], claims["event"]) == (str(run["id"]), "a", "push")
    with pytest.raises(jwt.InvalidAudienceError):
        verified(ci, token, audience="https://other.example")
    head, body, mark = token.split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        verified(ci, ".".join((head, body, mark[:-6] + ("AAAAAA" if not mark.endswith("AAAAAA") else "BBBBBB"))))
    audit = ci.rows("SELECT detail FROM audit WHERE action = 'id_token.mint' AND subject = ?",
                    f"{project.name}:{AUDIENCE}")
    assert len(audit) == 1 and f"run={run['id']} job=a" in audit[0]["detail"]


def test_no_branch_poses_as_an_environment(project, ci):
    project.push({".ci.yml": pipeline(SAY)})
    branch = "env%prod"
    sha = project.push({"a": "1"}, branch=branch)
    claims = verified(ci, said(ci, by_key(ci.ended(project.run_of(sha), "passed"))["a"]))
    assert claims["sub"] == f"repo:{project.id}:env::ref:refs/heads/env%25prod" and claims["tier"] == "T2"


def test_a_fork_gets_no_identity(ci, name):
    project = ci.project(name, forge="github")
    project.push({"a": "1"})
    sha = project.repo.commit({".ci.yml": pipeline(SAY)}, branch="topic")
    project.repo.push(f"{sha}:refs/pull/7/head")
    GITHUB.send(project, *GITHUB.pull_request("opened", sha, number=7, fork=True))
    job = by_key(ci.ended(project.run_of(sha, "pull_request")))["a"]
    assert (job["state"], job["cause"], job["attempt"]) == ("blocked", "policy", 0) and "fork" in job["message"]


def test_the_keys_survive_a_restart(world):
    server = world.server()
    server.wait_agent_online()
    project = server.project("shop", hooks=())
    _, jobs = project.push_and_end({".ci.yml": pipeline(SAY)}, "passed")
    token = said(server, jobs["a"])
    keys = server.call("GET", "/api/v1/id-token-keys", token=None).json
    server.stop()
    server.restart()
    assert server.call("GET", "/api/v1/id-token-keys", token=None).json == keys
    assert verified(server, token)["job"] == "a"
