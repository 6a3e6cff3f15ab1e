#include "server/logs/report_store.hpp"
#include "platform/crypto.hpp"
#include "tests/unit/server/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <zstd.h>

using namespace sluice;

namespace {

std::string zstd(const std::string& text) {
    std::string out(::ZSTD_compressBound(text.size()), '\0');
    out.resize(::ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

std::string report(int items) {
    std::string text = "{\"report\":\"tests\",\"version\":1}\n";
    for (int i = 0; i < items; ++i) text += "{\"name\":\"t" + std::to_string(i) + "\"}\n";
    return text;
}

std::vector<std::string> names(const logs::ReportStore& store, std::vector<AttemptId> attempts) {
    std::vector<std::string> out;
    (void)store.each(attempts, "tests",
                     [&](json::Value&& item) { out.emplace_back(item.at("name").as_string()); });
    return out;
}

}  // namespace

TEST_CASE("a report is kept as it was sent, and read item by item", "[reports]") {
    test::TempFolder folder;
    logs::ReportStore store(folder.path / "reports");
    const AttemptId id{1234};
    const std::string bytes = zstd(report(10));
    CHECK(!store.has(id, "tests"));
    CHECK(store.each(std::vector{id}, "tests", {}).error().code == Code::not_found);
    REQUIRE(store.put(id, "tests", crypto::sha256_hex(bytes), bytes));
    REQUIRE(store.put(id, "tests", crypto::sha256_hex(bytes), bytes));
    CHECK(store.has(id, "tests"));
    CHECK(store.read(id, "tests").value() == bytes);
    CHECK(names(store, {id}).size() == 10);
    CHECK(names(store, {id}).back() == "t9");
}

TEST_CASE("reports of several shards are read as one", "[reports]") {
    test::TempFolder folder;
    logs::ReportStore store(folder.path / "reports");
    const std::string two = zstd(report(2));
    REQUIRE(store.put({1}, "tests", crypto::sha256_hex(two), two));
    REQUIRE(store.put({3}, "tests", crypto::sha256_hex(two), two));
    CHECK(names(store, {{1}, {2}, {3}}) == std::vector<std::string>{"t0", "t1", "t0", "t1"});
}

TEST_CASE("bytes that are not those of the digest, or no zstd, are refused", "[reports]") {
    test::TempFolder folder;
    logs::ReportStore store(folder.path / "reports");
    const std::string bytes = zstd(report(1));
    CHECK(store.put({1}, "tests", crypto::sha256_hex("other"), bytes).error().id == "bad_digest");
    CHECK(store.put({1}, "tests", "", bytes).error().id == "bad_digest");
    CHECK(store.put({1}, "tests", crypto::sha256_hex("plain"), "plain").error().id == "bad_digest");
    CHECK(!store.has({1}, "tests"));
    const std::string cut = bytes.substr(0, 20);
    REQUIRE(store.put({2}, "tests", crypto::sha256_hex(cut), cut));
    CHECK(names(store, {{2}}).empty());
}
