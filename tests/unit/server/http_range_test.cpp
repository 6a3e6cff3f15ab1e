#include "server/http/range.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

using Kind = RangeChoice::Kind;

TEST_CASE("one range of bytes is chosen, everything else is 416 or ignored (H17)",
          "[http][range]") {
    const RangeChoice whole{Kind::whole, 0, 100};
    const RangeChoice refused{Kind::unsatisfiable, 0, 0};
    auto part = [](std::int64_t offset, std::int64_t length) {
        return RangeChoice{Kind::part, offset, length};
    };
    struct Row {
        std::string header;
        RangeChoice expected;
    };
    for (const auto& row : std::vector<Row>{
             {"", whole},
             {"lines=1-2", whole},
             {"bytes=0-0", part(0, 1)},
             {"bytes=0-99", part(0, 100)},
             {"bytes=10-19", part(10, 10)},
             {"bytes=90-", part(90, 10)},
             {"bytes=90-1000", part(90, 10)},
             {"bytes=-10", part(90, 10)},
             {"bytes=-1000", part(0, 100)},
             {"bytes=-0", refused},
             {"bytes=100-", refused},
             {"bytes=100-200", refused},
             {"bytes=20-10", refused},
             {"bytes=0-1,5-6", refused},
             {"bytes=-", refused},
             {"bytes=", refused},
             {"bytes=a-b", refused},
             {"bytes=1-2x", refused},
             {"bytes= 1-2", refused},
             {"bytes=+1-2", refused},
             {"bytes=99999999999999999999-", refused},
             {"bytes 1-2", refused},
         }) {
        INFO(row.header);
        CHECK(parse_range(row.header, 100) == row.expected);
    }
    CHECK(parse_range("bytes=0-", 0) == refused);
    CHECK(parse_range("bytes=-5", 0) == refused);
}

TEST_CASE("a file reply says what part of the file it is", "[http][range]") {
    auto fd = std::make_shared<files::Fd>();
    auto whole = file_reply(fd, 100, "text/plain", "");
    CHECK(whole.status == 200);
    CHECK(std::get<FileBody>(whole.body).length == 100);
    auto part = file_reply(fd, 100, "text/plain", "bytes=10-19");
    CHECK(part.status == 206);
    CHECK(std::get<FileBody>(part.body).offset == 10);
    CHECK(std::get<FileBody>(part.body).length == 10);
    CHECK(part.headers.back() ==
          std::pair<std::string, std::string>{"Content-Range", "bytes 10-19/100"});
    auto refused = file_reply(fd, 100, "text/plain", "bytes=200-");
    CHECK(refused.status == 416);
    CHECK(refused.headers.back() ==
          std::pair<std::string, std::string>{"Content-Range", "bytes */100"});
}
