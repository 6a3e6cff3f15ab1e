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

}  // namespace

TEST_CASE("a report is kept as it was sent, and read page by page", "[reports]") {
    test::TempFolder folder;
    logs::ReportStore store(folder.path / "reports");
    const AttemptId id{1234};
    const std::string bytes = zstd(report(10));
    CHECK(!store.has(id, "tests"));
    CHECK(store.page(id, "tests", 0, 5).error().code == Code::not_found);
    REQUIRE(store.put(id, "tests", crypto::sha256_hex(bytes), bytes));
    REQUIRE(store.put(id, "tests", crypto::sha256_hex(bytes), bytes));
    CHECK(store.has(id, "tests"));
    CHECK(store.read(id, "tests").value() == bytes);
    auto page = store.page(id, "tests", 0, 4).value();
    CHECK(page.items.size() == 4);
    CHECK(page.more);
    CHECK(page.items[3].at("name") == "t3");
    page = store.page(id, "tests", 8, 4).value();
    CHECK(page.items.size() == 2);
    CHECK(!page.more);
    CHECK(page.items[1].at("name") == "t9");
    CHECK(store.page(id, "tests", 100, 4)->items.empty());
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
    const auto page = store.page({2}, "tests", 0, 5);
    CHECK((!page || page->items.empty()));
}
