#include "server/blobs/blob_store.hpp"
#include "temp_folder.hpp"

#include <catch2/catch.hpp>

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
    auto hold = (*upload)->commit();
    return hold ? "" : hold.error().id;
}

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
    CHECK_FALSE(store.open(digest).has_value());
    CHECK(send(store, bytes, 40'000, 100'000, digest) == "");
    CHECK(store.open(digest).has_value());
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
    CHECK((*newer)->commit().has_value());
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
    store.forget_uploads({k_attempt});
    CHECK(store.received(k_attempt, digest_of("other")) == 2);
    store.forget_uploads({});
    CHECK(store.received(k_attempt, digest_of("other")) == 0);
    CHECK(store.open(digest_of(bytes)).has_value());
}
