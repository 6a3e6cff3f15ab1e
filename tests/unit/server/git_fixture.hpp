#pragma once
/// Real repositories, a real smart-HTTP server on the loopback and a running GitService for tests.

#include "server/git/git_service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace sluice::git::test {

using files::Path;

class TempDir {
public:
    TempDir() {
        std::string name = (std::filesystem::temp_directory_path() / "sluice-git-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    ~TempDir() { (void)files::remove_tree(path_); }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const Path& path() const { return path_; }

private:
    Path path_;
};

/// Runs a program with `input` on stdin; its stdout. Throws when it fails.
inline std::string run(const std::vector<std::string>& command, const std::string& input = "",
                       const std::map<std::string, std::string>& environment = {}) {
    int in[2];
    int out[2];
    if (pipe(in) != 0 || pipe(out) != 0) throw std::runtime_error("pipe");
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int fd = 3; fd < 256; ++fd) close(fd);
        for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
        std::vector<char*> words;
        words.reserve(command.size() + 1);
        for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
        execvp(words[0], words.data());
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    std::thread writer([&] {
        std::size_t done = 0;
        while (done < input.size()) {
            const ssize_t sent = write(in[1], input.data() + done, input.size() - done);
            if (sent <= 0) break;
            done += static_cast<std::size_t>(sent);
        }
        close(in[1]);
    });
    std::string output;
    std::array<char, 65536> buffer{};
    for (ssize_t got; (got = read(out[0], buffer.data(), buffer.size())) > 0;)
        output.append(buffer.data(), static_cast<std::size_t>(got));
    close(out[0]);
    writer.join();
    int status = 0;
    waitpid(pid, &status, 0);
    if (status != 0)
        throw std::runtime_error("failed: " + command[0] + " " +
                                 (command.size() > 1 ? command[1] : ""));
    return output;
}

/// A bare repository that is written to by plumbing, so that trees can be made which no checkout
/// would hold.
class TestRepo {
public:
    explicit TestRepo(Path path) : path_(std::move(path)) {
        git({"init", "-q", "--bare", "-b", "main", path_.string()});
    }
    const Path& path() const { return path_; }

    std::string git(std::vector<std::string> arguments, const std::string& input = "") const {
        std::vector<std::string> command{"git"};
        if (arguments[0] != "init") command.insert(command.end(), {"--git-dir", path_.string()});
        command.insert(command.end(), arguments.begin(), arguments.end());
        std::string out = run(command, input,
                              {{"GIT_AUTHOR_NAME", "Ada"},
                               {"GIT_AUTHOR_EMAIL", "ada@example.org"},
                               {"GIT_COMMITTER_NAME", "ada"},
                               {"GIT_COMMITTER_EMAIL", "ada@example.org"},
                               {"GIT_AUTHOR_DATE", "1700000000 +0000"},
                               {"GIT_COMMITTER_DATE", "1700000000 +0000"},
                               {"GIT_CONFIG_NOSYSTEM", "1"},
                               {"HOME", path_.string()}});
        while (!out.empty() && out.back() == '\n') out.pop_back();
        return out;
    }
    std::string blob(const std::string& text) const {
        return git({"hash-object", "-w", "--stdin"}, text);
    }
    /// `entries` as `git mktree` reads them: "100644 blob <id>\t<name>\n…".
    std::string tree(const std::string& entries) const {
        return git({"mktree", "--missing"}, entries);
    }

    /// A tree of regular files, with folders as the paths say.
    std::string tree_of(const std::map<std::string, std::string>& paths) const {
        std::map<std::string, std::map<std::string, std::string>> folders;
        std::string entries;
        for (const auto& [path, text] : paths) {
            const std::size_t slash = path.find('/');
            if (slash == std::string::npos)
                entries += "100644 blob " + blob(text) + "\t" + path + "\n";
            else
                folders[path.substr(0, slash)][path.substr(slash + 1)] = text;
        }
        for (const auto& [folder, inner] : folders)
            entries += "040000 tree " + tree_of(inner) + "\t" + folder + "\n";
        return tree(entries);
    }
    std::string commit_tree(const std::string& tree, const std::string& message,
                            const std::vector<std::string>& parents = {}) const {
        std::vector<std::string> arguments{"commit-tree", tree};
        for (const std::string& parent : parents) arguments.insert(arguments.end(), {"-p", parent});
        return git(arguments, message);
    }
    std::string commit(const std::map<std::string, std::string>& paths,
                       const std::vector<std::string>& parents = {},
                       const std::string& message = "change") const {
        return commit_tree(tree_of(paths), message, parents);
    }
    void set_ref(const std::string& ref, const std::string& sha) const {
        git({"update-ref", ref, sha});
    }
    void delete_ref(const std::string& ref) const { git({"update-ref", "-d", ref}); }

private:
    Path path_;
};

/// Serves the repositories below a folder by `git http-backend`, or misbehaves.
class HttpGit {
public:
    enum class Manner {
        serve,
        silent,
        redirect,
        cut,
        guarded
    };  ///< cut: packs end in their middle

    HttpGit(Path root, Manner manner) : root_(std::move(root)), manner_(manner) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            listen(listener_, 16) != 0)
            throw std::runtime_error("listen");
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { accept_all(); });
    }
    ~HttpGit() {
        stopping_ = true;
        shutdown(listener_, SHUT_RDWR);
        thread_.join();
        close(listener_);
        for (int fd : held_) close(fd);
    }
    std::string url(const std::string& repo) const {
        return "http://127.0.0.1:" + std::to_string(port_) + "/" + repo;
    }
    int requests() const { return requests_; }
    void behave(Manner manner) { manner_ = manner; }

private:
    void accept_all() {
        while (!stopping_) {
            const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (peer < 0) continue;
            ++requests_;
            if (manner_ == Manner::silent) {
                held_.push_back(peer);
                continue;
            }
            try {
                answer(peer);
            } catch (const std::exception&) {
                // The client sees a closed connection.
            }
            close(peer);
        }
    }
    static std::string header_value(const std::string& head, const std::string& name) {
        const std::size_t at = head.find("\r\n" + name + ": ");
        if (at == std::string::npos) return "";
        const std::size_t begin = at + name.size() + 4;
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }
    static bool fill(int peer, std::string& data) {
        std::array<char, 65536> buffer{};
        const ssize_t got = recv(peer, buffer.data(), buffer.size(), 0);
        if (got > 0) data.append(buffer.data(), static_cast<std::size_t>(got));
        return got > 0;
    }
    static void send_all(int peer, const std::string& bytes) {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t sent = send(peer, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            if (sent <= 0) return;
            done += static_cast<std::size_t>(sent);
        }
    }
    void answer(int peer) {
        std::string data;
        while (data.find("\r\n\r\n") == std::string::npos)
            if (!fill(peer, data)) return;
        const std::size_t head_end = data.find("\r\n\r\n") + 4;
        const std::string head = data.substr(0, head_end);
        std::string body = data.substr(head_end);
        const std::string length = header_value(head, "Content-Length");
        while (!length.empty() && body.size() < std::stoul(length))
            if (!fill(peer, body)) return;
        if (manner_ == Manner::redirect)
            return send_all(
                peer,
                "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/other\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n");
        // user:token
        if (manner_ == Manner::guarded &&
            header_value(head, "Authorization") != "Basic dXNlcjp0b2tlbg==")
            return send_all(peer,
                            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n"
                            "Content-Length: 0\r\nConnection: close\r\n\r\n");
        std::istringstream line(head);
        std::string method;
        std::string target;
        line >> method >> target;
        const std::size_t question = std::min(target.find('?'), target.size());
        std::string reply =
            run({"git", "http-backend"}, body,
                {{"GIT_PROJECT_ROOT", root_.string()},
                 {"GIT_HTTP_EXPORT_ALL", "1"},
                 {"HOME", root_.string()},
                 {"PATH_INFO", target.substr(0, question)},
                 {"QUERY_STRING", target.substr(std::min(question + 1, target.size()))},
                 {"REQUEST_METHOD", method},
                 {"CONTENT_TYPE", header_value(head, "Content-Type")},
                 {"CONTENT_LENGTH", length}});
        const std::string status =
            reply.starts_with("Status: ") ? reply.substr(8, reply.find("\r\n") - 8) : "200 OK";
        const std::size_t rest = reply.find("\r\n\r\n") + 4;
        if (manner_ == Manner::cut && method == "POST")
            reply.resize(rest + (reply.size() - rest) / 2);
        send_all(peer, "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: " +
                           std::to_string(reply.size() - rest) + "\r\n" + reply.substr(0, rest) +
                           reply.substr(rest));
    }

    Path root_;
    std::atomic<Manner> manner_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<int> requests_{0};
    std::vector<int> held_;
    std::thread thread_;
};

/// A GitService on two threads, with folders of its own.
class GitFixture {
public:
    GitFixture() {
        for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
    }
    ~GitFixture() {
        service_.reset();
        work_.reset();
        for (std::thread& thread : threads_) thread.join();
    }

    TestRepo repo(const std::string& name = "app.git") { return TestRepo(repos() / name); }
    Path repos() {
        std::filesystem::create_directories(dir_.path() / "repos");
        return dir_.path() / "repos";
    }
    Path data() const { return dir_.path() / "data"; }
    /// Starts the service on first use, with `options` as they are then.
    GitService& service() {
        if (!service_) {
            options.data = data();
            if (in_place) options.local_roots = {repos()};
            service_ = std::make_unique<GitService>(io_.get_executor(), options);
        }
        return *service_;
    }
    /// Ends the service; the next use starts another one on the same folders.
    void restart() { service_.reset(); }

    template <class T>
    T wait(awaitable<T> work) {
        return boost::asio::co_spawn(io_, std::move(work), boost::asio::use_future).get();
    }
    Result<Snapshot> snapshot(const TestRepo& repo, const std::string& sha,
                              const std::string& base = "", bool use_merge_base = false) {
        return snapshot(repo.path().string(), sha, base, use_merge_base);
    }
    Result<Snapshot> snapshot(const std::string& url, const std::string& sha,
                              const std::string& base = "", bool use_merge_base = false,
                              const std::string& ref = "") {
        SnapshotRequest request;
        request.repo = {.project = ProjectId{1}, .url = url};
        request.sha = sha;
        request.base = base;
        request.use_merge_base = use_merge_base;
        request.ref = ref;
        return wait(service().snapshot(std::move(request)));
    }

    Options options;
    bool in_place = true;
    boost::asio::io_context& io() { return io_; }

private:
    TempDir dir_;
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::vector<std::thread> threads_;
    std::unique_ptr<GitService> service_;
};

}  // namespace sluice::git::test
