#include "delivery_fixture.hpp"

using namespace sluice;
using namespace sluice::hooks;
using namespace sluice::hooks::test;
using model::EventKind;
using model::PullRequestAction;

namespace {

Delivery github_push() {
    return {"x-github-event", "push", "github_push.json"};
}
Delivery github_pull_request() {
    return {"x-github-event", "pull_request", "github_pull_request.json"};
}
Delivery gitlab_push() {
    return {"x-gitlab-event", "Push Hook", "gitlab_push.json"};
}
Delivery gitlab_merge_request() {
    return {"x-gitlab-event", "Merge Request Hook", "gitlab_merge_request.json"};
}
Delivery gitea_push() {
    return {"x-gitea-event", "push", "gitea_push.json"};
}
Delivery gitea_pull_request() {
    return {"x-gitea-event", "pull_request", "gitea_pull_request.json"};
}
Delivery git_push() {
    return {"x-sluice-delivery", "1", "git_push.json"};
}

DecodedEvent only(const Decoded& decoded) {
    INFO(decoded.ignored);
    REQUIRE(decoded.events.size() == 1);
    CHECK(decoded.ignored.empty());
    return decoded.events[0];
}

}  // namespace

TEST_CASE("a push of a branch means the same from every forge", "[hooks]") {
    struct Source {
        std::string forge;
        Delivery delivery;
        std::string kind;
    };
    for (const auto& [forge, delivery, kind] :
         {Source{"github", github_push(), "push"}, Source{"gitlab", gitlab_push(), "Push Hook"},
          Source{"gitea", gitea_push(), "push"}}) {
        INFO(forge);
        const Decoded decoded = delivery.decoded(forge);
        const DecodedEvent push = only(decoded);
        CHECK(decoded.kind == kind);
        CHECK(push.ref == "refs/heads/main");
        CHECK(push.event.kind == EventKind::push);
        CHECK(push.event.branch == "main");
        CHECK(push.event.tag.empty());
        CHECK(push.event.sha == k_new);
        CHECK(push.event.old_sha == k_old);
        CHECK_FALSE(push.event.forced);
        CHECK(push.event.actor == "ada");
        CHECK(push.event.author == "Ada Lovelace");
        CHECK_FALSE(push.event.message.empty());
        CHECK_FALSE(push.event.pull_request);
        CHECK_FALSE(push.action);
    }
}

TEST_CASE("the event's commit of an annotated tag is the commit, not the tag object", "[hooks]") {
    const Delivery github{"x-github-event", "push", "github_tag.json"};
    const Delivery gitlab{"x-gitlab-event", "Tag Push Hook", "gitlab_tag.json"};
    for (const DecodedEvent& tag :
         {only(github.decoded("github")), only(gitlab.decoded("gitlab"))}) {
        CHECK(tag.event.kind == EventKind::tag);
        CHECK(tag.event.tag == "v1.0");
        CHECK(tag.event.branch.empty());
        CHECK(tag.event.sha == k_new);
        CHECK(tag.event.old_sha.empty());
        CHECK(tag.ref == "refs/tags/v1.0");
    }
}

TEST_CASE("a new branch has an old id of zeros, a forced push says so", "[hooks]") {
    CHECK(only(github_push().set("/before", k_zero).decoded("github")).event.old_sha == k_zero);
    CHECK(only(github_push().set("/forced", true).decoded("github")).event.forced);
    // Woodpecker drops these; a new branch at an old commit is still to be built.
    CHECK(only(gitlab_push()
                   .set("/total_commits_count", 0)
                   .set("/commits", json::Array())
                   .decoded("gitlab"))
              .event.sha == k_new);
}

TEST_CASE("ids are lower case, and SHA-256 ids are ids", "[hooks]") {
    CHECK(only(github_push().set("/after", std::string(40, 'A')).decoded("github")).event.sha ==
          std::string(40, 'a'));
    CHECK(only(github_push().set("/after", std::string(64, 'b')).decoded("github")).event.sha ==
          std::string(64, 'b'));
}

TEST_CASE("a pull request's event names both sides", "[hooks]") {
    const DecodedEvent pr = only(github_pull_request().decoded("github"));
    CHECK(pr.action == PullRequestAction::updated);
    CHECK(pr.ref == "refs/pull/12/head");
    CHECK(pr.event.kind == EventKind::pull_request);
    CHECK(pr.event.sha == k_new);
    CHECK(pr.event.branch.empty());
    CHECK(pr.event.actor == "charles");
    CHECK(pr.event.pull_request == model::PullRequest{.number = 12,
                                                      .title = "Compute Bernoulli numbers",
                                                      .author = "charles",
                                                      .source_branch = "note-g",
                                                      .target_branch = "main",
                                                      .draft = false,
                                                      .fork = true,
                                                      .labels = {"maths", "needs review"}});
    const DecodedEvent mr = only(gitlab_merge_request().decoded("gitlab"));
    CHECK(mr.ref == "refs/merge-requests/16/head");
    CHECK(mr.event.sha == k_new);
    CHECK(mr.event.message == "Describe the mill\n");
    CHECK(mr.event.pull_request == model::PullRequest{.number = 16,
                                                      .title = "Compute Bernoulli numbers",
                                                      .author = "",
                                                      .source_branch = "note-g",
                                                      .target_branch = "main",
                                                      .draft = false,
                                                      .fork = true,
                                                      .labels = {"maths"}});
    const DecodedEvent gitea = only(gitea_pull_request().decoded("gitea"));
    CHECK(gitea.ref == "refs/pull/5/head");
    CHECK(gitea.event.pull_request->draft);
    CHECK_FALSE(gitea.event.pull_request->fork);
    CHECK(gitea.event.pull_request->labels == std::vector<std::string>{"maths"});
}

TEST_CASE("pull request actions become opened, updated or closed", "[hooks]") {
    struct Case {
        std::string forge;
        Delivery delivery;
        std::optional<PullRequestAction> action;
        std::string ignored;
    };
    auto hub = [](const std::string& action) {
        return github_pull_request().set("/action", action);
    };
    auto tea = [](const std::string& action) {
        return gitea_pull_request().set("/action", action);
    };
    auto lab = [](const std::string& action) {
        return gitlab_merge_request().set("/object_attributes/action", action);
    };
    auto lab_metadata = [&] { return lab("update").remove("/object_attributes/oldrev"); };
    using A = PullRequestAction;
    auto check = [](const Case& c) {
        const Decoded decoded = c.delivery.decoded(c.forge);
        INFO(c.forge << " " << decoded.ignored);
        CHECK(decoded.ignored == c.ignored);
        REQUIRE(decoded.events.size() == (c.action ? 1u : 0u));
        if (c.action) CHECK(decoded.events[0].action == c.action);
    };
    check({"github", hub("opened"), A::opened, ""});
    check({"github", hub("reopened"), A::opened, ""});
    check({"github", hub("synchronize"), A::updated, ""});
    check({"github", hub("ready_for_review"), A::updated, ""});
    check({"github", hub("closed"), A::closed, ""});
    check({"github", hub("edited").set("/changes/base/ref/from", "develop"), A::updated, ""});
    check({"github",
           hub("edited").set("/changes/title/from", "x"),
           {},
           "ignored: pull_request edited"});
    check({"github", hub("labeled"), {}, "ignored: pull_request labeled"});
    check({"github", hub("<script>"), {}, "ignored: pull_request <script>"});
    check({"gitea", tea("opened"), A::opened, ""});
    check({"gitea", tea("reopened"), A::opened, ""});
    check({"gitea", tea("synchronized"), A::updated, ""});
    check({"gitea", tea("closed"), A::closed, ""});
    check({"gitea", tea("edited").set("/changes/ref/from", "develop"), A::updated, ""});
    check({"gitea", tea("edited"), {}, "ignored: pull_request edited"});
    check({"gitea", tea("label_updated"), {}, "ignored: pull_request label_updated"});
    check({"gitlab", lab("open"), A::opened, ""});
    check({"gitlab", lab("reopen"), A::opened, ""});
    check({"gitlab", lab("update"), A::updated, ""});
    check({"gitlab", lab("merge"), A::closed, ""});
    check({"gitlab", lab("close"), A::closed, ""});
    check({"gitlab", lab_metadata(), {}, "ignored: merge_request update without new commits"});
    check({"gitlab", lab_metadata().set("/changes/target_branch/current", "develop"), A::updated,
           ""});
    check({"gitlab", lab_metadata().set("/changes/draft/current", false), A::updated, ""});
    check({"gitlab",
           lab_metadata().set("/changes/draft/current", true),
           {},
           "ignored: merge_request update without new commits"});
    check({"gitlab", lab("approved"), {}, "ignored: merge_request approved"});
    check({"gitlab",
           gitlab_merge_request().remove("/object_attributes/action"),
           {},
           "ignored: merge_request without an action"});
}

TEST_CASE("a head repository that differs or is gone is a fork", "[hooks]") {
    auto fork = [](const Delivery& delivery, const char* forge) {
        return only(delivery.decoded(forge)).event.pull_request->fork;
    };
    CHECK_FALSE(fork(github_pull_request().set("/pull_request/head/repo/id", 35129377), "github"));
    CHECK(fork(github_pull_request().set("/pull_request/head/repo", nullptr), "github"));
    CHECK(fork(gitea_pull_request().set("/pull_request/head/repo_id", 141), "gitea"));
    CHECK(fork(gitea_pull_request().remove("/pull_request/head/repo_id"), "gitea"));
    CHECK_FALSE(
        fork(gitlab_merge_request().set("/object_attributes/source_project_id", 15), "gitlab"));
    CHECK(fork(gitlab_merge_request().set("/object_attributes/source_project_id", nullptr),
               "gitlab"));
}

TEST_CASE("deliveries with nothing to do have a reason", "[hooks]") {
    struct Case {
        std::string forge;
        Delivery delivery;
        std::string ignored;
    };
    auto check = [](const Case& c) {
        const Decoded decoded = c.delivery.decoded(c.forge);
        CHECK(decoded.ignored == c.ignored);
        CHECK(decoded.events.empty());
    };
    check({"github", {"x-github-event", "ping", "github_ping.json"}, "ignored: ping"});
    check({"github", {"x-github-event", "star", "github_ping.json"}, "ignored: star"});
    check({"github", {"x-other", "push", "github_push.json"}, "ignored: no X-GitHub-Event header"});
    check({"github", github_push().set("/after", k_zero).set("/deleted", true), "branch_deleted"});
    check({"github",
           github_push()
               .set("/ref", "refs/tags/v1")
               .set("/after", k_zero)
               .set("/head_commit", nullptr),
           "tag_deleted"});
    check({"github", github_push().set("/ref", "refs/heads/gh-readonly-queue/main/pr-1-abc"),
           "ignored: merge queue branch"});
    check({"github", github_push().set("/ref", "refs/notes/commits"),
           "ignored: ref refs/notes/commits"});
    check({"gitlab", gitlab_push().set("/after", k_zero).set("/checkout_sha", nullptr),
           "branch_deleted"});
    check({"gitlab", gitlab_push().set("/object_kind", "note"), "ignored: note"});
    check({"gitlab", gitlab_push().remove("/object_kind"), "ignored: no object_kind"});
    check({"gitea", gitea_push().set("/after", k_zero).set("/head_commit", nullptr),
           "branch_deleted"});
    check({"gitea",
           {"x-gitea-event", "create", "gitea_create_tag.json"},
           "ignored: create (its push tells it)"});
    check({"gitea", {"x-gitea-event", "issues", "gitea_push.json"}, "ignored: issues"});
    check({"gitea", {"x-other", "push", "gitea_push.json"}, "ignored: no X-Gitea-Event header"});
    check({"git", git_push().set("/updates", json::Array()), "ignored: no ref was updated"});
}

TEST_CASE("members that are missing or mistyped are named by pointer", "[hooks]") {
    struct Case {
        std::string forge;
        Delivery delivery;
        std::string ignored;
    };
    auto check = [](const Case& c) {
        const Decoded decoded = c.delivery.decoded(c.forge);
        CHECK(decoded.ignored == c.ignored);
        CHECK(decoded.events.empty() == !c.ignored.empty());
    };
    check({"github", github_push().set("/after", 5),
           "bad_payload /after expected a string, got a number"});
    check({"github", github_push().remove("/after"),
           "bad_payload /after expected a string, got nothing"});
    check(
        {"github", github_push().set("/after", "5"), "bad_sha /after is not 40 or 64 hex digits"});
    check({"github", github_push().set("/after", std::string(41, 'a')),
           "bad_sha /after is not 40 or 64 hex digits"});
    check({"github", github_push().set("/after", std::string(400, 'a')),
           "bad_sha /after is not 40 or 64 hex digits"});
    check({"github", github_push().set("/ref", nullptr),
           "bad_payload /ref expected a string, got nothing"});
    check({"github", github_push().set("/ref", "main"),
           "bad_payload /ref is not a name that git allows"});
    check({"github", github_push().set("/ref", "refs/heads/a\n"),
           "bad_payload /ref is not a name that git allows"});
    check({"github", github_push().set("/ref", "refs/heads/../../etc"),
           "bad_payload /ref is not a name that git allows"});
    check({"github", github_push().set("/ref", "refs/heads/" + std::string(2000, 'a')),
           "bad_payload /ref is not a name that git allows"});
    check({"github", github_push().set("/forced", "yes"),
           "bad_payload /forced expected true or false, got a string"});
    check({"github", github_push().set("/head_commit", "x"), ""});
    check({"github", github_pull_request().set("/pull_request", nullptr),
           "bad_payload /pull_request/head/sha expected a string, got nothing"});
    check({"github", github_pull_request().set("/pull_request/number", -1),
           "bad_payload /pull_request/number expected a number from 1, got a number"});
    check({"github", github_pull_request().set("/pull_request/head/sha", k_zero),
           "bad_sha /pull_request/head/sha is zero"});
    check({"github", github_pull_request().set("/pull_request/labels", "x"),
           "bad_payload /pull_request/labels expected an array, got a string"});
    check({"github", github_pull_request().set("/pull_request/base/ref", "a b"),
           "bad_payload /pull_request/base/ref is not a name that git allows"});
    check({"gitlab", gitlab_push().set("/object_kind", 7),
           "bad_payload /object_kind expected a string, got a number"});
    check({"gitlab", gitlab_push().set("/before", json::Array()),
           "bad_payload /before expected a string, got an array"});
    check({"gitlab", gitlab_merge_request().set("/object_attributes/last_commit", nullptr),
           "bad_payload /object_attributes/last_commit/id expected a string, got nothing"});
    check({"gitea", gitea_pull_request().remove("/action"),
           "bad_payload /action expected a string, got nothing"});
    check({"git", git_push().set("/updates", 1), "bad_payload /updates expected an array"});
    check({"git", git_push().set("/updates/0/new", "x"),
           "bad_sha /updates/0/new is not 40 or 64 hex digits"});
    check({"git", git_push().set("/updates/1", nullptr),
           "bad_payload /updates/1/ref expected a string, got nothing"});
    check({"git", git_push().set("/options", "x"), "bad_payload /options expected an array"});
}

TEST_CASE("bodies that are not JSON are an outcome of every forge", "[hooks]") {
    const std::map<std::string, RawDelivery> sources{{"github", github_push().raw()},
                                                     {"gitlab", gitlab_push().raw()},
                                                     {"gitea", gitea_push().raw()},
                                                     {"git", git_push().raw()}};
    const std::vector<std::string> bodies{
        "",
        "{",
        "\xef\xbb\xbf{}",
        std::string("{\0}\0", 4),
        "\xff\xfe{\0",
        "{\"ref\":\"\xff\"}",
        "{\"ref\":\"\\ud800\"}",
        "{\"a\":1,\"a\":2}",
        "{} x",
        "{\"a\":" + std::string(10'000, '[') + std::string(10'000, ']') + "}",
        std::string((25 << 20) + 1, ' ')};
    for (const auto& [forge, recorded] : sources) {
        for (const std::string& body : bodies) {
            RawDelivery raw = recorded;
            raw.body = body;
            const Decoded decoded = forge_by_name(forge)->decode(raw);
            INFO(forge << " " << decoded.ignored);
            CHECK(decoded.ignored.starts_with("bad_json "));
            CHECK(decoded.events.empty());
        }
        RawDelivery raw = recorded;
        raw.body = "[]";
        CHECK(forge_by_name(forge)->decode(raw).ignored ==
              "bad_payload expected an object, got an array");
    }
}

TEST_CASE("hostile names arrive as they are, and hostile text is bounded", "[hooks]") {
    const std::vector<std::string> names{"$(id)",
                                         "<script>alert(1)</script>",
                                         "zzz\";echo${IFS}\"hello\";#",
                                         "a\xe2\x80\xae"
                                         "b",
                                         "-rf",
                                         "a'b`c`",
                                         std::string(300, 'n')};
    for (const std::string& name : names) {
        CHECK(
            only(github_push().set("/ref", "refs/heads/" + name).decoded("github")).event.branch ==
            name);
        CHECK(
            only(gitlab_push().set("/ref", "refs/heads/" + name).decoded("gitlab")).event.branch ==
            name);
        CHECK(only(gitea_push().set("/ref", "refs/heads/" + name).decoded("gitea")).event.branch ==
              name);
        CHECK(only(github_pull_request().set("/pull_request/head/ref", name).decoded("github"))
                  .event.pull_request->source_branch == name);
    }
    const std::string title = std::string("a\0b\x1b[31m", 8) + std::string(1 << 20, 't');
    const std::string shown =
        only(github_pull_request().set("/pull_request/title", title).decoded("github"))
            .event.pull_request->title;
    CHECK(shown.starts_with("a b [31mttt"));
    CHECK(shown.size() <= 1024);
    json::Array labels;
    for (int i = 0; i < 5000; ++i)
        labels.push_back(json::Object{{"name", "l" + std::to_string(i)}});
    CHECK(only(github_pull_request().set("/pull_request/labels", labels).decoded("github"))
              .event.pull_request->labels.size() == 100);
}

TEST_CASE("a form with a payload is read like the payload", "[hooks]") {
    RawDelivery raw = github_push().raw();
    std::string encoded = "other=1&payload=";
    for (unsigned char c : raw.body) {
        constexpr char digits[] = "0123456789ABCDEF";
        if (c == ' ')
            encoded += '+';
        else if (std::isalnum(c))
            encoded += static_cast<char>(c);
        else
            encoded += {'%', digits[c >> 4], digits[c & 15]};
    }
    raw.headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8";
    raw.body = encoded;
    CHECK(only(forge_by_name("github")->decode(raw)).event.sha == k_new);
    for (const char* broken : {"", "payload", "payload=%7", "payload=%zz", "load={}"}) {
        raw.body = broken;
        CHECK(forge_by_name("github")->decode(raw).ignored ==
              "bad_json the form has no readable field payload");
    }
}

TEST_CASE("a plain push tells several refs, its options and its pusher", "[hooks]") {
    const Decoded decoded = git_push().decoded("git");
    REQUIRE(decoded.events.size() == 2);
    const model::Event& push = decoded.events[0].event;
    CHECK(push.kind == EventKind::push);
    CHECK(push.branch == "main");
    CHECK(push.sha == k_new);
    CHECK(push.old_sha == k_old);
    CHECK(push.actor == "ada");
    CHECK(push.options == std::vector<std::string>{"ci.skip", "ci.var=K=V"});
    CHECK(decoded.events[1].event.tag == "v1.0");
    CHECK(git_push()
              .set("/updates/0/new", k_zero)
              .set("/updates/1/new", k_zero)
              .decoded("git")
              .events.empty());
}

TEST_CASE("a push of more than 1000 refs starts nothing", "[hooks]") {
    json::Array updates;
    for (int i = 0; i < 1001; ++i)
        updates.push_back(json::Object{
            {"old", k_zero}, {"new", k_new}, {"ref", "refs/heads/b" + std::to_string(i)}});
    CHECK(git_push().set("/updates", updates).decoded("git").ignored ==
          "ignored: 1001 refs in one push, the limit is 1000");
    updates.pop_back();
    CHECK(git_push().set("/updates", updates).decoded("git").events.size() == 1000);
}

TEST_CASE("names that git refuses are refused", "[hooks]") {
    for (const char* name :
         {"refs/heads/a", "refs/heads/@", "refs/heads/-a", "refs/heads/a.b", "refs/heads/a/b{"})
        CHECK(only(github_push().set("/ref", name).decoded("github")).ref == name);
    for (const char* name :
         {"", "/", "refs/heads/", "refs/heads//a", "refs/heads/.a", "refs/heads/a.",
          "refs/heads/a..b", "refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads/a~1",
          "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?", "refs/heads/*", "refs/heads/[a",
          "refs/heads/a\\b", "refs/heads/a@{0}", "refs/heads/a b", "refs/heads/a\x7f"})
        CHECK(github_push().set("/ref", name).decoded("github").ignored ==
              "bad_payload /ref is not a name that git allows");
}
