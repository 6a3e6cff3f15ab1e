/// The part of an attempt that deals with its executor: which one, making it ready, and what it is
/// lent.
#include "agent/executors/host/process.hpp"
#include "agent/runner/attempt.hpp"
#include "pipelines/base/text.hpp"

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
    ExecutorParts parts{.folder = folder_,
                        .job = job_,
                        .settings = executors_,
                        .lender = *this,
                        .sidecars = sidecars_};
    if (wants_secret_files(job_.spec)) {
        const std::string& image = job_.spec.image;
        Result<files::Path> folder = secrets_.open_files(!image.empty() && image != "none");
        if (!folder) return refuse(folder.error(), model::Cause::setup);
        parts.secret_files = std::move(*folder);
    }
    if (std::optional<Refusal> refused = start_services(parts))
        return refuse(refused->error, refused->cause);
    Result<std::unique_ptr<Executor>> made = make_executor(parts);
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

std::optional<Refusal> Attempt::start_services(const ExecutorParts& parts) {
    Result<std::vector<ServiceSpec>> specs = services_of(job_.spec);
    if (!specs) return Refusal{specs.error(), model::Cause::config};
    if (specs->empty()) return std::nullopt;
    Result<Engine> engine = Engine::find(executors_.container);
    if (!engine) return Refusal{engine.error()};
    services_ = std::make_unique<Services>(
        parts, std::move(*engine), !job_.spec.image.empty(), [this] { return stop_ != Stop::none; },
        [this](const std::string& name, const std::string& lines) {
            return say_of_service(name, lines);
        });
    std::optional<Refusal> refused = services_->start(*specs, sidecars_);
    for (const auto& [name, value] : services_->environment()) job_.env[name] = value;
    return refused;
}

bool Attempt::say_of_service(const std::string& name, const std::string& lines) {
    // What is held back may be the first half of a secret: nothing may come in between.
    if (!ports_.spool.at_line_start() || redactor_.holds_back()) return false;
    std::string text = fmt::format("::group::service {}\n", name);
    for (const std::string& line : text::split(lines, '\n'))
        if (!line.empty()) text += redactor_.mask(line) + "\n";
    append_masked(text + "::endgroup::\n");
    return true;
}

void Attempt::take_service_logs() {
    if (!services_ || stop_ == Stop::lost) return;
    for (Services::Ended& service : services_->ended()) {
        model::StepStatus section;
        section.name = "service " + service.name;
        section.state = model::StepState::passed;
        section.log_begin = ports_.spool.size();
        if (service.exit_code) {
            section.exit_code = service.exit_code;
            if (*service.exit_code != 0) section.state = model::StepState::warned;
            note(fmt::format("service {} had ended by itself with exit code {}", service.name,
                             *service.exit_code));
        }
        take_output(service.log);
        flush_output();
        section.log_end = ports_.spool.size();
        report_.steps.push_back(std::move(section));
    }
}

void Attempt::take_facts() {
    meter_.stop();
    take_service_logs();
    if (executor_) {
        report_.usage = meter_.usage();
        report_.facts = executor_->facts();
        report_.facts["executor"] = executor_->name();
    }
    if (!keeping_) remove_surroundings();
}

void Attempt::remove_surroundings() {
    if (executor_) executor_->clean_up();
    if (!services_) return;
    if (Result<> removed = services_->clean_up(); !removed)
        note("the job's services could not be removed: " + removed.error().message);
}

std::optional<Refusal> Attempt::prepare_step(const model::StepSpec& step) {
    return executor_->prepare(step.image);
}

}  // namespace sluice::agent
