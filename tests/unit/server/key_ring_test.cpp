#include "server/secrets/key_ring.hpp"
#include "temp_folder.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

using namespace sluice;
using secrets::KeyRing;
using test::TempFolder;

TEST_CASE("what is sealed opens with its key and in its place alone", "[secrets]") {
    TempFolder folder;
    const auto ring = KeyRing::load_or_make(folder.path / "keys").value();
    const std::string sealed = ring.seal("the value", "here");
    CHECK(sealed.find("value") == std::string::npos);
    CHECK(ring.open(sealed, "here").value() == "the value");
    CHECK(ring.open(sealed, "there").error().id == "cannot_open");
    std::string bent = sealed;
    bent[bent.size() - 5] = bent[bent.size() - 5] == 'A' ? 'B' : 'A';
    CHECK_FALSE(ring.open(bent, "here"));
    CHECK(ring.seal("the value", "here") != sealed);
    CHECK(KeyRing::load(folder.path / "keys").value().open(sealed, "here").value() == "the value");
    const auto other = KeyRing::load_or_make(folder.path / "others").value();
    CHECK(other.open(sealed, "here").error().id == "key_unknown");
}

TEST_CASE("a new key seals, the old one still opens until it is dropped", "[secrets]") {
    TempFolder folder;
    const auto ring = KeyRing::load_or_make(folder.path / "keys").value();
    const std::string sealed = ring.seal("the value", "here");
    const auto both = ring.with_new_key();
    CHECK(both.open(sealed, "here").value() == "the value");
    CHECK_FALSE(both.is_current(sealed));
    const std::string fresh = both.seal("the value", "here");
    CHECK(both.is_current(fresh));
    REQUIRE(both.first_only().save(folder.path / "keys"));
    const auto kept = KeyRing::load(folder.path / "keys").value();
    CHECK(kept.open(fresh, "here").value() == "the value");
    CHECK_FALSE(kept.open(sealed, "here"));
}

TEST_CASE("a key file that others may read, or that is none, is refused", "[secrets]") {
    TempFolder folder;
    const auto file = folder.path / "keys";
    REQUIRE(KeyRing::load_or_make(file));
    ::chmod(file.c_str(), 0640);
    CHECK(KeyRing::load(file).error().message.find("chmod 600") != std::string::npos);
    for (const char* text : {"", "# nothing\n", "id\n", "id AAAA\n",
                             "a.b "
                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"}) {
        REQUIRE(files::write_atomic(file, text, 0600));
        CHECK_FALSE(KeyRing::load(file));
    }
}

TEST_CASE("a sealed box opens for its maker alone", "[secrets]") {
    const crypto::SealedBox mine, other;
    const auto sealed = crypto::seal_to(mine.public_key(), "the value").value();
    CHECK(mine.open(sealed).value() == "the value");
    CHECK_FALSE(other.open(sealed));
    CHECK_FALSE(mine.open(sealed.substr(1)));
    CHECK(crypto::seal_to("short", "x").error().id == "bad_public_key");
}
