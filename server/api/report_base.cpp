#include "server/api/report_base.hpp"

#include "pipelines/plan/plan.hpp"
#include "platform/crypto.hpp"
#include "platform/failpoint.hpp"
#include "server/core/report_book.hpp"

#include <algorithm>
#include <utility>

namespace sluice::api {

std::vector<AttemptId> Base::attempts() const {
    std::vector<AttemptId> out;
    if (job)
        for (const store::Job& one : job->jobs) out.push_back(one.log_attempt);
    return out;
}

namespace {

bool asks_for_target(const store::Job& job) {
    auto value = json::parse(job.planned, {.bytes = 16u << 20, .depth = 64});
    if (!value) return false;
    const auto planned = plan::planned_job_from_json(*value);
    if (!planned) return false;
    const auto& thresholds = planned->spec.thresholds;
    return std::any_of(thresholds.begin(), thresholds.end(), [](const model::Threshold& one) {
        return one.against == model::Against::target;
    });
}

}  // namespace

awaitable<Result<Base>> find_base(Api& api, RunId run_id, JobId job_id) {
    struct Self {
        std::optional<store::Run> run;
        std::optional<store::Job> job;
    };
    auto read_self = [run_id, job_id](store::Tx& tx) -> Self {
        return {store::find_run(tx, run_id), store::find_job(tx, job_id)};
    };
    auto self = co_await api.read(std::move(read_self));
    if (!self.run || !self.job) co_return error(Code::not_found, "not_found", "no such job");
    auto project = api.projects.find(self.run->project);
    if (!project) co_return error(Code::not_found, "not_found", "no such project");
    Base out;
    if (auto query = core::base_of(*self.run, project->default_branch)) {
        git::SnapshotRequest wanted;
        wanted.repo = git::Repo{project->id, project->url};
        wanted.sha = self.run->sha;
        wanted.base = query->base;
        wanted.use_merge_base = query->use_merge_base;
        wanted.fallback_branch = query->fallback_branch;
        auto changes = co_await api.git.changes(std::move(wanted));
        // Without git's word the newest run of the branch still is something to compare with.
        if (changes) out.changes = std::move(*changes);
    }
    auto find = [&self, &out, branch = project->default_branch](store::Tx& tx) {
        if (asks_for_target(*self.job))
            out.target = core::find_baseline(tx, *self.run, *self.job, "", branch);
        return core::find_baseline(tx, *self.run, *self.job, out.changes.base, branch);
    };
    out.job = co_await api.read(std::move(find));
    if (!out.job) out.why = "no earlier run of this job has reports";
    co_return out;
}

awaitable<std::optional<reports::Metrics>> base_metrics(Api& api, const core::BaselineJob& base) {
    auto find = [run = base.run.id, key = core::job_key(base.job)](store::Tx& tx) {
        return store::find_metrics(tx, run, key);
    };
    const auto text = co_await api.read(std::move(find));
    if (text) {
        const auto value = json::parse(*text, {.bytes = 1u << 20, .depth = 2});
        reports::Metrics out;
        if (value && value->is_object())
            for (const auto& member : value->as_object())
                if (member.value().is_number())
                    out[std::string(member.key())] = member.value().to_number<double>();
        co_return out;
    }
    // It ended before there was a table of them, or one of its shards has no reports.
    if (base.jobs.size() > 1) co_return std::nullopt;
    auto value = json::parse(base.job.reports, {.bytes = 16u << 20, .depth = 16});
    auto summary =
        value ? model::reports_from_json(*value, "") : Result<model::Reports>(value.error());
    if (!summary) co_return std::nullopt;
    co_return reports::metrics_of(*summary);
}

namespace {

/// What shards are judged against; only the last of them needs it.
awaitable<reports::Baseline> shard_baseline(Api& api, const core::FinishingJob& finishing) {
    reports::Baseline out;
    if (!finishing.is_last_shard || finishing.spec.thresholds.empty()) co_return out;
    auto base = co_await find_base(api, finishing.run.id, finishing.job.id);
    if (!base) co_return out;
    if (base->target) out.target_metrics = co_await base_metrics(api, *base->target);
    if (!base->job) co_return out;
    out.name = base->job->name;
    out.metrics = co_await base_metrics(api, *base->job);
    co_return out;
}

/// A last line of the log that only the server can write. When a repeated finish finds it there,
/// the log is longer than told and is sent again.
awaitable<void> tell_failure(Api& api, AttemptId id, protocol::FinishRequest& body,
                             const std::string& failure) {
    const std::string line = "generate: " + failure + "\n";
    auto write = [&api, id, offset = body.log_size, &line] {
        return api.logs.append(id, offset, line);
    };
    auto appended = co_await runtime::run_on(api.disk, std::move(write));
    if (!appended || appended->gap) co_return;  // it stands in the job's message, too
    body.log_size += static_cast<std::int64_t>(line.size());
    body.log_crc32c = crypto::crc32c(body.log_crc32c, line);
}

}  // namespace

awaitable<Result<model::JobState>> finish_attempt(Api& api, AttemptId id,
                                                  protocol::FinishRequest request,
                                                  std::string digest) {
    // Shards that end at the same time: each looks, and may see the others running. The closure
    // looks again; who turns out to be the last begins anew.
    bool failure_told = false;
    while (true) {
        auto read = [id](store::Tx& tx) { return core::look(tx, id); };
        const auto finishing = co_await api.read(std::move(read));
        protocol::FinishRequest told = request;
        core::Weighed weighed;
        if (finishing) {
            const reports::Baseline base = co_await shard_baseline(api, *finishing);
            auto weigh = [&] { return core::weigh(*finishing, told, base, api.report_lists); };
            weighed = co_await runtime::run_on(api.disk, std::move(weigh));
        }
        // Rule 19: what the job has generated is planned before the closure.
        SLUICE_CO_TRY(const core::Grown grown, co_await api.growth.plan(id, told));
        if (!grown.failure.empty() && !std::exchange(failure_told, true) && api.leases.find(id)) {
            co_await tell_failure(api, id, request, grown.failure);
            told.log_size = request.log_size;
            told.log_crc32c = request.log_crc32c;
        }
        struct Ended {
            model::JobState state{};
            bool again = false;
        };
        auto change = [&](store::Tx& tx) -> Result<Ended> {
            if (finishing && !finishing->job.shard_of.empty() && !finishing->ended_before) {
                const auto now = core::look(tx, id);
                if (now && now->is_last_shard != finishing->is_last_shard) return Ended{{}, true};
            }
            SLUICE_TRY(const model::JobState state,
                       api.lifecycle.finish(tx, id, told, digest, grown));
            if (finishing) core::record(tx, *finishing, told.reports, weighed, api.clock.now());
            failpoint::hit("finish", "in");
            return Ended{state, false};
        };
        auto ended = co_await api.writer.write(std::move(change));
        if (!ended) co_return ended.error();
        if (!ended->again) co_return ended->state;
    }
}

}  // namespace sluice::api
