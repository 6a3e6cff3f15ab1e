#include "cli/local/pipeline.hpp"

#include "cli/exit_code.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/plan/groups.hpp"
#include "pipelines/schedule/ticks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace sluice::cli::local {

using model::EventKind;

namespace {

const std::string& or_else(const std::string& first, const std::string& second) {
    return first.empty() ? second : first;
}

/// What --event may be; the options may say it without it.
Result<std::vector<EventKind>> wanted_events(const EventOptions& options) {
    if (options.event.empty() && !options.tag.empty()) return std::vector{EventKind::tag};
    const bool about_request = !options.target.empty() || options.draft || options.fork ||
                               !options.title.empty() || !options.labels.empty();
    if (options.event.empty() && about_request) return std::vector{EventKind::pull_request};
    if (options.event.empty() && !options.schedule.empty()) return std::vector{EventKind::schedule};
    // Only people choose params.
    if (options.event.empty() && !options.params.empty()) return std::vector{EventKind::manual};
    if (options.event.empty())
        return std::vector{EventKind::push, EventKind::pull_request, EventKind::manual};
    auto kind = parse_enum<EventKind>(options.event);
    if (!kind)
        return usage_error("--event " + printable(options.event) + ": there is no such event");
    if (*kind == EventKind::tag && options.tag.empty())
        return usage_error("--event tag needs --tag NAME");
    if (*kind == EventKind::schedule && options.schedule.empty())
        return usage_error("--event schedule needs --schedule NAME");
    return std::vector{*kind};
}

bool brings_a_job(const plan::Outcome& outcome) {
    return outcome.triggered && outcome.plan &&
           std::any_of(outcome.plan->jobs.begin(), outcome.plan->jobs.end(),
                       [](const plan::PlannedJob& job) { return job.selected; });
}

/// What the schedule says about `params` holds where the caller says nothing.
void take_params_of_schedule(Pipeline& pipeline) {
    auto& event = pipeline.input.event;
    if (!event.schedule || !pipeline.outcome.schedules) return;
    const std::size_t before = event.params.size();
    for (const auto& known : *pipeline.outcome.schedules)
        if (known.name == event.schedule->name)
            event.params.insert(known.params.begin(), known.params.end());
    if (event.params.size() != before) pipeline.outcome = plan::make_plan(pipeline.input);
}

/// Positions of the jobs that the word means.
std::vector<std::size_t> named(const std::vector<plan::PlannedJob>& jobs, const std::string& word) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < jobs.size(); ++i)
        if (plan::is_part_of(jobs[i].spec.base, word) || plan::is_part_of(jobs[i].spec.id, word))
            found.push_back(i);
    if (!found.empty() || word.find_first_of("*?[{") == std::string::npos) return found;
    for (std::size_t i = 0; i < jobs.size(); ++i)
        if (text::glob_match(word, jobs[i].spec.base)) found.push_back(i);
    return found;
}

Error unknown_job(const std::vector<plan::PlannedJob>& jobs, const std::string& word) {
    std::vector<std::string> ids;
    for (const plan::PlannedJob& job : jobs)
        if (ids.empty() || ids.back() != job.spec.base) ids.push_back(job.spec.base);
    std::string text = fmt::format("there is no job '{}' for this event", printable(word));
    if (auto near = text::nearest(word, ids))
        return usage_error(text + "; did you mean '" + *near + "'?");
    static const std::vector<std::string> commands{"list",   "show",  "logs",   "start",
                                                   "cancel", "retry", "approve"};
    if (auto near = text::nearest(word, commands))
        return usage_error(text + "; did you mean `sluice run " + *near + "`?");
    std::string list;
    for (const std::string& id : ids) list += (list.empty() ? "" : ", ") + id;
    return usage_error(text + "; it has " + (list.empty() ? "none" : list));
}

/// Of a need by cell: one of the cells that it means.
bool is_cell_of(const model::JobSpec& spec, const plan::Need& need) {
    return std::all_of(need.matrix.begin(), need.matrix.end(), [&](const auto& value) {
        const auto own = spec.matrix.find(value.first);
        return own != spec.matrix.end() && own->second == value.second;
    });
}

}  // namespace

Result<std::map<std::string, std::string>> read_params(const std::vector<std::string>& words) {
    std::map<std::string, std::string> out;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            return usage_error("--param " + printable(word) + ": write NAME=VALUE");
        if (!out.emplace(word.substr(0, equals), word.substr(equals + 1)).second)
            return usage_error("--param " + printable(word.substr(0, equals)) + " is given twice");
    }
    return out;
}

model::Event make_event(EventKind kind, const EventOptions& options, const Checkout& checkout,
                        Timestamp today) {
    model::Event event;
    event.kind = kind;
    event.sha = checkout.sha.empty() ? std::string(40, '0') : checkout.sha;
    event.message = checkout.message;
    event.author = checkout.author;
    event.actor = checkout.author;
    if (kind == EventKind::manual || kind == EventKind::schedule) event.params = options.params;
    if (kind == EventKind::schedule) {
        const schedule::Tick tick = schedule::local_minute(schedule::utc_zone, today);
        event.schedule = model::ScheduleTick{options.schedule, tick.date, tick.time};
    }
    const std::string branch =
        or_else(options.branch, or_else(checkout.branch, checkout.default_branch));
    switch (kind) {
        case EventKind::push: event.old_sha = std::string(event.sha.size(), '0'); [[fallthrough]];
        case EventKind::schedule:
        case EventKind::manual:
        case EventKind::dataset: event.branch = branch; break;
        case EventKind::tag: event.tag = options.tag; break;
        case EventKind::pull_request: {
            model::PullRequest request;
            request.title =
                or_else(options.title, checkout.message.substr(0, checkout.message.find('\n')));
            request.draft = options.draft;
            request.fork = options.fork;
            request.labels = options.labels;
            request.author = checkout.author;
            request.source_branch = branch;
            request.target_branch = or_else(options.target, checkout.default_branch);
            event.pull_request = std::move(request);
            break;
        }
        case EventKind::merge_queue: break;
    }
    return event;
}

namespace {

/// `.ci.yml` and `.ci/*.yml` of the checkout's commit.
Result<ConfigSet> files_of_commit(const Checkout& checkout) {
    ConfigSet set;
    for (const char* name : {".ci.yml", ".ci/"}) {
        SLUICE_TRY(auto found, commit_contents(checkout, name));
        for (const auto& file : found) {
            const bool is_ours =
                file.path == ".ci.yml" ||
                (file.path.ends_with(".yml") &&
                 file.path.find('/', std::string_view(".ci/").size()) == std::string::npos);
            if (!is_ours) continue;
            SLUICE_TRY(auto text, blob_text(checkout, file.digest));
            set.files.push_back({file.path, std::move(text)});
            set.shown.push_back(file.path);
        }
    }
    if (set.files.empty()) return usage_error("there is no .ci.yml at " + short_sha(checkout.sha));
    set.fragments = plan::collect_fragments(
        set.files, [&](const std::string& path) -> std::optional<plan::SourceFile> {
            if (path.starts_with("git+")) return std::nullopt;
            auto found = commit_contents(checkout, path);
            if (!found || found->size() != 1 || found->front().path != path) return std::nullopt;
            plan::SourceFile source{path, ""};
            auto text = blob_text(checkout, found->front().digest);
            if (text)
                source.text = std::move(*text);
            else
                source.problem = "cannot be read: " + text.error().message;
            return source;
        });
    return set;
}

plan::Outcome plan_once(const plan::Input& input, plan::Trace* trace) {
    if (trace == nullptr) return plan::make_plan(input);
    trace->jobs.clear();
    return plan::make_plan(input, *trace);
}

/// Plans for the event of the options, or the first of the usual ones that brings a job.
Result<> choose_event(Pipeline& pipeline, const EventOptions& options, const Checkout& checkout,
                      Timestamp now, plan::Trace* trace) {
    SLUICE_TRY(auto kinds, wanted_events(options));
    pipeline.input.default_branch = checkout.default_branch;
    pipeline.input.project_name = checkout.name;
    pipeline.input.project_url = checkout.url;
    pipeline.input.trusted = !options.fork;
    for (EventKind kind : kinds) {
        pipeline.input.event = make_event(kind, options, checkout, now);
        pipeline.outcome = plan_once(pipeline.input, trace);
        take_params_of_schedule(pipeline);
        if (config::has_errors(pipeline.outcome.diagnostics) || brings_a_job(pipeline.outcome))
            return {};
    }
    // Nothing runs: then the first says why.
    if (kinds.size() > 1) {
        pipeline.input.event = make_event(kinds.front(), options, checkout, now);
        pipeline.outcome = plan_once(pipeline.input, trace);
    }
    return {};
}

}  // namespace

Result<Pipeline> plan_checkout(const Checkout& head, const EventOptions& options,
                               std::int64_t run_number, Timestamp now, plan::Trace* trace) {
    Checkout checkout = head;
    Pipeline pipeline;
    if (options.commit.empty()) {
        SLUICE_TRY(auto sets, find_config({checkout.root.string()}));
        pipeline.files = std::move(sets.front());
        std::error_code ignored;
        for (std::string& path : pipeline.files.shown)
            path = std::filesystem::proximate(path, ignored).string();
        pipeline.files.root = std::filesystem::proximate(pipeline.files.root, ignored);
    } else {
        SLUICE_TRY(checkout, at_commit(head, options.commit));
        SLUICE_TRY(pipeline.files, files_of_commit(checkout));
    }
    pipeline.input.files = pipeline.files.files;
    pipeline.input.fragments = pipeline.files.fragments;
    pipeline.input.run_number = run_number;
    if (plan::reads_tree(pipeline.input.files) || plan::reads_tree(pipeline.input.fragments)) {
        SLUICE_TRY(pipeline.input.tree,
                   options.commit.empty() ? tree_contents(checkout) : commit_contents(checkout));
    }
    if (!options.changed_from.empty()) {
        SLUICE_TRY(pipeline.input.changed_paths,
                   options.commit.empty() ? changed_paths(checkout, options.changed_from)
                                          : commit_changed_paths(checkout, options.changed_from));
    }
    SLUICE_CHECK(choose_event(pipeline, options, checkout, now, trace));
    return pipeline;
}

Result<Pipeline> plan_files(ConfigSet files, const EventOptions& options, Timestamp now,
                            plan::Trace* trace) {
    Checkout none;
    none.default_branch = "main";
    none.name = "project";
    Pipeline pipeline;
    pipeline.files = std::move(files);
    pipeline.input.files = pipeline.files.files;
    pipeline.input.fragments = pipeline.files.fragments;
    pipeline.input.run_number = 1;
    SLUICE_CHECK(choose_event(pipeline, options, none, now, trace));
    return pipeline;
}

Result<std::vector<plan::PlannedJob>> select_jobs(const std::vector<plan::PlannedJob>& jobs,
                                                  const std::vector<std::string>& words,
                                                  bool with_needs) {
    if (words.empty()) return jobs;
    std::set<std::size_t> wanted;
    for (const std::string& word : words) {
        const std::vector<std::size_t> found = named(jobs, word);
        if (found.empty()) return unknown_job(jobs, word);
        wanted.insert(found.begin(), found.end());
    }
    std::set<std::string> bases;
    for (std::size_t i : wanted) bases.insert(jobs[i].spec.base);
    // In topological order needs stand before their readers: one walk from the end collects all.
    if (with_needs)
        for (std::size_t i = jobs.size(); i-- > 0;) {
            if (!wanted.contains(i)) continue;
            for (const plan::Need& need : jobs[i].needs)
                for (std::size_t j = 0; j < i; ++j)
                    if (plan::is_part_of(jobs[j].spec.base, need.job) &&
                        is_cell_of(jobs[j].spec, need)) {
                        wanted.insert(j);
                        bases.insert(jobs[j].spec.base);
                    }
        }
    std::vector<plan::PlannedJob> out;
    for (std::size_t i : wanted) {
        out.push_back(jobs[i]);
        // Without the job that gives it a value it would end as "not needed".
        for (const std::string& read : jobs[i].reads)
            if (jobs[i].selected && !bases.contains(read))
                return usage_error(
                    fmt::format("`{}` reads outputs of `{}`: leave --no-needs out, "
                                "or name `{}`, too",
                                jobs[i].spec.id, read, read));
        std::erase_if(out.back().needs, [&](const plan::Need& need) {
            return std::none_of(bases.begin(), bases.end(), [&](const std::string& base) {
                return plan::is_part_of(base, need.job);
            });
        });
    }
    return out;
}

std::vector<std::string> job_ids() {
    std::vector<std::string> ids;
    auto checkout = read_checkout();
    if (!checkout) return ids;
    auto pipeline = plan_checkout(*checkout, {}, 1);
    if (!pipeline || !pipeline->outcome.plan) return ids;
    for (const plan::PlannedJob& job : pipeline->outcome.plan->jobs)
        if (ids.empty() || ids.back() != job.spec.base) ids.push_back(job.spec.base);
    return ids;
}

std::string describe(const model::Event& event) {
    switch (event.kind) {
        case EventKind::push: return "push of " + event.branch;
        case EventKind::tag: return "tag " + event.tag;
        case EventKind::pull_request:
            return "pull request into " + event.pull_request->target_branch;
        case EventKind::merge_queue: return "merge queue";
        case EventKind::schedule:
            return "schedule " + event.schedule.value_or(model::ScheduleTick{}).name + " on " +
                   event.branch;
        case EventKind::manual: return "manual run of " + event.branch;
        case EventKind::dataset: return "change of a dataset";
    }
    return "";
}

std::map<std::string, std::string> job_environment(const plan::Input& input,
                                                   const model::JobSpec& spec, int attempt) {
    const model::Event& event = input.event;
    const std::string number = fmt::format("{}", input.run_number);
    std::map<std::string, std::string> env{
        {"CI", "true"},
        {"CI_LOCAL", "true"},
        {"CI_RUN_ID", number},
        {"CI_RUN_NUMBER", number},
        {"CI_RUN_URL", ""},
        {"CI_JOB_NAME", spec.id},
        {"CI_JOB_ID", "0"},
        {"CI_ATTEMPT", fmt::format("{}", attempt)},
        {"CI_EVENT", std::string(to_text(event.kind))},
        {"CI_PROJECT", input.project_name},
        {"CI_REPO_URL", input.project_url},
        {"CI_COMMIT_SHA", event.sha},
        {"CI_COMMIT_BRANCH", event.branch},
        {"CI_COMMIT_TAG", event.tag},
        {"CI_DEFAULT_BRANCH", input.default_branch},
        {"CI_SERVER_URL", ""},
        {"CI_AGENT", "local"},
    };
    if (event.schedule) {
        env["CI_SCHEDULE"] = event.schedule->name;
        env["CI_SCHEDULE_DATE"] = event.schedule->date;
        env["CI_SCHEDULE_TIME"] = event.schedule->time;
    }
    if (event.pull_request) {
        env["CI_PR_NUMBER"] = fmt::format("{}", event.pull_request->number);
        env["CI_PR_TARGET_BRANCH"] = event.pull_request->target_branch;
    }
    return env;
}

}  // namespace sluice::cli::local
