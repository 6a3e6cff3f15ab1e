#pragma once
/// A fake of the server's agent protocol, in this process, for the agent's tests: one thread per
/// connection, state in memory, knobs for what can go wrong. Not the real server: tests/protocol
/// runs the agent against that.

#include "pipelines/protocol/agent.hpp"
#include "platform/files.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace sluice::test {

struct FakeRequest {
    std::string method, path, authorization, body;
    std::map<std::string, std::string> headers;
};
struct FakeReply {
    int status = 200;
    std::string body;
    std::map<std::string, std::string> headers;
    bool hang_up = false;  ///< close without an answer
};

/// HTTP/1.1 with keep-alive and Content-Length bodies; enough for our own client.
class FakeHttp {
public:
    using Handler = std::function<FakeReply(const FakeRequest&)>;
    explicit FakeHttp(Handler handler);
    ~FakeHttp();
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    /// While down, connections are refused and open ones are cut; the port stays the same.
    void go_down();
    void come_up();

private:
    void accept_loop();
    void serve(int fd);
    void listen_now();

    Handler handler_;
    int port_ = 0;
    std::mutex mutex_;
    int listener_ = -1;
    bool down_ = false, closing_ = false;
    std::set<int> open_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

/// What the fake knows about one attempt.
struct FakeAttempt {
    std::string instance;
    std::string log;
    std::vector<std::int64_t> log_offsets;
    std::optional<protocol::FinishRequest> finish;
    int finishes = 0;
    std::vector<model::StepStatus> progress;
    bool cancel = false;
    bool lost = false;
    bool released = false;
    int renews = 0;
};

class FakeServer {
public:
    FakeServer();
    ~FakeServer();

    std::string url() const { return http_->url(); }
    void go_down() { http_->go_down(); }
    void come_up() { http_->come_up(); }

    /// A job with the given steps, as it would be claimed; attempt ids count up.
    protocol::ClaimedJob job(std::vector<std::string> scripts);
    /// Will be handed to the next claim with a free slot.
    void enqueue(protocol::ClaimedJob job);
    void cancel(AttemptId attempt);
    void lose(AttemptId attempt);

    /// A copy of the state now.
    FakeAttempt attempt(AttemptId attempt);
    bool finished(AttemptId attempt);
    std::vector<protocol::ClaimRequest> claims();
    std::vector<std::string> calls();
    /// Waits until `done` holds; false after the deadline.
    bool wait(const std::function<bool()>& done,
              std::chrono::milliseconds longest = std::chrono::seconds(20));
    /// Wall time in seconds when the claim's reply with this attempt was made.
    double handed_out(AttemptId attempt);
    bool wait_finished(AttemptId attempt,
                       std::chrono::milliseconds longest = std::chrono::seconds(20));

    /// Called first; a reply here replaces the normal one. May be set while the server answers.
    class Intercept {
    public:
        using Function = std::function<std::optional<FakeReply>(const FakeRequest&)>;
        Intercept& operator=(Function function);
        std::optional<FakeReply> operator()(const FakeRequest& request);

    private:
        std::mutex mutex_;
        Function function_;
    } intercept;
    std::string pack;  ///< what `source` answers

private:
    FakeReply handle(const FakeRequest& request);
    FakeReply claim(const FakeRequest& request);
    FakeReply attempt_call(AttemptId id, const std::string& call, const FakeRequest& request);

    std::mutex mutex_;
    std::condition_variable changed_;
    bool closing_ = false;
    std::int64_t next_attempt_ = 1;
    std::deque<protocol::ClaimedJob> queue_;
    std::map<AttemptId, FakeAttempt> attempts_;
    std::vector<protocol::ClaimRequest> claims_;
    std::vector<std::string> calls_;
    std::map<AttemptId, protocol::ClaimedJob> given_;
    std::map<AttemptId, double> handed_out_;
    std::unique_ptr<FakeHttp> http_;
};

/// A fresh folder, removed at the end.
struct TemporaryFolder {
    files::Path path;
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    files::Path operator/(const std::string& name) const { return path / name; }
};

/// Polls each 2 ms until `done` holds.
bool eventually(const std::function<bool()>& done,
                std::chrono::milliseconds longest = std::chrono::seconds(20));

}  // namespace sluice::test
