#include "server/http/sse.hpp"

#include <catch2/catch.hpp>

using namespace sluice::http;

TEST_CASE("an event has an id, a name and a line for each line of its data", "[http][sse]") {
    CHECK(format_sse({"7", "job", "{\"a\":1}"}) == "id: 7\nevent: job\ndata: {\"a\":1}\n\n");
    CHECK(format_sse({"", "", "one\ntwo"}) == "data: one\ndata: two\n\n");
    CHECK(format_sse({"", "", "one\r\ntwo\rthree\n"}) ==
          "data: one\ndata: two\ndata: three\ndata: \n\n");
    CHECK(format_sse({"", "", ""}) == "data: \n\n");
}

TEST_CASE("nobody smuggles a field through an id or a name", "[http][sse]") {
    CHECK(format_sse({"7\ndata: evil", "a\rb", "x"}) ==
          "id: 7 data: evil\nevent: a b\ndata: x\n\n");
}
