/// The part of an attempt that deals with its executor: which one, making it ready, and what it is
/// lent.
#include "agent/executors/host/process.hpp"
#include "agent/runner/attempt.hpp"

#include <fmt/format.h>

namespace sluice::agent {

Result<> Attempt::intend(std::string_view executor, const std::string& name) {
    return ports_.journal.intent(executor, name);
}

Result<spawn::Finished> Attempt::run(spawn::Command command, Duration timeout, bool shown) {
    if (stop_ != Stop::none && grace_over_)
        return error(Code::conflict, "stopped", "the job was stopped");
    const bool was_stopped = stop_ != Stop::none;
    spawn::Finished finished;
    constexpr std::size_t k_output_max = 16 << 20;
    HostProcess process(io_, [&](std::string_view bytes) {
        if (shown) return take_output(bytes);
        finished.truncated |= finished.output.size() + bytes.size() > k_output_max;
        if (!finished.truncated) finished.output.append(bytes);
    });
    const std::string program = command.argv.empty() ? "" : command.argv[0];
    command.dies_with_us = true;
    SLUICE_CHECK(process.start(std::move(command)));
    running_ = &process;
    bool timed_out = false;
    boost::asio::steady_timer timer(io_);
    timer.expires_after(timeout);
    timer.async_wait([&](boost::system::error_code cancelled) {
        if (cancelled) return;
        timed_out = true;
        process.kill();
    });
    until([&] { return process.ended(); });
    running_ = nullptr;
    // Handlers that refer to this frame must be gone before it is.
    timer.cancel();
    if (process.output()) process.output()->close();
    io_.poll();
    finished.exit = process.exit();
    if (!was_stopped && stop_ != Stop::none)
        return error(Code::conflict, "stopped", "the job was stopped");
    if (timed_out)
        return error(Code::timeout, "tool_timeout",
                     fmt::format("{} did not end within {}", program, format_duration(timeout)));
    return finished;
}

bool Attempt::prepare_executor() {
    const auto refuse = [&](const Error& refusal, model::Cause cause) {
        if (stop_ != Stop::none) return false;
        note(refusal.message);
        failed_ = true;
        failure_ = {model::AttemptResult::errored, std::nullopt, std::nullopt, cause,
                    refusal.message};
        return false;
    };
    Result<std::unique_ptr<Executor>> made =
        make_executor({.folder = folder_, .job = job_, .settings = executors_, .lender = *this});
    if (!made) return refuse(made.error(), model::Cause::setup);
    executor_ = std::move(*made);
    if (std::optional<Refusal> refused = executor_->prepare(""))
        return refuse(refused->error, refused->cause);
    const Places places = executor_->places();
    if (job_.spec.params.empty() || places.files_outside == folder_.path) return true;
    Result<> written = files::write_atomic(places.files_outside / folder_.params().filename(),
                                           params_text(job_.spec.params), 0644, false);
    return written ? true : refuse(written.error(), model::Cause::setup);
}

std::optional<Refusal> Attempt::prepare_step(const model::StepSpec& step) {
    return executor_->prepare(step.image);
}

}  // namespace sluice::agent
