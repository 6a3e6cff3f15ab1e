#include "platform/packs/pack_reader.hpp"
#include "platform/packs/pack_writer.hpp"
#include "platform/sha256.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

using namespace sluice;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "sluice-packs-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { (void)files::remove_tree(path); }
    files::Path path;
};

/// Blobs in memory, as a place to send them to.
struct Store {
    std::map<std::string, std::string> blobs;

    packs::Fetch fetch() {
        return [this](const protocol::Blob& blob, const files::Path& file) {
            return files::write_atomic(file, blobs[blob.sha256], 0600, false);
        };
    }
    packs::WriteOptions write_options(const files::Path& root, const files::Path& scratch) {
        packs::WriteOptions options;
        options.root = root;
        options.scratch = scratch;
        options.take = [this](const protocol::Blob& blob, const files::Path& file) -> Result<> {
            SLUICE_TRY(blobs[blob.sha256], files::read_file(file));
            return {};
        };
        return options;
    }
    /// A manifest of these lines, as an attacker would make it.
    protocol::Blob manifest(const std::string& text) {
        std::string stored;
        packs::SeekableWriter writer([&](std::string_view bytes) -> Result<> {
            stored += bytes;
            return {};
        });
        REQUIRE(writer.write(text).has_value());
        REQUIRE(writer.finish().has_value());
        crypto::Sha256 digest;
        digest.update(stored);
        protocol::Blob blob{digest.finish_hex(), writer.stored(), writer.bytes()};
        blobs[blob.sha256] = stored;
        return blob;
    }
};

void put(const files::Path& file, const std::string& text, int mode = 0644) {
    REQUIRE(files::make_dirs(file.parent_path()).has_value());
    REQUIRE(files::write_atomic(file, text, mode, false).has_value());
}

std::string text(const files::Path& file) {
    return files::read_file(file).value();
}

/// A pack with one blob "hello world" of 11 bytes and these entries.
std::string refusal(const std::vector<std::string>& entries, std::int64_t claimed = 0,
                    std::int64_t bytes = -1) {
    Folder folder;
    Store store;
    const protocol::Blob hello = store.manifest("hello world");
    protocol::PackHead head;
    head.files = claimed > 0 ? claimed : static_cast<std::int64_t>(entries.size());
    head.blobs = {hello};
    std::int64_t total = 0;
    for (const std::string& entry : entries)
        if (entry.find("\"size\":5") != std::string::npos) total += 5;
    head.bytes = bytes >= 0 ? bytes : total;
    std::string lines = protocol::head_line(head) + "\n";
    for (const std::string& entry : entries) lines += entry + "\n";
    packs::UnpackOptions options;
    options.to = folder.path / "to";
    options.scratch = folder.path / "scratch";
    options.blobs = {hello};
    options.fetch = store.fetch();
    auto done = packs::unpack(store.manifest(lines), options);
    CHECK_FALSE(fs::exists(folder.path / "x"));
    return done ? "" : done.error().id;
}

std::string file_line(const std::string& path) {
    return R"({"path":")" + path + R"(","size":5,"blob":0,"at":0})";
}
std::string link_line(const std::string& path, const std::string& to) {
    return R"({"path":")" + path + R"(","to":")" + to + R"("})";
}

}  // namespace

TEST_CASE("what is packed comes back, and equal files give equal packs", "[packs]") {
    Folder folder;
    const auto root = folder.path / "root";
    put(root / "bin/tool", "#!/bin/sh\n", 0755);
    put(root / "a.txt", "a");
    put(root / "a/deep/b.txt", std::string(3'000'000, 'b'));
    put(root / "empty.txt", "");
    put(root / "big", std::string(5 << 20, 'x'));
    fs::create_directories(root / "nothing");
    fs::create_symlink("../a.txt", root / "bin/link");
    Store store;
    auto paths = packs::list_tree(root, false);
    REQUIRE(paths.has_value());
    CHECK(paths->size() == 7);
    auto first = packs::write_pack(*paths, store.write_options(root, folder.path / "scratch"));
    REQUIRE(first.has_value());
    CHECK(first->head.files == 7);
    CHECK(first->head.blobs.size() == 2);
    CHECK(store.blobs.size() == 3);

    packs::UnpackOptions options;
    options.to = folder.path / "to";
    options.scratch = folder.path / "scratch";
    options.blobs = first->head.blobs;
    options.fetch = store.fetch();
    auto done = packs::unpack(first->manifest, options);
    REQUIRE(done.has_value());
    CHECK(done->files == 7);
    CHECK(text(options.to / "a/deep/b.txt") == std::string(3'000'000, 'b'));
    CHECK(text(options.to / "big") == std::string(5 << 20, 'x'));
    CHECK(fs::read_symlink(options.to / "bin/link") == "../a.txt");
    CHECK(fs::is_directory(options.to / "nothing"));
    struct stat status {};
    REQUIRE(::stat((options.to / "bin/tool").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0755);

    auto again = packs::write_pack(*packs::list_tree(options.to, false),
                                   store.write_options(options.to, folder.path / "scratch"));
    REQUIRE(again.has_value());
    CHECK(again->manifest == first->manifest);
    CHECK(store.blobs.size() == 3);
}

TEST_CASE("a seekable blob is read at any place, and damage is seen", "[packs]") {
    std::string content;
    for (int i = 0; i < 400'000; ++i) content += std::to_string(i) + ",";
    std::string stored;
    packs::SeekableWriter writer([&](std::string_view bytes) -> Result<> {
        stored += bytes;
        return {};
    });
    REQUIRE(writer.write(content).has_value());
    REQUIRE(writer.finish().has_value());
    const auto get = [&](std::int64_t at, std::size_t size) -> Result<std::string> {
        return stored.substr(static_cast<std::size_t>(at), size);
    };
    auto reader = packs::SeekableReader::open(get, writer.stored(), writer.bytes());
    REQUIRE(reader.has_value());
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{1'048'575}, std::size_t{1'048'576}, content.size() - 3}) {
        auto piece = reader->read(static_cast<std::int64_t>(at), 3);
        REQUIRE(piece.has_value());
        CHECK(*piece == content.substr(at, piece->size()));
    }
    CHECK(reader->read(writer.bytes(), 1).value().empty());
    // T9: cut off, another magic, trailing data, a table that lies.
    CHECK_FALSE(packs::SeekableReader::open(get, writer.stored() - 1, writer.bytes()).has_value());
    CHECK_FALSE(packs::SeekableReader::open(get, writer.stored(), writer.bytes() + 1).has_value());
    CHECK_FALSE(packs::SeekableReader::open(get, 5, 5).has_value());
    stored[stored.size() - 1] ^= 1;
    CHECK_FALSE(packs::SeekableReader::open(get, writer.stored(), writer.bytes()).has_value());
    stored[stored.size() - 1] ^= 1;
    for (std::size_t i = 8; i < 40; ++i) stored[i] ^= 0x55;
    auto damaged = packs::SeekableReader::open(get, writer.stored(), writer.bytes());
    REQUIRE(damaged.has_value());
    auto piece = damaged->read(0, 10);
    CHECK((!piece && piece.error().id == "archive_corrupt"));
}

TEST_CASE("nothing that is unpacked leaves its folder or is what it should not be (T1 to T11)",
          "[packs]") {
    struct Row {
        const char* rule;
        std::vector<std::string> entries;
        const char* id;
    };
    const std::vector<Row> rows = {
        {"T1", {file_line("../x")}, "archive_path_escape"},
        {"T1", {file_line("/x")}, "archive_path_escape"},
        {"T1", {file_line("a/../../x")}, "archive_path_escape"},
        {"T1", {file_line("C:\\\\x")}, "archive_path_escape"},
        {"T1", {file_line("a\\\\..\\\\..\\\\x")}, "archive_path_escape"},
        {"T2", {link_line("a", "b"), file_line("a/x")}, "archive_link"},
        {"T2", {link_line("a", "."), link_line("a-b", "a"), file_line("a/x")}, "archive_link"},
        {"T3", {link_line("a", "/etc/passwd")}, "archive_link"},
        {"T3", {link_line("a", "../x")}, "archive_link"},
        {"T3", {link_line("d/a", "../../x")}, "archive_link"},
        {"T3", {link_line("d/a", ".."), link_line("x", "d/a/../..")}, "archive_link"},
        {"T4", {R"({"path":"a","size":0,"hardlink":"/etc/passwd"})"}, "archive_type"},
        {"T5", {R"({"path":"a","size":0,"device":"c 1 3"})"}, "archive_type"},
        {"T5", {R"({"path":"a","dir":true,"to":"b"})"}, "archive_type"},
        {"T6", {R"({"path":"a","size":5,"blob":0,"mode":2541})"}, "archive_type"},
        {"T8", {file_line("a"), file_line("a")}, "archive_duplicate"},
        {"T8", {file_line("A"), file_line("a")}, "archive_duplicate"},
        {"T8", {file_line("a"), file_line("a-b"), file_line("a/b")}, "archive_duplicate"},
        {"T9", {file_line("b"), file_line("a")}, "archive_corrupt"},
        {"T9", {R"({"path":"a","size":5,"blob":0,"at":7})"}, "archive_corrupt"},
        {"T9", {R"({"path":"a","size":5,"blob":1})"}, "archive_corrupt"},
        {"T9", {R"({"path":"a","size":)"}, "archive_corrupt"},
        {"T11", {file_line("a\\nb")}, "bad_artifact_name"},
        {"T11", {file_line(std::string(5000, 'a'))}, "bad_artifact_name"},
        {"T11", {file_line(std::string(256, 'a'))}, "bad_artifact_name"},
        {"T11", {file_line(".")}, "bad_artifact_name"},
        {"T11", {file_line("")}, "bad_artifact_name"},
        {"T11", {file_line("a//b")}, "bad_artifact_name"},
    };
    for (const Row& row : rows) {
        INFO(row.rule << ": " << row.entries.back().substr(0, 80));
        CHECK(refusal(row.entries) == row.id);
    }
    // Invalid UTF-8 is refused by the JSON parser.
    CHECK(refusal({file_line("a\xff")}) == "archive_corrupt");
    // T7, T9: more or fewer entries, more bytes than promised.
    CHECK(refusal({file_line("a")}, 2) == "archive_corrupt");
    CHECK(refusal({file_line("a"), file_line("b")}, 1) == "archive_corrupt");
    CHECK(refusal({file_line("a")}, 1, 3) == "archive_quota");
    CHECK(refusal({file_line("a")}, 10'000'000) == "archive_quota");
    // And what is allowed is done.
    CHECK(refusal({file_line("a"), link_line("b", "a"), file_line("d/a"),
                   link_line("d/b", "../a")}) == "");
}

TEST_CASE("a bomb is refused by what it says before a byte is unpacked (T7)", "[packs]") {
    protocol::ManifestReader reader;
    protocol::PackHead head;
    head.blobs = {{std::string(64, 'a'), 1000, 1LL << 30}};
    auto refused = reader.head(protocol::head_line(head));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().id == "archive_quota");
    head.blobs = {{std::string(64, 'a'), 1LL << 30, 1LL << 39}};
    CHECK(protocol::ManifestReader().head(protocol::head_line(head)).error().id == "archive_quota");
}

TEST_CASE("a blob with other bytes, and a manifest of others' blobs, are refused (T10)",
          "[packs]") {
    Folder folder;
    const auto root = folder.path / "root";
    put(root / "a", "mine");
    Store store;
    auto written = packs::write_pack({"a"}, store.write_options(root, folder.path / "scratch"));
    REQUIRE(written.has_value());
    packs::UnpackOptions options;
    options.to = folder.path / "to";
    options.scratch = folder.path / "scratch";
    options.fetch = store.fetch();
    auto foreign = packs::unpack(written->manifest, options);
    REQUIRE_FALSE(foreign.has_value());
    CHECK(foreign.error().id == "archive_corrupt");
    options.blobs = written->head.blobs;
    store.blobs[written->head.blobs[0].sha256][0] ^= 1;
    auto damaged = packs::unpack(written->manifest, options);
    REQUIRE_FALSE(damaged.has_value());
    CHECK(damaged.error().id == "digest_mismatch");
}

TEST_CASE("what a job left is not followed and not packed when it is no file", "[packs]") {
    Folder folder;
    const auto root = folder.path / "root";
    put(root / "real/a", "a");
    put(folder.path / "secret", "s");
    fs::create_symlink("real", root / "way");
    fs::create_symlink("../secret", root / "out");
    ::mkfifo((root / "pipe").c_str(), 0600);
    Store store;
    const auto pack = [&](const std::string& path) {
        auto done = packs::write_pack({path}, store.write_options(root, folder.path / "scratch"));
        return done ? std::string() : done.error().id;
    };
    CHECK(pack("pipe") == "archive_type");
    CHECK(pack("out") == "archive_link");
    CHECK(pack("way/a") != "");
    CHECK(pack("../secret") == "archive_path_escape");
    CHECK(pack("way") == "");
}

TEST_CASE("one entry of many is found by halves", "[packs]") {
    Store store;
    protocol::PackHead head;
    head.files = 5000;
    std::vector<std::string> paths;
    for (int i = 0; i < 5000; ++i)
        paths.push_back("d" + std::to_string(i % 70) + "/" + std::to_string(i));
    std::sort(paths.begin(), paths.end());
    std::string text = protocol::head_line(head) + "\n";
    for (const std::string& path : paths)
        text += protocol::entry_line(
                    {.type = protocol::PackEntry::Type::link, .path = path, .to = "x"}) +
                "\n";
    const protocol::Blob blob = store.manifest(text);
    const std::string& stored = store.blobs[blob.sha256];
    int reads = 0;
    const auto get = [&](std::int64_t at, std::size_t size) -> Result<std::string> {
        ++reads;
        return stored.substr(static_cast<std::size_t>(at), size);
    };
    auto reader = packs::SeekableReader::open(get, blob.stored, blob.bytes);
    REQUIRE(reader.has_value());
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{2500},
                                std::size_t{4998}, std::size_t{4999}}) {
        auto found = packs::find_entry(*reader, blob.bytes, paths[i]);
        REQUIRE(found.has_value());
        CHECK(found->entry.path == paths[i]);
    }
    for (const char* missing : {"a", "d0", "d3/x", "zzz"})
        CHECK_FALSE(packs::find_entry(*reader, blob.bytes, missing).has_value());
    CHECK(reads < 10);
}
