"""Deliveries as forges send them: bodies of the shape of their documentation, signed by their schemes."""

import base64
import hashlib
import hmac
import json
import uuid

ZERO = "0" * 40


def hex_mac(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Forge:
    """One forge's way to say things. headers(event, body, secret, delivery) signs."""

    name = ""

    def send(self, project, event, body, secret=None, delivery=None, raw=None, drop=(), extra=None, path=None):
        body = raw if raw is not None else json.dumps(body).encode()
        headers = self.headers(event, body, project.secret if secret is None else secret, delivery or str(uuid.uuid4()))
        headers = {key: value for key, value in headers.items() if key not in drop}
        headers.update({"Content-Type": "application/json", **(extra or {})})
        path = path or f"/hooks/{self.name}/{project.name}"
        return project.server.call("POST", path, body, headers, token=None)


class GitHub(Forge):
    name, pr_ref, synchronize = "github", "refs/pull/{}/head", "synchronize"

    def headers(self, event, body, secret, delivery):
        return {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": "sha256=" + hex_mac(secret, body),
        }

    def ping(self):
        return "ping", {"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {"type": "Repository"}}

    def push(self, ref, before, after, forced=False):
        return "push", {
            "ref": ref,
            "before": before,
            "after": after,
            "created": before == ZERO,
            "deleted": after == ZERO,
            "forced": forced,
            "repository": {"id": 1, "full_name": "ada/app"},
            "pusher": {"name": "ada"},
            "sender": {"login": "ada"},
            "head_commit": None if after == ZERO else {"id": after, "message": "change", "author": {"name": "Ada"}},
        }

    def pull_request(self, action, sha, number=7, fork=False, title="A change", **more):
        repo = {"id": 1, "full_name": "ada/app"}
        head = {"id": 2, "full_name": "eve/app"} if fork else repo
        return "pull_request", {
            "action": action,
            "number": number,
            "sender": {"login": "ada"},
            "repository": repo,
            "pull_request": {
                "number": number,
                "title": title,
                "draft": False,
                "user": {"login": "ada"},
                "labels": [],
                "head": {"ref": "topic", "sha": sha, "repo": head},
                "base": {"ref": "main", "sha": ZERO, "repo": repo},
            },
            **more,
        }


class Gitea(GitHub):
    name, synchronize = "gitea", "synchronized"

    def headers(self, event, body, secret, delivery):
        mac = hex_mac(secret, body)
        return {
            "X-Gitea-Event": event,
            "X-GitHub-Event": event,
            "X-Gitea-Delivery": delivery,
            "X-Gitea-Signature": mac,
            "X-Gogs-Event": event,
            "X-Gogs-Signature": mac,
            "X-Hub-Signature-256": "sha256=" + mac,
        }

    def ping(self):
        return "repository", {"action": "created"}

    def pull_request(self, action, sha, number=7, fork=False, title="A change", **more):
        event, body = super().pull_request(action, sha, number, fork, title, **more)
        body["pull_request"]["head"]["repo_id"] = 2 if fork else 1
        body["pull_request"]["base"]["repo_id"] = 1
        return event, body


class GitLab(Forge):
    name, pr_ref, synchronize = "gitlab", "refs/merge-requests/{}/head", "update"

    def headers(self, event, body, secret, delivery):
        return {
            "X-Gitlab-Event": event,
            "X-Gitlab-Token": secret,
            "Idempotency-Key": delivery,
            "X-Gitlab-Event-UUID": str(uuid.uuid4()),
            "X-Gitlab-Instance": "https://gitlab.example.org",
        }

    def ping(self):
        return "Pipeline Hook", {"object_kind": "pipeline"}

    def push(self, ref, before, after, forced=False):
        kind = "tag_push" if ref.startswith("refs/tags/") else "push"
        return (
            "Tag Push Hook" if kind == "tag_push" else "Push Hook",
            {
                "object_kind": kind,
                "event_name": kind,
                "ref": ref,
                "before": before,
                "after": after,
                "checkout_sha": None if after == ZERO else after,
                "user_username": "ada",
                "user_name": "Ada",
                "project_id": 1,
                "commits": [{"id": after, "message": "change", "author": {"name": "Ada"}}],
            },
        )

    def pull_request(self, action, sha, number=7, fork=False, title="A change", **more):
        words = {"opened": "open", "closed": "close", "update": "update"}
        attributes = {
            "iid": number,
            "id": 100,
            "title": title,
            "action": words[action],
            "source_branch": "topic",
            "target_branch": "main",
            "source_project_id": 2 if fork else 1,
            "target_project_id": 1,
            "draft": False,
            "last_commit": {"id": sha, "message": "change", "author": {"name": "Ada"}},
        }
        if action == "update":
            attributes["oldrev"] = "1" * 40
        return "Merge Request Hook", {
            "object_kind": "merge_request",
            "user": {"username": "ada", "name": "Ada"},
            "object_attributes": attributes,
            "labels": [],
            **more,
        }


class GitLabSigned(GitLab):
    """With a signing token: the Standard Webhooks scheme, and no secret in a header."""

    def headers(self, event, body, secret, delivery):
        stamp = "1700000000"
        mac = hmac.new(secret.encode(), f"{delivery}.{stamp}.".encode() + body, hashlib.sha256).digest()
        return {
            "X-Gitlab-Event": event,
            "webhook-id": delivery,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        }


class Git(Forge):
    """What sluice-hook sends."""

    name = "git"

    def headers(self, event, body, secret, delivery):
        return {"X-Sluice-Delivery": delivery, "X-Sluice-Signature-256": "sha256=" + hex_mac(secret, body)}

    def push(self, ref, before, after, forced=False):
        return "push", {
            "updates": [{"old": before, "new": after, "ref": ref}],
            "options": [],
            "pusher": "ada",
            "source": "/app.git",
        }


FORGES = {"github": GitHub(), "gitlab": GitLab(), "gitlab-signed": GitLabSigned(), "gitea": Gitea()}
