#pragma once
/// Sink that speaks to the server: one thread for start, log, progress and finish over one
/// connection, and, from a second on, one that renews the lease and waits for a cancel. Everything
/// is retried for as long as the server is away; log offsets are the server's (rule 21).

#include "agent/backoff.hpp"
#include "agent/runner/ports.hpp"
#include "agent/server_api.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace sluice::agent {

struct ServerSinkOptions {
    /// Output of the first moments is held until then: a job that ends within sends its log with
    /// finish and saves a request.
    Duration first_flush{20};
    Duration flush_interval{50};  ///< from one piece of log to the next
    /// A replayable job may run beside its start (rule 7): held back this long, the start is saved
    /// altogether when the job ends within, because finish starts an un-started lease (rule 26).
    /// 0 = start at once.
    Duration start_after{0};
    Duration progress_interval{250};
    std::int64_t batch = 4 << 20;  ///< most bytes of one log request
    Duration renew_after{1'000};   ///< shorter jobs never open the second connection
    Duration renew_wait{20'000};
    Duration durable_after{
        50};  ///< finish un-answered for so long: the outcome goes to the disk meanwhile
    Duration give_up{25 * 3'600'000};  ///< from the first failure of a call to the end of patience
};

class ServerSink final : public Sink {
public:
    ServerSink(ServerAddress server, AttemptId attempt, std::string lease_token,
               std::string instance, const Spool& spool, ServerSinkOptions options = {});
    ~ServerSink() override;

    void begin(SinkEvents events) override;
    Result<AttemptBaseline> baseline() override;
    Result<> upload_report(const model::ReportFile& file, const files::Path& path) override;
    void log_grew() override;
    void usage(const model::UsageSample& sample) override;
    void progress(const std::vector<model::StepStatus>& steps) override;
    Result<> finish(protocol::FinishRequest request, const std::function<void()>& durable) override;

private:
    using Clock = std::chrono::steady_clock;

    void run_link();
    void run_renew();
    /// True when the job ended within start_after: finish says all.
    bool ended_early();
    bool start();
    void serve();
    /// One request's worth; false when the log can go no further.
    bool send_log();
    void send_progress();
    Result<> deliver(protocol::FinishRequest request);
    void stop(StopReason reason, std::string message);
    /// After a failed call: true when it may be tried again (after a wait), false when the answer
    /// is final.
    bool try_again(const Error& refusal);

    AttemptApi link_, renew_;
    AttemptApi reports_;  ///< runner's thread
    std::string instance_;
    const Spool& spool_;
    ServerSinkOptions options_;
    SinkEvents events_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool closing_ = false;
    bool lost_ = false;
    std::vector<model::StepStatus> steps_;
    bool steps_dirty_ = false;
    std::optional<model::UsageSample> usage_;
    std::optional<protocol::FinishRequest> finish_;
    std::optional<Result<>> finished_;

    Clock::time_point begun_;
    // Link thread only.
    std::int64_t acked_ = 0;
    bool log_refused_ = false;
    Backoff backoff_;
    std::optional<Clock::time_point> failing_since_;
    std::thread link_thread_, renew_thread_;
};

}  // namespace sluice::agent
