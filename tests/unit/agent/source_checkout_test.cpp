#include "agent/runner/source_checkout.hpp"

#include "pipelines/base/text.hpp"
#include "platform/spawn.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace sluice;
using namespace sluice::test;

namespace {

/// A repository made with git itself, and packs of single commits of it as the server sends them.
struct Repository {
    TemporaryFolder dir;
    std::map<std::string, std::string> env;

    Repository() {
        env = {{"PATH", "/usr/bin:/bin"},       {"HOME", dir.path.string()},
               {"GIT_CONFIG_NOSYSTEM", "1"},    {"GIT_AUTHOR_NAME", "a"},
               {"GIT_AUTHOR_EMAIL", "a@b.c"},   {"GIT_COMMITTER_NAME", "a"},
               {"GIT_COMMITTER_EMAIL", "a@b.c"}};
        git("git init -q -b main");
    }
    /// Runs a shell script in the repository; returns its output without the last newline.
    std::string git(const std::string& script, const std::string& input = "") {
        return in(dir.path, script, input);
    }
    std::string in(const files::Path& folder, const std::string& script,
                   const std::string& input = "") {
        auto result = spawn::run({"/bin/sh", "-ec", script},
                                 {.env = env, .directory = folder, .input = input});
        REQUIRE(result.has_value());
        INFO(script << "\n" << result->output);
        REQUIRE(result->exit.ok());
        return std::string(text::trim(result->output));
    }
    std::string pack(const std::string& commit) {
        auto result = spawn::run(
            {"/bin/sh", "-ec",
             "git rev-list --objects --no-walk " + commit + " | git pack-objects --stdout -q"},
            {.env = env, .directory = dir.path, .merge_error = false});
        REQUIRE(result.has_value());
        return result->output;
    }
};

Result<> check_out(const files::Path& workspace, const std::string& pack, const std::string& commit,
                   std::size_t piece = 1000) {
    agent::init_git();
    SLUICE_CHECK(files::make_dirs(workspace));
    SLUICE_TRY(auto checkout, agent::SourceCheckout::begin(workspace));
    for (std::size_t at = 0; at < pack.size(); at += piece)
        SLUICE_CHECK(checkout.feed(std::string_view(pack).substr(at, piece)));
    return checkout.finish(commit);
}

}  // namespace

TEST_CASE("a pack becomes a workspace in which git works", "[source]") {
    Repository repository;
    repository.git(
        "echo one > a; git add a; git commit -qm first; mkdir -p d/e; echo two > d/e/f; echo run > "
        "x; chmod +x x;"
        "ln -s d/e link; printf 'crlf\\r\\n' > windows; git add -A; git commit -qm second");
    std::string commit = repository.git("git rev-parse HEAD");
    TemporaryFolder workspace;
    for (std::size_t piece : {1UL, 1000UL, 10'000'000UL}) {
        files::Path target = workspace / std::to_string(piece);
        auto done = check_out(target, repository.pack(commit), commit, piece);
        INFO((done ? "" : done.error().message));
        REQUIRE(done.has_value());
        CHECK(files::read_file(target / "d/e/f").value() == "two\n");
        CHECK(files::read_file(target / "windows").value() == "crlf\r\n");
        CHECK(std::filesystem::read_symlink(target / "link") == "d/e");
        CHECK((std::filesystem::status(target / "x").permissions() &
               std::filesystem::perms::owner_exec) != std::filesystem::perms::none);
        CHECK(repository.in(target, "git status --porcelain") == "");
        CHECK(repository.in(target, "git log -1 --format=%H:%s") == commit + ":second");
        CHECK(repository.in(target, "git rev-parse --is-shallow-repository") == "true");
        CHECK(repository.in(target, "git rev-list --count HEAD") == "1");
        CHECK(repository.in(target, "git describe --always --dirty") == commit.substr(0, 7));
    }
}

TEST_CASE("a pack without the commit, a torn and a hostile pack are refused", "[source]") {
    Repository repository;
    repository.git("echo one > a; git add a; git commit -qm first");
    std::string commit = repository.git("git rev-parse HEAD");
    std::string pack = repository.pack(commit);
    TemporaryFolder workspace;
    CHECK(check_out(workspace / "torn", pack.substr(0, pack.size() - 30), commit).has_error());
    CHECK(check_out(workspace / "empty", "", commit).has_error());
    CHECK(check_out(workspace / "text", "<html>502 Bad Gateway</html>", commit).has_error());
    std::string flipped = pack;
    flipped[pack.size() / 2] = static_cast<char>(flipped[pack.size() / 2] ^ 0x55);
    CHECK(check_out(workspace / "flipped", flipped, commit).has_error());
    CHECK(check_out(workspace / "other", pack, std::string(40, '1')).has_error());
}

TEST_CASE("a few trees that stand for billions of files are refused, not written", "[source]") {
    Repository repo;
    const std::string commit = repo.git(
        "blob=$(echo x | git hash-object -w --stdin)\n"
        "tree=$(printf '100644 blob %s\\ta\\n' $blob | git mktree)\n"
        "for level in 1 2 3 4 5 6 7 8 9 10; do\n"
        "  tree=$(for n in a b c d e f g h i j; do printf '040000 tree %s\\t%s\\n' $tree $n; done "
        "| "
        "git mktree)\n"
        "done\n"
        "git commit-tree -m many $tree");
    const auto objects = spawn::run(
        {"/bin/sh", "-ec",
         "{ echo " + commit + "; t=$(git rev-parse " + commit +
             "^{tree}); while :; do echo $t; n=$(git ls-tree $t | head -1 | cut -f1 | cut -d' ' "
             "-f3); "
             "if [ $(git cat-file -t $n) = blob ]; then echo $n; break; fi; t=$n; done; } | git "
             "pack-objects --stdout -q"},
        {.env = repo.env, .directory = repo.dir.path, .merge_error = false});
    REQUIRE(objects.has_value());
    const auto done = check_out(repo.dir / "ws", objects->output, commit);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().message.find("more than 5000000 files") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(repo.dir / "ws" / "a"));
}

TEST_CASE("a tree cannot write into .git or out of the workspace", "[source]") {
    Repository repository;
    std::string blob = repository.git("git hash-object -w --stdin", "evil");
    std::string raw_blob;
    for (std::size_t i = 0; i < blob.size(); i += 2)
        raw_blob += static_cast<char>(std::strtol(blob.substr(i, 2).c_str(), nullptr, 16));
    TemporaryFolder workspace;
    int number = 0;
    for (const std::string name : {".git", ".GIT", "..", ".", "../evil", ".git/hooks/post-checkout",
                                   "/evil", ".git ", "git~1", ".g\u200cit"}) {
        // By hand, for git's own commands refuse such names.
        std::string tree_bytes = "100644 " + name + std::string(1, '\0') + raw_blob;
        std::string tree =
            repository.git("git hash-object -w -t tree --literally --stdin", tree_bytes);
        std::string commit = repository.git("git commit-tree -m evil " + tree);
        files::Path target = workspace / std::to_string(number++);
        INFO(name);
        Result<> done = check_out(target, repository.pack(commit), commit);
        CHECK(done.has_error());
        CHECK_FALSE(std::filesystem::is_regular_file(workspace / "evil"));
        CHECK(std::filesystem::is_directory(target / ".git"));
    }
}

TEST_CASE("the machine's git configuration does not change what is written", "[source]") {
    Repository repository;
    repository.git("printf 'a\\nb\\n' > text; git add text; git commit -qm x");
    std::string commit = repository.git("git rev-parse HEAD");
    std::string pack = repository.pack(commit);
    TemporaryFolder home;
    REQUIRE(files::write_atomic(home / ".gitconfig", "[core]\n\tautocrlf = true\n\teol = crlf\n",
                                0644, false)
                .has_value());
    std::string old = ::getenv("HOME") ? ::getenv("HOME") : "/";
    ::setenv("HOME", home.path.c_str(), 1);
    REQUIRE(check_out(home / "workspace", pack, commit).has_value());
    ::setenv("HOME", old.c_str(), 1);
    CHECK(files::read_file(home / "workspace/text").value() == "a\nb\n");
}

TEST_CASE("the list of tracked files is the index of this workspace, whatever steps put there",
          "[source]") {
    Repository repository;
    repository.git("echo one > a; ln -s a link; git add -A; git commit -qm first");
    const std::string commit = repository.git("git rev-parse HEAD");
    TemporaryFolder dir;
    const files::Path workspace = dir / "workspace", index = workspace / ".git/index";
    REQUIRE(check_out(workspace, repository.pack(commit), commit).has_value());
    CHECK(agent::tracked_files(workspace).value() == std::vector<std::string>{"a"});
    std::filesystem::rename(index, dir / "index");
    // Nobody writes into it: whoever opened it would wait for ever.
    REQUIRE(::mkfifo(index.c_str(), 0644) == 0);
    CHECK(agent::tracked_files(workspace).error().id == "not_a_file");
    std::filesystem::remove(index);
    std::filesystem::create_symlink(dir / "index", index);
    CHECK(agent::tracked_files(workspace).has_error());
    std::filesystem::remove(index);
    {
        auto file = files::open(index, O_WRONLY | O_CREAT);
        REQUIRE(file.has_value());
        REQUIRE(::ftruncate(file->get(), off_t{300} << 20) == 0);
    }
    CHECK(agent::tracked_files(workspace).error().code == Code::too_large);
}
