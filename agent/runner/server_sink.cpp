#include "agent/runner/server_sink.hpp"

#include "platform/failpoint.hpp"

namespace sluice::agent {

namespace {

/// The server accepts a differing log after three rewinds (rule 22).
constexpr int k_rewinds_max = 10;

/// The answer means that the attempt is not ours: another runner, a lost lease, a cancelled or
/// forgotten job.
bool means_lost(const Error& refusal) {
    switch (refusal.code) {
        case Code::lease_lost:
        case Code::conflict:
        case Code::unauthorized:
        case Code::forbidden:
        case Code::not_found:
        case Code::gone: return true;
        default: return false;
    }
}

}  // namespace

ServerSink::ServerSink(ServerAddress server, AttemptId attempt, std::string lease_token,
                       std::string instance, const Spool& spool, ServerSinkOptions options)
    : link_(server, attempt, lease_token),
      renew_(server, attempt, lease_token),
      reports_(server, attempt, lease_token),
      instance_(std::move(instance)),
      spool_(spool),
      options_(options) {}

ServerSink::~ServerSink() {
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
    }
    changed_.notify_all();
    link_.interrupt();
    renew_.interrupt();
    // First the one that may start the other.
    if (link_thread_.joinable()) link_thread_.join();
    if (renew_thread_.joinable()) renew_thread_.join();
}

void ServerSink::begin(SinkEvents events) {
    events_ = std::move(events);
    begun_ = Clock::now();
    link_thread_ = std::thread([this] { run_link(); });
}

void ServerSink::log_grew() {
    // The lock orders this after the link thread's look at the spool; else the wake-up could be
    // lost.
    { std::lock_guard lock(mutex_); }
    changed_.notify_all();
}

void ServerSink::progress(const std::vector<model::StepStatus>& steps) {
    {
        std::lock_guard lock(mutex_);
        steps_ = steps;
        steps_dirty_ = true;
    }
    changed_.notify_all();
}

Result<> ServerSink::finish(protocol::FinishRequest request, const std::function<void()>& durable) {
    std::unique_lock lock(mutex_);
    finish_ = std::move(request);
    changed_.notify_all();
    auto answered = [&] { return finished_.has_value(); };
    if (!changed_.wait_for(lock, options_.durable_after, answered)) {
        lock.unlock();
        durable();
        lock.lock();
        changed_.wait(lock, answered);
    }
    closing_ = true;
    lock.unlock();
    changed_.notify_all();
    renew_.interrupt();
    link_thread_.join();
    if (renew_thread_.joinable()) renew_thread_.join();
    return *finished_;
}

void ServerSink::stop(StopReason reason, std::string message) {
    {
        std::lock_guard lock(mutex_);
        // The lease ends with the finish that is on its way: that one's own answer decides.
        if (finish_) return;
        if (reason == StopReason::lease_lost && std::exchange(lost_, true)) return;
    }
    events_.stop(reason, std::move(message));
}

bool ServerSink::try_again(const Error& refusal) {
    if (!is_transient(refusal)) return false;
    if (!failing_since_) failing_since_ = Clock::now();
    if (Clock::now() - *failing_since_ > options_.give_up) return false;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, backoff_.next(), [&] { return closing_ || lost_; });
    return !closing_ && !lost_;
}

void ServerSink::run_link() {
    bool ours = ended_early() || start();
    if (ours) serve();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closing_ || finish_; });
    if (closing_) return;
    protocol::FinishRequest request = *finish_;
    bool lost = lost_ || !ours;
    lock.unlock();
    Result<> result =
        lost ? Result<>(error(Code::lease_lost, "lease_lost", "the attempt is not ours any more"))
             : deliver(std::move(request));
    lock.lock();
    finished_ = std::move(result);
    lock.unlock();
    changed_.notify_all();
}

bool ServerSink::ended_early() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, options_.start_after, [&] { return closing_ || finish_; });
    return finish_.has_value();
}

bool ServerSink::start() {
    while (true) {
        failpoint::hit("runner.start", "before");
        Result<> answer = link_.start({.runner_instance = instance_});
        failpoint::hit("runner.start", "after");
        if (answer) break;
        if (try_again(answer.error())) continue;
        {
            std::lock_guard lock(mutex_);
            lost_ = true;
            if (closing_) return false;
        }
        events_.started(answer);
        return false;
    }
    failing_since_.reset();
    backoff_.reset();
    // There is nothing to renew before; and a job that ends before its start never has the thread.
    renew_thread_ = std::thread([this] { run_renew(); });
    events_.started({});
    return true;
}

void ServerSink::serve() {
    std::optional<Clock::time_point> flush_at, progress_at;
    // A line after a silence is sent at once; a stream is sent in batches of the interval.
    Clock::time_point next_flush = begun_ + options_.first_flush;
    std::unique_lock lock(mutex_);
    while (!closing_ && !finish_ && !lost_) {
        auto now = Clock::now();
        std::int64_t pending = log_refused_ ? 0 : spool_.size() - acked_;
        if (pending > 0 && !flush_at) flush_at = next_flush;
        if (pending >= options_.batch / 4) flush_at = now;
        if (steps_dirty_ && !progress_at) progress_at = now + options_.progress_interval;
        if (flush_at && *flush_at <= now) {
            flush_at.reset();
            next_flush = now + options_.flush_interval;
            lock.unlock();
            send_log();
            lock.lock();
            continue;
        }
        if (progress_at && *progress_at <= now) {
            progress_at.reset();
            lock.unlock();
            send_progress();
            lock.lock();
            continue;
        }
        if (!flush_at && !progress_at) {
            changed_.wait(lock);
            continue;
        }
        auto wake = std::min(flush_at.value_or(Clock::time_point::max()),
                             progress_at.value_or(Clock::time_point::max()));
        changed_.wait_until(lock, wake);
    }
}

bool ServerSink::send_log() {
    std::int64_t size = std::min(spool_.size() - acked_, options_.batch);
    if (size <= 0 || log_refused_) return false;
    std::int64_t at = acked_;
    failpoint::hit("runner.log", "before");
    Result<LogAnswer> answer =
        link_.append_log(acked_, size, [&](char* buffer, std::size_t room) -> std::size_t {
            Result<std::size_t> n = spool_.read_at(at, std::span(buffer, room));
            if (!n) return 0;
            at += static_cast<std::int64_t>(*n);
            return *n;
        });
    failpoint::hit("runner.log", "after");
    if (!answer) {
        if (try_again(answer.error())) return true;
        if (means_lost(answer.error())) stop(StopReason::lease_lost, answer.error().message);
        log_refused_ = true;
        return false;
    }
    if (answer->reply.cancel) stop(StopReason::cancelled, "");
    if (!answer->accepted && answer->reply.offset == acked_)  // it wants what it just refused
        return try_again(error(Code::unavailable, "log_stuck", "the server repeats an offset"));
    failing_since_.reset();
    backoff_.reset();
    // The server's offset wins, up or down; beyond our own end it can only be damaged, finish will
    // tell.
    acked_ = std::min(answer->reply.offset, spool_.size());
    return true;
}

void ServerSink::send_progress() {
    protocol::ProgressRequest request;
    {
        std::lock_guard lock(mutex_);
        request.steps = steps_;
        steps_dirty_ = false;
    }
    Result<> answer = link_.progress(request);
    if (answer) return;
    // Only a display: the next change or finish brings it again.
    if (try_again(answer.error())) return;
    if (means_lost(answer.error())) stop(StopReason::lease_lost, answer.error().message);
}

Result<> ServerSink::deliver(protocol::FinishRequest request) {
    constexpr auto k_inline_max = static_cast<std::int64_t>(protocol::k_inline_log_max);
    bool may_inline = true;
    int shrunk = 0;
    for (int rewinds = 0; rewinds < k_rewinds_max;) {
        while (!log_refused_ && spool_.size() - acked_ > (may_inline ? k_inline_max : 0))
            if (!send_log()) break;
        auto [size, crc] = spool_.size_and_crc();
        request.log_size = size;
        request.log_crc32c = crc;
        request.inline_log.clear();
        request.inline_log_offset.reset();
        if (may_inline && !log_refused_ && size > acked_) {
            request.inline_log.resize(static_cast<std::size_t>(size - acked_));
            SLUICE_TRY(std::size_t n, spool_.read_at(acked_, request.inline_log));
            request.inline_log.resize(n);
            request.inline_log_offset = acked_;
        }
        failpoint::hit("runner.finish", "before");
        Result<FinishAnswer> answer = link_.finish(request);
        failpoint::hit("runner.finish", "after");
        if (answer && answer->recorded) return {};
        if (answer) {
            acked_ = std::clamp<std::int64_t>(answer->log_offset, 0, size);
            ++rewinds;
            continue;
        }
        if (answer.error().code == Code::too_large && shrunk < 3) {
            // Better an outcome with less detail than none: the log first, then the texts, then the
            // cases.
            may_inline = false;
            auto& tests = request.reports.tests;
            if (shrunk == 1 && tests)
                for (model::TestCase& test : tests->failures) test.detail.clear();
            if (shrunk == 2 && tests) {
                tests->failures.clear();
                tests->truncated = true;
            }
            ++shrunk;
            continue;
        }
        if (!try_again(answer.error())) return answer.error();
    }
    return error(Code::conflict, "log_mismatch", "the server does not accept the log");
}

void ServerSink::usage(const model::UsageSample& sample) {
    std::lock_guard lock(mutex_);
    usage_ = sample;
}

void ServerSink::run_renew() {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, begun_ + options_.renew_after, [&] { return closing_ || lost_; });
    Backoff backoff;
    bool cancelled = false;
    while (!closing_ && !lost_) {
        const std::optional<model::UsageSample> usage = usage_;
        lock.unlock();
        // After a cancel the server answers at once; then the lease is only kept alive.
        Duration wait = cancelled ? Duration{0} : options_.renew_wait;
        Result<protocol::RenewReply> reply =
            renew_.renew({.wait = wait, .runner_instance = instance_, .usage = usage});
        Duration rest{0};
        if (reply) {
            backoff.reset();
            if (reply->cancel && !std::exchange(cancelled, true))
                stop(StopReason::cancelled, reply->reason);
            if (cancelled) rest = options_.renew_wait / 4;
        } else if (is_transient(reply.error())) {
            rest = backoff.next();
        } else {
            if (means_lost(reply.error())) stop(StopReason::lease_lost, reply.error().message);
            rest = options_.renew_wait;
        }
        lock.lock();
        changed_.wait_for(lock, rest, [&] { return closing_ || lost_; });
    }
}

}  // namespace sluice::agent
