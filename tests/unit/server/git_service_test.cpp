#include "tests/unit/server/git_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>

using namespace sluice;
using namespace sluice::git;
using namespace sluice::git::test;

namespace {

/// The test program is its own git worker: started as `… git-worker` it becomes one before Catch
/// looks at the words.
[[maybe_unused]] const bool k_ran_as_worker = [] {
    std::ifstream file("/proc/self/cmdline");
    std::string words((std::istreambuf_iterator<char>(file)), {});
    const std::size_t end = words.find('\0');
    if (end != std::string::npos && std::strcmp(words.c_str() + end + 1, "git-worker") == 0)
        std::_Exit(git::worker_main());
    return false;
}();

std::vector<std::string> paths_of(const Snapshot& snapshot) {
    std::vector<std::string> out;
    for (const plan::SourceFile& file : snapshot.files) out.push_back(file.path);
    return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a snapshot holds .ci.yml and .ci/*.yml in byte order, and nothing else", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "jobs: {}\n"},
                                         {".ci/b.yml", "b"},
                                         {".ci/a.yml", "a"},
                                         {".ci/run", "#!/bin/sh\n"},
                                         {".ci/lib/x.yml", "never by itself"},
                                         {"src/main.cpp", "int main() {}\n"}});
    auto snapshot = ci.snapshot(repo, sha);
    REQUIRE(snapshot.has_value());
    CHECK(snapshot->sha == sha);
    CHECK(paths_of(*snapshot) == Strings{".ci.yml", ".ci/a.yml", ".ci/b.yml"});
    CHECK(snapshot->files[0].text == "jobs: {}\n");
    CHECK(snapshot->message == "change");
    CHECK(snapshot->author == "Ada");
    CHECK_FALSE(snapshot->changed_paths);
}

TEST_CASE("the commit's files come along when its configuration asks for them", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "if: hash_files('src/**') == ''"},
                                         {"src/deep/a.cpp", "one"},
                                         {"src/b.cpp", "one"}});
    auto snapshot = ci.snapshot(repo, sha);
    REQUIRE(snapshot.has_value());
    REQUIRE(snapshot->tree.has_value());
    REQUIRE(snapshot->tree->size() == 3);
    CHECK((*snapshot->tree)[1].path == "src/b.cpp");
    CHECK((*snapshot->tree)[2].path == "src/deep/a.cpp");
    CHECK((*snapshot->tree)[1].digest.size() == 40);
    CHECK((*snapshot->tree)[1].digest == (*snapshot->tree)[2].digest);
    CHECK_FALSE(ci.snapshot(repo, repo.commit({{".ci.yml", "jobs: {}"}}))->tree.has_value());
}

TEST_CASE("a commit without configuration is a snapshot without files", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    auto snapshot = ci.snapshot(repo, repo.commit({{"README", "hello"}}));
    REQUIRE(snapshot.has_value());
    CHECK(snapshot->files.empty());
}

TEST_CASE("the bytes of a configuration file arrive as they are", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string bytes("\xff\xfe\x00job\r\n\x80", 9);
    auto snapshot = ci.snapshot(repo, repo.commit({{".ci.yml", bytes}}));
    REQUIRE(snapshot.has_value());
    CHECK(snapshot->files.at(0).text == bytes);
}

TEST_CASE("changed paths name both sides of a rename", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string body(4000, 'x');
    const std::string base = repo.commit({{"a.txt", body}, {"dir/kept", "k"}, {"dir/edited", "1"}});
    const std::string tip =
        repo.commit({{"b.txt", body}, {"dir/kept", "k"}, {"dir/edited", "2"}}, {base});
    auto snapshot = ci.snapshot(repo, tip, base);
    REQUIRE(snapshot.has_value());
    REQUIRE(snapshot->changed_paths);
    CHECK(*snapshot->changed_paths == Strings{"a.txt", "b.txt", "dir/edited"});
}

TEST_CASE("a pull request's changes are those since the merge base", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string fork_point = repo.commit({{"a", "1"}});
    const std::string target = repo.commit({{"a", "1"}, {"landed-meanwhile", "1"}}, {fork_point});
    const std::string head = repo.commit({{"a", "1"}, {"mine", "1"}}, {fork_point});
    CHECK(*ci.snapshot(repo, head, target, true)->changed_paths == Strings{"mine"});
    CHECK(*ci.snapshot(repo, head, target, false)->changed_paths ==
          Strings{"landed-meanwhile", "mine"});
}

TEST_CASE("without a known base everything may have changed", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{"a", "1"}});
    const std::string unrelated = repo.commit({{"z", "1"}}, {}, "another root");
    CHECK_FALSE(ci.snapshot(repo, sha, std::string(40, '0'))->changed_paths);
    CHECK_FALSE(ci.snapshot(repo, sha, std::string(40, 'd'))->changed_paths);
    CHECK_FALSE(ci.snapshot(repo, sha, unrelated, true)->changed_paths);
    CHECK(ci.snapshot(repo, sha, sha)->changed_paths->empty());
}

TEST_CASE("a diff of more than 50,000 paths counts as everything", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string empty = repo.commit({{"a", "1"}});
    const std::string blob = repo.blob("x");
    std::string entries;
    for (int i = 0; i < 50'001; ++i)
        entries += "100644 blob " + blob + "\tf" + std::to_string(i) + "\n";
    const std::string many = repo.commit_tree(repo.tree(entries), "many");
    CHECK_FALSE(ci.snapshot(repo, many, empty)->changed_paths);
}

TEST_CASE("configuration that is not a regular file is refused by name", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string link = "120000 blob " + repo.blob("/etc/passwd") + "\t";
    const std::string folder = "040000 tree " + repo.tree_of({{"x", "1"}}) + "\t";
    const std::string inner = "040000 tree " + repo.tree(link + "x.yml\n") + "\t";
    const std::string submodule = "160000 commit " + std::string(40, 'a') + "\t";
    struct Case {
        std::string entry;
        std::string where;
    };
    for (const auto& [entry, where] :
         {Case{link + ".ci.yml", ".ci.yml"}, Case{submodule + ".ci.yml", ".ci.yml"},
          Case{folder + ".ci.yml", ".ci.yml"}, Case{link + ".ci", ".ci"},
          Case{submodule + ".ci", ".ci"}, Case{inner + ".ci", ".ci/x.yml"}}) {
        INFO(entry);
        auto snapshot = ci.snapshot(repo, repo.commit_tree(repo.tree(entry + "\n"), "odd"));
        REQUIRE_FALSE(snapshot.has_value());
        CHECK(snapshot.error().id == "config_not_regular_file");
        CHECK(snapshot.error().where == where);
    }
}

TEST_CASE("an executable configuration file is read", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string tree = repo.tree("100755 blob " + repo.blob("jobs: {}") + "\t.ci.yml\n");
    CHECK(ci.snapshot(repo, repo.commit_tree(tree, "x"))->files.at(0).text == "jobs: {}");
}

TEST_CASE("a configuration file over 256 KiB is refused before it is read", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    CHECK(ci.snapshot(repo, repo.commit({{".ci.yml", std::string(256 << 10, '#')}})).has_value());
    auto snapshot =
        ci.snapshot(repo, repo.commit({{".ci.yml", std::string((256 << 10) + 1, '#')}}));
    REQUIRE_FALSE(snapshot.has_value());
    CHECK(snapshot.error().id == "config_too_large");
    CHECK(snapshot.error().message == ".ci.yml has 262145 bytes, the limit is 262144");
}

TEST_CASE("a file that is named .yaml is an error that says the right name", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string name = GENERATE(std::string(".ci.yaml"), std::string(".ci/deploy.yaml"));
    auto snapshot = ci.snapshot(repo, repo.commit({{name, "jobs: {}"}}));
    REQUIRE_FALSE(snapshot.has_value());
    CHECK(snapshot.error().id == "config_wrong_name");
    CHECK(snapshot.error().message ==
          name + " is not read; rename it to " + name.substr(0, name.size() - 4) + "yml");
}

TEST_CASE("messages and authors are valid text of bounded length", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string text = "tree " + repo.tree_of({{"a", "1"}}) +
                             "\nauthor Ada \x1b[31mred \xff <a@b> 1700000000 +0000\n"
                             "committer Ada <a@b> 1700000000 +0000\n\n"
                             "first \x1b]0;title\x07 \xc3\x28\n\n" +
                             std::string(200'000, 'm');
    auto snapshot = ci.snapshot(
        repo, repo.git({"hash-object", "-t", "commit", "-w", "--stdin", "--literally"}, text));
    REQUIRE(snapshot.has_value());
    CHECK(snapshot->author == "Ada  [31mred \xef\xbf\xbd");
    CHECK(snapshot->message.size() <= 65536);
    CHECK(snapshot->message.find('\x1b') == std::string::npos);
    CHECK(snapshot->message.starts_with("first  ]0;title  \xef\xbf\xbd("));
}

TEST_CASE("an annotated tag is peeled to its commit", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "x"}});
    repo.git({"tag", "-a", "-m", "release", "v1", sha});
    const std::string tag_object = repo.git({"rev-parse", "refs/tags/v1"});
    REQUIRE(tag_object != sha);
    CHECK(ci.snapshot(repo, tag_object)->sha == sha);
    CHECK(*ci.wait(ci.service().resolve({ProjectId{1}, repo.path().string()}, "v1")) == sha);
}

TEST_CASE("refs resolve by name alone, and hostile names are names", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{".ci.yml", "x"}});
    auto resolve = [&](const std::string& ref) {
        return ci.wait(ci.service().resolve({ProjectId{1}, repo.path().string()}, ref));
    };
    SECTION("a branch, however it is spelled") {
        const std::string name = GENERATE(
            std::string("main"), std::string("$(id)"), std::string("<script>alert(1)</script>"),
            std::string("a\xe2\x80\xae"
                        "b"),
            std::string("-rf"), std::string("zzz\";echo${IFS}\"hello\";#"));
        repo.set_ref("refs/heads/" + name, sha);
        CHECK(*resolve(name) == sha);
        CHECK(*resolve("refs/heads/" + name) == sha);
        std::string tip;
        auto snapshot =
            ci.wait(ci.service().branch_tip({ProjectId{1}, repo.path().string()}, name, &tip));
        REQUIRE(snapshot.has_value());
        CHECK(tip == sha);
        CHECK(paths_of(*snapshot) == Strings{".ci.yml"});
    }
    SECTION("a commit id") {
        CHECK(*resolve(sha) == sha);
    }
    SECTION("no revision syntax") {
        repo.set_ref("refs/heads/main", sha);
        const std::string ref =
            GENERATE(std::string("HEAD^{/(a+)+$}"), std::string("@{"), std::string(":/x"),
                     std::string("main~0"), std::string("main^0"), std::string(""),
                     std::string("a b"), std::string("main@{0}"));
        auto found = resolve(ref);
        REQUIRE_FALSE(found.has_value());
        CHECK(found.error().id == "bad_ref");
    }
    SECTION("a missing branch") {
        CHECK(resolve("nowhere").error().id == "ref_not_found");
    }
    SECTION("a folder of refs is not a ref") {
        repo.set_ref("refs/heads/feature/a", sha);
        CHECK(resolve("feature").error().id == "ref_not_found");
    }
}

TEST_CASE("a commit that is not in the repository is gone", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    CHECK(ci.snapshot(repo, std::string(40, 'd')).error().id == "commit_gone");
    CHECK(ci.snapshot(repo, repo.blob("no commit")).error().id == "commit_gone");
    CHECK(ci.snapshot(repo, std::string(64, 'd')).error().id == "commit_gone");
    CHECK(ci.snapshot(repo, "HEAD").error().id == "bad_ref");
}

TEST_CASE("a commit whose objects are missing is gone, not a crash", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string tree = repo.tree("100644 blob " + std::string(40, 'b') + "\t.ci.yml\n");
    CHECK(ci.snapshot(repo, repo.commit_tree(tree, "x")).error().id == "commit_gone");
}

TEST_CASE("local repositories are read below the listed roots only, also through links", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    TempDir elsewhere;
    TestRepo outside(elsewhere.path() / "secret.git");
    const std::string sha = outside.commit({{".ci.yml", "x"}});
    CHECK(ci.snapshot(outside, sha).error().id == "url_denied");
    CHECK(ci.snapshot((ci.repos() / ".." / ".." / "x").string(), sha).error().id == "url_denied");

    std::filesystem::create_directory_symlink(outside.path(), ci.repos() / "link.git");
    CHECK(ci.snapshot((ci.repos() / "link.git").string(), sha).error().id == "url_denied");
    CHECK(ci.snapshot((ci.repos() / "missing.git").string(), sha).error().id ==
          "repository_missing");
    std::filesystem::create_directory(ci.repos() / "empty.git");
    CHECK(ci.snapshot((ci.repos() / "empty.git").string(), sha).error().id == "repository_missing");
}

TEST_CASE("a repository that was replaced is opened anew", "[git]") {
    GitFixture ci;
    TestRepo first = ci.repo();
    const std::string old_sha = first.commit({{".ci.yml", "1"}});
    REQUIRE(ci.snapshot(first, old_sha).has_value());
    REQUIRE(files::remove_tree(first.path()).has_value());
    TestRepo second = ci.repo();
    const std::string sha = second.commit({{".ci.yml", "2"}}, {}, "second");
    CHECK(ci.snapshot(second, sha)->files.at(0).text == "2");
    CHECK(ci.snapshot(second, old_sha).error().id == "commit_gone");
}

TEST_CASE("new commits are seen through a repository that is kept open", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    std::string parent = repo.commit({{".ci.yml", "0"}});
    REQUIRE(ci.snapshot(repo, parent).has_value());
    for (int i = 1; i < 4; ++i) {
        parent = repo.commit({{".ci.yml", std::to_string(i)}}, {parent});
        if (i == 2) {
            repo.set_ref("refs/heads/main", parent);
            repo.git({"repack", "-adq"});
        }
        CHECK(ci.snapshot(repo, parent)->files.at(0).text == std::to_string(i));
    }
}

TEST_CASE("a pack holds the commit without its history, and is made once", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string base = repo.commit({{"old", "only in the parent"}});
    const std::string sha = repo.commit({{"a", "1"}, {"dir/b", "2"}}, {base});
    const Repo known{ProjectId{7}, repo.path().string()};
    auto made = ci.wait(ci.service().pack(known, {sha}));
    REQUIRE(made.has_value());
    CHECK(made->base == "");
    const files::Path pack = made->file;
    CHECK(pack == ci.data() / "packs" / "7" / (sha + ".pack"));

    TempDir scratch;
    TestRepo clone(scratch.path() / "clone.git");
    std::ifstream file(pack, std::ios::binary);
    clone.git({"unpack-objects", "-q"}, std::string((std::istreambuf_iterator<char>(file)), {}));
    CHECK(clone.git({"cat-file", "-p", sha + ":dir/b"}) == "2");
    CHECK_THROWS(clone.git({"cat-file", "-e", base}));

    struct stat before {};
    struct stat after {};
    REQUIRE(::stat(pack.c_str(), &before) == 0);
    REQUIRE(ci.wait(ci.service().pack(known, {sha})).has_value());
    REQUIRE(::stat(pack.c_str(), &after) == 0);
    CHECK(before.st_ino == after.st_ino);
    CHECK(ci.wait(ci.service().pack(known, {"../../etc/passwd"})).error().id == "bad_ref");
    CHECK(ci.wait(ci.service().pack(known, {std::string(40, 'e')})).error().id == "commit_gone");
}

TEST_CASE("a few trees that stand for billions of folders cost no more than they are", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    std::string tree = repo.tree("100644 blob " + repo.blob("one") + "\ta\n");
    for (int level = 0; level < 12; ++level) {
        std::string entries;
        for (char name = 'a'; name < 'k'; ++name)
            entries += "040000 tree " + tree + "\t" + name + "\n";
        tree = repo.tree(entries);
    }
    std::string entries = "100644 blob " + repo.blob("if: hash_files('**') == ''") + "\t.ci.yml\n";
    entries += "040000 tree " + tree + "\tx\n";
    const std::string sha = repo.commit_tree(repo.tree(entries), "many");
    auto made = ci.wait(ci.service().pack({ProjectId{7}, repo.path().string()}, {sha}));
    REQUIRE(made.has_value());
    // Its list of files is too long to be had, which takes no longer to find out.
    const auto snapshot = ci.snapshot(repo, sha);
    REQUIRE(snapshot.has_value());
    CHECK_FALSE(snapshot->tree.has_value());
}

TEST_CASE("a pack leaves out what the nearest commit of the reader has", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string far = repo.commit({{"a", "old"}, {"dir/b", "2"}});
    const std::string near = repo.commit({{"a", "1"}, {"dir/b", "2"}, {"dir/deep/c", "3"}}, {far});
    const std::string sha =
        repo.commit({{"a", "1"}, {"dir/b", "2"}, {"dir/deep/c", "new"}, {"d", "4"}}, {near});
    const Repo known{ProjectId{7}, repo.path().string()};
    const auto objects_of = [&](const files::Path& pack) {
        TempDir scratch;
        TestRepo into(scratch.path() / "into.git");
        std::ifstream file(pack, std::ios::binary);
        into.git({"unpack-objects", "-q"}, std::string((std::istreambuf_iterator<char>(file)), {}));
        return into.git({"count-objects"});
    };
    const std::string unknown(40, 'd');
    auto difference = ci.wait(ci.service().pack(known, {sha, {unknown, far, near}}));
    REQUIRE(difference.has_value());
    CHECK(difference->base == near);
    // The commit, three trees, two files.
    CHECK(objects_of(difference->file).starts_with("6 objects"));
    auto whole = ci.wait(ci.service().pack(known, {sha, {unknown}}));
    REQUIRE(whole.has_value());
    CHECK(whole->base == "");
    CHECK(objects_of(whole->file).starts_with("8 objects"));
    // An empty commit differs by itself alone.
    const std::string empty = repo.commit(
        {{"a", "1"}, {"dir/b", "2"}, {"dir/deep/c", "new"}, {"d", "4"}}, {sha}, "empty");
    auto nothing = ci.wait(ci.service().pack(known, {empty, {near, sha}}));
    REQUIRE(nothing.has_value());
    CHECK(nothing->base == sha);
    CHECK(objects_of(nothing->file).starts_with("1 objects"));
}

TEST_CASE("a pack with history has all ancestors, tags of them, and branches to compare with",
          "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string first = repo.commit({{"a", "1"}});
    const std::string side = repo.commit({{"a", "side"}}, {first});
    const std::string second = repo.commit({{"a", "2"}}, {first});
    repo.git({"update-ref", "refs/heads/main", side});
    repo.git({"tag", "-a", "-m", "release", "v1", first});
    repo.git({"tag", "plain", second});
    const std::string elsewhere = repo.commit({{"z", "1"}}, {}, "another root");
    repo.git({"tag", "unrelated", elsewhere});
    const Repo known{ProjectId{7}, repo.path().string()};
    auto made = ci.wait(ci.service().pack(known, {second, {}, true, {"main", "missing"}}));
    REQUIRE(made.has_value());
    std::ifstream file(made->file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const std::size_t begin = bytes.find("PACK");
    REQUIRE(begin != std::string::npos);
    const std::string refs = bytes.substr(0, begin);
    CHECK(refs == side + " refs/remotes/origin/main\n" + second + " refs/tags/plain\n" +
                      repo.git({"rev-parse", "v1"}) + " refs/tags/v1\n");
    TempDir scratch;
    TestRepo into(scratch.path() / "into.git");
    into.git({"unpack-objects", "-q"}, bytes.substr(begin));
    CHECK(into.git({"rev-list", "--count", second, side}) == "3");
    CHECK(into.git({"cat-file", "-t", repo.git({"rev-parse", "v1"})}) == "tag");

    auto more = ci.wait(ci.service().pack(known, {second, {first}, true, {}}));
    REQUIRE(more.has_value());
    CHECK(more->base == first);
    CHECK(std::filesystem::file_size(more->file) < std::filesystem::file_size(made->file));
}

TEST_CASE("the pack cache drops what was not used for longest", "[git]") {
    GitFixture ci;
    ci.options.pack_cache_bytes = 3000;
    ci.options.workers = 1;
    TestRepo repo = ci.repo();
    const Repo known{ProjectId{7}, repo.path().string()};
    std::vector<files::Path> packs;
    for (int i = 0; i < 4; ++i) {
        std::string noise;
        for (int n = 0; n < 250; ++n) noise += std::to_string((n * 7919 + i * 104729) % 100003);
        packs.push_back(ci.wait(ci.service().pack(known, {repo.commit({{"f", noise}})}))->file);
        const timespec past[2] = {{1'000'000 + i, 0}, {1'000'000 + i, 0}};
        utimensat(AT_FDCWD, packs.back().c_str(), past, 0);
    }
    // The next request is answered after the tidying of the one before.
    REQUIRE(ci.snapshot(repo, repo.commit({{"a", "1"}})).has_value());
    CHECK_FALSE(std::filesystem::exists(packs[0]));
    CHECK(std::filesystem::exists(packs[3]));
}

TEST_CASE("packs of an earlier boot are not served", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit({{"a", "1"}});
    const Repo known{ProjectId{7}, repo.path().string()};
    const files::Path pack = ci.wait(ci.service().pack(known, {sha}))->file;
    ci.restart();
    REQUIRE(ci.wait(ci.service().pack(known, {sha})).has_value());
    REQUIRE(files::write_atomic(ci.data() / "packs" / "boot_id", "another boot\n").has_value());
    REQUIRE(files::write_atomic(pack, "half a pa").has_value());
    ci.restart();
    REQUIRE(ci.wait(ci.service().pack(known, {sha})).has_value());
    CHECK(std::filesystem::file_size(pack) > 50);
}

TEST_CASE("a snapshot brings the fragments that its files name, and theirs", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string sha = repo.commit(
        {{".ci.yml", "jobs:\n  a: { uses: ./.ci/lib/a.yml }\n  b: { uses: ./.ci/lib/gone.yml }\n"},
         {".ci/lib/a.yml", "steps: [{ uses: ./tools/b.yml }, { uses: ./.ci/lib/big.yml }]"},
         {".ci/lib/big.yml", std::string(300'000, '#')},
         {".ci/lib/unasked.yml", "x"},
         {"tools/b.yml", "steps: [\"${{ hash_files('**') }}\"]"}});
    auto snapshot = ci.snapshot(repo, sha);
    REQUIRE(snapshot.has_value());
    CHECK(paths_of(*snapshot) == Strings{".ci.yml"});
    Strings fragments;
    for (const auto& file : snapshot->fragments) fragments.push_back(file.path);
    CHECK(fragments == Strings{".ci/lib/a.yml", "tools/b.yml", ".ci/lib/big.yml"});
    CHECK(snapshot->fragments[1].text == "steps: [\"${{ hash_files('**') }}\"]");
    CHECK(snapshot->fragments[2].problem == "is larger than 256 KiB");
    CHECK(snapshot->fragments[2].text.empty());
    CHECK(snapshot->tree.has_value());  // a fragment asks for it
}

TEST_CASE("a fragment that is a link is not followed", "[git]") {
    GitFixture ci;
    TestRepo repo = ci.repo();
    const std::string link = repo.blob("/etc/passwd");
    const std::string lib = repo.tree("120000 blob " + link + "\tx.yml\n");
    const std::string main = repo.blob("jobs: { a: { uses: ./lib/x.yml } }");
    const std::string sha = repo.commit_tree(
        repo.tree("100644 blob " + main + "\t.ci.yml\n040000 tree " + lib + "\tlib\n"), "change");
    auto snapshot = ci.snapshot(repo, sha);
    REQUIRE(snapshot.has_value());
    REQUIRE(snapshot->fragments.size() == 1);
    CHECK(snapshot->fragments[0].problem == "must be a regular file, no link, submodule or folder");
}
