#pragma once
/// A server on a free port with its own io threads, and a client that sends exactly the bytes it is
/// told to.

#include "server/http/server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace sluice::http::test {

using namespace std::chrono_literals;

/// Runs a server until the end of the scope.
class TestServer {
public:
    explicit TestServer(Handler handler, ServerOptions options = {}, int threads = 1)
        : server_(io_.get_executor(), std::move(options), std::move(handler)) {
        server_.start();
        for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { io_.run(); });
    }
    ~TestServer() {
        server_.stop(0ms);
        join();
    }
    /// Waits until nothing of the server is left to run.
    void join() {
        for (auto& thread : threads_)
            if (thread.joinable()) thread.join();
    }
    std::uint16_t port() const { return server_.port(); }
    Server& server() { return server_; }

private:
    boost::asio::io_context io_;
    Server server_;
    std::vector<std::thread> threads_;
};

struct Answer {
    int status = 0;
    std::string head;  ///< with its empty line
    std::string body;  ///< decoded
    bool complete = false;

    /// The header's value, "" without it.
    std::string header(const std::string& name) const {
        auto at = head.find("\r\n" + name + ": ");
        if (at == std::string::npos) return "";
        at += name.size() + 4;
        return head.substr(at, head.find("\r\n", at) - at);
    }
};

/// A blocking socket; every wait ends after ten seconds.
class Client {
public:
    explicit Client(std::uint16_t port, int receive_buffer = 0)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receive_buffer > 0)
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        int one = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Client() { close(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool connected() const { return connected_; }
    /// False when the server has closed.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    void finish_writing() { ::shutdown(fd_, SHUT_WR); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    /// One read; false at the end, on a reset or after ten seconds.
    bool receive() {
        pollfd entry{fd_, POLLIN, 0};
        if (::poll(&entry, 1, 10000) <= 0) {
            timed_out_ = true;
            return false;
        }
        char buffer[65536];
        auto got = ::recv(fd_, buffer, sizeof buffer, 0);
        if (got <= 0) return false;
        input_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }
    bool receive_until(std::string_view text) {
        while (input_.find(text) == std::string::npos)
            if (!receive()) return false;
        return true;
    }
    /// Cuts the next reply off the input. `head_only` for HEAD.
    Answer answer(bool head_only = false) {
        Answer result;
        if (!receive_until("\r\n\r\n")) return result;
        auto end = input_.find("\r\n\r\n") + 4;
        result.head = input_.substr(0, end);
        input_.erase(0, end);
        result.status = std::atoi(result.head.c_str() + 9);
        if (head_only || result.status == 204 || result.status == 304 || result.status == 100) {
            result.complete = true;
        } else if (result.header("Transfer-Encoding") == "chunked") {
            result.complete = take_chunks(result.body);
        } else if (auto length = result.header("Content-Length"); !length.empty()) {
            auto size = static_cast<std::size_t>(std::stoull(length));
            while (input_.size() < size && receive()) {
            }
            result.complete = input_.size() >= size;
            result.body = input_.substr(0, size);
            input_.erase(0, size);
        } else {
            while (receive()) {
            }
            result.body = std::move(input_);
            result.complete = true;
        }
        return result;
    }
    Answer ask(std::string_view bytes) {
        send(bytes);
        return answer();
    }
    /// The server closes (or resets) without another byte.
    bool closes() {
        while (receive()) {
        }
        return !timed_out_ && input_.empty();
    }
    /// The server has reset the connection, which shows without reading.
    bool was_reset() {
        pollfd entry{fd_, 0, 0};
        return ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLERR);
    }
    std::string& input() { return input_; }

private:
    bool take_chunks(std::string& body) {
        while (true) {
            if (!receive_until("\r\n")) return false;
            auto line = input_.find("\r\n");
            auto size = std::stoull(input_.substr(0, line), nullptr, 16);
            while (input_.size() < line + 2 + size + 2)
                if (!receive()) return false;
            body += input_.substr(line + 2, size);
            input_.erase(0, line + 2 + size + 2);
            if (size == 0) return true;
        }
    }

    int fd_;
    bool connected_ = false;
    bool timed_out_ = false;
    std::string input_;
};

/// Waits until `condition()`; false after ten seconds.
template <class Condition>
bool eventually(Condition condition) {
    auto until = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

inline std::string get(const std::string& target, const std::string& headers = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: ci\r\n" + headers + "\r\n";
}

inline std::string post(const std::string& target, const std::string& body,
                        const std::string& headers = "") {
    return "POST " + target +
           " HTTP/1.1\r\nHost: ci\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           headers + "\r\n" + body;
}

}  // namespace sluice::http::test
