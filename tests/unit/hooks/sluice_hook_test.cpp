#include "delivery_fixture.hpp"
#include "hooks/git/install.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <iostream>
#include <mutex>
#include <thread>

using namespace sluice;
using namespace sluice::hooks;
using namespace sluice::hooks::test;
namespace fs = std::filesystem;

namespace {

const fs::path k_program = fs::path(SLUICE_BIN_DIR) / "sluice-hook";

struct Received {
    std::string target;
    RawDelivery raw;
};

/// A server on the loopback that keeps what it gets and answers as told.
class Responder {
public:
    using Answer = std::function<std::string(const Received&)>;

    explicit Responder(Answer answer) : answer_(std::move(answer)) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(listen(listener_, 16) == 0);
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Responder() {
        stopping_ = true;
        shutdown(listener_, SHUT_RDWR);
        thread_.join();
        close(listener_);
        for (int fd : held_) close(fd);
    }
    static std::string reply(int status, const std::string& body) {
        return "HTTP/1.1 " + std::to_string(status) +
               " X\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\nConnection: close\r\n\r\n" + body;
    }
    std::vector<Received> received() {
        std::lock_guard lock(mutex_);
        return received_;
    }
    std::uint16_t port = 0;

private:
    void serve() {
        while (!stopping_) {
            const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (peer < 0) continue;
            Received request = read(peer);
            {
                std::lock_guard lock(mutex_);
                received_.push_back(request);
            }
            const std::string text = answer_(request);
            if (text.empty()) {
                held_.push_back(peer);
                continue;
            }
            (void)send(peer, text.data(), text.size(), MSG_NOSIGNAL);
            close(peer);
        }
    }
    static Received read(int peer) {
        std::string data;
        char buffer[65536];
        std::size_t head = std::string::npos;
        std::size_t length = 0;
        for (;;) {
            const ssize_t got = recv(peer, buffer, sizeof buffer, 0);
            if (got <= 0) break;
            data.append(buffer, static_cast<std::size_t>(got));
            head = data.find("\r\n\r\n");
            if (head == std::string::npos) continue;
            const std::size_t at = data.find("Content-Length: ");
            length = std::stoul(data.substr(at + 16));
            if (data.size() >= head + 4 + length) break;
        }
        Received out;
        if (head == std::string::npos) return out;
        out.target = data.substr(5, data.find(' ', 5) - 5);
        for (std::size_t at = data.find("\r\n") + 2; at < head;) {
            const std::size_t end = data.find("\r\n", at);
            const std::size_t colon = data.find(": ", at);
            std::string name = data.substr(at, colon - at);
            for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            out.raw.headers[name] = data.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }
        out.raw.body = data.substr(head + 4);
        return out;
    }

    Answer answer_;
    int listener_ = -1;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<Received> received_;
    std::vector<int> held_;
    std::thread thread_;
};

struct Finished {
    int code = -1;
    std::string err;
    std::chrono::microseconds took{};
};

/// A folder that looks like a bare repository, with the hook in it.
class Repository {
public:
    Repository() {
        std::string name = (fs::temp_directory_path() / "sluice-hook-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
        for (const char* folder : {"objects", "refs", "hooks"}) fs::create_directory(path / folder);
        write("HEAD", "ref: refs/heads/main\n");
        write("config", "[core]\n\tbare = true\n");
    }
    ~Repository() { (void)files::remove_tree(path); }

    void write(const fs::path& name, const std::string& text, int mode = 0644) {
        REQUIRE(files::write_atomic(path / name, text, mode, false).has_value());
    }
    std::string read(const fs::path& name) { return *files::read_file(path / name); }
    InstallOptions options(int port) {
        InstallOptions out;
        out.server = "127.0.0.1:" + std::to_string(port);
        out.project = "engine";
        out.secret = k_secret;
        out.program = k_program;
        return out;
    }
    std::vector<std::string> spooled(const std::string& ending = ".post") {
        std::vector<std::string> out;
        if (!fs::exists(path / "sluice-spool")) return out;
        for (const auto& entry : fs::directory_iterator(path / "sluice-spool"))
            if (entry.path().string().ends_with(ending)) out.push_back(entry.path().filename());
        std::sort(out.begin(), out.end());
        return out;
    }

    /// Runs a hook as git does: in the repository, with GIT_DIR=., the updates on stdin.
    Finished run(const std::string& hook, const std::string& input,
                 const std::vector<std::string>& arguments = {},
                 const std::map<std::string, std::string>& environment = {}) {
        int in[2];
        int err[2];
        REQUIRE((pipe(in) == 0 && pipe(err) == 0));
        const auto begin = std::chrono::steady_clock::now();
        const pid_t pid = fork();
        if (pid == 0) {
            dup2(in[0], 0);
            dup2(err[1], 2);
            for (int fd = 3; fd < 64; ++fd) close(fd);
            if (chdir(path.c_str()) != 0) _exit(125);
            clearenv();
            setenv("GIT_DIR", ".", 1);
            setenv("USER", "ada", 1);
            for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
            std::vector<char*> words{const_cast<char*>(hook.c_str())};
            for (const std::string& word : arguments)
                words.push_back(const_cast<char*>(word.c_str()));
            words.push_back(nullptr);
            execv(words[0], words.data());
            _exit(127);
        }
        close(in[0]);
        close(err[1]);
        std::thread writer([&] {
            (void)!::write(in[1], input.data(), input.size());
            close(in[1]);
        });
        Finished out;
        char buffer[4096];
        for (ssize_t got; (got = ::read(err[0], buffer, sizeof buffer)) > 0;)
            out.err.append(buffer, static_cast<std::size_t>(got));
        close(err[0]);
        writer.join();
        int status = 0;
        waitpid(pid, &status, 0);
        out.took = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - begin);
        out.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        return out;
    }
    Finished push(const std::string& ref = "refs/heads/main",
                  const std::map<std::string, std::string>& environment = {}) {
        return run("hooks/post-receive", k_old + " " + k_new + " " + ref + "\n", {}, environment);
    }
    Finished update(const std::string& ref = "refs/heads/main") {
        return run("hooks/update", "", {ref, k_old, k_new});
    }

    fs::path path;
};

std::string accepted(const Received&) {
    return Responder::reply(202, R"({"delivery":1,"outcome":"accepted"})");
}

/// A port on which nobody listens.
int closed_port() {
    Responder gone(accepted);
    return gone.port;
}

}  // namespace

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
    std::string verdict = "green";
    Responder server([&](const Received&) {
        return Responder::reply(200,
                                R"({"verdict":")" + verdict + R"(","summary":"job unit failed"})");
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
        CHECK(hook.err ==
              "sluice: main is not open for this commit: " + verdict + " (job unit failed)\n");
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
