#pragma once
/// Carries one attempt from its folder to its outcome: start, source, steps, reports, finish.
/// Decides the cause of every ending by evidence of its own (exit codes, signals, its own timers),
/// never by log text.
///
/// Runs on the caller's thread, which must be the process's only waiter for children; the sink's
/// events may come from any thread. Used by the agent's runner and, with local ports, by `sluice
/// run`.

#include "agent/attempt_folder.hpp"
#include "agent/executors/container/services.hpp"
#include "agent/executors/executor.hpp"
#include "agent/runner/blobs.hpp"
#include "agent/runner/journal.hpp"
#include "agent/runner/ports.hpp"
#include "agent/runner/process_tree.hpp"
#include "agent/runner/reports.hpp"
#include "agent/runner/secrets.hpp"
#include "agent/runner/step_environment.hpp"
#include "agent/runner/usage_meter.hpp"
#include "pipelines/plan/condition.hpp"

#include <boost/asio/signal_set.hpp>

#include <chrono>
#include <list>
#include <set>

namespace sluice::agent {

/// Timing of stops; tests shorten it.
struct AttemptLimits {
    Duration term_grace{10'000};  ///< SIGTERM → SIGKILL of a step
    Duration stop_grace{
        30'000};  ///< from cancel or timeout to the end of the last `when: always` step
    Duration kill_patience{
        10'000};  ///< for processes that do not die; then the attempt finishes all the same
    Duration default_timeout{3'600'000};
};

struct AttemptPorts {
    Source& source;
    Sink& sink;
    Spool& spool;
    Journal& journal;
    Secrets* secrets = nullptr;  ///< none: a job that names secrets is refused
    Blobs* blobs = nullptr;      ///< none: no files are kept
};

enum class Ending {
    reported,  ///< the outcome is recorded
    lost,      ///< the attempt was not ours any more; nothing was reported
    refused,   ///< the outcome could not be delivered for good
};

class Attempt : private Lender {
public:
    Attempt(AttemptFolder folder, protocol::ClaimedJob job, RunnerIdentity identity,
            AttemptPorts ports, AttemptLimits limits = {}, ExecutorSettings executors = {});

    Ending run();
    /// After run(): what was reported.
    const protocol::FinishRequest& report() const { return report_; }
    /// After run(): the environment of the failed job is still there. Who asked for it calls
    /// let_go() at the end; anything else has been removed.
    bool keeps() const { return keeping_; }
    /// Waits for people who open shells in it, until its time is over or nobody wants it any more.
    void keep(const ServerAddress& server, const std::string& lease_token);
    void let_go();

private:
    enum class Stop { none, cancelled, timeout, disk_full, lost };

    void until(const std::function<bool()>& done);
    void begin();
    void request_stop(Stop stop, std::string message);
    void stop_running_step();
    bool fetch_source();
    void run_steps();
    bool wants_to_run(const model::StepSpec& step) const;
    void run_step(std::size_t index);
    void remember(std::size_t index);
    void carry_out(std::size_t index, const StepFiles& files, spawn::Command command);
    void judge(std::size_t index, const spawn::Exit& exit, bool timed_out);
    void fail_step(std::size_t index, model::Outcome outcome);
    void take_step_files(std::size_t index, const StepFiles& files);
    void take_value(std::size_t index, const std::string& name, const std::string& value);
    bool is_read_later(std::size_t index, const std::string& name) const;
    void refuse_output(std::string complaint);
    void watch_children();
    void end_processes();
    void settle_outcome();
    // Kinds and reports (attempt_reports.cpp).
    bool add_kind_steps();
    void split_tests(std::size_t index);
    const AttemptBaseline& baseline();
    void take_reports();
    /// The fragment that the job has to write (attempt_generated.cpp).
    void take_generated();
    void say_findings(const std::vector<model::Finding>& findings, const model::Reports& reports,
                      const reports::Rules& rules);
    void upload(Collected& collected);
    // What stays of a failed job, for people (attempt_keep.cpp).
    void decide_to_keep();
    /// Everything but the surroundings that are kept.
    KillReport end_what_runs();
    Result<TerminalProcess> open_shell(const std::string& term);
    void serve_shell(const protocol::KeptReply& wanted, const ServerAddress& server,
                     const std::string& lease_token, std::chrono::steady_clock::time_point end_at);
    // Secrets and their masking (attempt_secrets.cpp).
    bool fetch_secrets();
    Result<> give_secrets(const model::StepSpec& step, Environment& env);
    void append_masked(std::string_view bytes);
    void flush_output();
    void mask_report();
    // What executors are lent, and the way to them (attempt_executor.cpp).
    boost::asio::io_context& io() override { return io_; }
    void note(const std::string& line) override;
    Result<> intend(std::string_view executor, const std::string& name) override;
    Result<spawn::Finished> run(spawn::Command command, Duration timeout, bool shown) override;
    std::string registry_login() override;
    bool prepare_executor();
    std::optional<Refusal> start_services(const ExecutorParts& parts);
    /// Lines of a service between those of the running step, as a group that can be folded. False
    /// in the midst of a line.
    bool say_of_service(const std::string& name, const std::string& lines);
    /// Their logs, each as a section of its own.
    void take_service_logs();
    /// What was used and where; then the executor's end, unless it is kept.
    void take_facts();
    void remove_surroundings();
    std::optional<Refusal> prepare_step(const model::StepSpec& step);
    // Files that come and stay (attempt_packs.cpp).
    void take_packs();
    void take_outputs();
    void take_environment();
    // What is kept between runs (attempt_cache.cpp).
    void restore_caches();
    /// True when the result of an earlier run stands for this one (attempt_memo.cpp).
    bool reuse();
    void save_caches();
    bool make_own_folder();
    /// A path of the workspace as steps name it.
    std::string seen_by_steps(const files::Path& path) const;
    /// False when the job cannot begin (attempt_inputs.cpp).
    bool take_inputs();
    Result<> take_input(const std::string& name, const model::InputSpec& input);
    void take_artifacts();
    Result<protocol::PackRef> send_pack(protocol::PackKind kind, const std::string& name,
                                        const files::Path& root, std::vector<std::string> paths);
    void keep_failed(const std::string& what, const Error& refusal);
    void take_output(std::string_view bytes);

    AttemptFolder folder_;
    protocol::ClaimedJob job_;
    RunnerIdentity identity_;
    AttemptPorts ports_;
    AttemptLimits limits_;
    Redactor redactor_;
    AttemptSecrets secrets_;

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    boost::asio::signal_set children_{io_};
    boost::asio::steady_timer job_timer_{io_}, stop_timer_{io_};

    bool start_answered_ = false;
    Stop stop_ = Stop::none;
    std::string stop_message_;
    StepProcess* running_ = nullptr;
    bool grace_over_ = false;

    ExecutorSettings executors_;
    Sidecars sidecars_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<Executor> executor_;
    UsageMeter meter_{io_};
    Environment from_steps_;
    std::map<std::string, plan::StepFacts> facts_;  ///< of the steps that have ids, for later ones
    std::string bad_output_;                        ///< the first complaint about the running step
    std::list<std::shared_ptr<OutputPipe>> stragglers_;
    std::uint64_t oom_kills_ = 0;
    bool failed_ = false;
    model::Outcome failure_;
    /// How steps were started, without their secrets; of a job that may be kept.
    std::map<std::size_t, spawn::Command> commands_;
    std::size_t failed_step_ = 0;  ///< while keeping_
    bool keeping_ = false;
    protocol::FinishRequest report_;

    std::string reused_from_;             ///< not empty: the job did not run
    std::set<std::string> exact_caches_;  ///< keys that were there already
    bool kind_expanded_ = false;
    std::set<std::size_t> splits_;  ///< steps after which tests are split
    std::vector<kinds::ExpectedReport> kind_reports_;
    std::optional<AttemptBaseline> baseline_;
};

/// What of `paths` the globs and names match; a name stands for what is below it, too.
std::vector<std::string> chosen_paths(const std::vector<std::string>& paths,
                                      const std::vector<std::string>& wanted);

/// `3 files, 12.3 MB`
std::string amount_text(std::int64_t files, std::int64_t bytes);

}  // namespace sluice::agent
