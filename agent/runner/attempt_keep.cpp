/// What stays of a failed job for people (docs/decisions/0026): the runner has reported, holds the
/// folder and the executor's surroundings, and waits for shells until the time is over.
#include "agent/backoff.hpp"
#include "agent/runner/attempt.hpp"
#include "agent/runner/process_tree.hpp"
#include "agent/runner/shell_session.hpp"

#include "platform/interactive_shell.hpp"

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include <sys/ioctl.h>

#include <thread>

namespace sluice::agent {

namespace {

using Clock = std::chrono::steady_clock;

/// How often the disk is looked at, too.
constexpr Duration k_poll{10'000};
constexpr Duration k_hang_up_grace{2'000};
constexpr Duration k_idle_max{15 * 60'000};
/// With less on the agent's disk, places give way to jobs; the daemon takes none below 64 MiB.
constexpr std::uint64_t k_free_min = 256 << 20;

Duration left_until(Clock::time_point until) {
    return std::max(Duration{0}, std::chrono::duration_cast<Duration>(until - Clock::now()));
}

std::string name_of(const protocol::ClaimedJob& job) {
    const auto name = job.env.find("CI_JOB_NAME");
    return name == job.env.end() ? job.spec.id : name->second;
}

bool disk_is_short(const AttemptFolder& folder) {
    return files::free_bytes(folder.path) < k_free_min;
}

}  // namespace

void Attempt::decide_to_keep() {
    if (job_.keep.count() == 0 || !executor_ || !(failed_ || stop_ == Stop::timeout)) return;
    if (stop_ != Stop::none && stop_ != Stop::timeout) return;
    for (const auto& [index, command] : commands_) {
        const model::StepState state = report_.steps[index].state;
        if (state != model::StepState::failed && state != model::StepState::errored) continue;
        if (disk_is_short(folder_)) {
            note("not kept for a shell: the agent's disk is nearly full");
            return;
        }
        failed_step_ = index;
        keeping_ = true;
        note(fmt::format("kept for {}; a shell in its place: sluice shell {}/{}",
                         format_duration(job_.keep), job_.run.value, name_of(job_)));
        return;
    }
}

KillReport Attempt::end_what_runs() {
    executor_->end_steps();
    return kill_marked(identity_.marker, limits_.kill_patience);
}

void Attempt::let_go() {
    if (!std::exchange(keeping_, false)) return;
    remove_surroundings();
    (void)kill_descendants(identity_.marker, limits_.kill_patience);
}

void Attempt::keep(const ServerAddress& server, const std::string& lease_token) {
    const auto end_at = Clock::now() + job_.keep;
    AttemptApi api(server, job_.attempt, lease_token);
    Backoff backoff;
    // What stopped the job is over with it: it must neither end a person's shell nor keep the
    // shell's preparation from calling the engine.
    io_.poll();
    stop_timer_.cancel();
    stop_ = Stop::none;
    grace_over_ = false;
    io_.poll();
    for (Duration left = job_.keep; left.count() > 0 && !disk_is_short(folder_);
         left = left_until(end_at)) {
        auto reply = api.kept({identity_.instance, left, std::min(left, k_poll)});
        reap_children(0);
        if (!reply && !is_transient(reply.error())) return;
        if (!reply) {
            std::this_thread::sleep_for(std::min(left, backoff.next()));
            continue;
        }
        backoff.reset();
        if (reply->release) return;
        if (reply->shell != 0) serve_shell(*reply, server, lease_token, end_at);
    }
    // Nobody shall ask for a shell here meanwhile; unheard, the server learns it by our silence.
    (void)api.kept({identity_.instance, Duration{0}, Duration{0}});
}

Result<TerminalProcess> Attempt::open_shell(const std::string& term) {
    const model::StepSpec& step = job_.spec.steps[failed_step_];
    if (std::optional<Refusal> refused = prepare_step(step)) return refused->error;
    spawn::Command command = commands_.at(failed_step_);
    const Places places = executor_->places();
    const char* const k_history = "history";
    (void)files::write_atomic(places.files_outside / k_history, step.run + "\n", 0644, false);
    command.argv = spawn::interactive_shell(
        command.env,
        {.job = name_of(job_), .history = (places.files / k_history).string(), .term = term},
        [&](const std::string& program) {
            return executor_->find_program(program, command.env["PATH"]);
        });
    // The job has ended: other jobs have its GPUs by now.
    if (!job_.gpus.empty()) command.env["CUDA_VISIBLE_DEVICES"] = "";
    return executor_->start_on_terminal(std::move(command));
}

void Attempt::serve_shell(const protocol::KeptReply& wanted, const ServerAddress& server,
                          const std::string& lease_token, Clock::time_point end_at) {
    const ShellLine line{server, job_.attempt, lease_token, wanted.shell};
    Result<TerminalProcess> shell = open_shell(wanted.term);
    if (!shell) return ShellSession::refuse(line, shell.error().message);
    StepProcess& process = *shell->process;
    resize_terminal(shell->terminal, wanted.window);
    std::string reason;
    bool hung_up = false;
    const auto hang_up = [&](const std::string& why) {
        if (std::exchange(hung_up, true)) return;
        reason = why;
        process.hang_up(k_hang_up_grace);
    };
    ShellSession session(line, shell->terminal, [&](std::string why) {
        boost::asio::post(io_, [&hang_up, why = std::move(why)] { hang_up(why); });
    });
    boost::asio::steady_timer timer(io_);
    std::function<void(boost::system::error_code)> watch = [&](boost::system::error_code stopped) {
        if (stopped) return;
        // Orphans of the shell come to us.
        reap_children(process.pid());
        if (left_until(end_at).count() == 0)
            hang_up("the job was kept for " + format_duration(job_.keep) + ", which are over");
        else if (disk_is_short(folder_))
            hang_up("the agent's disk is nearly full");
        else if (session.idle() > k_idle_max)
            hang_up("nothing was typed or printed for " + format_duration(k_idle_max));
        timer.expires_after(std::chrono::seconds(1));
        timer.async_wait(watch);
    };
    watch({});
    running_ = &process;
    until([&] { return process.ended(); });
    running_ = nullptr;
    timer.cancel();
    // Whatever it left in the background would keep the terminal open.
    (void)end_what_runs();
    session.finish(process.exit(), reason);
    // Handlers that refer to this frame must be gone before it is.
    io_.poll();
}

}  // namespace sluice::agent
