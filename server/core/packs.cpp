#include "server/core/packs.hpp"

#include "pipelines/plan/inputs.hpp"
#include "server/core/lineage.hpp"
#include "server/store/projects.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

using protocol::PackKind;

constexpr Duration k_output_life{30LL * 24 * 3'600'000};

/// When a pack goes; not kept at all when the job does not declare it or its outcome forbids it.
struct Terms {
    bool kept = false;
    std::optional<std::int64_t> expires_at{};
};

Terms terms_of(const protocol::PackRef& pack, const model::JobSpec& spec,
               model::AttemptResult result, Timestamp now) {
    const bool passed = result == model::AttemptResult::passed;
    switch (pack.kind) {
        case PackKind::artifact:
            for (const model::ArtifactSpec& artifact : spec.artifacts)
                if (artifact.name == pack.name)
                    return {true, now.ms + artifact.expire_in.value_or(k_output_life).count()};
            return {};
        case PackKind::output: {
            const auto found = spec.outputs.find(pack.name);
            if (!passed || found == spec.outputs.end() || model::is_value(found->second.type))
                return {};
            return {true, now.ms + k_output_life.count()};
        }
        case PackKind::cache:
            for (const model::CacheSpec& cache : spec.cache)
                if (cache.key == pack.name)
                    return {passed || cache.save == model::SaveWhen::always, std::nullopt};
            return {};
    }
    return {};
}

/// `3.11-linux` of `train (3.11, linux)`, unlike those before.
std::string folder_of(const std::string& key, const std::vector<protocol::InputPack>& before) {
    std::string out = plan::cell_folder(key);
    const auto taken = [&](const std::string& name) {
        return std::any_of(before.begin(), before.end(),
                           [&](const auto& pack) { return pack.folder == name; });
    };
    if (!taken(out)) return out;
    return fmt::format("{}-{}", out, before.size() + 1);
}

}  // namespace

std::vector<std::string> cache_scopes(store::Tx& tx, const store::Run& run) {
    const auto project = store::find_project(tx, run.project);
    const auto branch = [](std::string_view tier, const std::string& name) {
        return fmt::format("{} branch {}", tier, name);
    };
    std::vector<std::string> out;
    const auto add = [&](std::string scope) {
        if (std::find(out.begin(), out.end(), scope) == out.end()) out.push_back(std::move(scope));
    };
    const std::string tier(to_text(run.tier));
    if (run.pr_number > 0)
        add(fmt::format("{} pull request {}", tier, run.pr_number));
    else if (run.event_kind == "merge_queue")
        add(fmt::format("{} merge queue of {}", tier, run.target_branch));
    else if (!run.tag.empty())
        add(fmt::format("{} tag {}", tier, run.tag));
    else
        add(branch(tier, run.branch));
    // Reading goes up only: what a less trusted run wrote never reaches a more trusted one (S22).
    if (!run.target_branch.empty()) add(branch("T3", run.target_branch));
    if (project) add(branch("T3", project->default_branch));
    return out;
}

protocol::CacheReply find_cache(store::Tx& tx, const store::Run& run,
                                const protocol::CacheRequest& wanted, Timestamp now) {
    const auto scopes = cache_scopes(tx, run);
    const auto reply = [&](store::Pack& pack, bool exact) {
        store::touch_pack(tx, pack.id, now);
        protocol::CacheReply out;
        out.pack = pack.id;
        out.key = pack.content.name;
        out.exact = exact;
        const auto of = store::find_run(tx, pack.run);
        out.from = of ? fmt::format("run {}", of->number) : "an earlier run";
        out.content = std::move(pack.content);
        return out;
    };
    for (const std::string& scope : scopes)
        if (auto pack = store::find_cache(tx, run.project, scope, wanted.key))
            return reply(*pack, true);
    for (const std::string& prefix : wanted.restore)
        for (const std::string& scope : scopes)
            if (auto pack = store::find_cache_prefix(tx, run.project, scope, prefix))
                return reply(*pack, false);
    return {};
}

std::optional<store::Pack> readable_cache(store::Tx& tx, const store::Run& run, std::int64_t id) {
    auto pack = store::find_pack(tx, id);
    if (!pack || pack->content.kind != PackKind::cache || pack->project != run.project)
        return std::nullopt;
    const auto scopes = cache_scopes(tx, run);
    if (std::find(scopes.begin(), scopes.end(), pack->scope) == scopes.end()) return std::nullopt;
    return pack;
}

bool may_refer(store::Tx& tx, AttemptId attempt, const store::Run& run, std::string_view digest) {
    if (!store::blob_size(tx, digest)) return false;
    if (store::blob_is_pinned(tx, attempt, digest)) return true;
    if (!store::scope_has_blob(tx, run.project, run.tier, digest)) return false;
    store::pin_blob(tx, attempt, digest);
    return true;
}

Result<> keep_packs(store::Tx& tx, const store::Attempt& attempt, const store::Run& run,
                    const model::JobSpec& spec, const protocol::FinishRequest& request,
                    model::AttemptResult result, Timestamp now) {
    for (const protocol::PackRef& content : request.packs) {
        const Terms terms = terms_of(content, spec, result, now);
        if (!terms.kept) continue;
        store::Pack pack;
        pack.project = run.project;
        pack.tier = run.tier;
        if (content.kind == PackKind::cache) pack.scope = cache_scopes(tx, run).front();
        pack.run = run.id;
        pack.job = attempt.job;
        pack.attempt = attempt.id;
        pack.content = content;
        if (content.kind == PackKind::output) {
            const model::OutputType type = spec.outputs.at(content.name).type;
            if (type == model::OutputType::model || type == model::OutputType::dataset)
                pack.lineage = lineage_of(run, attempt.job, spec, request);
        }
        pack.created_at = now;
        pack.expires_at = terms.expires_at;
        const auto weigh = [&](const protocol::Blob& blob) {
            const auto size = store::blob_size(tx, blob.sha256);
            pack.stored += blob.stored;
            return size && *size == blob.stored &&
                   store::blob_is_pinned(tx, attempt.id, blob.sha256);
        };
        bool all = weigh(content.manifest);
        for (const protocol::Blob& blob : content.blobs) all = weigh(blob) && all;
        if (!all)
            return error(Code::conflict, "blob_missing",
                         fmt::format("{} {} refers to bytes that were not sent",
                                     to_text(content.kind), content.name));
        store::insert_pack(tx, pack);
    }
    store::unpin_blobs(tx, attempt.id);
    return {};
}

Result<protocol::InputReply> resolve_input(store::Tx& tx, Lifecycle& lifecycle, RunId run,
                                           JobId job, const std::string& name, Timestamp now) {
    const auto planned = lifecycle.plan_of(tx, run);
    const auto reader = static_cast<std::size_t>(
        std::find(planned->ids.begin(), planned->ids.end(), job) - planned->ids.begin());
    if (reader == planned->ids.size()) return error(Code::not_found, "not_found", "no such job");
    const model::JobSpec& spec = planned->jobs[reader].spec;
    const auto input = spec.inputs.find(name);
    if (input == spec.inputs.end())
        return error(Code::not_found, "not_found", "the job has no such input", "name");
    const auto source = plan::input_source(input->second.from);
    if (!source)
        return error(Code::not_found, "input_missing",
                     fmt::format("`{}` names nothing that this server has", input->second.from));
    std::vector<plan::JobNow> jobs;
    for (const plan::PlannedJob& one : planned->jobs) jobs.push_back({&one});
    protocol::InputReply out;
    out.from = fmt::format("output {} of {}", source->output, source->job);
    std::string missing =
        fmt::format("`{}` did not run, so there is no output `{}`", source->job, source->output);
    for (const std::size_t i : plan::cells_read(jobs, reader, source->job)) {
        const auto cell = store::find_job(tx, planned->ids[i]);
        if (!cell || !cell->log_attempt) continue;
        auto pack = store::find_pack(tx, cell->log_attempt, PackKind::output, source->output);
        const bool expired = pack && pack->expires_at && *pack->expires_at <= now.ms;
        if (!pack || expired) {
            missing =
                fmt::format("`{}` {} its output `{}`", cell->key,
                            cell->outputs.find("\"" + source->output + "\"") != std::string::npos
                                ? "has expired:"
                                : "ended without",
                            source->output);
            if (!source->all_cells) break;
            continue;
        }
        out.packs.push_back(
            {source->all_cells ? folder_of(cell->key, out.packs) : "", std::move(pack->content)});
        if (!source->all_cells) break;
    }
    if (out.packs.empty()) return error(Code::not_found, "input_missing", missing);
    return out;
}

}  // namespace sluice::core
