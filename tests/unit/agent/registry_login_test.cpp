#include "agent/executors/container/login.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::agent;

TEST_CASE("an image tells its registry", "[login]") {
    CHECK(registry_of("alpine:3") == "docker.io");
    CHECK(registry_of("team/app@sha256:0") == "docker.io");
    CHECK(registry_of("registry.example/team/app:1") == "registry.example");
    CHECK(registry_of("registry:5000/app") == "registry:5000");
    CHECK(registry_of("localhost/app") == "localhost");
    CHECK(is_loopback_registry("127.0.0.1:5000"));
    CHECK(is_loopback_registry("localhost:5000"));
    CHECK_FALSE(is_loopback_registry("localhost.example"));
    CHECK_FALSE(is_loopback_registry("128.0.0.1"));
}

TEST_CASE("a login is USER:PASSWORD or the registry's own JSON", "[login]") {
    CHECK(login_file("r.example", "me:it's:\"me\"\n").value() ==
          R"({"auths":{"r.example":{"auth":"bWU6aXQnczoibWUi"}}})");
    CHECK(login_file("docker.io", "a:b").value().find("index.docker.io") != std::string::npos);
    const std::string own = R"({"auths":{"r.example":{"auth":"YTpi"}}})";
    CHECK(login_file("other.example", own).value() == own);
    for (const char* bad : {"", "password", "{}", R"({"auths":1})", "a:b\nc:d", "{not json"}) {
        INFO(bad);
        CHECK(login_file("r.example", bad).error().id == "bad_registry_login");
    }
}
