// The runner in a workspace whose files are the job's, while the job's processes may still run.

#include "agent/runner/workspace_files.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::test;
using agent::HeldFolder;
namespace fs = std::filesystem;

namespace {

struct Workspace {
    TemporaryFolder dir;
    files::Path path = dir / "workspace", outside = dir / "outside";
    Workspace() {
        for (const files::Path& folder : {path / ".sluice" / "reports", outside / "reports"})
            REQUIRE(files::make_dirs(folder).has_value());
    }
};

std::size_t count(const files::Path& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("a held folder stays the same when a job puts a link in its place", "[workspace]") {
    Workspace at;
    auto held = HeldFolder::open(at.path, ".sluice");
    REQUIRE(held.has_value());
    fs::rename(at.path / ".sluice", at.path / "moved");
    fs::create_symlink(at.outside, at.path / ".sluice");
    CHECK(files::write_atomic(held->path() / "shard.list", "a\n", 0644, false).has_value());
    CHECK(files::remove_tree(held->path() / "reports").has_value());
    CHECK(fs::exists(at.path / "moved/shard.list"));
    CHECK_FALSE(fs::exists(at.path / "moved/reports"));
    CHECK(count(at.outside) == 1);
    CHECK(fs::exists(at.outside / "reports"));
}

TEST_CASE("a folder is held through folders of the workspace alone", "[workspace]") {
    Workspace at;
    fs::create_symlink(at.outside, at.path / "link");
    fs::create_symlink(".sluice", at.path / "own");
    for (const char* path : {"link", "link/reports", "own", "own/reports"}) {
        for (const auto& way : {HeldFolder::open, HeldFolder::make}) {
            auto held = way(at.path, path);
            REQUIRE_FALSE(held.has_value());
            CHECK(held.error().message == std::string(path) + " leads through a link");
        }
    }
    for (const char* path : {"..", "a/../..", "/tmp"}) {
        auto held = HeldFolder::make(at.path, path);
        REQUIRE_FALSE(held.has_value());
        CHECK(held.error().message == std::string(path) + " leads out of the workspace");
    }
    CHECK(HeldFolder::open(at.path, "none").error().code == Code::not_found);
    auto made = HeldFolder::make(at.path, "some/where/else");
    REQUIRE(made.has_value());
    CHECK(files::write_atomic(made->path() / "file", "x", 0644, false).has_value());
    CHECK(fs::exists(at.path / "some/where/else/file"));
    CHECK(count(at.outside) == 1);
}
