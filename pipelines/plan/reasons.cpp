#include "pipelines/plan/reasons.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace sluice::plan {
namespace {

using config::Node;

// A reason is read by people: a commit message or a list of a thousand globs would hide it.
constexpr std::size_t k_max_shown = 80;
constexpr std::size_t k_max_values = 20;

std::string short_text(std::string_view text) {
    std::string out = text::sanitize_utf8(text, k_max_shown);
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out.size() < text.size() ? out + "…" : out;
}

std::string listed(std::span<const std::string> globs) {
    std::string out;
    for (const std::string& glob : globs) out += (out.empty() ? "" : ", ") + glob;
    return short_text(out);
}

Reason at(const config::Place& place, const config::Diagnostics& diagnostics, std::string rule,
          bool holds, std::string text) {
    return {std::move(rule), holds, false, std::move(text), diagnostics.path(place.file),
            place.line};
}

/// The name that the globs of the event's trigger are about.
std::string name_of(const model::Event& event) {
    if (event.kind == model::EventKind::tag) return event.tag;
    if (event.pull_request) return event.pull_request->target_branch;
    return event.branch;
}

/// Why the trigger did, or did not, take the event.
std::string about_trigger(const model::Event& event, const Node& trigger, bool fired) {
    const std::string kind(to_text(event.kind));
    const Node* globs = trigger.is_list() ? &trigger : trigger.find("branches");
    const bool is_draft = event.pull_request && event.pull_request->draft;
    const Node* drafts = trigger.find("drafts");
    if (!fired && is_draft && drafts != nullptr && drafts->text == "false")
        return "the pull request is a draft, and `drafts` is false";
    if (globs == nullptr || globs->items.empty()) return fmt::format("`on.{}` takes all", kind);
    return fmt::format("`{}` {} `on.{}`: {}", short_text(name_of(event)),
                       fired ? "matches" : "does not match", kind,
                       listed(config::strings_of(globs)));
}

/// Names and calls whose values decide, outermost first.
void collect(const expr::Ast& ast, std::vector<const expr::Ast*>& out) {
    if (out.size() >= k_max_values) return;
    const bool is_name = !expr::dotted(ast).empty();
    if (is_name || ast.kind == expr::Ast::Kind::call) out.push_back(&ast);
    if (is_name) return;
    for (const expr::Ast& child : ast.children) collect(child, out);
}

std::string shown_value(const expr::Value& value) {
    if (value.kind == expr::Value::Kind::object) return "an object";
    return short_text(expr::to_source(value));
}

}  // namespace

std::vector<Reason> reasons_of_event(const Input& input, const config::File& file, bool fired,
                                     const config::MergedJob& job,
                                     const config::Diagnostics& diagnostics) {
    const std::string kind(to_text(input.event.kind));
    std::vector<Reason> out;
    const Node* on = file.root.find("on");
    const Node* trigger = on == nullptr ? nullptr : on->find(kind);
    const config::Place place = file.triggers ? file.triggers->place : config::Place{file.index};
    if (trigger != nullptr) {
        out.push_back(at(trigger->place, diagnostics, "on", fired,
                         about_trigger(input.event, *trigger, fired)));
    } else if (fired) {
        out.push_back(at(place, diagnostics, "on", true, fmt::format("`on` takes {}", kind)));
    } else {
        out.push_back(at(place, diagnostics, "on", false, fmt::format("`on` has no `{}`", kind)));
    }
    if (const Node* own = job.node.find("on"); own != nullptr && fired) {
        const auto events = config::strings_of(own);
        const bool holds = std::find(events.begin(), events.end(), kind) != events.end();
        out.push_back(
            at(own->place, diagnostics, "on", holds,
               fmt::format("`on` of the job {}: {}",
                           holds ? "takes the event" : "leaves the event out", listed(events))));
    }
    return out;
}

Reason reason_of_paths(const Input& input, std::string rule, std::span<const std::string> globs,
                       bool holds) {
    Reason out{std::move(rule), holds, false, "", "", 0};
    if (!input.changed_paths) {
        out.text = "it is not known what changed, so everything counts as changed";
        return out;
    }
    const text::Globs compiled(globs);
    const auto found = std::find_if(input.changed_paths->begin(), input.changed_paths->end(),
                                    [&](const std::string& path) { return compiled.match(path); });
    out.text = found == input.changed_paths->end()
                   ? fmt::format("no changed path (of {}) matches {}", input.changed_paths->size(),
                                 listed(globs))
                   : fmt::format("`{}` changed and matches {}", short_text(*found), listed(globs));
    return out;
}

Reason reason_of_condition(const expr::Ast& condition, std::string_view source,
                           const expr::Context& context, const Decision& decision) {
    std::vector<const expr::Ast*> parts;
    collect(condition, parts);
    std::string values;
    std::set<std::string> seen;
    for (const expr::Ast* part : parts) {
        const std::string name = expr::to_source(*part);
        if (!seen.insert(name).second || expr::reads(*part, {"needs"})) continue;
        const auto value = expr::evaluate(*part, context);
        if (value)
            values += fmt::format("{}{} = {}", values.empty() ? "" : ", ", short_text(name),
                                  shown_value(*value));
    }
    const std::string shown = short_text(text::trim(source));
    Reason out{"if", decision.value, !decision.later.empty(), "", "", 0};
    out.text = out.later ? fmt::format("`{}` is decided when the needs have ended", shown)
                         : fmt::format("`{}` is {}", shown, decision.value ? "true" : "false");
    if (!values.empty()) out.text += fmt::format(" ({})", values);
    return out;
}

void finish(Trace& trace, const Plan& plan) {
    std::map<std::string_view, const PlannedJob*> by_id;
    for (const PlannedJob& job : plan.jobs) by_id[job.spec.id] = &job;
    for (JobReasons& job : trace.jobs) {
        const auto found = by_id.find(job.id);
        if (found == by_id.end()) continue;
        const PlannedJob& planned = *found->second;
        job.choice = planned.late_if.empty() ? Choice::selected : Choice::later;
        if (planned.selected) continue;
        job.choice = Choice::not_selected;
        const bool explained = std::any_of(job.reasons.begin(), job.reasons.end(),
                                           [](const Reason& reason) { return !reason.holds; });
        if (!explained) job.reasons.push_back({"needs", false, false, planned.reason, "", 0});
    }
}

}  // namespace sluice::plan
