#include "git_fixture.hpp"
#include "server/git/lfs.hpp"
#include "server/git/lfs_transfer.hpp"

using namespace sluice;
using namespace sluice::git;

namespace {

const std::string k_oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

std::string pointer(const std::string& size = "12345") {
    return "version https://git-lfs.github.com/spec/v1\noid sha256:" + k_oid + "\nsize " + size +
           "\n";
}

std::string lfsconfig_of(const std::string& url) {
    return "[lfs]\n\turl = " + url + "\n";
}

std::string place_of(const std::string& repository, const std::string& lfsconfig = "") {
    const auto place = lfs_place(repository, lfsconfig);
    if (!place) return place.error().id;
    return place->folder.empty() ? place->endpoint : place->folder.string();
}

}  // namespace

TEST_CASE("the LFS server is beside the repository", "[git][lfs]") {
    CHECK(place_of("https://h.org/g/app.git") == "https://h.org/g/app.git/info/lfs");
    CHECK(place_of("https://h.org/g/app") == "https://h.org/g/app.git/info/lfs");
    CHECK(place_of("https://h.org/g/app/") == "https://h.org/g/app.git/info/lfs");
    CHECK(place_of("http://h.org:3000/app.git") == "http://h.org:3000/app.git/info/lfs");
    CHECK(place_of("/srv/git/app.git") == "/srv/git/app.git");
    CHECK(place_of("git@h.org:g/app.git") == "lfs_unsupported");
}

TEST_CASE("lfs.url of .lfsconfig leads to the repository's own host alone", "[git][lfs]") {
    const std::string own = "https://h.org/g/app.git";
    CHECK(place_of(own, lfsconfig_of("https://h.org/lfs/app/")) == "https://h.org/lfs/app");
    CHECK(place_of(own, lfsconfig_of("https://h.org:8443/lfs")) == "https://h.org:8443/lfs");
    CHECK(place_of("git@h.org:g/app.git", lfsconfig_of("https://h.org/lfs")) ==
          "https://h.org/lfs");
    CHECK(place_of("http://h.org/app.git", lfsconfig_of("http://h.org:8080/lfs")) ==
          "http://h.org:8080/lfs");
    for (const char* url :
         {"https://evil.org/lfs", "https://h.org.evil.org/lfs", "http://h.org/lfs",
          "ssh://git@h.org/lfs", "file:///etc", "/etc", "https://user:pass@h.org/lfs",
          "https://127.0.0.1/lfs", "git@h.org:lfs", "https://h.org/a b"}) {
        INFO(url);
        CHECK(place_of(own, lfsconfig_of(url)) == "lfs_denied");
    }
    CHECK(place_of("/srv/git/app.git", lfsconfig_of("https://h.org/lfs")) == "lfs_denied");
    CHECK(place_of("/srv/git/app.git", lfsconfig_of("/srv/git/other.git")) == "lfs_denied");
}

TEST_CASE("of .lfsconfig one key is read", "[git][lfs]") {
    CHECK(*lfs_url_in("") == "");
    CHECK(*lfs_url_in("# c\n; c\n[core]\nurl = x\n[lfs \"https://h\"]\nurl = y\n") == "");
    CHECK(*lfs_url_in("[LFS]\r\n\tfetchexclude = *\r\n\tURL = \"https://h/x\"\r\n") ==
          "https://h/x");
    CHECK(lfs_url_in("[lfs]\nurl = \"a\\nb\"\n").error().id == "lfs_denied");
    CHECK(lfs_url_in("[lfs]\nurl =\n").error().id == "lfs_denied");
}

TEST_CASE("files in Git LFS are those with the filter and a pointer", "[git][lfs]") {
    test::GitFixture ci;
    auto repo = ci.repo();
    const auto sha = repo.commit({{".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n"},
                                  {"a.bin", pointer()},
                                  {"b.bin", "bytes of its own\n"},
                                  {"c.txt", pointer()},
                                  {"d/f.bin", pointer("1")},
                                  {"e.bin", pointer("0")}});
    const auto found = ci.wait(ci.service().lfs({{1}, repo.path().string(), "", ""}, sha));
    REQUIRE(found.has_value());
    CHECK(found->files == std::vector<protocol::LfsFile>{{"a.bin", {k_oid, 12345}},
                                                         {"d/f.bin", {k_oid, 1}},
                                                         {"e.bin", {k_oid, 0}}});
    CHECK(found->place.folder == repo.path());

    const auto bad =
        repo.commit({{".gitattributes", "*.bin filter=lfs\n"}, {"a.bin", pointer("-1")}});
    const auto refused = ci.wait(ci.service().lfs({{1}, repo.path().string(), "", ""}, bad));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().id == "lfs_bad_pointer");
    CHECK(refused.error().message.starts_with("a.bin is no pointer"));

    const auto other =
        repo.commit({{".gitattributes", "*.bin filter=other\n"}, {"a.bin", pointer("-1")}});
    CHECK(ci.wait(ci.service().lfs({{1}, repo.path().string(), "", ""}, other))->files.empty());
}

TEST_CASE("attributes are the commit's, not those of an index in place", "[git][lfs]") {
    test::GitFixture ci;
    auto repo = ci.repo();
    const auto with = repo.commit({{".gitattributes", "*.bin filter=lfs\n"}, {"a.bin", pointer()}});
    const auto without = repo.commit({{".gitattributes", "\n"}, {"a.bin", pointer()}});
    const git::Repo project{{1}, repo.path().string(), "", ""};
    repo.git({"read-tree", without});
    CHECK(ci.wait(ci.service().lfs(project, with))->files.size() == 1);
    repo.git({"read-tree", with});
    CHECK(ci.wait(ci.service().lfs(project, without))->files.empty());
    CHECK(ci.wait(ci.service().lfs(project, with))->files.size() == 1);
}

TEST_CASE("objects of a repository on this machine are files in it", "[git][lfs]") {
    test::TempDir dir;
    const std::string text = "twelve bytes";
    const files::Path repo = dir.path() / "roots" / "app.git";
    const files::Path folder = repo / "lfs" / "objects" / k_oid.substr(0, 2) / k_oid.substr(2, 2);
    std::filesystem::create_directories(folder);
    const auto fetched = [&](std::int64_t size, const files::Path& root) -> std::string {
        LfsTransfer transfer({.place = {repo, ""}, .local_roots = {root}});
        auto sources = transfer.locate({{k_oid, size}});
        if (!sources) return sources.error().id;
        std::string out;
        auto done = transfer.fetch(sources->front(), [&out](std::string_view piece) -> Result<> {
            out += piece;
            return {};
        });
        return done ? out : done.error().id;
    };
    const files::Path root = dir.path() / "roots";
    CHECK(fetched(12, root) == "lfs_missing");
    std::ofstream(folder / k_oid) << text;
    CHECK(fetched(12, root) == text);
    CHECK(fetched(13, root) == "lfs_mismatch");
    CHECK(fetched(12, dir.path() / "others") == "lfs_denied");
    std::ofstream(dir.path() / "secret") << text;
    std::filesystem::remove(folder / k_oid);
    std::filesystem::create_symlink(dir.path() / "secret", folder / k_oid);
    CHECK(fetched(12, root) == "lfs_denied");
    std::filesystem::remove(folder / k_oid);
    std::filesystem::create_directory(folder / k_oid);
    CHECK(fetched(12, root) == "lfs_missing");
}
