#include "server/git/consolidate.hpp"
#include "tests/unit/server/git_fixture.hpp"

#include <git2.h>

#include <chrono>
#include <future>

using namespace sluice;
using namespace sluice::git;
using namespace sluice::git::test;

namespace {

/// A GitService that may reach the loopback, and a server there.
struct MirrorFixture : GitFixture {
    explicit MirrorFixture(HttpGit::Manner manner = HttpGit::Manner::serve)
        : http(repos(), manner) {
        in_place = false;
        options.allowed_hosts = {"127.0.0.1"};
    }
    Path mirror() const { return data() / "mirrors" / "1.git"; }
    HttpGit http;
};

}  // namespace

TEST_CASE("a commit is fetched over HTTP into a mirror, once", "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    const std::string base = repo.commit({{".ci.yml", "1"}});
    const std::string sha = repo.commit({{".ci.yml", "2"}, {"new", "x"}}, {base});
    repo.set_ref("refs/heads/main", sha);
    auto snapshot = ci.snapshot(ci.http.url("app.git"), sha, base);
    REQUIRE(snapshot.has_value());
    CHECK(snapshot->files.at(0).text == "2");
    CHECK(*snapshot->changed_paths == std::vector<std::string>{".ci.yml", "new"});
    const int requests = ci.http.requests();
    REQUIRE(ci.snapshot(ci.http.url("app.git"), base).has_value());
    CHECK(ci.http.requests() == requests);
}

TEST_CASE("hostile branch names are mirrored as names", "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "1"}});
    const std::string name =
        GENERATE(std::string("$(id)"), std::string("<script>"), std::string("-x"),
                 std::string("\xe2\x80\xae"
                             "nimda"));
    repo.set_ref("refs/heads/" + name, sha);
    CHECK(*ci.wait(ci.service().resolve({ProjectId{1}, ci.http.url("app.git")}, name)) == sha);
    CHECK(ci.snapshot(ci.http.url("app.git"), sha, "", false, "refs/heads/" + name).has_value());
}

TEST_CASE("a pull request's head comes by its own ref", "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    const std::string base = repo.commit({{".ci.yml", "1"}});
    const std::string head = repo.commit({{".ci.yml", "2"}}, {base});
    repo.set_ref("refs/heads/main", base);
    repo.set_ref("refs/pull/7/head", head);
    CHECK(ci.snapshot(ci.http.url("app.git"), head, base, true, "refs/pull/7/head").has_value());
}

TEST_CASE("a branch that becomes a folder of branches does not stop the mirror", "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    const std::string first = repo.commit({{"a", "1"}});
    repo.set_ref("refs/heads/feature", first);
    REQUIRE(ci.snapshot(ci.http.url("app.git"), first).has_value());
    const std::string second = repo.commit({{"a", "2"}}, {first});
    repo.delete_ref("refs/heads/feature");
    repo.set_ref("refs/heads/feature/part", second);
    CHECK(ci.snapshot(ci.http.url("app.git"), second).has_value());
    CHECK(ci.wait(ci.service().resolve({ProjectId{1}, ci.http.url("app.git")}, "feature"))
              .error()
              .id == "ref_not_found");
}

TEST_CASE(
    "a force-pushed commit is fetched once by its id, and is gone when the server does not have it",
    "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    const std::string lost = repo.commit({{".ci.yml", "lost"}}, {}, "lost");
    repo.set_ref("refs/heads/main", repo.commit({{".ci.yml", "new"}}, {}, "new"));
    SECTION("the server hands it out") {
        repo.git({"config", "uploadpack.allowAnySHA1InWant", "true"});
        auto snapshot = ci.snapshot(ci.http.url("app.git"), lost);
        REQUIRE(snapshot.has_value());
        CHECK(snapshot->files.at(0).text == "lost");
    }
    SECTION("the server refuses") {
        CHECK(ci.snapshot(ci.http.url("app.git"), lost).error().id == "commit_gone");
        CHECK(ci.snapshot(ci.http.url("app.git"), std::string(40, 'd')).error().id ==
              "commit_gone");
    }
}

TEST_CASE("a silent server costs its deadline, its worker, and nothing else", "[git]") {
    MirrorFixture ci(HttpGit::Manner::silent);
    ci.options.deadline = std::chrono::milliseconds(300);
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "1"}});
    repo.set_ref("refs/heads/main", sha);
    const auto begin = std::chrono::steady_clock::now();
    auto snapshot = ci.snapshot(ci.http.url("app.git"), sha);
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE_FALSE(snapshot.has_value());
    CHECK(snapshot.error().id == "fetch_timeout");
    CHECK(snapshot.error().code == Code::timeout);
    CHECK(took >= std::chrono::milliseconds(290));
    CHECK(took < std::chrono::seconds(10));

    ci.http.behave(HttpGit::Manner::serve);
    ci.restart();
    ci.options.deadline = std::chrono::seconds(60);
    CHECK(ci.snapshot(ci.http.url("app.git"), sha).has_value());
}

TEST_CASE("while one repository hangs, others are served", "[git]") {
    MirrorFixture ci(HttpGit::Manner::silent);
    ci.in_place = true;
    ci.options.deadline = std::chrono::seconds(60);
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "1"}});
    SnapshotRequest hanging;
    hanging.repo = {.project = ProjectId{9}, .url = ci.http.url("app.git")};
    hanging.sha = sha;
    std::vector<std::future<Result<Snapshot>>> stuck;
    for (int i = 0; i < 3; ++i)
        stuck.push_back(boost::asio::co_spawn(ci.io(), ci.service().snapshot(hanging),
                                              boost::asio::use_future));
    CHECK(ci.snapshot(repo, sha).has_value());
    CHECK(ci.snapshot(repo, sha).has_value());
    ci.service().stop();
    for (auto& one : stuck) CHECK(one.get().error().id == "stopped");
    CHECK(ci.snapshot(repo, sha).error().id == "stopped");
}

TEST_CASE("a private repository is fetched with the project's credentials", "[git]") {
    MirrorFixture ci(HttpGit::Manner::guarded);
    TestRepo repo = ci.repo();
    SnapshotRequest request;
    request.sha = repo.commit({{".ci.yml", "1"}});
    repo.set_ref("refs/heads/main", request.sha);
    request.repo = {.project = ProjectId{1},
                    .url = ci.http.url("app.git"),
                    .username = "user",
                    .password = "token"};
    CHECK(ci.wait(ci.service().snapshot(request)).has_value());

    request.repo.project = ProjectId{2};
    request.repo.password = GENERATE(std::string("wrong"), std::string());
    auto refused = ci.wait(ci.service().snapshot(request));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().id == "fetch_failed");
    CHECK(refused.error().message ==
          "127.0.0.1 wants credentials, and has got none or refuses them");
}

TEST_CASE("a ref to fetch is a name, not a refspec", "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    repo.set_ref("refs/heads/main", repo.commit({{"a", "1"}}));
    for (const char* ref :
         {"refs/pull/*", "refs/pull/1/head:refs/heads/main", "refs/pull/../x", "refs/pull/"})
        CHECK(
            ci.snapshot(ci.http.url("app.git"), std::string(40, 'd'), "", false, ref).error().id ==
            "bad_ref");
}

TEST_CASE("a redirect is not followed", "[git]") {
    MirrorFixture ci(HttpGit::Manner::redirect);
    auto snapshot = ci.snapshot(ci.http.url("app.git"), std::string(40, 'd'));
    REQUIRE_FALSE(snapshot.has_value());
    CHECK(snapshot.error().id == "fetch_failed");
    CHECK(ci.http.requests() == 1);
}

TEST_CASE("a missing repository and a refused connection are fetch failures that name the host",
          "[git]") {
    MirrorFixture ci;
    ci.repos();
    auto missing = ci.snapshot(ci.http.url("nothing.git"), std::string(40, 'd'));
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().id == "fetch_failed");
    auto refused = ci.snapshot("http://127.0.0.1:1/x.git", std::string(40, 'd'));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().id == "fetch_failed");
    CHECK(refused.error().message.starts_with("cannot fetch from 127.0.0.1: "));
}

TEST_CASE("locks and half packs of a killed worker do not stop the next fetch", "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    const std::string first = repo.commit({{"a", "1"}});
    repo.set_ref("refs/heads/main", first);
    REQUIRE(ci.snapshot(ci.http.url("app.git"), first).has_value());
    for (const char* leftover : {"refs/heads/main.lock", "packed-refs.lock", "config.lock"})
        REQUIRE(files::write_atomic(ci.mirror() / leftover, "").has_value());
    REQUIRE(files::write_atomic(ci.mirror() / "objects/pack/pack_git2_half", "PACK").has_value());
    const std::string second = repo.commit({{"a", "2"}}, {first});
    repo.set_ref("refs/heads/main", second);
    CHECK(ci.snapshot(ci.http.url("app.git"), second).has_value());
    CHECK_FALSE(std::filesystem::exists(ci.mirror() / "objects/pack/pack_git2_half"));
}

TEST_CASE("the small packs of many fetches become one, and nothing is lost", "[git]") {
    TempDir dir;
    TestRepo repo(dir.path() / "mirror.git");
    std::vector<std::string> shas;
    for (int i = 0; i < 6; ++i) {
        shas.push_back(repo.commit({{"f", std::to_string(i)}}, {}, "commit " + std::to_string(i)));
        repo.set_ref("refs/heads/b" + std::to_string(i), shas.back());
        repo.git({"repack", "-dq"});
    }
    const std::string unreachable = repo.commit({{"g", "x"}}, {}, "unreachable");
    auto packs = [&] {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(repo.path() / "objects/pack"))
            count += entry.path().extension() == ".idx";
        return count;
    };
    REQUIRE(packs() == 6);
    git_libgit2_init();
    CHECK_FALSE(consolidate(repo.path(), {.most_packs = 6}));
    CHECK_FALSE(consolidate(repo.path(), {.most_packs = 3, .largest_bytes = 10}));
    CHECK(packs() == 6);
    CHECK(consolidate(repo.path(), {.most_packs = 5}));
    CHECK(packs() == 1);
    CHECK_FALSE(consolidate(repo.path(), {.most_packs = 1}));
    CHECK(consolidate(repo.path(), {.most_packs = 0}) == true);
    CHECK(packs() == 1);
    git_libgit2_shutdown();
    repo.git({"fsck", "--strict"});
    for (const std::string& sha : shas) CHECK(repo.git({"cat-file", "-t", sha}) == "commit");
    CHECK(repo.git({"cat-file", "-t", unreachable}) == "commit");
}

TEST_CASE("a mirror whose packs were merged is read on, by every worker", "[git]") {
    MirrorFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "1"}});
    repo.set_ref("refs/heads/main", sha);
    REQUIRE(ci.snapshot(ci.http.url("app.git"), sha).has_value());
    git_libgit2_init();
    REQUIRE(consolidate(ci.mirror(), {.most_packs = 0}));
    git_libgit2_shutdown();
    REQUIRE(files::write_atomic(ci.mirror() / "sluice.generation", "").has_value());
    CHECK(ci.snapshot(ci.http.url("app.git"), sha).has_value());
}

TEST_CASE("a pack that is cut off is a failed fetch, and the next one works", "[git]") {
    MirrorFixture ci(HttpGit::Manner::cut);
    TestRepo repo = ci.repo();
    std::string noise;
    for (int i = 0; i < 20'000; ++i) noise += std::to_string(i * 7919 % 100'003);
    const std::string sha = repo.commit({{".ci.yml", "1"}, {"noise", noise}});
    repo.set_ref("refs/heads/main", sha);
    auto snapshot = ci.snapshot(ci.http.url("app.git"), sha);
    REQUIRE_FALSE(snapshot.has_value());
    CHECK(snapshot.error().id == "fetch_failed");
    ci.http.behave(HttpGit::Manner::serve);
    CHECK(ci.snapshot(ci.http.url("app.git"), sha).has_value());
}

TEST_CASE("a worker that dies is replaced", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "1"}});
    SECTION("while it was idle: nobody notices") {
        REQUIRE(ci.snapshot(repo, sha).has_value());
        // The worker is a child of this process that was started as git-worker.
        const std::string listed =
            run({"pgrep", "-P", std::to_string(getpid()), "-f", "git-worker"});
        for (std::istringstream pids(listed); !pids.eof();) {
            pid_t pid = 0;
            if (pids >> pid) kill(pid, SIGKILL);
        }
        CHECK(ci.snapshot(repo, sha).has_value());
    }
    SECTION("because it cannot be started") {
        ci.options.program = "/nonexistent/sluice-server";
        auto snapshot = ci.snapshot(repo, sha);
        REQUIRE_FALSE(snapshot.has_value());
        CHECK(snapshot.error().id == "git_worker_died");
        CHECK(snapshot.error().message.find("No such file") != std::string::npos);
    }
    SECTION("because it answers nothing") {
        ci.options.program = "/bin/true";
        CHECK(ci.snapshot(repo, sha).error().id == "git_worker_died");
        CHECK(ci.snapshot(repo, sha).error().id == "git_worker_died");
    }
}

TEST_CASE("many callers on several threads are all answered", "[git]") {
    GitFixture ci;
    std::vector<TestRepo> repos;
    std::vector<std::string> shas;
    for (int i = 0; i < 3; ++i) {
        repos.push_back(ci.repo("r" + std::to_string(i) + ".git"));
        shas.push_back(repos.back().commit({{".ci.yml", std::to_string(i)}}));
    }
    std::vector<std::future<Result<Snapshot>>> answers;
    for (int i = 0; i < 60; ++i) {
        SnapshotRequest request;
        request.repo = {.project = ProjectId{i % 3 + 1}, .url = repos[i % 3].path().string()};
        request.sha = shas[i % 3];
        answers.push_back(boost::asio::co_spawn(ci.io(), ci.service().snapshot(std::move(request)),
                                                boost::asio::use_future));
    }
    for (int i = 0; i < 60; ++i) {
        auto snapshot = answers[i].get();
        REQUIRE(snapshot.has_value());
        CHECK(snapshot->files.at(0).text == std::to_string(i % 3));
    }
}

TEST_CASE("a fragment of another repository is fetched once, by its commit", "[git]") {
    GitFixture ci;
    TestRepo lib = ci.repo("lib.git");
    const std::string sha = lib.commit({{"steps.yml", "steps: [x]"}});
    lib.set_ref("refs/heads/main", sha);
    HttpGit http(ci.repos(), HttpGit::Manner::serve);
    ci.options.allowed_hosts = {"127.0.0.1"};
    const auto fetch = [&](const std::string& path, bool cached_only = false) {
        return ci.wait(ci.service().remote_file({http.url("lib.git"), sha, path, cached_only}));
    };
    CHECK(fetch("steps.yml", true).error().id == "commit_gone");
    CHECK(http.requests() == 0);
    auto file = fetch("steps.yml");
    REQUIRE(file.has_value());
    CHECK((*file)->text == "steps: [x]");
    const int requests = http.requests();
    CHECK_FALSE(fetch("other.yml").value().has_value());
    CHECK(fetch("steps.yml", true).value()->text == "steps: [x]");
    CHECK(http.requests() == requests);
}

TEST_CASE("a fragment's repository must be at an address that may be reached", "[git]") {
    GitFixture ci;
    const std::string sha(40, 'a');
    for (const char* url : {"https://127.0.0.1/x", "https://user:word@git.example/x"})
        CHECK(ci.wait(ci.service().remote_file({url, sha, "a.yml"})).error().id == "url_denied");
    const auto parsed = parse_remote_file("git+https://git.example/a/b//lib/x.yml@" + sha);
    REQUIRE(parsed.has_value());
    CHECK(parsed->url == "https://git.example/a/b");
    CHECK(parsed->path == "lib/x.yml");
    CHECK(parsed->sha == sha);
    CHECK_FALSE(parse_remote_file("git+ssh://git.example/a//x.yml@" + sha).has_value());
}
