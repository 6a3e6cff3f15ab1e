#include "cli/local/local_run.hpp"

#include "pipelines/plan/advance.hpp"
#include "pipelines/plan/ending.hpp"
#include "pipelines/plan/grow.hpp"
#include "pipelines/plan/inputs.hpp"
#include "platform/crypto.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace sluice::cli::local {

using model::JobEvent;
using model::JobState;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int k_tick_ms = 100;
constexpr std::int64_t k_log_limit = 1 << 30;

volatile sig_atomic_t g_interrupts = 0;

void count_interrupt(int) {
    g_interrupts = g_interrupts + 1;
}

struct sigaction& former(int signal) {
    static struct sigaction actions[2];
    return actions[signal == SIGINT ? 0 : 1];
}

std::vector<plan::JobNow> now(const std::vector<JobRun>& jobs) {
    std::vector<plan::JobNow> out;
    out.reserve(jobs.size());
    for (const JobRun& job : jobs) out.push_back({&job.planned, job.state});
    return out;
}

}  // namespace

Interrupts::Interrupts() {
    g_interrupts = 0;
    struct sigaction action {};
    action.sa_handler = count_interrupt;  // without SA_RESTART: poll() returns at once
    for (int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, &former(signal));
}

Interrupts::~Interrupts() {
    for (int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &former(signal), nullptr);
}

int Interrupts::seen() {
    return g_interrupts;
}

LocalRun::LocalRun(RunSettings settings, const RunFolder& folder,
                   std::vector<plan::PlannedJob> jobs, RunListener& listener)
    : settings_(std::move(settings)),
      folder_(folder),
      listener_(listener),
      caches_(folder.caches(), folder.blobs()) {
    jobs_.reserve(jobs.size());
    for (plan::PlannedJob& job : jobs) {
        jobs_.emplace_back();
        jobs_.back().planned = std::move(job);
    }
}

model::RunState LocalRun::carry_out() {
    Interrupts interrupts;
    while (true) {
        advance();
        const model::RunState state = plan::run_state(now(jobs_));
        if (model::is_terminal(state)) return state;
        start_ready();
        wait();
        take_interrupts();
        take_ends();
        listener_.tick(jobs_);
    }
}

plan::OutputsOf LocalRun::outputs() const {
    return [this](std::size_t job) {
        return jobs_[job].report ? jobs_[job].report->outputs : plan::Outputs{};
    };
}

void LocalRun::advance() {
    do {
        advance_once(outputs());
    } while (fail_fast());
}

bool LocalRun::fail_fast() {
    bool ended = false;
    for (plan::FailFast& victim : plan::fail_fast(now(jobs_))) {
        JobRun& job = jobs_[victim.job];
        if (std::exchange(job.stopping, true)) continue;
        job.reason = std::move(victim.reason);
        if (job.runner) {
            job.runner->interrupt();
        } else {
            end(job, JobEvent::cancel);
            ended = true;
        }
    }
    return ended;
}

void LocalRun::advance_once(const plan::OutputsOf& outputs) {
    for (plan::Transition& next :
         plan::advance(now(jobs_), settings_.input.event, interrupts_ > 0, outputs)) {
        JobRun& job = jobs_[next.job];
        job.reason = std::move(next.reason);
        if (next.spec) job.planned.spec = std::move(*next.spec);
        if (next.event == JobEvent::needs_met)
            job.state = model::next_state(job.state, next.event).value();
        else
            end(job, next.event);
    }
}

void LocalRun::end(JobRun& job, JobEvent event) {
    job.state = model::next_state(job.state, event).value();
    job.ended = Clock::now();
    if (job.attempt == 0) job.begun = job.ended;
    listener_.ended(job);
    const bool bad = job.state == JobState::failed || job.state == JobState::errored;
    if (job.attempt > 0 && !settings_.keep_workspaces && !(bad && settings_.keep_failed))
        (void)files::remove_tree(job.dir / protocol::local_file::k_workspace);
}

void LocalRun::start_ready() {
    auto running =
        static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), [](const JobRun& job) {
            return job.state == JobState::running;
        }));
    for (std::size_t i = 0; i < jobs_.size() && running < settings_.jobs; ++i) {
        if (jobs_[i].state != JobState::ready || jobs_[i].not_before > Clock::now()) continue;
        start(i);
        ++running;
    }
}

void LocalRun::start(std::size_t index) {
    JobRun& job = jobs_[index];
    const model::JobSpec& spec = job.planned.spec;
    ++job.attempt;
    job.dir = folder_.job(index, spec.id, job.attempt);
    protocol::LocalJob local;
    local.job.attempt.value = local.job.job.value = static_cast<std::int64_t>(index) + 1;
    local.job.run.value = folder_.number();
    local.job.epoch = job.attempt;
    local.job.lease_token = "local";
    local.job.spec = spec;
    local.job.env = job_environment(settings_.input, spec, job.attempt);
    local.job.sha = settings_.input.event.sha;
    local.job.source = spec.source;
    local.job.log_limit = k_log_limit;
    local.source = folder_.snapshot().string();
    local.marker = crypto::random_token(16);
    local.parent = ::getpid();
    local.keep_commands = settings_.keep_failed;
    local.blobs = folder_.blobs().string();
    local.inputs = inputs_of(index);
    if (!spec.cache.empty()) local.caches = caches_.list();
    const protocol::SecretValues secrets = secrets_for(spec, settings_.secrets);
    local.secrets = !secrets.secrets.empty();
    auto started = RunnerProcess::start(settings_.agent, job.dir, local, secrets);
    if (!started) throw std::runtime_error("cannot start a runner: " + started.error().message);
    job.runner = std::move(*started);
    job.state = model::next_state(job.state, JobEvent::start).value();
    if (job.attempt == 1) job.begun = Clock::now();
    listener_.started(job);
}

std::map<std::string, protocol::InputReply> LocalRun::inputs_of(std::size_t index) const {
    std::map<std::string, protocol::InputReply> out;
    for (const auto& [name, input] : jobs_[index].planned.spec.inputs) {
        const auto source = plan::input_source(input.from);
        if (!source) continue;
        protocol::InputReply& reply = out[name];
        reply.from = fmt::format("output {} of {}", source->output, source->job);
        for (const std::size_t i : plan::cells_read(now(jobs_), index, source->job)) {
            const JobRun& cell = jobs_[i];
            if (!cell.report) continue;
            for (const protocol::PackRef& pack : cell.report->packs)
                if (pack.kind == protocol::PackKind::output && pack.name == source->output)
                    reply.packs.push_back(
                        {source->all_cells ? plan::cell_folder(cell.planned.spec.id) : "", pack});
        }
    }
    return out;
}

void LocalRun::take_packs(const JobRun& job) {
    for (const protocol::PackRef& pack : job.report->packs) {
        if (pack.kind == protocol::PackKind::cache) caches_.add(pack, folder_.number());
        if (pack.kind == protocol::PackKind::artifact)
            (void)unpack_local(folder_.blobs(), pack,
                               folder_.artifacts(job.planned.spec.id) / pack.name);
    }
}

void LocalRun::wait() {
    std::vector<pollfd> watched;
    for (const JobRun& job : jobs_)
        if (job.runner && job.runner->pidfd() >= 0)
            watched.push_back({job.runner->pidfd(), POLLIN, 0});
    ::poll(watched.data(), watched.size(), k_tick_ms);
}

void LocalRun::take_interrupts() {
    for (; interrupts_ < Interrupts::seen(); ++interrupts_)
        for (JobRun& job : jobs_) {
            if (job.runner) job.runner->interrupt();
            if (job.state == JobState::ready) end(job, JobEvent::cancel);
        }
}

void LocalRun::take_ends() {
    bool ended = false;
    for (JobRun& job : jobs_)
        if (job.runner && job.runner->ended()) {
            take_end(job);
            ended = true;
        }
    if (ended) make_cells();
    for (plan::PlannedJob& job : grown_) {
        jobs_.emplace_back();
        jobs_.back().planned = std::move(job);
    }
    grown_.clear();
}

std::string LocalRun::grow(const JobRun& generator) {
    const model::JobSpec& spec = generator.planned.spec;
    if (!generator.report->generated) return "the runner sent nothing of " + spec.generate;
    plan::Input input = settings_.input;
    const plan::SourceFile generated{spec.generate, *generator.report->generated};
    input.fragments = read_fragments(settings_.checkout.root, {generated});
    if (!input.tree && (plan::reads_tree({generated}) || plan::reads_tree(input.fragments)))
        if (auto tree = tree_contents(settings_.checkout)) input.tree = std::move(*tree);
    std::vector<plan::PlannedJob> run = grown_;
    for (const JobRun& job : jobs_) run.push_back(job.planned);
    plan::Growth growth = plan::grow({input, run, spec.id, generated.text});
    if (config::has_errors(growth.diagnostics))
        return plan::describe_failure(generator.planned, growth.diagnostics);
    for (plan::PlannedJob& job : growth.jobs) grown_.push_back(std::move(job));
    return {};
}

void LocalRun::make_cells() {
    for (plan::DueMatrix& due : plan::due_matrices(now(jobs_), outputs())) {
        JobRun& job = jobs_[due.job];
        job.reason = std::move(due.failure);
        plan::Growth growth;
        if (job.reason.empty()) {
            std::vector<plan::PlannedJob> run = grown_;
            for (const JobRun& other : jobs_) run.push_back(other.planned);
            growth =
                plan::expand({settings_.input, run, job.planned.spec.base, std::move(due.values)});
            if (config::has_errors(growth.diagnostics))
                job.reason = plan::describe_failure(job.planned, growth.diagnostics);
        }
        if (!job.reason.empty()) {
            end(job, JobEvent::fail);
        } else if (growth.jobs.empty()) {
            job.reason = plan::k_no_cells;
            end(job, JobEvent::deselect);
        } else {
            job.planned = std::move(growth.jobs.front());
            std::move(growth.jobs.begin() + 1, growth.jobs.end(), std::back_inserter(grown_));
        }
    }
}

void LocalRun::take_end(JobRun& job) {
    job.report = job.runner->result();
    job.runner.reset();
    if (!job.report) {
        job.report.emplace();
        job.report->outcome =
            interrupts_ > 0 ? model::Outcome{model::AttemptResult::cancelled, std::nullopt,
                                             std::nullopt, model::Cause::cancelled, "interrupted"}
                            : model::Outcome{model::AttemptResult::errored, std::nullopt,
                                             std::nullopt, model::Cause::runner_lost,
                                             "the runner told nothing; see " +
                                                 (job.dir / "runner.log").string()};
    }
    model::Outcome& outcome = job.report->outcome;
    if (outcome.result == model::AttemptResult::passed && !job.planned.spec.generate.empty())
        if (const std::string failure = grow(job); !failure.empty())
            outcome = {model::AttemptResult::failed, std::nullopt, std::nullopt,
                       model::Cause::config, failure};
    take_packs(job);
    const plan::RetryRule rule = plan::retry_rule(job.planned.spec, outcome);
    // What a further attempt could mend on another machine stays as it is on this one.
    const bool may_retry = rule.name != "infra" && rule.name != "preempted";
    if (may_retry && interrupts_ == 0 && !job.stopping && job.retries[rule.name] < rule.budget) {
        // Without `backoff` nobody has to wait here: there is no queue that a retry could swamp.
        const Duration pause = job.planned.spec.backoff
                                   ? plan::back_off(job.planned.spec, job.retries[rule.name])
                                   : Duration{0};
        ++job.retries[rule.name];
        job.not_before = Clock::now() + pause;
        job.reason = fmt::format("{}; attempt {} follows{}", outcome.message, job.attempt + 1,
                                 pause.count() > 0 ? " in " + format_duration(pause) : "");
        listener_.retried(job);
        if (!settings_.keep_workspaces)
            (void)files::remove_tree(job.dir / protocol::local_file::k_workspace);
        job.state = model::next_state(job.state, JobEvent::requeue).value();
        return;
    }
    if (!job.stopping || outcome.result != model::AttemptResult::cancelled)
        job.reason = outcome.message;
    end(job, plan::end_event(job.planned.spec, outcome));
}

}  // namespace sluice::cli::local
