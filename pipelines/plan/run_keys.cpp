#include "pipelines/plan/run_keys.hpp"

#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/plan/evaluation.hpp"
#include "pipelines/plan/lower_settings.hpp"
#include "pipelines/plan/params.hpp"
#include "pipelines/plan/typecheck.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {

using config::Diagnostics;
using config::Node;

void RunKeys::read(const std::vector<config::File>& files, const config::File* main,
                   const Calls& calls, Diagnostics& diagnostics) {
    calls_ = &calls;
    if (main != nullptr) {
        params_ = read_params(main->root.find("params"), diagnostics);
        concurrency_ = main->root.member("concurrency");
    }
    check_defaults(files, diagnostics);
    read_schedules(files, diagnostics);
    if (concurrency_ == nullptr) return;
    const Node& node = concurrency_->value;
    if (!node.is_map()) {
        concurrency_ = nullptr;
        return;
    }
    if (node.find("group") == nullptr)
        diagnostics.error(concurrency_->place, "type_mismatch", "`concurrency` names a `group`",
                          "e.g. `concurrency: { group: deploy, policy: queue }`");
    config::MergedJob run;
    run.id = "concurrency";
    run.place = concurrency_->place;
    run.node.kind = Node::Kind::map;
    run.node.members.push_back(*concurrency_);
    JobView view{calls, run};
    view.run_params = params_;
    view.whole_run = true;
    check_types(view, diagnostics);
}

void RunKeys::check_defaults(const std::vector<config::File>& files, Diagnostics& diagnostics) {
    const bool only_manual = std::all_of(files.begin(), files.end(), [](const config::File& file) {
        return !file.triggers ||
               config::event_names(*file.triggers) == std::set<std::string>{"manual"};
    });
    for (const Param& param : params_) {
        if (param.fallback && config::expression::has_expression(param.fallback->text))
            diagnostics.error(diagnostics.within(*param.fallback, param.fallback->text.find("${{")),
                              "expression_not_here",
                              fmt::format("`params.{}.default` is read before any expression is "
                                          "evaluated",
                                          param.name),
                              "write the value itself; `params` of a job may hold expressions");
        if (!param.fallback && !only_manual)
            diagnostics.error(
                param.place, "default_missing",
                fmt::format("`params.{}` has no default, but not only people start "
                            "runs",
                            param.name),
                "give it a `default`; without one, `manual` must be the only trigger");
    }
}

void RunKeys::read_schedules(const std::vector<config::File>& files, Diagnostics& diagnostics) {
    std::map<std::string, config::Place> places;
    for (const config::File& file : files) {
        if (!file.triggers) continue;
        for (const config::ScheduleSource& source : file.triggers->schedules) {
            const schedule::Schedule& read = source.schedule;
            const auto known =
                std::find_if(schedules_.begin(), schedules_.end(),
                             [&](const auto& other) { return other.name == read.name; });
            if (known != schedules_.end()) {
                // The same words in two files are one schedule, which brings the jobs of both.
                if (*known == read) continue;
                const config::Place& other = places.at(read.name);
                if (other.file == source.place.file) continue;  // has been said
                diagnostics.error(
                    source.place, "duplicate_schedule",
                    fmt::format("schedule `{}` says something else in {}:{}",
                                config::shown(read.name), diagnostics.path(other.file), other.line),
                    "give one of them another `name`, or make both equal");
                continue;
            }
            places[read.name] = source.place;
            schedules_.push_back(read);
            for (const std::string& complaint : run_params(params_, read.params).complaints) {
                // A param that nobody has a value for is said where it is declared.
                if (complaint.ends_with("wants a value")) continue;
                diagnostics.error(source.params == nullptr ? source.place : source.params->place,
                                  "bad_param",
                                  fmt::format("params of schedule `{}`: {}",
                                              config::shown(read.name), complaint));
            }
        }
    }
}

std::vector<Param> RunKeys::params_of_job(const config::MergedJob& job, const Calls& calls,
                                          Diagnostics& diagnostics) const {
    if (job.opens != 0) return {};  // it only calls others
    auto out = read_params(job.node.find("params"), diagnostics);
    const auto& outer = job.call == 0 ? params_ : calls.at(job.call).params;
    const Node* sweep = job.node.find("sweep");
    const Node* space = sweep == nullptr ? nullptr : sweep->find("space");
    for (const config::Member& trial :
         space == nullptr ? std::vector<config::Member>{} : space->members) {
        const auto is_it = [&](const Param& other) { return other.name == trial.name; };
        const bool of_job = std::any_of(out.begin(), out.end(), is_it);
        if (of_job || std::any_of(outer.begin(), outer.end(), is_it))
            diagnostics.error(trial.place, "duplicate_param",
                              fmt::format("`{}` is a param of the {} already, and each trial would "
                                          "have another",
                                          trial.name,
                                          of_job          ? "job"
                                          : job.call == 0 ? "run"
                                                          : "fragment"),
                              "rename one: `params.N` would not say which");
    }
    for (const Param& param : out) {
        const bool twice = std::any_of(outer.begin(), outer.end(), [&](const Param& other) {
            return other.name == param.name;
        });
        if (twice)
            diagnostics.error(param.place, "duplicate_param",
                              fmt::format("`{}` is a param of the {} already", param.name,
                                          job.call == 0 ? "run" : "fragment"),
                              "rename one: `params.N` would not say which");
        if (!param.fallback && sweep == nullptr)
            diagnostics.error(
                param.place, "default_missing",
                fmt::format("nobody gives `params.{}` of job `{}` a value", param.name, job.id),
                "give it a `default`; what people choose stands in `params` at the "
                "top of .ci.yml");
    }
    return out;
}

std::vector<std::string> RunKeys::take_values(const model::Event& event, Diagnostics& diagnostics) {
    RunParams settled = run_params(params_, event.params);
    for (const std::string& complaint : settled.complaints)
        diagnostics.error({}, "bad_param_value", complaint);
    values_ = std::move(settled.values);
    return std::move(settled.complaints);
}

std::optional<model::Concurrency> RunKeys::concurrency(const Input& input,
                                                       Diagnostics& diagnostics) const {
    if (concurrency_ != nullptr) {
        Evaluation evaluation(input, *calls_, 0, "concurrency", diagnostics);
        evaluation.set("params", params_value(values_));
        return concurrency_of(concurrency_->value, evaluation);
    }
    if (!input.event.pull_request) return std::nullopt;
    model::Concurrency out;
    out.group = fmt::format("pr-{}", input.event.pull_request->number);
    out.policy = model::ConcurrencyPolicy::cancel_running;
    return out;
}

void RunKeys::check_groups(const Plan& plan, Diagnostics& diagnostics) const {
    if (!plan.concurrency) return;
    for (const PlannedJob& job : plan.jobs) {
        if (!job.spec.concurrency || job.spec.concurrency->group != plan.concurrency->group)
            continue;
        diagnostics.error(concurrency_ == nullptr ? config::Place{} : concurrency_->place,
                          "waits_for_itself",
                          fmt::format("`{}` would wait for group `{}`, which its own run holds",
                                      job.spec.id, plan.concurrency->group),
                          "give the job another group, or remove one of the two");
        return;
    }
}

}  // namespace sluice::plan
