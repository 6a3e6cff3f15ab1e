#include "cli/sse.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace sluice::cli;

namespace {

std::vector<SseEvent> parse(const std::vector<std::string>& pieces) {
    std::vector<SseEvent> events;
    SseParser parser([&](const SseEvent& event) {
        events.push_back(event);
        return true;
    });
    for (const auto& piece : pieces) parser.feed(piece);
    return events;
}

}  // namespace

TEST_CASE("an event has a type, an id and data lines joined by newlines", "[cli]") {
    auto events = parse({"event: log\nid: 12\ndata: \"a\"\ndata: b\n\n"});
    REQUIRE(events.size() == 1);
    CHECK(events[0].type == "log");
    CHECK(events[0].id == "12");
    CHECK(events[0].data == "\"a\"\nb");
}

TEST_CASE("pieces may be cut anywhere and lines end with LF, CR or CRLF", "[cli]") {
    std::string stream = "id: 1\r\ndata: x\r\n\r\nid: 2\rdata: y\r\rid: 3\ndata: z\n\n";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        auto events = parse({stream.substr(0, cut), stream.substr(cut)});
        REQUIRE(events.size() == 3);
        CHECK(events[1].data == "y");
        CHECK(events[2].id == "3");
    }
}

TEST_CASE("comments keep the connection alive and are no events", "[cli]") {
    CHECK(parse({": ping\n\n: ping\n\n"}).empty());
}

TEST_CASE("an event that was cut off by a broken connection does not count, nor does its id",
          "[cli]") {
    SseParser parser([](const SseEvent&) { return true; });
    parser.feed("id: 7\ndata: whole\n\nid: 8\ndata: ha");
    parser.reset();
    CHECK(parser.last_id() == "7");
}

TEST_CASE("the reader can stop in the middle of a piece", "[cli]") {
    int seen = 0;
    SseParser parser([&](const SseEvent&) { return ++seen < 2; });
    CHECK_FALSE(parser.feed("data: 1\n\ndata: 2\n\ndata: 3\n\n"));
    CHECK(seen == 2);
}
