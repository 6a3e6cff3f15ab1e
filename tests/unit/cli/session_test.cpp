#include "cli/session.hpp"

#include "cli/exit_code.hpp"
#include "tests/unit/cli/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

using namespace sluice;
using namespace sluice::cli;

TEST_CASE("without any hint the default address is used, without a token", "[cli]") {
    TempFolder folder;
    auto session = find_session({.config_file = folder / "none.json"});
    CHECK(session->url == "http://127.0.0.1:8080");
    CHECK(session->token.empty());
}

TEST_CASE("a login is stored for its owner alone and found again", "[cli]") {
    TempFolder folder;
    auto file = folder / "deep" / "config.json";
    REQUIRE(save_session(file, {"https://ci.example.org", "secret", ""}).has_value());
    struct stat info {};
    REQUIRE(stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    auto session = find_session({.config_file = file});
    CHECK(session->url == "https://ci.example.org");
    CHECK(session->token == "secret");
    CHECK(*forget_session(file));
    CHECK_FALSE(*forget_session(file));
}

TEST_CASE("the environment wins over the login, and --url over the environment", "[cli]") {
    TempFolder folder;
    auto file = folder / "config.json";
    REQUIRE(save_session(file, {"https://stored", "stored-token", ""}).has_value());
    auto from_env =
        find_session({.env_url = "https://env", .env_token = "env-token", .config_file = file});
    CHECK(from_env->url == "https://env");
    CHECK(from_env->token == "env-token");
    auto from_flag =
        find_session({.url = "https://flag/", .env_url = "https://env", .config_file = file});
    CHECK(from_flag->url == "https://flag");
}

TEST_CASE("a stored token is never sent to another server", "[cli]") {
    TempFolder folder;
    auto file = folder / "config.json";
    REQUIRE(save_session(file, {"https://stored", "stored-token", ""}).has_value());
    CHECK(find_session({.url = "https://elsewhere", .config_file = file})->token.empty());
    CHECK(find_session({.url = "https://stored", .config_file = file})->token == "stored-token");
}

TEST_CASE("the option --data takes address and token from a server's own folder", "[cli]") {
    TempFolder folder;
    folder.write("server.json", R"({"address": "127.0.0.1:4711", "pid": 1})");
    folder.write("admin-token", "abc\n");
    auto session = find_session({.data_dir = folder.path().string(), .env_url = "https://env"});
    CHECK(session->url == "http://127.0.0.1:4711");
    CHECK(session->token == "abc");
    auto missing = find_session({.data_dir = (folder / "nothing").string()});
    REQUIRE_FALSE(missing.has_value());
    CHECK(exit_for(missing.error()) == Exit::usage);
    CHECK(missing.error().message.find("sluice-server --data") != std::string::npos);
}

TEST_CASE("a damaged login says how to mend it", "[cli]") {
    TempFolder folder;
    folder.write("config.json", "{");
    auto session = find_session({.config_file = folder / "config.json"});
    REQUIRE_FALSE(session.has_value());
    CHECK(session.error().message.find("sluice login") != std::string::npos);
}

TEST_CASE("server URLs are normalised or refused", "[cli]") {
    CHECK(*normal_url("ci.example.org:8080/") == "http://ci.example.org:8080");
    CHECK(*normal_url("https://ci.example.org/sluice//") == "https://ci.example.org/sluice");
    for (const char* bad :
         {"", "http://", "ftp://x", "http://a b", "http://user@host", "http://:80"}) {
        INFO(bad);
        CHECK_FALSE(normal_url(bad).has_value());
    }
}

TEST_CASE("the configuration lies where XDG says, else in the home folder", "[cli]") {
    auto with = [](std::optional<std::string> xdg) {
        return config_path([xdg](const char* name) -> std::optional<std::string> {
            return std::string(name) == "HOME" ? std::optional<std::string>("/home/me") : xdg;
        });
    };
    CHECK(with("/xdg") == "/xdg/sluice/config.json");
    CHECK(with(std::nullopt) == "/home/me/.config/sluice/config.json");
    CHECK(with("") == "/home/me/.config/sluice/config.json");
}

TEST_CASE("the authority to trust is stored with a login and belongs to that server", "[cli]") {
    TempFolder folder;
    auto file = folder / "config.json";
    REQUIRE(save_session(file, {"https://stored", "t", "", "/ca.pem"}).has_value());
    CHECK(find_session({.config_file = file})->ca_file == "/ca.pem");
    CHECK(find_session({.url = "https://elsewhere", .config_file = file})->ca_file.empty());
    CHECK(find_session({.ca_file = "/mine.pem", .config_file = file})->ca_file == "/mine.pem");
}

TEST_CASE("a server with TLS is reached by its public URL, one without by its address", "[cli]") {
    TempFolder folder;
    folder.write("admin-token", "abc\n");
    folder.write("server.json", R"({"url": "https://ci.example.org", "address": "127.0.0.1:1"})");
    CHECK(find_session({.data_dir = folder.path().string()})->url == "https://ci.example.org");
    folder.write("server.json", R"({"url": "http://ci.example.org", "address": "127.0.0.1:1"})");
    CHECK(find_session({.data_dir = folder.path().string()})->url == "http://127.0.0.1:1");
}
