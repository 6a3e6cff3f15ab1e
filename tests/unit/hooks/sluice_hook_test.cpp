#include "hook_fixture.hpp"

#include <atomic>

using namespace sluice;
using namespace sluice::hooks;
using namespace sluice::hooks::test;

TEST_CASE("a push is told to the server, signed, and prints nothing", "[hooks]") {
    Responder server(accepted);
    Repository repo;
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    const Finished hook = repo.push("refs/heads/main", {{"GIT_PUSH_OPTION_COUNT", "2"},
                                                        {"GIT_PUSH_OPTION_0", "ci.skip"},
                                                        {"GIT_PUSH_OPTION_1", "ci.var=a \"b\"\n"}});
    CHECK(hook.code == 0);
    CHECK(hook.err.empty());
    const auto received = server.received();
    REQUIRE(received.size() == 1);
    CHECK(received[0].target == "/hooks/git/engine");
    CHECK(received[0].raw.headers.at("host") == "127.0.0.1:" + std::to_string(server.port));
    const Forge& git = *forge_by_name("git");
    CHECK(git.verify(received[0].raw, k_secret).has_value());
    CHECK(git.delivery_id(received[0].raw).size() == 32);
    const Decoded decoded = git.decode(received[0].raw);
    REQUIRE(decoded.events.size() == 1);
    CHECK(decoded.events[0].event.branch == "main");
    CHECK(decoded.events[0].event.sha == k_new);
    CHECK(decoded.events[0].event.actor == "ada");
    CHECK(decoded.events[0].event.options ==
          std::vector<std::string>{"ci.skip", "ci.var=a \"b\"\n"});
}

TEST_CASE("hostile branch names pass through the hook as data", "[hooks]") {
    Responder server(accepted);
    Repository repo;
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    const std::vector<std::string> names{"$(id)",
                                         "<script>alert(1)</script>",
                                         "zzz\";echo${IFS}\"hello\";#",
                                         "a\xe2\x80\xae"
                                         "b",
                                         "-rf",
                                         "a\\u0000",
                                         "\",\"new\":\"x"};
    for (const std::string& name : names) CHECK(repo.push("refs/heads/" + name).code == 0);
    CHECK(repo.push("refs/heads/latin\xe9").code == 0);
    const auto received = server.received();
    REQUIRE(received.size() == names.size() + 1);
    for (std::size_t i = 0; i < names.size(); ++i) {
        auto body = json::parse(received[i].raw.body);
        REQUIRE(body.has_value());
        CHECK(body->at("updates").at(0).at("ref").as_string() == "refs/heads/" + names[i]);
        CHECK(body->at("updates").at(0).at("new").as_string() == k_new);
    }
    const Decoded decoded = forge_by_name("git")->decode(received.back().raw);
    CHECK(decoded.events.at(0).event.branch == "latin\xef\xbf\xbd");
}

TEST_CASE("the address of a run is shown to the pusher", "[hooks]") {
    Responder server([](const Received&) {
        return Responder::reply(202, R"({"delivery":1,"url":"http://ci/runs/7"})");
    });
    Repository repo;
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    CHECK(repo.push().err == "sluice: run started: http://ci/runs/7\n");
}

TEST_CASE("what a server that is down missed is told later, in order", "[hooks]") {
    Repository repo;
    REQUIRE(install(repo.path, repo.options(closed_port())).has_value());
    const Finished first = repo.push("refs/heads/first");
    CHECK(first.code == 0);
    CHECK(first.err.find("not reached (Connection refused); the next push tells it") !=
          std::string::npos);
    CHECK(repo.push("refs/heads/second").code == 0);
    const auto waiting = repo.spooled();
    REQUIRE(waiting.size() == 2);
    struct stat status {};
    REQUIRE(stat((repo.path / "sluice-spool" / waiting[0]).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);

    Responder server(accepted);
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    const Finished third = repo.push("refs/heads/third");
    CHECK(third.err.empty());
    CHECK(repo.spooled().empty());
    const auto received = server.received();
    REQUIRE(received.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const std::string expected[] = {"first", "second", "third"};
        CHECK(forge_by_name("git")->verify(received[i].raw, k_secret).has_value());
        CHECK(forge_by_name("git")->decode(received[i].raw).events.at(0).event.branch ==
              expected[i]);
        if (i < 2)
            CHECK(waiting[i].find(forge_by_name("git")->delivery_id(received[i].raw)) !=
                  std::string::npos);
    }
}

TEST_CASE("waiting deliveries can be sent without a push", "[hooks]") {
    Repository repo;
    REQUIRE(install(repo.path, repo.options(closed_port())).has_value());
    repo.push();
    CHECK(repo.run(k_program, "", {"drain"}).code == 1);
    CHECK(repo.spooled().size() == 1);
    Responder server(accepted);
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    CHECK(repo.run(k_program, "", {"drain"}).code == 0);
    CHECK(repo.spooled().empty());
    CHECK(server.received().size() == 1);
}

TEST_CASE("a refusal is noted and kept, and what can never be taken is set aside", "[hooks]") {
    std::atomic<int> status{503};
    Responder server([&](const Received&) {
        return Responder::reply(status, R"({"error":"x","message":"not now"})");
    });
    Repository repo;
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    CHECK(repo.push().err.find("(HTTP 503 not now)") != std::string::npos);
    CHECK(repo.spooled().size() == 1);
    repo.push();
    CHECK(repo.spooled().size() == 2);
    status = 400;
    repo.push();
    CHECK(repo.spooled(".refused").size() == 2);
    status = 202;
    repo.push();
    CHECK(repo.spooled().empty());
}

TEST_CASE("a server that does not answer costs the push its time limit, and no more", "[hooks]") {
    Responder server([](const Received&) { return std::string(); });
    Repository repo;
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    repo.write("sluice.conf", repo.read("sluice.conf") + "timeout_ms = 100\n", 0600);
    const Finished hook = repo.push();
    CHECK(hook.code == 0);
    CHECK(hook.err.find("no answer in time") != std::string::npos);
    CHECK(hook.took >= std::chrono::milliseconds(100));
    CHECK(hook.took < std::chrono::seconds(5));
    CHECK(repo.spooled().size() == 1);
}

TEST_CASE("a broken configuration is named, and the push goes on", "[hooks]") {
    Repository repo;
    REQUIRE(install(repo.path, repo.options(1)).has_value());
    const std::string good = repo.read("sluice.conf");
    const std::vector<std::pair<std::string, std::string>> cases{
        {good + "sever = x\n", "unknown key sever"},
        {"server = 127.0.0.1\n", "sluice.conf:1: bad value of server"},
        {"server = 127.0.0.1:99999\n", "sluice.conf:1: bad value of server"},
        {"\n# x\nproject = a/b\n", "sluice.conf:3: bad value of project"},
        {"server\n", "sluice.conf:1: expected key = value"},
        {"server = 127.0.0.1:1\nproject = a\n", "sluice.conf: secret is missing"},
        {"", "sluice.conf: server is missing"},
        {good + "secret_file = /nonexistent\n", "cannot open /nonexistent"},
    };
    for (const auto& [text, message] : cases) {
        repo.write("sluice.conf", text, 0600);
        const Finished hook = repo.push();
        CHECK(hook.code == 0);
        INFO(hook.err);
        CHECK(hook.err.find("sluice: nobody was told of this push: ") == 0);
        CHECK(hook.err.find(message) != std::string::npos);
    }
    repo.write("sluice.conf", good, 0644);
    CHECK(repo.push().err.find("is open to all users; chmod 600") != std::string::npos);
}

TEST_CASE("the secret may be in a file of its own, and names are resolved for localhost only",
          "[hooks]") {
    Responder server(accepted);
    Repository repo;
    repo.write("the-secret", k_secret + "\n", 0600);
    const std::string port = std::to_string(server.port);
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    repo.write("sluice.conf",
               "server = localhost:" + port + "\nproject = engine\nsecret_file = " +
                   (repo.path / "the-secret").string() + "\n",
               0600);
    CHECK(repo.push().err.empty());
    CHECK(forge_by_name("git")->verify(server.received().at(0).raw, k_secret).has_value());
    repo.write("sluice.conf", "server = ci.example.org:80\nproject = engine\nsecret = x\n", 0600);
    CHECK(repo.push().err.find("server must be an IP address or localhost") != std::string::npos);
}

TEST_CASE("the update hook opens a branch on green alone", "[hooks]") {
    std::atomic<const char*> verdict = "green";  // told here, read by the server's thread
    Responder server([&](const Received&) {
        return Responder::reply(
            200, R"({"verdict":")" + std::string(verdict) + R"(","summary":"job unit failed"})");
    });
    Repository repo;
    InstallOptions options = repo.options(server.port);
    options.update = true;
    REQUIRE(install(repo.path, options).has_value());
    CHECK(repo.update().code == 0);
    const auto received = server.received();
    REQUIRE(received.size() == 1);
    CHECK(received[0].target == "/hooks/git/engine/gate");
    CHECK(forge_by_name("git")->verify(received[0].raw, k_secret).has_value());
    CHECK(json::parse(received[0].raw.body)->at("new").as_string() == k_new);
    verdict = "unprotected";
    CHECK(repo.update().code == 0);
    for (const char* closed : {"red", "pending"}) {
        verdict = closed;
        const Finished hook = repo.update();
        CHECK(hook.code == 1);
        CHECK(hook.err == "sluice: main is not open for this commit: " + std::string(closed) +
                              " (job unit failed)\n");
    }
    verdict = "red";
    CHECK(repo.update("refs/tags/v1").code == 0);
}

TEST_CASE("protected branches stay closed while nobody can be asked", "[hooks]") {
    Repository repo;
    InstallOptions options = repo.options(closed_port());
    options.update = true;
    options.protect = {"main", "release/*"};
    REQUIRE(install(repo.path, options).has_value());
    CHECK(repo.update("refs/heads/main").code == 1);
    CHECK(repo.update("refs/heads/release/1").code == 1);
    CHECK(repo.update("refs/heads/topic").code == 0);
    CHECK(repo.update().err.find("main is protected and the server at 127.0.0.1:") !=
          std::string::npos);

    SECTION("an answer that is no verdict counts as none") {
        const std::string answer = GENERATE(
            Responder::reply(503, R"({"message":"starting"})"), Responder::reply(200, "{}"),
            Responder::reply(200, R"({"verdict":"gr)"), std::string("nonsense\r\n\r\n"));
        Responder server([&](const Received&) { return answer; });
        options.server = "127.0.0.1:" + std::to_string(server.port);
        REQUIRE(install(repo.path, options).has_value());
        CHECK(repo.update("refs/heads/main").code == 1);
        CHECK(repo.update("refs/heads/topic").code == 0);
    }
    SECTION("a configuration that cannot be read protects all") {
        repo.write("sluice.conf", "nonsense\n", 0600);
        CHECK(repo.update("refs/heads/topic").code == 1);
    }
}

TEST_CASE("git itself runs the hook on a push", "[hooks]") {
    if (std::system("git --version > /dev/null 2>&1") != 0) {
        WARN("git is not installed; skipped");
        return;
    }
    Responder server(accepted);
    Repository scratch;
    const std::string bare = (scratch.path / "bare.git").string();
    const std::string work = (scratch.path / "work").string();
    auto sh = [](const std::string& command) {
        return std::system(("exec > /dev/null 2>&1; " + command).c_str());
    };
    REQUIRE(sh("git init -q --bare -b main " + bare) == 0);
    REQUIRE(install(bare, scratch.options(server.port)).has_value());
    REQUIRE(sh("git init -q -b main " + work + " && cd " + work +
               " && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git push "
               "-q -o ci.skip " +
               bare + " HEAD:main 'HEAD:refs/heads/$(id)'") == 0);
    const auto received = server.received();
    REQUIRE(received.size() == 1);
    const Decoded decoded = forge_by_name("git")->decode(received[0].raw);
    REQUIRE(decoded.events.size() == 2);
    CHECK(decoded.events[0].event.options == std::vector<std::string>{"ci.skip"});
    CHECK(decoded.events[0].event.branch == "main");
    CHECK(decoded.events[1].event.branch == "$(id)");
}

TEST_CASE("speed of the hook against a local responder", "[.speed]") {
    Responder server(accepted);
    Repository repo;
    REQUIRE(install(repo.path, repo.options(server.port)).has_value());
    std::vector<std::chrono::microseconds> times;
    for (int i = 0; i < 200; ++i) times.push_back(repo.push().took);
    std::sort(times.begin(), times.end());
    std::cout << "sluice-hook, fork to exit: median " << times[100].count() << " us, p95 "
              << times[190].count() << " us\n";
}
