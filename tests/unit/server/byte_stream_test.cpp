#include "server/core/byte_stream.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using core::ByteStream;

TEST_CASE("a piece that is sent again doubles nothing, one that is too early is not taken",
          "[shells]") {
    ByteStream stream;
    CHECK(stream.put(0, "hello ") == 6);
    CHECK(stream.put(0, "hello ") == 6);
    CHECK(stream.put(3, "lo world") == 11);
    CHECK(stream.put(20, "beyond") == 11);
    CHECK(stream.put(-1, "before") == 11);
    CHECK(stream.front(100) == "hello world");
    CHECK(stream.front(5) == "hello");
}

TEST_CASE("bytes are held until the reader says that it has them", "[shells]") {
    ByteStream stream;
    stream.put(0, "hello world");
    stream.acknowledge(6);
    CHECK(stream.begin() == 6);
    CHECK(stream.front(100) == "world");
    stream.acknowledge(3);   // an old answer
    stream.acknowledge(99);  // nonsense
    CHECK(stream.front(100) == "world");
    stream.acknowledge(11);
    CHECK(stream.empty());
    CHECK(stream.put(11, "!") == 12);
}

TEST_CASE("a reader that is slow makes the writer wait, never the memory grow", "[shells]") {
    ByteStream stream;
    const std::string much(ByteStream::k_held_max + 1000, 'x');
    const auto taken = stream.put(0, much);
    CHECK(taken == static_cast<std::int64_t>(ByteStream::k_held_max));
    CHECK(stream.full());
    CHECK(stream.put(taken, "more") == taken);
    stream.acknowledge(10);
    CHECK(stream.put(taken, "more") == taken + 4);
}
