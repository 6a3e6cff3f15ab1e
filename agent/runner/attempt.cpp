#include "agent/runner/attempt.hpp"

#include "agent/proc.hpp"
#include "agent/runner/process_tree.hpp"
#include "agent/runner/python_step.hpp"
#include "platform/failpoint.hpp"

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include <signal.h>
#include <unistd.h>

#include <chrono>

namespace sluice::agent {

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration_cast<Duration>(Clock::now() - begin).count();
}

}  // namespace

Attempt::Attempt(AttemptFolder folder, protocol::ClaimedJob job, RunnerIdentity identity,
                 AttemptPorts ports, AttemptLimits limits, ExecutorSettings executors)
    : folder_(std::move(folder)),
      job_(std::move(job)),
      identity_(std::move(identity)),
      ports_(ports),
      limits_(limits),
      secrets_(identity_.marker),
      executors_(std::move(executors)) {}

Ending Attempt::run() {
    begin();
    // Rule 7: what may not run twice waits for the server's word; the rest travels beside it.
    // Secrets are given to who has started.
    if (!job_.spec.replayable || wants_secrets(job_.spec))
        until([&] { return start_answered_ || stop_ != Stop::none; });
    if (stop_ == Stop::none && fetch_secrets() && fetch_source() && prepare_executor() &&
        take_inputs() && !reuse()) {
        restore_caches();
        run_steps();
    }
    for (model::StepStatus& step : report_.steps)
        if (step.state == model::StepState::pending) step.state = model::StepState::skipped;
    decide_to_keep();
    failpoint::hit("runner.end", "before");
    end_processes();
    failpoint::hit("runner.end", "after");
    secrets_.end();
    if (stop_ == Stop::lost) {
        let_go();
        return Ending::lost;
    }

    settle_outcome();
    if (reused_from_.empty()) {
        take_reports();
        take_generated();
        take_packs();
    } else if (report_.outcome.result == model::AttemptResult::passed) {
        report_.outcome.message = "reused the result of " + reused_from_;
    }
    if (stop_ == Stop::lost) {
        let_go();
        return Ending::lost;
    }
    report_.runner_instance = identity_.instance;
    mask_report();
    failpoint::hit("runner.outcome", "before");
    Result<> kept = ports_.journal.outcome(report_);
    if (kept && !job_.spec.replayable) kept = ports_.journal.sync();
    failpoint::hit("runner.outcome", "after");
    auto durable = [&] { (void)ports_.journal.sync(); };
    Result<> sent = ports_.sink.finish(report_, durable);
    if (!sent) let_go();
    return sent ? Ending::reported : Ending::refused;
}

void Attempt::until(const std::function<bool()>& done) {
    while (!done()) io_.run_one();
}

void Attempt::begin() {
    if (auto step = python_step(job_.spec, executors_.environments / "python"))
        job_.spec.steps.insert(job_.spec.steps.begin(), std::move(*step));
    for (const model::StepSpec& spec : job_.spec.steps) {
        model::StepStatus status;
        status.name = spec.name.empty() ? spec.run.substr(0, spec.run.find('\n')) : spec.name;
        report_.steps.push_back(std::move(status));
    }
    (void)ports_.journal.starting(identity_.instance);
    SinkEvents events;
    events.started = [this](Result<> started) {
        boost::asio::post(io_, [this, started] {
            start_answered_ = true;
            if (started) return (void)ports_.journal.started();
            request_stop(Stop::lost, started.error().message);
        });
    };
    events.stop = [this](StopReason reason, std::string message) {
        // First the reason: who is interrupted looks for it.
        boost::asio::post(io_, [this, reason, message = std::move(message)] {
            request_stop(reason == StopReason::lease_lost ? Stop::lost : Stop::cancelled, message);
        });
        ports_.source.interrupt();
        if (ports_.blobs != nullptr && reason == StopReason::lease_lost) ports_.blobs->interrupt();
    };
    ports_.sink.begin(std::move(events));
    boost::system::error_code ignored;
    children_.add(SIGCHLD, ignored);
    watch_children();
}

void Attempt::watch_children() {
    // Orphans of the steps come to us, the sub-reaper; un-reaped they would pile up during a long
    // step.
    children_.async_wait([this](boost::system::error_code cancelled, int) {
        if (cancelled) return;
        reap_children(running_ ? running_->pid() : 0);
        watch_children();
    });
}

void Attempt::request_stop(Stop stop, std::string message) {
    if (stop <= stop_)
        return;  // a lost lease or a full disk outweighs a cancel, never the other way round
    bool first = stop_ == Stop::none;
    stop_ = stop;
    stop_message_ = std::move(message);
    if (first) {
        stop_timer_.expires_after(limits_.stop_grace);
        stop_timer_.async_wait([this](boost::system::error_code cancelled) {
            if (cancelled) return;
            grace_over_ = true;
            if (running_) running_->kill();
        });
    }
    stop_running_step();
}

void Attempt::stop_running_step() {
    if (!running_) return;
    if (stop_ == Stop::lost || stop_ == Stop::disk_full) return running_->kill();
    running_->terminate(limits_.term_grace);
}

void Attempt::note(const std::string& line) {
    if (Result<> written = ports_.spool.note(redactor_.mask(line)); !written)
        request_stop(Stop::disk_full, written.error().message);
    ports_.sink.log_grew();
}

void Attempt::take_output(std::string_view bytes) {
    append_masked(redactor_.feed(bytes));
}

bool Attempt::fetch_source() {
    Result<> made = files::make_dirs(folder_.workspace(), 0755);
    if (made && !job_.spec.params.empty())
        made = files::write_atomic(folder_.params(), params_text(job_.spec.params), 0644, false);
    if (made && job_.source)
        made = ports_.source.checkout(job_, folder_.workspace(),
                                      [this](const std::string& line) { note(line); });
    io_.poll();  // a stop may have come meanwhile
    if (stop_ != Stop::none) return false;
    if (made) return true;
    note("source: " + made.error().message);
    failed_ = true;
    failure_ = {model::AttemptResult::errored, std::nullopt, std::nullopt, model::Cause::setup,
                "source: " + made.error().message};
    return false;
}

void Attempt::run_steps() {
    Duration timeout = job_.spec.timeout.value_or(limits_.default_timeout);
    job_timer_.expires_after(timeout);
    job_timer_.async_wait([this, timeout](boost::system::error_code cancelled) {
        if (!cancelled)
            request_stop(Stop::timeout, "the job took longer than " + format_duration(timeout));
    });
    Clock::time_point begin = Clock::now();
    meter_.start(*executor_,
                 [this](const model::UsageSample& sample) { ports_.sink.usage(sample); });
    for (std::size_t i = 0; i < job_.spec.steps.size() || add_kind_steps(); ++i) {
        io_.poll();
        if (stop_ == Stop::lost || stop_ == Stop::disk_full) break;
        if (wants_to_run(job_.spec.steps[i])) run_step(i);
        remember(i);
        split_tests(i);
    }
    job_timer_.cancel();
    report_.duration_ms = milliseconds_since(begin);
}

bool Attempt::wants_to_run(const model::StepSpec& step) const {
    if (step.when == model::When::always) return !grace_over_;
    if (stop_ != Stop::none) return false;
    return step.when == model::When::failure ? failed_ : !failed_;
}

void Attempt::remember(std::size_t index) {
    const std::string& id = job_.spec.steps[index].id;
    model::StepState state = report_.steps[index].state;
    if (state == model::StepState::pending) state = model::StepState::skipped;
    if (id.empty()) return;
    facts_[id].outcome = state == model::StepState::warned ? model::StepState::failed : state;
    facts_[id].result = state;
}

void Attempt::fail_step(std::size_t index, model::Outcome outcome) {
    model::StepStatus& status = report_.steps[index];
    const model::AllowFailure& allowed = job_.spec.steps[index].allow_failure;
    bool allow = allowed.any || (outcome.exit_code &&
                                 std::find(allowed.exit_codes.begin(), allowed.exit_codes.end(),
                                           *outcome.exit_code) != allowed.exit_codes.end());
    if (allow) {
        status.state = model::StepState::warned;
        note(outcome.message + " (allowed)");
        return;
    }
    status.state = outcome.result == model::AttemptResult::errored ? model::StepState::errored
                                                                   : model::StepState::failed;
    if (failed_) return;  // the first failure is the job's
    failed_ = true;
    failure_ = std::move(outcome);
}

void Attempt::run_step(std::size_t index) {
    const model::StepSpec& step = job_.spec.steps[index];
    model::StepStatus& status = report_.steps[index];
    status.state = model::StepState::running;
    status.log_begin = status.log_end = ports_.spool.size();
    auto refuse = [&](const Error& refusal, model::Cause cause) {
        note(refusal.message);
        status.log_end = ports_.spool.size();
        fail_step(index, {model::AttemptResult::errored, std::nullopt, std::nullopt, cause,
                          fmt::format("step \"{}\": {}", status.name, refusal.message)});
        ports_.sink.progress(report_.steps);
    };
    Result<bool> wanted = plan::evaluate_step_condition(step.condition, facts_);
    if (!wanted)
        return refuse(error(Code::invalid, "condition", "if: " + wanted.error().message),
                      model::Cause::config);
    if (!*wanted) {
        status.state = model::StepState::skipped;
        return;
    }
    if (std::optional<Refusal> refused = prepare_step(step))
        return refuse(refused->error, refused->cause);
    const Places places = executor_->places();
    Result<files::Path> directory =
        step_directory(folder_.workspace(), places.workspace, step.working_directory);
    if (!directory) return refuse(directory.error(), model::Cause::config);
    model::StepSpec known = step;
    for (const auto& [name, text] : step.late_env) {
        Result<std::string> value = plan::evaluate_step_text(text, facts_);
        if (!value)
            return refuse(error(Code::invalid, "env", "env." + name + ": " + value.error().message),
                          model::Cause::config);
        known.env[name] = std::move(*value);
    }
    const StepFiles files = step_files(places.files_outside, index);
    const StepFiles inside = step_files(places.files, index);
    const Environment base = executor_->base_environment();
    spawn::Command command;
    command.env = step_environment(
        {.job = job_,
         .step = known,
         .base = base,
         .from_steps = from_steps_,
         .files = inside,
         .workspace = places.workspace,
         .marker = identity_.marker,
         .params_file = job_.spec.params.empty() ? files::Path()
                                                 : places.files / folder_.params().filename()});
    command.directory = *directory;
    const std::string script = folder_.step_file(index, "script").filename();
    Result<std::vector<std::string>> shell =
        shell_command(step,
                      [&](const std::string& program) {
                          return executor_->find_program(program, command.env["PATH"]);
                      },
                      {places.files_outside / script, places.files / script});
    if (!shell) return refuse(shell.error(), model::Cause::setup);
    command.argv = std::move(*shell);
    ports_.sink.step_command(index, command);
    if (job_.keep.count() > 0) commands_[index] = command;
    // After that: a sink may keep the command on a disk.
    if (Result<> given = give_secrets(step, command.env); !given)
        return refuse(given.error(), model::Cause::policy);
    carry_out(index, files, std::move(command));
}

void Attempt::carry_out(std::size_t index, const StepFiles& files, spawn::Command command) {
    const model::StepSpec& step = job_.spec.steps[index];
    model::StepStatus& status = report_.steps[index];
    Clock::time_point begin = Clock::now();
    oom_kills_ = executor_->oom_kills();
    failpoint::hit("runner.step", "before");
    Result<std::unique_ptr<StepProcess>> started = executor_->start(
        std::move(command), [this](std::string_view bytes) { take_output(bytes); });
    failpoint::hit("runner.step", "after");
    if (!started) {
        note(started.error().message);
        fail_step(index,
                  {model::AttemptResult::errored, std::nullopt, std::nullopt, model::Cause::setup,
                   fmt::format("step \"{}\": {}", status.name, started.error().message)});
        return;
    }
    StepProcess& process = **started;
    running_ = &process;
    ports_.sink.progress(report_.steps);

    bool timed_out = false;
    boost::asio::steady_timer step_timer(io_);
    if (step.timeout) {
        step_timer.expires_after(*step.timeout);
        step_timer.async_wait([&](boost::system::error_code cancelled) {
            if (cancelled) return;
            timed_out = true;
            process.terminate(limits_.term_grace);
        });
    }
    until([&] { return process.ended(); });
    running_ = nullptr;
    // Handlers that refer to this frame must be gone before it is.
    step_timer.cancel();
    io_.poll();

    if (!process.output()->closed()) {
        note("a background process keeps the step's output open; going on without waiting for it");
        stragglers_.push_back(process.output());
    }
    flush_output();
    status.duration_ms = milliseconds_since(begin);
    take_step_files(index, files);
    judge(index, process.exit(), timed_out);
    status.log_end = ports_.spool.size();
    ports_.sink.progress(report_.steps);
}

void Attempt::judge(std::size_t index, const spawn::Exit& exit, bool timed_out) {
    model::StepStatus& status = report_.steps[index];
    status.exit_code = exit.code;
    if (exit.ok() && !timed_out && !bad_output_.empty()) {
        status.state = model::StepState::failed;
        if (std::exchange(failed_, true)) return;
        failure_ = {model::AttemptResult::failed, exit.code, std::nullopt, model::Cause::config,
                    fmt::format("step \"{}\": {}", status.name, bad_output_)};
        return;
    }
    if (exit.ok() && !timed_out) {
        status.state = model::StepState::passed;
        return;
    }
    if (timed_out) {
        std::string text = fmt::format("step \"{}\": timed out after {}", status.name,
                                       format_duration(*job_.spec.steps[index].timeout));
        note(text);
        return fail_step(index, {model::AttemptResult::failed, exit.code, exit.signal,
                                 model::Cause::timeout, text});
    }
    if (stop_ != Stop::none && !exit.ok() && job_.spec.steps[index].when != model::When::always) {
        status.state =
            stop_ == Stop::cancelled ? model::StepState::cancelled : model::StepState::failed;
        return;
    }
    model::Outcome outcome{model::AttemptResult::failed, exit.code, exit.signal,
                           model::Cause::script,
                           fmt::format("step \"{}\": {}", status.name, spawn::to_text(exit))};
    if (exit.code == 127) outcome.message += " (command not found)";
    if (exit.code == 126) outcome.message += " (command not executable)";
    // A kill that nobody here asked for, while the kernel counted an out-of-memory kill.
    bool killed = exit.signal == SIGKILL || exit.code == 128 + SIGKILL;
    if (killed && executor_->oom_kills() > oom_kills_) {
        outcome.cause = model::Cause::oom;
        outcome.message += fmt::format(", {} ran out of memory", executor_->memory_owner());
    }
    fail_step(index, std::move(outcome));
}

void Attempt::end_processes() {
    children_.cancel();
    io_.poll();
    take_facts();
    KillReport killed;
    if (keeping_)
        killed = end_what_runs();
    else
        killed = kill_descendants(identity_.marker, limits_.kill_patience);
    io_.poll();  // the last words of what was killed
    for (auto& pipe : stragglers_) pipe->close();
    if (killed.left > 0)
        note(fmt::format("{} processes of this job could not be ended", killed.left));
    io_.poll();
}

void Attempt::settle_outcome() {
    using model::AttemptResult;
    using model::Cause;
    model::Outcome& outcome = report_.outcome;
    outcome = failed_ ? failure_
                      : model::Outcome{AttemptResult::passed, 0, std::nullopt, Cause::none, ""};
    bool all_ended =
        std::none_of(report_.steps.begin(), report_.steps.end(), [](const model::StepStatus& step) {
            return step.state == model::StepState::skipped ||
                   step.state == model::StepState::cancelled ||
                   step.state == model::StepState::running;
        });
    // Rule 11: the runner's result stands; a pass that raced a cancel stays passed.
    if (stop_ == Stop::cancelled && !(all_ended && !failed_))
        outcome = {AttemptResult::cancelled, std::nullopt, std::nullopt, Cause::cancelled,
                   stop_message_.empty() ? "cancelled" : stop_message_};
    if (stop_ == Stop::timeout)
        outcome = {AttemptResult::failed, outcome.exit_code, outcome.signal, Cause::timeout,
                   stop_message_};
    if (stop_ == Stop::disk_full)
        outcome = {AttemptResult::errored, std::nullopt, std::nullopt, Cause::setup,
                   "the agent's disk refused the log: " + stop_message_};
    constexpr std::size_t k_message_max = 4096;
    if (outcome.message.size() > k_message_max) outcome.message.resize(k_message_max);
}

}  // namespace sluice::agent
