#include "hook_fixture.hpp"

using namespace sluice;
using namespace sluice::hooks;
using namespace sluice::hooks::test;

TEST_CASE("a hook that was there before runs first, with the same input", "[hooks]") {
    Responder server(accepted);
    Repository repo;
    repo.write("hooks/post-receive", "#!/bin/sh\ncat > seen\nexit 3\n", 0755);
    repo.write("hooks/update", "#!/bin/sh\n[ \"$1\" != refs/heads/frozen ]\n", 0755);
    InstallOptions options = repo.options(server.port);
    options.update = true;
    REQUIRE(install(repo.path, options).has_value());
    REQUIRE(install(repo.path, options).has_value());
    CHECK(repo.run("hooks/post-receive", k_old + " " + k_new + " refs/heads/main\n", {},
                   {{"PATH", "/usr/bin:/bin"}})
              .code == 0);
    CHECK(repo.read("seen") == k_old + " " + k_new + " refs/heads/main\n");
    CHECK(server.received().size() == 1);
    CHECK(repo.update("refs/heads/frozen").code == 1);

    REQUIRE(uninstall(repo.path).has_value());
    CHECK(repo.read("hooks/post-receive").starts_with("#!/bin/sh\ncat"));
    CHECK(repo.read("hooks/update").starts_with("#!/bin/sh\n["));
    CHECK_FALSE(fs::exists(repo.path / "sluice.conf"));
    CHECK_FALSE(fs::exists(repo.path / "hooks/post-receive.before-sluice"));
    CHECK(uninstall(repo.path).has_value());
}

TEST_CASE("the installer asks for nothing that git and the hook do not need", "[hooks]") {
    Repository repo;
    InstallOptions options = repo.options(1);
    REQUIRE(install(repo.path, options).has_value());
    CHECK(fs::read_symlink(repo.path / "hooks/post-receive") == k_program);
    CHECK_FALSE(fs::exists(repo.path / "hooks/update"));
    struct stat status {};
    REQUIRE(stat((repo.path / "sluice.conf").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(repo.read("config") ==
          "[core]\n\tbare = true\n[receive]\n\tadvertisePushOptions = true\n");
    options.update = true;
    options.protect = {"main"};
    REQUIRE(install(repo.path, options).has_value());
    CHECK(fs::exists(repo.path / "hooks/update"));
    CHECK(repo.read("sluice.conf").find("protect = main\n") != std::string::npos);
    CHECK(repo.read("config") ==
          "[core]\n\tbare = true\n[receive]\n\tadvertisePushOptions = true\n");
    options.update = false;
    REQUIRE(install(repo.path, options).has_value());
    CHECK_FALSE(fs::exists(repo.path / "hooks/update"));
}

TEST_CASE("the installer refuses what would not work", "[hooks]") {
    Repository repo;
    auto refused = [&](auto change, const fs::path& path) {
        InstallOptions options = repo.options(1);
        change(options);
        auto result = install(path, options);
        return result ? std::string("installed")
                      : result.error().id + ": " + result.error().message;
    };
    auto keep = [](InstallOptions&) {};
    CHECK(refused([](auto& o) { o.server = "https://ci"; }, repo.path) ==
          "bad_option: server must be host:port of a plain HTTP listener, without a scheme; "
          "sluice-hook has no TLS");
    CHECK(refused([](auto& o) { o.server = "ci"; }, repo.path).starts_with("bad_option: server"));
    CHECK(refused([](auto& o) { o.secret = ""; }, repo.path)
              .starts_with("bad_option: secret is missing"));
    CHECK(refused([](auto& o) { o.secret = "a\nprotect = x"; }, repo.path)
              .starts_with("bad_option: secret must not"));
    CHECK(refused([](auto& o) { o.project = "a/../b"; }, repo.path)
              .starts_with("bad_option: project"));
    CHECK(refused([](auto& o) { o.program = "sluice-hook"; }, repo.path)
              .starts_with("bad_option: program"));
    CHECK(refused(keep, repo.path / "refs").starts_with("not_a_repository: "));
    CHECK(refused(keep, repo.path / "missing").starts_with("not_a_repository: "));
    fs::create_directories(repo.path / "copy" / ".git");
    CHECK(refused(keep, repo.path / "copy").starts_with("not_bare: "));
    repo.write("config", "[core]\n\tbare = false\n");
    CHECK(refused(keep, repo.path).starts_with("not_bare: "));
    repo.write("config", "[core]\n\tbare = true\n\thooksPath = /srv/hooks\n");
    CHECK(refused(keep, repo.path).starts_with("hooks_elsewhere: "));
    repo.write("config", "[core]\n\tbare = true\n");
    repo.write("config.lock", "");
    CHECK(refused(keep, repo.path).starts_with("config_locked: "));
    fs::remove(repo.path / "config.lock");
    REQUIRE(uninstall(repo.path).has_value());
    repo.write("hooks/post-receive", "#!/bin/sh\n", 0755);
    repo.write("hooks/post-receive.before-sluice", "#!/bin/sh\n", 0755);
    CHECK(refused(keep, repo.path).starts_with("hook_conflict: "));
}
