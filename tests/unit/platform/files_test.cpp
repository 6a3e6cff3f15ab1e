#include "platform/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace sluice;
using files::Path;

namespace {

struct TemporaryFolder {
    Path path;
    TemporaryFolder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "sluice-files-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() { (void)files::remove_tree(path); }
    Path operator/(const char* name) const { return path / name; }
};

}  // namespace

TEST_CASE("an atomic write leaves the new bytes, the exact mode and no temporary", "[files]") {
    TemporaryFolder folder;
    REQUIRE(files::write_atomic(folder / "a", "old", 0600).has_value());
    REQUIRE(files::write_atomic(folder / "a", "new", 0640).has_value());
    CHECK(files::read_file(folder / "a").value() == "new");
    struct stat status {};
    REQUIRE(::stat((folder / "a").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0640);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("a new file does not replace one that is there", "[files]") {
    TemporaryFolder folder;
    REQUIRE(files::write_new(folder / "a", "first", 0600).has_value());
    CHECK(files::write_new(folder / "a", "second").has_error());
    CHECK(files::read_file(folder / "a").value() == "first");
}

TEST_CASE("reading says not_found and too_large with the path", "[files]") {
    TemporaryFolder folder;
    auto missing = files::read_file(folder / "missing");
    REQUIRE(missing.has_error());
    CHECK(missing.error().code == Code::not_found);
    CHECK(missing.error().message.find("missing") != std::string::npos);
    REQUIRE(files::write_atomic(folder / "big", std::string(5000, 'x'), 0644, false).has_value());
    CHECK(files::read_file(folder / "big", 4999).error().id == "too_large");
    CHECK(files::read_file(folder / "big", 5000).value().size() == 5000);
    CHECK(files::read_file("/proc/self/status").value().find("Name:") != std::string::npos);
}

TEST_CASE("a missing folder, a full disk and other refusals have their own ids", "[files]") {
    CHECK(files::errno_error(ENOSPC, "write x").id == "disk_full");
    CHECK(files::errno_error(EDQUOT, "write x").id == "disk_full");
    CHECK(files::errno_error(EACCES, "write x").message == "write x: Permission denied");
    Path full = "/dev/full";
    auto fd = files::open(full, O_WRONLY);
    REQUIRE(fd.has_value());
    CHECK(files::write_at(fd->get(), "x", 0).error().id == "disk_full");
}

TEST_CASE("remove_tree takes read-only folders and does not follow links", "[files]") {
    TemporaryFolder folder;
    REQUIRE(files::make_dirs(folder / "keep").has_value());
    REQUIRE(files::write_atomic(folder / "keep/precious", "x", 0644, false).has_value());
    REQUIRE(files::make_dirs(folder / "tree/a/b").has_value());
    REQUIRE(files::write_atomic(folder / "tree/a/b/file", "x", 0400, false).has_value());
    REQUIRE(::symlink("../../keep", (folder / "tree/a/link").c_str()) == 0);
    REQUIRE(::chmod((folder / "tree/a/b").c_str(), 0) == 0);
    REQUIRE(::chmod((folder / "tree/a").c_str(), 0500) == 0);
    REQUIRE(files::remove_tree(folder / "tree").has_value());
    CHECK_FALSE(std::filesystem::exists(folder / "tree"));
    CHECK(files::read_file(folder / "keep/precious").value() == "x");
    CHECK(files::remove_tree(folder / "never-was").has_value());
}

TEST_CASE("remove_tree takes trees deeper than the descriptor limit", "[files]") {
    TemporaryFolder folder;
    REQUIRE(files::make_dirs(folder / "deep").has_value());
    int at = ::open((folder / "deep").c_str(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 3000; ++i) {
        REQUIRE(::mkdirat(at, "d", 0755) == 0);
        int next = ::openat(at, "d", O_RDONLY | O_DIRECTORY);
        ::close(at);
        at = next;
    }
    ::close(at);
    REQUIRE(files::remove_tree(folder / "deep").has_value());
    CHECK_FALSE(std::filesystem::exists(folder / "deep"));
}

TEST_CASE("only one holder has a lock file", "[files]") {
    TemporaryFolder folder;
    auto first = files::LockFile::try_acquire(folder / "lock");
    REQUIRE(first.has_value());
    REQUIRE(first->has_value());
    CHECK_FALSE(files::LockFile::try_acquire(folder / "lock")->has_value());
    first->reset();
    CHECK(files::LockFile::try_acquire(folder / "lock")->has_value());
}

TEST_CASE("free bytes are known for a real volume only", "[files]") {
    CHECK(files::free_bytes("/") > 0);
    CHECK(files::free_bytes("/no/such/place") == 0);
}
