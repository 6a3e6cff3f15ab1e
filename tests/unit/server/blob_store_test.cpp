#include "server/blobs/blob_store.hpp"
#include "temp_folder.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <map>

using namespace sluice;
using test::TempFolder;

namespace {

constexpr AttemptId k_attempt{7};

std::string digest_of(std::string_view bytes) {
    crypto::Sha256 digest;
    digest.update(bytes);
    return digest.finish_hex();
}

/// Sends bytes[from, to) as one request; the id of a refusal, "" = all came, "more" = part of it.
std::string send(blobs::BlobStore& store, const std::string& bytes, std::size_t from,
                 std::size_t to, const std::string& digest) {
    auto upload = store.upload(k_attempt, digest, static_cast<std::int64_t>(from),
                               static_cast<std::int64_t>(bytes.size()));
    if (!upload) return upload.error().id;
    auto written = (*upload)->write(std::string_view(bytes).substr(from, to - from));
    if (!written) return written.error().id;
    if (!(*upload)->complete()) return "more";
    if (auto verified = (*upload)->verify(); !verified) return verified.error().id;
    if (auto stored = (*upload)->store(); !stored) return stored.error().id;
    (*upload)->settle();
    return "";
}

bool is_there(const blobs::BlobStore& store, const std::string& bytes) {
    return store.open(digest_of(bytes), static_cast<std::int64_t>(bytes.size())).has_value();
}

/// A remote in memory that can be out of reach.
class FakeRemote final : public blobs::Remote {
public:
    Result<> put(std::string_view digest, int fd, std::int64_t size,
                 const files::Path& notes) override {
        if (!reachable) return away();
        std::string bytes(static_cast<std::size_t>(size), '\0');
        REQUIRE(::pread(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(size));
        objects[std::string(digest)] = bytes;
        last_notes = notes;
        return {};
    }
    Result<std::string> get(std::string_view digest, std::int64_t offset,
                            std::int64_t size) override {
        if (!reachable) return away();
        gets.push_back({offset, size});
        return objects.at(std::string(digest))
            .substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    }
    Result<> remove(std::string_view digest, const files::Path&) override {
        if (!reachable) return away();
        objects.erase(std::string(digest));
        return {};
    }
    void stop() override { reachable = false; }

    bool reachable = true;
    std::map<std::string, std::string> objects;
    std::vector<std::pair<std::int64_t, std::int64_t>> gets;
    files::Path last_notes;

private:
    static Error away() { return error(Code::unavailable, "object_store_unreachable", "away"); }
};

}  // namespace

TEST_CASE("an upload goes on where it broke off", "[blobs]") {
    TempFolder folder;
    blobs::BlobStore store(folder.path);
    const std::string bytes(100'000, 'x');
    const std::string digest = digest_of(bytes);
    CHECK(store.received(k_attempt, digest) == 0);
    CHECK(send(store, bytes, 0, 40'000, digest) == "more");
    CHECK(store.received(k_attempt, digest) == 40'000);
    // T10: a piece that does not follow is refused; what is there stays.
    CHECK(send(store, bytes, 60'000, 100'000, digest) == "offset_mismatch");
    CHECK(store.received(k_attempt, digest) == 40'000);
    CHECK_FALSE(is_there(store, bytes));
    CHECK(send(store, bytes, 40'000, 100'000, digest) == "");
    CHECK(is_there(store, bytes));
    CHECK(store.received(k_attempt, digest) == 0);
    // Another attempt's bytes are its own.
    CHECK(store.received({8}, digest) == 0);
}

TEST_CASE("bytes that are not those of the digest are thrown away (T10)", "[blobs]") {
    TempFolder folder;
    blobs::BlobStore store(folder.path);
    const std::string bytes = "these", others = "those";
    CHECK(send(store, others, 0, 5, digest_of(bytes)) == "digest_mismatch");
    CHECK(store.received(k_attempt, digest_of(bytes)) == 0);
    auto upload = store.upload(k_attempt, digest_of(bytes), 0, 5);
    REQUIRE(upload.has_value());
    auto too_many = (*upload)->write("these and more");
    REQUIRE_FALSE(too_many.has_value());
    CHECK(too_many.error().id == "digest_mismatch");
    CHECK(send(store, bytes, 0, 5, digest_of(bytes)) == "");
}

TEST_CASE("a newer request for the same blob overtakes an older one", "[blobs]") {
    TempFolder folder;
    blobs::BlobStore store(folder.path);
    const std::string bytes(10'000, 'y');
    const std::string digest = digest_of(bytes);
    auto old = store.upload(k_attempt, digest, 0, 10'000);
    REQUIRE(old.has_value());
    REQUIRE((*old)->write(std::string_view(bytes).substr(0, 5'000)).has_value());
    auto newer = store.upload(k_attempt, digest, 5'000, 10'000);
    REQUIRE(newer.has_value());
    auto late = (*old)->write(std::string_view(bytes).substr(5'000));
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().id == "offset_mismatch");
    REQUIRE((*newer)->write(std::string_view(bytes).substr(5'000)).has_value());
    CHECK((*newer)->verify().has_value());
}

TEST_CASE("nobody writes below a blob that is being kept", "[blobs]") {
    TempFolder folder;
    blobs::BlobStore store(folder.path);
    const std::string bytes(1'000, 'y'), others(1'000, 'n');
    const std::string digest = digest_of(bytes);
    auto first = store.upload(k_attempt, digest, 0, 1'000);
    REQUIRE(first.has_value());
    REQUIRE((*first)->write(bytes).has_value());
    {
        // It came before the look at the digest: the first is not kept.
        auto newer = store.upload(k_attempt, digest, 0, 1'000);
        REQUIRE(newer.has_value());
        auto overtaken = (*first)->verify();
        REQUIRE_FALSE(overtaken.has_value());
        CHECK(overtaken.error().id == "offset_mismatch");
        REQUIRE((*newer)->write(bytes).has_value());
        REQUIRE((*newer)->verify().has_value());
        auto late = store.upload(k_attempt, digest, 0, 1'000);
        REQUIRE_FALSE(late.has_value());
        CHECK(late.error().id == "blob_busy");
        CHECK((*newer)->write(others.substr(0, 0)).error().id == "offset_mismatch");
        REQUIRE((*newer)->store().has_value());
    }
    CHECK(is_there(store, bytes));
    CHECK(store.upload(k_attempt, digest, 0, 1'000).has_value());
}

TEST_CASE("what is held is not made and not removed meanwhile", "[blobs]") {
    TempFolder folder;
    blobs::BlobStore store(folder.path);
    const std::string bytes = "bytes";
    {
        auto hold = store.hold(digest_of(bytes));
        REQUIRE(hold != nullptr);
        CHECK(store.hold(digest_of(bytes)) == nullptr);
        CHECK(send(store, bytes, 0, 5, digest_of(bytes)) == "blob_busy");
    }
    CHECK(store.received(k_attempt, digest_of(bytes)) == 5);
    CHECK(send(store, bytes, 5, 5, digest_of(bytes)) == "");
    CHECK(store.all() == std::vector<std::string>{digest_of(bytes)});
    CHECK(send(store, "other", 0, 2, digest_of("other")) == "more");
    store.forget_uploads(store.uploading(), {k_attempt});
    CHECK(store.received(k_attempt, digest_of("other")) == 2);
    store.forget_uploads({}, {});
    CHECK(store.uploading() == std::set<AttemptId>{k_attempt});
    store.forget_uploads(store.uploading(), {});
    CHECK(store.received(k_attempt, digest_of("other")) == 0);
    CHECK(is_there(store, bytes));
}

TEST_CASE("a remote that is out of reach costs no second upload", "[blobs]") {
    TempFolder folder;
    FakeRemote remote;
    blobs::BlobStore store(folder.path, &remote);
    const std::string bytes(100'000, 'z'), digest = digest_of(bytes);
    remote.reachable = false;
    CHECK(send(store, bytes, 0, 100'000, digest) == "object_store_unreachable");
    CHECK(store.received(k_attempt, digest) == 100'000);
    remote.reachable = true;
    CHECK(send(store, bytes, 100'000, 100'000, digest) == "");
    CHECK(store.received(k_attempt, digest) == 0);
    CHECK(remote.objects == std::map<std::string, std::string>{{digest, bytes}});
    CHECK(remote.last_notes == folder.path / "parts" / digest);
    CHECK(store.all().empty());
    remote.reachable = false;
    CHECK_FALSE(store.remove(digest).has_value());
    remote.reachable = true;
    CHECK(store.remove(digest).has_value());
    CHECK(remote.objects.empty());
}

TEST_CASE("blobs of the time before a remote are still found and removed", "[blobs]") {
    TempFolder folder;
    const std::string bytes = "older", digest = digest_of(bytes);
    {
        blobs::BlobStore before(folder.path);
        REQUIRE(send(before, bytes, 0, 5, digest) == "");
    }
    FakeRemote remote;
    blobs::BlobStore store(folder.path, &remote);
    auto opened = store.open(digest, 5);
    REQUIRE(opened.has_value());
    CHECK(opened->fd != nullptr);
    CHECK(opened->get(1, 3).value() == "lde");
    CHECK(store.all() == std::vector<std::string>{digest});
    CHECK(store.remove(digest).has_value());
    CHECK(store.all().empty());
}

TEST_CASE("who reads a remote blob on gets it in large pieces", "[blobs]") {
    TempFolder folder;
    FakeRemote remote;
    blobs::BlobStore store(folder.path, &remote);
    std::string bytes;
    for (int i = 0; i < (10 << 20); ++i) bytes += static_cast<char>(i * 31 + (i >> 9));
    const auto size = static_cast<std::int64_t>(bytes.size());
    const std::string digest = digest_of(bytes);
    remote.objects[digest] = bytes;
    auto opened = store.open(digest, size);
    REQUIRE(opened.has_value());
    CHECK(opened->fd == nullptr);
    // The table at the end: with what stands before it.
    CHECK(opened->get(size - 9, 9).value() == bytes.substr(bytes.size() - 9));
    CHECK(opened->get(size - 1'000, 991).value() == bytes.substr(bytes.size() - 1'000, 991));
    CHECK(remote.gets.size() == 1);
    for (std::int64_t at = 0; at < size; at += 256 * 1024) {
        const auto piece = opened->get(at, 256 * 1024);
        REQUIRE(piece.has_value());
        REQUIRE(*piece == bytes.substr(static_cast<std::size_t>(at), 256 * 1024));
    }
    CHECK(remote.gets.size() == 5);
    // A look here and there fetches no more than it needs.
    CHECK(opened->get(5'000'000, 100).value() == bytes.substr(5'000'000, 100));
    CHECK(remote.gets.back() == std::pair<std::int64_t, std::int64_t>{5'000'000, 64 << 10});
    CHECK_FALSE(opened->get(size - 5, 6).has_value());
}
