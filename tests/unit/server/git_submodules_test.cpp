#include "server/git/borrowed_mirrors.hpp"
#include "server/git/submodules.hpp"
#include "tests/unit/server/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace sluice;
using namespace sluice::git;

namespace {

std::string section(const std::string& path, const std::string& url) {
    return "[submodule \"x\"]\n\tpath = " + path + "\n\turl = " + url + "\n";
}

std::string refused(const std::string& text) {
    auto parsed = parse_gitmodules(text);
    return parsed ? "" : parsed.error().id;
}

std::string url_of(const std::string& project, const std::string& url) {
    auto found = submodule_url(project, project, {"lib", url, ""});
    return found ? *found : found.error().id;
}

}  // namespace

TEST_CASE("submodules are read from .gitmodules", "[git]") {
    auto parsed = parse_gitmodules(
        "# a comment\n[submodule \"libs/a\"]\r\n  path = libs/a\n"
        "  url = \"../a.git\"\n  branch = main\n" +
        section("b", "https://example.org/b.git"));
    REQUIRE(parsed.has_value());
    CHECK(*parsed == std::vector<SubmoduleEntry>{{"libs/a", "../a.git", ""},
                                                 {"b", "https://example.org/b.git", ""}});
    CHECK(parse_gitmodules("")->empty());
}

TEST_CASE("what a submodule may not be named is refused", "[git]") {
    for (const char* path : {"../x", "a/../b", "/etc", "-x", "a/-x", ".git", "a/.GIT/hooks",
                             "git~1", "a//b", "./a", "a\rb", "a/", ".gitmodules"}) {
        INFO(path);
        CHECK(refused(section(path, "../a.git")) == "bad_submodule");
    }
    CHECK(refused(section("a", "-uevil")) == "bad_submodule");
    CHECK(refused("[submodule \"x\"]\npath = a\n") == "bad_submodule");
    CHECK(refused("[include]\npath = /etc/passwd\n") == "bad_submodule");
    CHECK(refused("path = a\n") == "bad_submodule");
    CHECK(refused(section("a", "../a.git") + section("a", "../b.git")) == "bad_submodule");
    CHECK(refused(section("a\\nb", "../a.git")) == "bad_submodule");
    std::string many;
    for (int i = 0; i < 65; ++i) many += section("m" + std::to_string(i), "../a.git");
    CHECK(refused(many) == "bad_submodule");
}

TEST_CASE("a submodule's url is read against its repository's", "[git]") {
    CHECK(url_of("https://h.org/g/app.git", "../lib.git") == "https://h.org/g/lib.git");
    CHECK(url_of("https://h.org/g/app.git/", "../../o/lib.git") == "https://h.org/o/lib.git");
    CHECK(url_of("git@h.org:g/app.git", "../lib.git") == "git@h.org:g/lib.git");
    CHECK(url_of("/srv/git/app.git", "../lib.git") == "/srv/git/lib.git");
    CHECK(url_of("/srv/git/app.git", "./lib.git") == "/srv/git/app.git/lib.git");
    CHECK(url_of("https://h.org/app.git", "../../../x") == "bad_submodule");
    CHECK(url_of("/srv/git/app.git", "https://h.org/lib.git") == "https://h.org/lib.git");
}

TEST_CASE("the server's own rights reach beside the project's repository, no further", "[git]") {
    CHECK(url_of("git@h.org:g/app.git", "git@h.org:g/sub/lib.git") == "git@h.org:g/sub/lib.git");
    for (const char* url :
         {"git@h.org:other/lib.git", "git@other.org:g/lib.git", "ssh://git@h.org:2222/g/lib.git",
          "git@h.org:g/../other/lib.git", "/srv/git/lib.git", "file:///srv/git/lib.git",
          "ext::sh -c x", "git://h.org/g/lib.git"}) {
        INFO(url);
        CHECK(url_of("git@h.org:g/app.git", url) == "url_denied");
    }
    CHECK(url_of("/srv/git/app.git", "/srv/git/lib.git") == "/srv/git/lib.git");
    CHECK(url_of("/srv/git/app.git", "/srv/other/lib.git") == "url_denied");
    CHECK(url_of("/srv/git/app.git", "/srv/git/../other/lib.git") == "url_denied");
    CHECK(url_of("/srv/git/app.git", "../../other/lib.git") == "url_denied");
    CHECK(url_of("https://h.org/g/app.git", "git@h.org:g/lib.git") == "url_denied");
    CHECK(url_of("https://h.org/g/app.git", "/srv/git/lib.git") == "url_denied");
}

TEST_CASE("of the mirrors that commits name the least recently used go", "[git]") {
    test::TempFolder scratch;
    const files::Path folder = scratch.path / "submodules";
    const auto now = std::filesystem::file_time_type::clock::now();
    const auto put = [&](const std::string& name, std::chrono::hours ago) {
        std::filesystem::create_directories(folder / name / "objects" / "pack");
        std::ofstream(folder / name / "objects" / "pack" / "p.pack") << std::string(1000, 'x');
        std::filesystem::last_write_time(folder / name, now - ago);
    };
    using std::chrono::hours;
    put("oldest.git", hours(5));
    put("older.git", hours(4));
    put("recent.git", hours(2));
    put("now.git", hours(0));
    put("killed.git.removed", hours(0));
    const auto is_there = [&](const char* name) { return std::filesystem::exists(folder / name); };
    trim_borrowed(folder, {.bytes = 2500, .unused_for = hours(1)});
    CHECK_FALSE(is_there("oldest.git"));
    CHECK_FALSE(is_there("older.git"));
    CHECK(is_there("recent.git"));
    CHECK_FALSE(is_there("killed.git.removed"));
    // What was used a moment ago is perhaps being read.
    trim_borrowed(folder, {.bytes = 10, .unused_for = hours(1)});
    CHECK_FALSE(is_there("recent.git"));
    CHECK(is_there("now.git"));
    CHECK(is_borrowed(folder / "now.git"));
    CHECK_FALSE(is_borrowed(scratch.path / "mirrors" / "1.git"));
}
