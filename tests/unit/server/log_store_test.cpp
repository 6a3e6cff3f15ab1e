#include "server/logs/log_store.hpp"
#include "platform/crypto.hpp"
#include "tests/unit/server/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

using namespace sluice;

namespace {

std::uint32_t crc(std::string_view text) {
    return crypto::crc32c(0, {text.data(), text.size()});
}

std::string content(logs::LogStore& store, AttemptId id) {
    auto fd = store.open(id).value();
    std::string text(static_cast<std::size_t>(store.size(id)), '\0');
    REQUIRE(::pread(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return text;
}

}  // namespace

TEST_CASE("the server's offset wins: overlap is skipped, a gap is refused with the size",
          "[logs][rule21]") {
    test::TempFolder folder;
    logs::LogStore store(folder.path / "logs");
    const AttemptId id{7};
    CHECK(store.append(id, 0, "hello ").value().size == 6);
    CHECK(store.append(id, 3, "lo world").value().size == 11);
    CHECK(store.append(id, 0, "hello").value().size == 11);
    auto gap = store.append(id, 20, "x").value();
    CHECK(gap.gap);
    CHECK(gap.size == 11);
    CHECK(content(store, id) == "hello world");
}

TEST_CASE("verify compares size and crc32c, also after a restart", "[logs][rule22]") {
    test::TempFolder folder;
    const AttemptId id{8};
    {
        logs::LogStore store(folder.path / "logs");
        store.append(id, 0, "line 1\n").value();
        store.append(id, 7, "line 2\n").value();
        CHECK(store.verify(id, 14, crc("line 1\nline 2\n")).value());
        CHECK_FALSE(store.verify(id, 14, crc("line 1\nline 3\n")).value());
        CHECK_FALSE(store.verify(id, 13, crc("line 1\nline 2\n")).value());
    }
    logs::LogStore restarted(folder.path / "logs");
    CHECK(restarted.append(id, 7, "line 2\nline 3\n").value().size == 21);
    CHECK(restarted.verify(id, 21, crc("line 1\nline 2\nline 3\n")).value());
}

TEST_CASE("a rewound log takes the bytes again from the start", "[logs][rule22]") {
    test::TempFolder folder;
    logs::LogStore store(folder.path / "logs");
    const AttemptId id{9};
    store.append(id, 0, "damaged").value();
    REQUIRE(store.rewind(id));
    CHECK(store.size(id) == 0);
    store.append(id, 0, "right").value();
    CHECK(store.verify(id, 5, crc("right")).value());
}

TEST_CASE("an empty log needs no file", "[logs]") {
    test::TempFolder folder;
    logs::LogStore store(folder.path / "logs");
    CHECK(store.verify(AttemptId{1}, 0, 0).value());
    CHECK_FALSE(store.open(AttemptId{1}));
    CHECK(store.size(AttemptId{1}) == 0);
}
