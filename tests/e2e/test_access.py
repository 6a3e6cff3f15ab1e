"""Who may do what: tokens and their roles, browser sessions, routes."""

import http.cookies

import pytest

from forges import ZERO

READS = ["/api/v1/status", "/api/v1/projects", "/api/v1/runs", "/api/v1/agents", "/api/v1/whoami"]


@pytest.fixture
def people(ci, name):
    """A client per role, and nobody."""
    clients = {"nobody": ci.as_person(None), "stranger": ci.as_person("no-such-token")}
    for role in ("admin", "write", "read"):
        made = ci.post("/api/v1/tokens", {"name": f"{name}-{role}", "role": role})
        clients[role] = ci.as_person(made["token"])
        clients[role].id = made["info"]["id"]
    return clients


def test_without_a_known_token_nothing_is_shown(people):
    for who in ("nobody", "stranger"):
        for path in READS:
            reply = people[who].call("GET", path)
            assert reply.status == 401 and reply.json["error"], (who, path, reply)
            assert "www-authenticate" in {header.lower() for header in reply.headers}, path


def test_each_role_may_what_it_should(people, project, ci):
    for role in ("admin", "write", "read"):
        for path in READS:
            assert people[role].call("GET", path).status == 200, (role, path)
        assert people[role].get("/api/v1/whoami")["role"] == role
    writes = [
        ("POST", f"{project.path}/runs"),
        ("POST", "/api/v1/runs/999999/cancel"),
        ("POST", "/api/v1/runs/999999/retry"),
        ("POST", "/api/v1/jobs/999999/cancel"),
        ("GET", "/api/v1/deliveries"),
    ]
    for method, path in writes:
        assert people["read"].call(method, path, {}).status == 403, path
        assert people["write"].call(method, path, {}).status not in (401, 403), path
    for method, path in [
        ("POST", "/api/v1/projects"),
        ("POST", f"{project.path}/hook-secret"),
        ("GET", "/api/v1/tokens"),
        ("POST", "/api/v1/tokens"),
        ("DELETE", "/api/v1/tokens/999999"),
        ("POST", "/api/v1/agents/1/drain"),
        ("POST", "/api/v1/agents/1/resume"),
        ("POST", "/api/v1/agents/enrolment-tokens"),
    ]:
        reply = people["write"].call(method, path, {})
        assert reply.status == 403 and "admin" in reply.json["message"], (path, reply)


def test_a_refusal_names_the_role_that_is_needed(people, project):
    reply = people["read"].call("POST", f"{project.path}/runs", {})
    assert reply.json == {"error": "forbidden", "message": "this needs a token with role write; yours has read"} or {
        "error",
        "message",
    } <= set(reply.json), reply
    assert "write" in reply.json["message"] and "read" in reply.json["message"]


def test_a_revoked_token_ends_at_once(people, ci):
    assert people["write"].call("GET", "/api/v1/status").status == 200
    assert ci.call("DELETE", f"/api/v1/tokens/{people['write'].id}").status == 204
    assert people["write"].call("GET", "/api/v1/status").status == 401
    assert ci.call("DELETE", "/api/v1/tokens/999999").status == 404
    assert people["write"].id not in {
        token["id"] for token in ci.get("/api/v1/tokens")["tokens"] if not token.get("revoked_at")
    }


def test_tokens_are_kept_hashed_and_the_admin_token_is_readable_by_its_owner_only(people, ci):
    stored = (ci.data / "sluice.db").read_bytes() + b"".join(path.read_bytes() for path in ci.data.glob("sluice.db-*"))
    for role in ("admin", "write", "read"):
        assert people[role].token.encode() not in stored
    assert ci.token.encode() not in stored
    assert (ci.data / "admin-token").stat().st_mode & 0o777 == 0o600
    assert (ci.data / "sluice.db").stat().st_mode & 0o077 == 0
    assert ci.data.stat().st_mode & 0o077 == 0


def test_no_secret_reaches_the_servers_log(people, ci, name):
    project = ci.project(name, hooks=())
    secrets = [people["write"].token, project.secret, ci.post("/api/v1/agents/enrolment-tokens", {})["token"]]
    cookie, csrf = sign_in(ci)
    ci.call("POST", f"/hooks/git/{name}", {}, {"X-Sluice-Signature-256": "sha256=" + "0" * 64})
    ci.call("GET", f"/api/v1/runs?token={people['write'].token}")
    printed = ci.log.split("serves", 1)[1]  # the first start prints the admin token before that
    for secret in [*secrets, ci.token, cookie.value, csrf]:
        assert secret not in printed


def sign_in(ci):
    reply = ci.call("POST", "/api/v1/session", {"token": ci.token}, token=None)
    assert reply.status == 200, reply
    cookie = http.cookies.SimpleCookie(reply.headers["Set-Cookie"])["sluice_session"]
    return cookie, reply.json["csrf"]


def test_a_browser_gets_a_cookie_that_scripts_and_other_sites_cannot_use(ci):
    cookie, _ = sign_in(ci)
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    assert cookie.value not in ci.token
    assert ci.call("POST", "/api/v1/session", {"token": "wrong"}, token=None).status == 401


def test_a_session_reads_by_cookie_and_writes_only_with_its_own_csrf_token(ci, project):
    cookie, csrf = sign_in(ci)
    headers = {"Cookie": f"sluice_session={cookie.value}"}
    assert ci.call("GET", "/api/v1/whoami", headers=headers, token=None).json["role"] == "admin"
    path = f"{project.path}/hook-secret"
    for wrong in ({}, {"X-CSRF": "guess"}, {"X-CSRF": sign_in(ci)[1]}):
        reply = ci.call("POST", path, {}, headers={**headers, **wrong}, token=None)
        assert reply.status == 403 and reply.json["error"] == "csrf", (wrong, reply)
    assert ci.call("POST", path, {}, headers={**headers, "X-CSRF": csrf}, token=None).status == 200


def test_after_logging_out_the_cookie_is_worth_nothing(ci):
    cookie, csrf = sign_in(ci)
    headers = {"Cookie": f"sluice_session={cookie.value}", "X-CSRF": csrf}
    assert ci.call("DELETE", "/api/v1/session", headers=headers, token=None).status == 204
    assert ci.call("GET", "/api/v1/whoami", headers=headers, token=None).status == 401


def test_unknown_paths_methods_and_ids_are_told_apart(ci):
    assert ci.call("GET", "/api/v1/no-such-thing").status == 404
    assert ci.call("GET", "/api/v2/status").status == 404
    assert ci.call("POST", "/api/v1/no-such-thing", {}).status == 404
    wrong = ci.call("DELETE", "/api/v1/runs")
    assert wrong.status == 405 and "GET" in wrong.headers["Allow"]
    for path in (
        "/api/v1/runs/999999",
        "/api/v1/jobs/999999",
        "/api/v1/jobs/999999/log",
        "/api/v1/projects/no-such-project",
        "/api/v1/projects/no-such-project/runs",
        "/api/v1/projects/no-such-project/gate",
    ):
        reply = ci.call("GET", path)
        assert reply.status == 404 and reply.json["error"], (path, reply)
    for path in (
        "/api/v1/runs/abc",
        "/api/v1/runs/-1",
        "/api/v1/runs/99999999999999999999",
        "/api/v1/runs?limit=0",
        "/api/v1/runs?limit=201",
        "/api/v1/runs?limit=x",
    ):
        reply = ci.call("GET", path)
        assert reply.status in (400, 404, 422) and reply.json["error"], (path, reply)


def test_a_body_that_is_wrong_is_refused_with_the_place(ci, name):
    def refusal(body, **headers):
        reply = ci.call("POST", "/api/v1/projects", body, headers)
        assert 400 <= reply.status < 500, reply
        return reply.status, reply.json["error"], reply.json.get("where", "")

    assert refusal({"name": name})[2] == "/url"
    assert refusal({"name": "../up", "url": "/x"})[1] == "bad_name"
    assert refusal({"name": name, "url": "/etc"})[1] == "url_denied"
    assert refusal({"name": name, "url": "ext::sh -c id"})[1] == "url_denied"
    assert refusal({"name": name, "url": "http://127.0.0.1:1/a.git"})[1] == "url_denied"
    assert "surprise" in refusal({"name": name, "url": "https://example.org/a.git", "surprise": 1})[2]
    assert refusal(b"{", **{"Content-Type": "application/json"})[0] == 400
    assert refusal(b"name=x", **{"Content-Type": "application/x-www-form-urlencoded"})[0] == 415
    assert refusal(b'{"a":1,"a":2}', **{"Content-Type": "application/json"})[0] == 400
    ci.project(name)
    again = ci.call("POST", "/api/v1/projects", {"name": name, "url": str(ci.repos / f"{name}.git")})
    assert again.status == 409 and again.json["error"] == "name_taken"


def test_the_agents_protocol_takes_no_persons_token(ci):
    for path in ("/agent/v1/claim", "/agent/v1/attempts/1/start", "/agent/v1/attempts/1/finish"):
        assert ci.call("POST", path, {}).status == 401, path
        assert ci.call("POST", path, {}, token=None).status == 401, path


def test_a_hook_takes_no_persons_token(ci, project):
    body = {"updates": [{"old": ZERO, "new": "1" * 40, "ref": "refs/heads/main"}]}
    assert ci.call("POST", f"/hooks/git/{project.name}", body).status == 401
    assert ci.call("POST", f"/hooks/git/{project.name}/gate", body).status == 401


def test_the_page_and_health_need_no_token_and_the_page_allows_no_foreign_script(ci):
    assert ci.call("GET", "/healthz", token=None).text == "ok\n"
    assert "sluice_" in ci.call("GET", "/metrics", token=None).text
    page = ci.call("GET", "/", token=None)
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in policy.split("script-src")[-1].split(";")[0] and "default-src" in policy
