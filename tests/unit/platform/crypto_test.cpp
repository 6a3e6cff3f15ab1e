#include "platform/crypto.hpp"
#include "pipelines/base/text.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace sluice;

namespace {
std::string hex(const std::string& raw) {
    return text::to_hex({reinterpret_cast<const unsigned char*>(raw.data()), raw.size()});
}
}  // namespace

TEST_CASE("sha256 gives the digest of FIPS 180-2", "[crypto]") {
    crypto::init();
    CHECK(crypto::sha256_hex("abc") ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(crypto::sha256("").size() == 32);
}

TEST_CASE("hmac takes keys of any length, as in RFC 4231", "[crypto]") {
    CHECK(hex(crypto::hmac_sha256("Jefe", "what do ya want for nothing?")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(hex(crypto::hmac_sha256(std::string(131, '\xaa'),
                                  "Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("ct_equal compares whole strings only", "[crypto]") {
    CHECK(crypto::ct_equal("", ""));
    CHECK(crypto::ct_equal("secret", "secret"));
    CHECK_FALSE(crypto::ct_equal("secret", "secreT"));
    CHECK_FALSE(crypto::ct_equal("secret", "secre"));
}

TEST_CASE("random tokens are 43 characters and differ", "[crypto]") {
    crypto::init();
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) seen.insert(crypto::random_token());
    CHECK(seen.size() == 100);
    CHECK(seen.begin()->size() == 43);
    for (int i = 0; i < 100; ++i) CHECK(crypto::random_below(3) < 3);
}

TEST_CASE("crc32c follows RFC 3720 and can be continued at any cut", "[crypto]") {
    std::string zeros(32, '\0'), text = "123456789";
    CHECK(crypto::crc32c(0, zeros) == 0x8a9136aau);
    CHECK(crypto::crc32c(0, text) == 0xe3069283u);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        auto crc = crypto::crc32c(0, std::span(text).first(cut));
        CHECK(crypto::crc32c(crc, std::span(text).subspan(cut)) == 0xe3069283u);
    }
}
