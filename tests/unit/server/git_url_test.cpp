#include "server/git/url.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <catch2/catch.hpp>

#include <cstring>

using namespace sluice;
using namespace sluice::git;

TEST_CASE("repository URLs of the usual forms are read", "[git]") {
    CHECK(parse_url("https://Forge.Example.org/team/app.git")->host == "forge.example.org");
    CHECK(parse_url("https://forge.example.org:8443/a")->port == 8443);
    CHECK(parse_url("http://forge.example.org/a")->port == 80);
    CHECK(parse_url("ssh://git@forge.example.org:2222/a.git")->port == 2222);
    CHECK(parse_url("git@forge.example.org:team/app.git")->kind == Url::Kind::ssh);
    CHECK(parse_url("https://[2606:4700::1111]/a")->host == "2606:4700::1111");
    CHECK(parse_url("/srv/git/../git/app.git/")->path == "/srv/git/app.git");
    CHECK(parse_url("file:///srv/git/app.git")->path == "/srv/git/app.git");
}

TEST_CASE("URLs that would run a program, leave the network or hide a password are denied",
          "[git]") {
    const std::string url = GENERATE(
        as<std::string>{}, "", "git://host/a", "ext::sh -c id", "ext::sh%20-c", "ftp://host/a",
        "relative/path", "file://host/a", "ssh://-oProxyCommand=id/a", "ssh://-x@host/a",
        "-x@host:a", "git@-host:a", "git@host:-a", "git@host:", "https://user:secret@host/a",
        "https://token@host/a", "ssh://git:pw@host/a", "https://host/a\r\nHost: b",
        "https://host /a", "https://host:99999/a", "https://host:0/a", "https://host:x/a",
        "https:///a", "https://host", "https://[::1/a", "https://ho%73t/a", "javascript://host/a",
        "https://host\\@evil/a");
    INFO(url);
    auto parsed = parse_url(url);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().id == "url_denied");
    CHECK(parsed.error().message.find("secret") == std::string::npos);
}

TEST_CASE("hosts written as private addresses are denied in every notation", "[git]") {
    const std::string host = GENERATE(
        as<std::string>{}, "127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "0",
        "10.0.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost", "a.localhost");
    INFO(host);
    auto url = parse_url("https://" + host + "/a.git");
    REQUIRE(url.has_value());
    CHECK(check_literal(*url, {}).error().id == "url_denied");
    CHECK(check_literal(*url, {url->host}).has_value());
    CHECK(check_literal(*url, {url->host + ":443"}).has_value());
    CHECK_FALSE(check_literal(*url, {url->host + ":444"}).has_value());
    CHECK(check_literal(*url, {"*"}).has_value());
}

TEST_CASE("public addresses pass", "[git]") {
    for (const char* host :
         {"8.8.8.8", "172.32.0.1", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "forge.example.org"})
        CHECK(check_literal(*parse_url(std::string("https://") + host + "/a"), {}).has_value());
}

TEST_CASE("a name is checked by every address it resolves to", "[git]") {
    // Every resolver knows it, from /etc/hosts or by itself.
    auto url = parse_url("https://localhost/a");
    REQUIRE(url.has_value());
    CHECK(check_resolved(*url, {}).error().id == "url_denied");
    CHECK(check_resolved(*url, {"localhost"}).has_value());
}

TEST_CASE("roots are compared by whole path parts", "[git]") {
    CHECK(below_root("/srv/git/a.git", {"/srv/git"}));
    CHECK(below_root("/srv/git/a.git", {"/opt", "/srv/git/"}));
    CHECK(below_root("/srv/git", {"/srv/git"}));
    CHECK_FALSE(below_root("/srv/git-private/a.git", {"/srv/git"}));
    CHECK_FALSE(below_root("/srv/git/../x", {"/srv/git"}));
    CHECK_FALSE(below_root("/srv/git/a", {}));
    CHECK_FALSE(below_root("/srv/git/a", {""}));
}
