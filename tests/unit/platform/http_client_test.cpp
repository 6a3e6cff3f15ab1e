// The client against a small fake HTTP server of this file: one connection at a time, scripted
// answers.

#include "platform/http_client.hpp"

#include "platform/files.hpp"
#include "platform/spawn.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

using namespace sluice;
using namespace std::chrono_literals;

namespace {

/// Accepts connections one after the other; gives each request's text to `answer` and sends what it
/// returns
/// ("" = hang up, "wait" = keep silent until the end).
class ScriptedServer {
public:
    using Answer = std::function<std::string(const std::string& request)>;
    explicit ScriptedServer(Answer answer) : answer_(std::move(answer)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listener_, 16) == 0);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~ScriptedServer() {
        closing_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        {
            std::lock_guard lock(mutex_);
            if (open_ >= 0) ::shutdown(open_, SHUT_RDWR);
        }
        thread_.join();
        ::close(listener_);
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int connections() const { return connections_; }

private:
    void run() {
        while (!closing_) {
            int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue;
            ++connections_;
            {
                std::lock_guard lock(mutex_);
                open_ = fd;
            }
            serve(fd);
            std::lock_guard lock(mutex_);
            open_ = -1;
            ::close(fd);
        }
    }
    void serve(int fd) {
        std::string buffer;
        char piece[65536];
        while (!closing_) {
            std::size_t head = buffer.find("\r\n\r\n");
            std::size_t length = 0;
            if (auto at = buffer.find("Content-Length: "); head != std::string::npos && at < head)
                length = std::strtoull(buffer.c_str() + at + 16, nullptr, 10);
            if (head != std::string::npos && buffer.size() >= head + 4 + length) {
                std::string reply = answer_(buffer.substr(0, head + 4 + length));
                buffer.erase(0, head + 4 + length);
                if (reply.empty()) return;
                if (reply == "wait") continue;
                ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
                continue;
            }
            ssize_t n = ::recv(fd, piece, sizeof piece, 0);
            if (n <= 0) return;
            buffer.append(piece, static_cast<std::size_t>(n));
        }
    }

    Answer answer_;
    int listener_ = -1, port_ = 0, open_ = -1;
    std::atomic<bool> closing_{false};
    std::atomic<int> connections_{0};
    std::mutex mutex_;
    std::thread thread_;
};

std::string reply(const std::string& body, const std::string& status = "200 OK",
                  const std::string& headers = "") {
    return "HTTP/1.1 " + status + "\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

http_client::Request get(const std::string& url) {
    http_client::Request request;
    request.url = url;
    return request;
}

}  // namespace

TEST_CASE("a reply has status, headers in lower case and body; the connection is kept",
          "[http_client]") {
    http_client::init_client();
    ScriptedServer server(
        [](const std::string&) { return reply("hello", "404 Not Found", "X-Commit:  abc \r\n"); });
    http_client::Client client;
    for (int i = 0; i < 3; ++i) {
        auto response = client.send(get(server.url() + "/x"));
        REQUIRE(response.has_value());
        CHECK(response->status == 404);
        CHECK(response->headers.at("x-commit") == "abc");
        CHECK(response->body == "hello");
        CHECK_FALSE(response->ok());
    }
    CHECK(server.connections() == 1);
}

TEST_CASE("a request carries method, headers and body, and no Expect", "[http_client]") {
    std::string seen;
    ScriptedServer server([&](const std::string& request) {
        seen = request;
        return reply("");
    });
    http_client::Client client;
    std::string body(100'000, 'b');
    for (const char* method : {"POST", "PATCH", "PUT"}) {
        for (std::size_t size : {0UL, 10UL, body.size()}) {
            http_client::Request request = get(server.url() + "/a?b=c");
            request.method = method;
            request.headers = {"Authorization: Lease t", "Content-Type: application/json"};
            request.body = std::string_view(body).substr(0, size);
            REQUIRE(client.send(request).has_value());
            CHECK(seen.starts_with(std::string(method) + " /a?b=c HTTP/1.1\r\n"));
            CHECK(seen.find("Authorization: Lease t\r\n") != std::string::npos);
            CHECK(seen.find("Content-Type: application/json\r\n") != std::string::npos);
            CHECK(seen.find("Expect") == std::string::npos);
            CHECK(seen.find("Transfer-Encoding") == std::string::npos);
            CHECK(seen.size() - seen.find("\r\n\r\n") - 4 == size);
        }
    }
}

TEST_CASE("a body may come from a reader", "[http_client]") {
    std::string seen;
    ScriptedServer server([&](const std::string& request) {
        seen = request;
        return reply("ok");
    });
    http_client::Client client;
    http_client::Request request = get(server.url());
    request.method = "PATCH";
    request.body_size = 300'000;
    request.body_reader = [](char* buffer, std::size_t size) {
        std::fill(buffer, buffer + size, 'r');
        return size;
    };
    REQUIRE(client.send(request).has_value());
    CHECK(seen.size() - seen.find("\r\n\r\n") - 4 == 300'000);
}

TEST_CASE("a sink takes the body of a good reply only", "[http_client]") {
    bool good = true;
    ScriptedServer server([&](const std::string&) {
        return good ? reply(std::string(100'000, 's')) : reply("no", "409 Conflict");
    });
    http_client::Client client;
    std::size_t taken = 0;
    http_client::Request request = get(server.url());
    request.sink = [&](std::string_view piece) {
        taken += piece.size();
        return true;
    };
    CHECK(client.send(request)->body.empty());
    CHECK(taken == 100'000);
    good = false;
    CHECK(client.send(request)->body == "no");
    CHECK(taken == 100'000);
    good = true;
    request.sink = [](std::string_view) { return false; };
    CHECK(client.send(request).error().id == "interrupted");
}

TEST_CASE("redirects are not followed and a large reply is refused", "[http_client]") {
    ScriptedServer server([](const std::string& request) {
        if (request.starts_with("GET /big")) return reply(std::string(2000, 'x'));
        return reply("", "302 Found", "Location: http://127.0.0.1:1/\r\n");
    });
    http_client::Client client;
    CHECK(client.send(get(server.url()))->status == 302);
    http_client::Request request = get(server.url() + "/big");
    request.response_max = 1999;
    CHECK(client.send(request).error().code == Code::too_large);
    request.response_max = 2000;
    CHECK(client.send(request)->body.size() == 2000);
}

TEST_CASE("the address that is connected to can be refused", "[http_client]") {
    ScriptedServer server(
        [](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; });
    http_client::Client client;
    http_client::Request request;
    request.url = server.url();
    std::vector<int> families;
    bool allowed = false;
    request.may_connect = [&](const sockaddr& address) {
        families.push_back(address.sa_family);
        return allowed;
    };
    const auto refused = client.send(request);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().id == "address_denied");
    CHECK(refused.error().code == Code::forbidden);
    CHECK(server.connections() == 0);
    CHECK(families == std::vector<int>{AF_INET});
    allowed = true;
    CHECK(client.send(request)->body == "ok");
    // A rule of one request is not the next one's.
    request.may_connect = nullptr;
    CHECK(client.send(request)->body == "ok");
}

TEST_CASE("refusals say whether it was the connection, the time or the address", "[http_client]") {
    http_client::Client client({.connect_timeout = 2s});
    CHECK(client.send(get("http://127.0.0.1:1/")).error().id == "connect_failed");
    CHECK(client.send(get("ftp://127.0.0.1/")).error().id == "bad_url");
    ScriptedServer hanging_up([](const std::string&) { return std::string(); });
    CHECK(client.send(get(hanging_up.url())).error().id == "connect_failed");
    ScriptedServer silent([](const std::string&) { return std::string("wait"); });
    http_client::Request request = get(silent.url());
    request.timeout = Duration{100};
    auto late = client.send(request);
    CHECK(late.error().id == "timeout");
    CHECK(late.error().code == Code::timeout);
}

TEST_CASE("an interrupt from another thread ends a waiting request at once, until resume",
          "[http_client]") {
    ScriptedServer server([](const std::string& request) {
        return request.starts_with("GET /wait") ? std::string("wait") : reply("ok");
    });
    http_client::Client client;
    auto begin = std::chrono::steady_clock::now();
    std::thread other([&] {
        std::this_thread::sleep_for(100ms);
        client.interrupt();
    });
    auto stopped = client.send(get(server.url() + "/wait"));
    other.join();
    CHECK(stopped.error().id == "interrupted");
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
    CHECK(client.send(get(server.url())).error().id == "interrupted");
    client.resume();
    CHECK(client.send(get(server.url()))->body == "ok");
}

TEST_CASE("a dead kept-alive connection is replaced without an error", "[http_client]") {
    int requests = 0;
    ScriptedServer server([&](const std::string&) {
        // Answers, then hangs up at the second request on a connection.
        return ++requests % 2 == 1 ? reply("ok") : std::string();
    });
    http_client::Client client;
    http_client::Request request = get(server.url());
    request.method = "POST";
    request.body = "again";
    CHECK(client.send(request)->body == "ok");
    CHECK(client.send(request)->body == "ok");
    CHECK(server.connections() == 2);
}

TEST_CASE("proxies of the environment are ignored", "[http_client]") {
    ScriptedServer server([](const std::string&) { return reply("direct"); });
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    http_client::Client client;
    CHECK(client.send(get(server.url()))->body == "direct");
    ::unsetenv("http_proxy");
}

namespace {
/// `openssl s_server` with a fresh self-signed certificate for 127.0.0.1.
struct TlsServer {
    files::Path dir;
    pid_t pid = 0;
    int port = 0;

    TlsServer() {
        std::string name = (std::filesystem::temp_directory_path() / "sluice-tls-XXXXXX").string();
        dir = ::mkdtemp(name.data());
        auto made = spawn::run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                                "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                                (dir / "key").string(), "-out", ca().string()});
        REQUIRE(made.has_value());
        REQUIRE(made->exit.ok());
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        files::Fd read_end(ends[0]), write_end(ends[1]);
        pid = spawn::start({.argv = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
                                     "-key", (dir / "key").string(), "-cert", ca().string()},
                            .env = spawn::current_environment(),
                            .directory = {},
                            .in = -1,
                            .out = write_end.get(),
                            .err = -1})
                  .value();
        write_end.reset();
        std::string output;
        char c = 0;
        while (output.find("ACCEPT 127.0.0.1:") == std::string::npos || output.back() != '\n') {
            REQUIRE(::read(read_end.get(), &c, 1) == 1);
            output += c;
        }
        port = std::atoi(output.c_str() + output.find("ACCEPT 127.0.0.1:") + 17);
    }
    ~TlsServer() {
        spawn::kill_group(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        (void)files::remove_tree(dir);
    }
    files::Path ca() const { return dir / "ca.pem"; }
    std::string url() const { return "https://127.0.0.1:" + std::to_string(port) + "/"; }
};
}  // namespace

TEST_CASE("a pinned authority is the only one trusted", "[http_client]") {
    TlsServer server;
    http_client::Client pinned({.ca_file = server.ca().string()});
    auto good = pinned.send(get(server.url()));
    REQUIRE(good.has_value());
    CHECK(good->status == 200);
    TlsServer other;
    CHECK(pinned.send(get(other.url())).error().id == "tls");
    http_client::Client unpinned;
    CHECK(unpinned.send(get(server.url())).error().id == "tls");
}

TEST_CASE("percent encoding leaves only unreserved characters", "[http_client]") {
    CHECK(http_client::percent_encode("a-b_c.d~e/f g?%\xff") == "a-b_c.d~e%2Ff%20g%3F%25%FF");
}
