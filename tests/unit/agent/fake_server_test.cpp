#include "tests/unit/agent/fake_server.hpp"

#include "pipelines/base/json.hpp"
#include "platform/crypto.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace sluice::test {

namespace {

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return text;
}

/// Reads one request from the connection; false at its end.
bool read_request(int fd, std::string& buffer, FakeRequest& request) {
    char piece[65536];
    std::size_t head_end = 0;
    while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
        ssize_t n = ::recv(fd, piece, sizeof piece, 0);
        if (n <= 0) return false;
        buffer.append(piece, static_cast<std::size_t>(n));
    }
    std::string head = buffer.substr(0, head_end + 2);
    buffer.erase(0, head_end + 4);
    std::size_t line_end = head.find("\r\n");
    std::string line = head.substr(0, line_end);
    std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    request = {};
    request.method = line.substr(0, first);
    request.path = line.substr(first + 1, second - first - 1);
    for (std::size_t at = line_end + 2; at < head.size();) {
        std::size_t end = head.find("\r\n", at);
        std::string header = head.substr(at, end - at);
        at = end + 2;
        std::size_t colon = header.find(':');
        if (colon == std::string::npos) continue;
        std::size_t value = header.find_first_not_of(' ', colon + 1);
        request.headers[lower(header.substr(0, colon))] =
            value == std::string::npos ? "" : header.substr(value);
    }
    request.authorization = request.headers["authorization"];
    std::size_t size = std::strtoull(request.headers["content-length"].c_str(), nullptr, 10);
    while (buffer.size() < size) {
        ssize_t n = ::recv(fd, piece, sizeof piece, 0);
        if (n <= 0) return false;
        buffer.append(piece, static_cast<std::size_t>(n));
    }
    request.body = buffer.substr(0, size);
    buffer.erase(0, size);
    return true;
}

FakeReply json_reply(int status, const json::Value& body) {
    return {status, json::serialize(body), {}, false};
}

FakeReply refusal(int status, const char* id) {
    return json_reply(status, json::Object{{"error", id}, {"message", id}});
}

}  // namespace

FakeHttp::FakeHttp(Handler handler) : handler_(std::move(handler)) {
    listen_now();
    acceptor_ = std::thread([this] { accept_loop(); });
}

void FakeHttp::listen_now() {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 64) != 0)
        std::abort();
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    listener_ = fd;
}

FakeHttp::~FakeHttp() {
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
        if (listener_ >= 0) ::shutdown(listener_, SHUT_RDWR);
        for (int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    if (listener_ >= 0) ::close(listener_);
}

void FakeHttp::go_down() {
    std::lock_guard lock(mutex_);
    down_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    for (int fd : open_) ::shutdown(fd, SHUT_RDWR);
}

void FakeHttp::come_up() {
    std::lock_guard lock(mutex_);
    down_ = false;
}

void FakeHttp::accept_loop() {
    while (true) {
        int listener = -1;
        {
            std::lock_guard lock(mutex_);
            if (closing_) return;
            if (down_ && listener_ >= 0) {
                ::close(listener_);
                listener_ = -1;
            }
            if (!down_ && listener_ < 0) listen_now();
            listener = listener_;
        }
        if (listener < 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            continue;
        }
        int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        int one = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        std::lock_guard lock(mutex_);
        if (closing_ || down_) {
            ::close(fd);
            continue;
        }
        open_.insert(fd);
        threads_.emplace_back([this, fd] { serve(fd); });
    }
}

void FakeHttp::serve(int fd) {
    std::string buffer;
    FakeRequest request;
    while (read_request(fd, buffer, request)) {
        FakeReply reply = handler_(request);
        if (reply.hang_up) break;
        std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n";
        for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
        if (reply.status != 204)
            head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
        if (!write_all(fd, head + "\r\n" + reply.body)) break;
    }
    std::lock_guard lock(mutex_);
    open_.erase(fd);
    ::close(fd);
}

FakeServer::FakeServer() {
    http_ =
        std::make_unique<FakeHttp>([this](const FakeRequest& request) { return handle(request); });
}

FakeServer::~FakeServer() {
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
    }
    changed_.notify_all();
    http_.reset();
}

protocol::ClaimedJob FakeServer::job(std::vector<std::string> scripts) {
    std::lock_guard lock(mutex_);
    protocol::ClaimedJob job;
    job.attempt.value = next_attempt_++;
    job.job.value = job.attempt.value;
    job.run.value = 1;
    job.epoch = 1;
    job.lease_token = "lease-" + std::to_string(job.attempt.value);
    job.lease = Duration{60'000};
    job.spec.id = job.spec.base = job.spec.name = "test";
    job.spec.source = job.source = false;
    for (std::string& script : scripts) {
        model::StepSpec step;
        step.name = "step " + std::to_string(job.spec.steps.size() + 1);
        step.run = std::move(script);
        job.spec.steps.push_back(std::move(step));
    }
    job.env = {{"CI_RUN_ID", "1"}, {"CI_JOB_NAME", "test"}};
    job.sha = std::string(40, 'a');
    job.log_limit = 100 << 20;
    return job;
}

void FakeServer::enqueue(protocol::ClaimedJob job) {
    {
        std::lock_guard lock(mutex_);
        queue_.push_back(std::move(job));
    }
    changed_.notify_all();
}

void FakeServer::cancel(AttemptId attempt) {
    {
        std::lock_guard lock(mutex_);
        attempts_[attempt].cancel = true;
    }
    changed_.notify_all();
}

void FakeServer::lose(AttemptId attempt) {
    {
        std::lock_guard lock(mutex_);
        attempts_[attempt].lost = true;
    }
    changed_.notify_all();
}

FakeAttempt FakeServer::attempt(AttemptId attempt) {
    std::lock_guard lock(mutex_);
    return attempts_[attempt];
}

bool FakeServer::finished(AttemptId attempt) {
    std::lock_guard lock(mutex_);
    return attempts_[attempt].finish.has_value();
}

std::vector<protocol::ClaimRequest> FakeServer::claims() {
    std::lock_guard lock(mutex_);
    return claims_;
}

std::vector<std::string> FakeServer::calls() {
    std::lock_guard lock(mutex_);
    return calls_;
}

double FakeServer::handed_out(AttemptId attempt) {
    std::lock_guard lock(mutex_);
    return handed_out_[attempt];
}

bool FakeServer::wait(const std::function<bool()>& done, std::chrono::milliseconds longest) {
    return eventually(done, longest);
}

bool FakeServer::wait_finished(AttemptId id, std::chrono::milliseconds longest) {
    return eventually([&] { return finished(id); }, longest);
}

FakeServer::Intercept& FakeServer::Intercept::operator=(Function function) {
    std::lock_guard lock(mutex_);
    function_ = std::move(function);
    return *this;
}

std::optional<FakeReply> FakeServer::Intercept::operator()(const FakeRequest& request) {
    Function function;
    {
        std::lock_guard lock(mutex_);
        function = function_;
    }
    return function ? function(request) : std::nullopt;
}

FakeReply FakeServer::handle(const FakeRequest& request) {
    if (auto reply = intercept(request)) return *reply;
    const std::string prefix = "/agent/v1/";
    std::string call = request.path.starts_with(prefix) ? request.path.substr(prefix.size()) : "";
    {
        std::lock_guard lock(mutex_);
        calls_.push_back(call);
    }
    if (call == "claim") return claim(request);
    if (call == "register") {
        auto body = protocol::parse_register(json::parse(request.body).value());
        if (!body) return refusal(400, "bad");
        protocol::RegisterReply reply;
        reply.agent.value = 7;
        reply.token = "agent-token";
        reply.name = body->name;
        reply.labels = body->labels;
        reply.server_id = "fake";
        return json_reply(200, to_json(reply));
    }
    if (!call.starts_with("attempts/")) return refusal(404, "not_found");
    call = call.substr(9);
    std::size_t slash = call.find('/');
    auto id = AttemptId::parse(call.substr(0, slash));
    if (!id || request.authorization != "Lease lease-" + std::to_string(id->value))
        return refusal(401, "unauthorized");
    return attempt_call(*id, call.substr(slash + 1), request);
}

FakeReply FakeServer::claim(const FakeRequest& request) {
    auto body = protocol::parse_claim(json::parse(request.body).value());
    if (!body) return refusal(400, "bad");
    std::unique_lock lock(mutex_);
    claims_.push_back(*body);
    // As the real server does: un-started attempts that the agent does not hold were lost on the
    // way to it, and of several claims only the newest is answered with jobs.
    std::size_t mine = claims_.size();
    for (auto at = given_.begin(); at != given_.end();) {
        bool held =
            std::find(body->holding.begin(), body->holding.end(), at->first) != body->holding.end();
        FakeAttempt& attempt = attempts_[at->first];
        if (!held && attempt.instance.empty() && !attempt.finish && !attempt.released)
            queue_.push_front(at->second);
        at = held ? std::next(at) : given_.erase(at);
    }
    changed_.notify_all();
    auto wait = std::min<Duration>(body->wait, Duration{5'000});
    changed_.wait_for(lock, wait, [&] {
        return closing_ || claims_.size() != mine || (!queue_.empty() && body->free > 0);
    });
    protocol::ClaimReply reply;
    while (!closing_ && claims_.size() == mine && !queue_.empty() &&
           static_cast<int>(reply.jobs.size()) < body->free) {
        reply.jobs.push_back(queue_.front());
        given_[queue_.front().attempt] = queue_.front();
        using Seconds = std::chrono::duration<double>;
        handed_out_[queue_.front().attempt] =
            Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
        queue_.pop_front();
    }
    if (reply.jobs.empty()) return {204, "", {}, false};
    return json_reply(200, to_json(reply));
}

FakeReply FakeServer::attempt_call(AttemptId id, const std::string& call,
                                   const FakeRequest& request) {
    std::unique_lock lock(mutex_);
    FakeAttempt& attempt = attempts_[id];
    if (call == "release") {
        attempt.released = true;
        return {204, "", {}, false};
    }
    if (attempt.lost) return refusal(409, "lease_lost");
    if (call.starts_with("reports/")) return {204, "", {}, false};
    if (call == "source") return {200, pack, {{"X-Commit", "x"}}, false};
    if (call == "start") {
        std::string instance =
            protocol::parse_start(json::parse(request.body).value())->runner_instance;
        if (attempt.instance.empty()) attempt.instance = instance;
        if (attempt.instance != instance) return refusal(409, "conflict");
        return json_reply(200, json::Object{});
    }
    if (call == "renew") {
        ++attempt.renews;
        auto body = protocol::parse_renew(json::parse(request.body).value());
        changed_.wait_for(lock, std::min<Duration>(body->wait, Duration{3'000}),
                          [&] { return closing_ || attempt.cancel || attempt.lost; });
        if (attempt.lost) return refusal(409, "lease_lost");
        protocol::RenewReply reply;
        reply.lease = Duration{60'000};
        reply.cancel = attempt.cancel;
        reply.reason = attempt.cancel ? "cancelled by a test" : "";
        return json_reply(200, to_json(reply));
    }
    if (call == "log") {
        std::int64_t offset =
            std::strtoll(request.headers.at("upload-offset").c_str(), nullptr, 10);
        attempt.log_offsets.push_back(offset);
        auto size = static_cast<std::int64_t>(attempt.log.size());
        protocol::LogReply reply;
        reply.cancel = attempt.cancel;
        if (offset > size) {
            reply.offset = size;
            return json_reply(409, to_json(reply));
        }
        auto overlap = static_cast<std::size_t>(size - offset);
        if (overlap < request.body.size()) attempt.log += request.body.substr(overlap);
        reply.offset = static_cast<std::int64_t>(attempt.log.size());
        return json_reply(200, to_json(reply));
    }
    if (call == "progress") {
        attempt.progress = protocol::parse_progress(json::parse(request.body).value())->steps;
        return {204, "", {}, false};
    }
    if (call != "finish") return refusal(404, "not_found");
    auto value = json::parse(request.body, {.bytes = 64 << 20, .depth = 64});
    auto finish = protocol::parse_finish(value.value());
    if (!finish) return refusal(400, finish.error().message.c_str());
    ++attempt.finishes;
    if (finish->inline_log_offset) {
        auto size = static_cast<std::int64_t>(attempt.log.size());
        if (*finish->inline_log_offset <= size)
            attempt.log += finish->inline_log.substr(
                std::min(finish->inline_log.size(),
                         static_cast<std::size_t>(size - *finish->inline_log_offset)));
    }
    if (finish->log_size != static_cast<std::int64_t>(attempt.log.size()) ||
        finish->log_crc32c != crypto::crc32c(0, attempt.log)) {
        protocol::LogReply reply;
        if (finish->log_size == static_cast<std::int64_t>(attempt.log.size())) attempt.log.clear();
        reply.offset = static_cast<std::int64_t>(attempt.log.size());
        return json_reply(409, to_json(reply));
    }
    attempt.finish = std::move(*finish);
    return json_reply(200, to_json(protocol::FinishReply{}));
}

TemporaryFolder::TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-agent-XXXXXX").string();
    path = ::mkdtemp(name.data());
}
TemporaryFolder::~TemporaryFolder() {
    (void)files::remove_tree(path);
}

bool eventually(const std::function<bool()>& done, std::chrono::milliseconds longest) {
    auto deadline = std::chrono::steady_clock::now() + longest;
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace sluice::test
