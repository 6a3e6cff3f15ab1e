#include "server/core/id_tokens.hpp"

#include "pipelines/base/text.hpp"
#include "server/store/schema.hpp"
#include "temp_folder.hpp"
#include "test_clock.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using core::IdTokens;

namespace {

struct Fixture {
    test::TempFolder folder;
    std::string database = (folder.path / "sluice.db").string();
    test::TestClock clock;
    secrets::KeyRing ring = secrets::KeyRing::load_or_make(folder.path / "keys").value();
    std::unique_ptr<store::Writer> writer;

    Fixture() {
        {
            store::Connection connection({.path = database});
            store::migrate(connection);
        }
        writer = std::make_unique<store::Writer>(store::Connection::Options{.path = database},
                                                 store::Writer::Options{});
    }
};

std::vector<std::string> kids(IdTokens& tokens) {
    std::vector<std::string> out;
    const auto set = tokens.jwks().value();
    for (const auto& key : set.at("keys").as_array())
        out.emplace_back(key.as_object().at("kid").as_string());
    return out;
}

std::string kid_of(const std::string& token) {
    std::string head = token.substr(0, token.find('.'));
    for (char& c : head) c = c == '-' ? '+' : c == '_' ? '/' : c;
    while (head.size() % 4 != 0) head += '=';
    return std::string(json::parse(text::from_base64(head).value()).value().at("kid").as_string());
}

}  // namespace

TEST_CASE("a key is published before it signs, and after, while its tokens live", "[secrets]") {
    Fixture ci;
    IdTokens tokens(*ci.writer, ci.ring, ci.clock);
    const auto first = kids(tokens);
    REQUIRE(first.size() == 2);
    CHECK(kid_of(tokens.mint({}, "https://ci").value()) == first[0]);

    ci.clock.advance(IdTokens::k_key_life - Duration{1});
    CHECK(kids(tokens) == first);
    ci.clock.advance(Duration{1});
    const auto second = kids(tokens);
    REQUIRE(second.size() == 3);
    CHECK(second[0] == first[1]);
    CHECK(second[2] == first[0]);
    CHECK(kid_of(tokens.mint({}, "https://ci").value()) == first[1]);

    IdTokens after_restart(*ci.writer, ci.ring, ci.clock);
    CHECK(kids(after_restart) == second);
    ci.clock.advance(IdTokens::k_key_rest);
    CHECK(kids(tokens) == std::vector<std::string>{second[0], second[1]});
}

TEST_CASE("whatever the wall clock does, the key of a living token is published",
          "[secrets][clock]") {
    Fixture ci;
    IdTokens tokens(*ci.writer, ci.ring, ci.clock);
    const auto published = [&](const std::string& kid) {
        const auto all = kids(tokens);
        return std::find(all.begin(), all.end(), kid) != all.end();
    };
    for (const std::int64_t days : {40, -40, -400, 400, 31, -31}) {
        const std::string kid = kid_of(tokens.mint({}, "https://ci").value());
        ci.clock.set_wall(Duration{days * 24 * 3'600'000});
        INFO("set by " << days << " days");
        CHECK(published(kid));
        CHECK(published(kid_of(tokens.mint({}, "https://ci").value())));
        ci.clock.advance(IdTokens::k_life - Duration{1});
        CHECK(published(kid));
        CHECK(kids(tokens).size() >= 2);
    }
}

TEST_CASE("keys that the ring does not open sign nothing", "[secrets]") {
    Fixture ci;
    IdTokens tokens(*ci.writer, ci.ring, ci.clock);
    REQUIRE(tokens.mint({}, "https://ci"));
    const auto other = secrets::KeyRing::load_or_make(ci.folder.path / "others").value();
    IdTokens stolen(*ci.writer, other, ci.clock);
    CHECK(stolen.mint({}, "https://ci").error().id == "key_unknown");
}
