#include "agent/runner/source_store.hpp"

#include "tests/unit/agent/fake_server.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

using namespace sluice;
using namespace sluice::test;
using agent::SourceStore;

namespace {

using Strings = std::vector<std::string>;

std::string id(char digit) {
    return std::string(40, digit);
}

/// A workspace's pack folder with packs of `bytes` bytes each.
files::Path packs(const TemporaryFolder& dir, const std::string& name, const std::string& digits,
                  std::size_t bytes = 100) {
    const files::Path folder = dir / name;
    REQUIRE(files::make_dirs(folder).has_value());
    for (char digit : digits)
        for (const char* ending : {".pack", ".idx"})
            REQUIRE(files::write_atomic(folder / ("pack-" + id(digit) + ending),
                                        std::string(bytes, digit), 0644, false)
                        .has_value());
    return folder;
}

void used_at(const files::Path& root, const std::string& commit, int second) {
    for (const auto& at : std::filesystem::recursive_directory_iterator(root))
        if (at.path().filename() == commit) {
            const timespec times[2] = {{second, 0}, {second, 0}};
            REQUIRE(::utimensat(AT_FDCWD, at.path().c_str(), times, 0) == 0);
        }
}

std::size_t count(const files::Path& folder) {
    std::error_code missing;
    std::filesystem::directory_iterator at(folder, missing);
    return missing ? 0 : static_cast<std::size_t>(std::distance(at, {}));
}

struct Store {
    TemporaryFolder dir;
    files::Path root = dir / "sources";
    SourceStore store{root, {"http://ci", ProjectId{1}, "/srv/a.git"}, false};

    files::Path project_folder() const {
        for (const auto& at : std::filesystem::directory_iterator(root))
            if (at.is_directory()) return at.path();
        return {};
    }
};

}  // namespace

TEST_CASE("a kept commit is lent with its packs and nothing else", "[source]") {
    Store ci;
    CHECK(ci.store.commits().empty());
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "a")).has_value());
    REQUIRE(ci.store.keep(id('2'), packs(ci.dir, "two", "ab")).has_value());
    used_at(ci.root, id('2'), 1000);
    CHECK(ci.store.commits() == Strings{id('1'), id('2')});
    REQUIRE(files::make_dirs(ci.dir / "out").has_value());
    CHECK(ci.store.lend(id('1'), ci.dir / "out").value());
    CHECK(count(ci.dir / "out") == 2);
    CHECK(files::read_file(ci.dir / "out" / ("pack-" + id('a') + ".pack")).value() ==
          std::string(100, 'a'));
    used_at(ci.root, id('1'), 2000);
    CHECK(ci.store.lend(id('2'), ci.dir / "out").value());
    CHECK(count(ci.dir / "out") == 4);
    CHECK_FALSE(ci.store.lend(id('3'), ci.dir / "out").value());
    CHECK(ci.store.commits() == Strings{id('2'), id('1')});
    REQUIRE(ci.store.discard().has_value());
    CHECK(ci.store.commits().empty());
}

TEST_CASE("projects, servers, repositories and histories share nothing", "[source]") {
    Store ci;
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "a")).has_value());
    for (const auto& other :
         {SourceStore(ci.root, {"http://ci", ProjectId{2}, "/srv/a.git"}, false),
          SourceStore(ci.root, {"http://other", ProjectId{1}, "/srv/a.git"}, false),
          SourceStore(ci.root, {"http://ci", ProjectId{1}, "/srv/b.git"}, false),
          SourceStore(ci.root, {"http://ci", ProjectId{1}, "/srv/a.git"}, true)}) {
        CHECK(other.commits().empty());
        CHECK_FALSE(other.lend(id('1'), ci.dir.path).value());
    }
}

TEST_CASE("what was changed in a workspace does not reach the store", "[source]") {
    Store ci;
    const files::Path folder = packs(ci.dir, "one", "a");
    REQUIRE(ci.store.keep(id('1'), folder).has_value());
    const std::string name = "pack-" + id('a') + ".pack";
    const files::Fd fd = files::open(folder / name, O_WRONLY).value();
    REQUIRE(files::write_at(fd.get(), "evil", 0).has_value());
    REQUIRE(files::make_dirs(ci.dir / "out").has_value());
    CHECK(ci.store.lend(id('1'), ci.dir / "out").value());
    CHECK(files::read_file(ci.dir / "out" / name).value() == std::string(100, 'a'));
}

TEST_CASE("of too much the commit goes that was not used for longest", "[source]") {
    Store ci;
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "a", 1000)).has_value());
    REQUIRE(ci.store.keep(id('2'), packs(ci.dir, "two", "ab", 1000)).has_value());
    REQUIRE(ci.store.keep(id('3'), packs(ci.dir, "three", "c", 1000)).has_value());
    used_at(ci.root, id('1'), 3000);
    used_at(ci.root, id('2'), 2000);
    used_at(ci.root, id('3'), 1000);
    agent::trim_source_store(ci.root, 6000);
    CHECK(ci.store.commits().size() == 3);
    agent::trim_source_store(ci.root, 4500);
    CHECK(ci.store.commits() == Strings{id('1'), id('2')});
    CHECK(count(ci.project_folder() / "packs") == 4);
    // The pack that the other commit needs, too, stays.
    agent::trim_source_store(ci.root, 2000);
    CHECK(ci.store.commits() == Strings{id('1')});
    CHECK(count(ci.project_folder() / "packs") == 2);
    agent::trim_source_store(ci.root, 10);
    CHECK(ci.store.commits().empty());
    CHECK(count(ci.project_folder() / "packs") == 0);
}

TEST_CASE("what killed processes left is not found, and goes", "[source]") {
    Store ci;
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "a")).has_value());
    const files::Path folder = ci.project_folder();
    for (const std::string& name :
         {".tmp-7-pack-" + id('b') + ".pack", "pack-" + id('c') + ".pack", std::string("other")})
        REQUIRE(files::write_atomic(folder / "packs" / name, "half", 0644, false).has_value());
    REQUIRE(files::write_atomic(folder / "commits" / "half.tmp", "x", 0644, false).has_value());
    CHECK(ci.store.commits() == Strings{id('1')});
    agent::trim_source_store(ci.root, 1 << 20);
    CHECK(count(folder / "packs") == 2);
    CHECK(count(folder / "commits") == 1);
}

TEST_CASE("nothing is removed while packs are being copied", "[source]") {
    Store ci;
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "a")).has_value());
    const files::Fd lock = files::open(ci.root / "lock", O_RDWR).value();
    REQUIRE(::flock(lock.get(), LOCK_SH) == 0);
    agent::trim_source_store(ci.root, 10);
    CHECK(ci.store.commits() == Strings{id('1')});
}

TEST_CASE("a commit in many packs is no base for more", "[source]") {
    Store ci;
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "0123456789abcde")).has_value());
    CHECK(ci.store.commits() == Strings{id('1')});
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "0123456789abcdef")).has_value());
    CHECK(ci.store.commits().empty());
    CHECK(ci.store.lend(id('1'), ci.dir.path).value());
}

TEST_CASE("a mark that names no packs is refused", "[source]") {
    Store ci;
    REQUIRE(ci.store.keep(id('1'), packs(ci.dir, "one", "a")).has_value());
    REQUIRE(files::write_atomic(ci.project_folder() / "commits" / id('1'), "../../etc/passwd\n",
                                0600, false)
                .has_value());
    CHECK(ci.store.lend(id('1'), ci.dir.path).error().id == "source");
}
