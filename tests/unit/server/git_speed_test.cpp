// Not part of a test run: `unit_server "[.speed]"` prints how long the git paths of a push take on
// this machine.
#include "server/git/worker.hpp"
#include "tests/unit/server/git_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>

using namespace sluice;
using namespace sluice::git;
using namespace sluice::git::test;

namespace {

void print(const std::string& what, std::vector<double> ms) {
    std::sort(ms.begin(), ms.end());
    std::cout << what << ": median " << ms[ms.size() / 2] << " ms, p95 " << ms[ms.size() * 95 / 100]
              << " ms\n";
}

template <class Work>
std::vector<double> time_each(int times, Work work) {
    std::vector<double> ms;
    for (int i = 0; i < times; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work(i);
        ms.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
                .count());
    }
    return ms;
}

/// A repository of 3,000 files in 60 folders with a short history.
std::vector<std::string> grow(const TestRepo& repo, int commits) {
    std::map<std::string, std::string> files{{".ci.yml", std::string(3000, '#')}};
    for (int folder = 0; folder < 60; ++folder)
        for (int file = 0; file < 50; ++file)
            files["d" + std::to_string(folder) + "/f" + std::to_string(file)] = "x";
    std::string parent = repo.commit(files);
    const std::string tree = repo.git({"rev-parse", parent + "^{tree}"});
    const std::string listing = repo.git({"ls-tree", tree});
    std::vector<std::string> shas{parent};
    for (int i = 0; i < commits; ++i) {
        const std::string entry = "100644 blob " + repo.blob(std::to_string(i)) + "\tchanging\n";
        parent = repo.commit_tree(repo.tree(listing + "\n" + entry), "change", {parent});
        shas.push_back(parent);
    }
    repo.set_ref("refs/heads/main", parent);
    return shas;
}

}  // namespace

TEST_CASE("speed of snapshots and packs", "[.speed]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::vector<std::string> shas = grow(repo, 200);

    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    wire::Setup setup;
    setup.local_roots = {ci.repos()};
    Worker worker(setup);
    wire::Request request;
    request.path = repo.path().string();
    print("snapshot inside the worker", time_each(200, [&](int i) {
              request.sha = shas[i + 1];
              request.base = shas[i];
              REQUIRE(worker.handle(request).has_value());
          }));
    (void)ci.service();
    print("first snapshot, starts the worker",
          time_each(1, [&](int) { (void)ci.snapshot(repo, shas[0]); }));
    print("snapshot round trip", time_each(200, [&](int i) {
              REQUIRE(ci.snapshot(repo, shas[i + 1], shas[i]).has_value());
          }));
    const Repo known{ProjectId{1}, repo.path().string()};
    print("pack of 3,000 files, new", time_each(20, [&](int i) {
              REQUIRE(ci.wait(ci.service().pack(known, {shas[i]})).has_value());
          }));
    print("pack, cached",
          time_each(100, [&](int) { (void)ci.wait(ci.service().pack(known, {shas[0]})); }));
    git_libgit2_shutdown();
}

TEST_CASE("speed of a fetch over HTTP on the loopback", "[.speed]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::vector<std::string> shas = grow(repo, 30);
    HttpGit http(ci.repos(), HttpGit::Manner::serve);
    ci.in_place = false;
    ci.options.allowed_hosts = {"*"};
    repo.set_ref("refs/heads/main", shas[0]);
    print("first fetch", time_each(1, [&](int) {
              REQUIRE(ci.snapshot(http.url("app.git"), shas[0]).has_value());
          }));
    print("fetch of one commit, two git http-backend runs included", time_each(30, [&](int i) {
              repo.set_ref("refs/heads/main", shas[i + 1]);
              REQUIRE(ci.snapshot(http.url("app.git"), shas[i + 1], shas[i]).has_value());
          }));
}
