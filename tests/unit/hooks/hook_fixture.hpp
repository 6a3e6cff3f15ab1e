#pragma once
/// Runs sluice-hook as git does, against a server on the loopback that answers as told.

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

namespace sluice::hooks::test {

namespace fs = std::filesystem;

inline const fs::path k_program = fs::path(SLUICE_BIN_DIR) / "sluice-hook";

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

inline std::string accepted(const Received&) {
    return Responder::reply(202, R"({"delivery":1,"outcome":"accepted"})");
}

/// A port on which nobody listens.
inline int closed_port() {
    Responder gone(accepted);
    return gone.port;
}

}  // namespace sluice::hooks::test
