#include "pipelines/plan/calls.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/document.hpp"
#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/plan/matrix.hpp"
#include "pipelines/plan/output_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::plan {
namespace expr = config::expression;

namespace {

using config::Diagnostics;
using config::Member;
using config::MergedJob;
using config::Node;

constexpr std::size_t k_max_jobs = 4'000;
// Fragments multiply: bounds all that calls bring, as config::weight() counts.
constexpr std::size_t k_max_weight = 1'000'000;
constexpr std::size_t k_call_weight = 50;

/// What a job that calls jobs may say itself; all else would have to mean something for each.
constexpr std::array<std::string_view, 11> k_job_call_keys = {
    "on",          "needs",   "if",   "changes", "when",   "matrix",
    "environment", "secrets", "uses", "with",    "extends"};
constexpr std::array<std::string_view, 8> k_step_call_keys = {
    "name", "if", "when", "env", "secrets", "shell", "working_directory", "uses"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

void erase(Node& map, std::string_view key) {
    std::erase_if(map.members, [&](const Member& member) { return member.name == key; });
}

/// Adds the caller's member where the inner map has none.
void give(Node& inner, const Node& caller, std::string_view key) {
    const Member* given = caller.member(key);
    if (given != nullptr && inner.find(key) == nullptr) inner.members.push_back(*given);
}

/// Adds entries of the caller's map that the inner one does not have: the inner one wins.
void give_entries(Node& inner, const Node& caller, std::string_view key) {
    const Member* given = caller.member(key);
    if (given == nullptr || !given->value.is_map()) return;
    const auto own = std::find_if(inner.members.begin(), inner.members.end(),
                                  [&](const Member& member) { return member.name == key; });
    if (own == inner.members.end())
        inner.members.push_back(*given);
    else if (own->value.is_map())
        own->value = config::merge(given->value, own->value);
}

/// Names of secrets in a `secrets` map.
std::vector<const Node*> secret_names(const Node& holder) {
    std::vector<const Node*> out;
    const Node* secrets = holder.find("secrets");
    if (secrets == nullptr) return out;
    for (const Member& member : secrets->members) {
        const Node* name = member.value.is_scalar() ? &member.value : member.value.find("secret");
        if (name != nullptr && name->is_scalar()) out.push_back(name);
    }
    return out;
}

std::set<std::string> secrets_given(const Node& holder) {
    std::set<std::string> out;
    for (const Node* name : secret_names(holder)) out.insert(name->text);
    return out;
}

}  // namespace

std::string resolve_reference(std::string_view uses, std::string_view inside) {
    if (!uses.starts_with("./")) return std::string(uses);
    if (!is_remote(inside)) return std::string(uses.substr(2));
    constexpr std::size_t k_scheme = std::string_view("git+https://").size();
    const std::size_t file = inside.find("//", k_scheme);
    const std::size_t commit = inside.rfind('@');
    return fmt::format("{}//{}{}", inside.substr(0, file), uses.substr(2), inside.substr(commit));
}

Calls::Calls(const std::vector<SourceFile>& fragments, Diagnostics& diagnostics)
    : fragments_(fragments), diagnostics_(diagnostics), calls_(1) {}

std::vector<int> Calls::chain(int number) const {
    std::vector<int> out;
    for (; number > 0; number = at(number).parent) out.push_back(number);
    std::reverse(out.begin(), out.end());
    return out;
}

std::string Calls::full_id(int number, const std::string& id) const {
    const Call& call = at(number);
    const auto outside = call.outside.find(id);
    return outside != call.outside.end() ? outside->second : call.prefix + id;
}

bool Calls::spend(std::size_t amount, const config::Place& place) {
    if (spent_ > k_max_weight) return false;
    spent_ += amount;
    if (spent_ <= k_max_weight && out_.size() <= k_max_jobs) return true;
    spent_ = k_max_weight + 1;
    diagnostics_.error(place, "plan_too_large", "calls of fragments multiply to too many values",
                       "call fewer, or make the fragments smaller");
    return false;
}

std::vector<MergedJob> Calls::expand(std::vector<MergedJob> jobs) {
    for (MergedJob& job : jobs) expand_job(std::move(job), {});
    return std::move(out_);
}

std::vector<MergedJob> Calls::adopt(std::vector<MergedJob> jobs, Call call) {
    const auto number = static_cast<int>(calls_.size());
    remote_allowed_ = false;
    const std::string prefix = call.prefix;
    for (const MergedJob& job : jobs) call.outside.erase(job.id);  // its own come first
    calls_.push_back(std::move(call));
    for (MergedJob& job : jobs) {
        job.id = prefix + job.id;
        job.call = number;
        enter(job.node, number);
        enter(job.own, number);
        check_all_secrets(job, at(number).secrets, at(number).caller);
        expand_job(std::move(job), {});
    }
    return std::move(out_);
}

void Calls::expand_job(MergedJob job, const Chain& chain) {
    const Node* uses = job.node.find("uses");
    if (uses == nullptr) {
        expand_steps(job, chain);
        out_.push_back(std::move(job));
        return;
    }
    for (const std::string_view other : {"run", "steps"})
        if (const Member* commands = job.own.member(other))
            diagnostics_.error(commands->place, "too_many_commands",
                               fmt::format("`{}` has both `uses` and `{}`", job.id, other),
                               "`uses` can be one of the `steps`");
    std::string reference;
    const Fragment* fragment = open(*uses, chain, reference);
    if (fragment == nullptr) {
        out_.push_back(std::move(job));
        return;
    }
    Chain deeper = chain;
    deeper.push_back(reference);
    if (!fragment->has_steps) {
        call_jobs(std::move(job), *fragment, deeper, std::move(reference));
        return;
    }
    call_steps(job, *fragment, deeper, std::move(reference));
    out_.push_back(std::move(job));
}

/// The fragment's steps become those of the job.
void Calls::call_steps(MergedJob& job, const Fragment& fragment, const Chain& chain,
                       std::string reference) {
    const config::Place place = job.node.member("uses")->place;
    Call call{.parent = job.call,
              .reference = std::move(reference),
              .prefix = calls_[static_cast<std::size_t>(job.call)].prefix,
              .of_steps = true,
              .number = static_cast<int>(job.step_calls.size()) + 1,
              .node = {},
              .caller = job.id};
    call.node.kind = Node::Kind::map;
    give(call.node, job.node, "with");
    const int number = add_call(std::move(call), fragment, place);
    job.step_calls.push_back(number);
    Member steps{"steps", place, {}};
    steps.value.kind = Node::Kind::list;
    steps.value.place = place;
    steps.value.items = steps_of(job, fragment, number);
    erase(job.node, "uses");
    erase(job.node, "with");
    erase(job.node, "run");
    erase(job.node, "steps");
    job.node.members.push_back(std::move(steps));
    expand_steps(job, chain);
}

/// Copies of the fragment's steps, and its outputs for the job.
std::vector<Node> Calls::steps_of(MergedJob& job, const Fragment& fragment, int call) {
    const Node* steps = fragment.file.root.find("steps");
    if (!spend(k_call_weight + config::weight(*steps), job.place)) return {};
    std::vector<Node> out = steps->items;
    for (Node& step : out) {
        enter(step, call);
        check_secrets(step, secrets_given(job.node), job.id);
    }
    give_entries(job.node, fragment.file.root, "outputs");
    return out;
}

void Calls::expand_steps(MergedJob& job, const Chain& chain) {
    const auto at = std::find_if(job.node.members.begin(), job.node.members.end(),
                                 [](const Member& member) { return member.name == "steps"; });
    if (at == job.node.members.end()) return;
    const auto calls = [](const Node& step) { return step.find("uses") != nullptr; };
    if (std::none_of(at->value.items.begin(), at->value.items.end(), calls)) return;
    std::vector<Node> items = std::move(at->value.items);
    at->value.items.clear();
    std::vector<Node> done;
    for (Node& step : items) {
        const Member* uses = step.member("uses");
        if (uses == nullptr || !uses->value.is_scalar()) {
            done.push_back(std::move(step));
            continue;
        }
        for (const Member& member : step.members)
            if (member.name != "with" && !is_one_of(member.name, k_step_call_keys) &&
                config::find_key(config::scope_step, member.name) != nullptr)
                diagnostics_.error(
                    member.place, "bad_call",
                    fmt::format("`{}` cannot stand beside `uses` of a step", member.name),
                    "write it in the steps of the fragment");
        std::string reference;
        const Fragment* fragment = open(uses->value, chain, reference);
        if (fragment == nullptr) {  // has been said
            done.push_back(std::move(step));
            continue;
        }
        if (!fragment->has_steps) {
            diagnostics_.error(
                uses->place, "bad_call",
                fmt::format("`{}` holds jobs, and a step takes steps only", uses->value.text),
                "call it by `uses` of a job");
            continue;
        }
        const int parent = step.place.call;
        Call call{.parent = parent,
                  .reference = reference,
                  .prefix = calls_[static_cast<std::size_t>(parent)].prefix,
                  .of_steps = true,
                  .number = static_cast<int>(job.step_calls.size()) + 1,
                  .node = step,
                  .caller = job.id};
        const int number = add_call(std::move(call), *fragment, uses->place);
        job.step_calls.push_back(number);
        // Its secrets are checked against the job's and the step's together.
        MergedJob inner;
        inner.id = job.id;
        inner.place = uses->place;
        inner.node.kind = Node::Kind::map;
        give(inner.node, job.node, "secrets");
        give_entries(inner.node, step, "secrets");
        inner.step_calls = std::move(job.step_calls);
        Node steps;
        steps.kind = Node::Kind::list;
        steps.items = steps_of(inner, *fragment, number);
        for (Node& item : steps.items) {
            const bool plain = item.is_scalar();
            if (plain) {
                Node map;
                map.kind = Node::Kind::map;
                map.place = item.place;
                map.members.push_back({"run", item.place, std::move(item)});
                item = std::move(map);
            }
            give_entries(item, step, "env");
            give_entries(item, step, "secrets");
            for (const std::string_view key : {"when", "shell", "working_directory"})
                give(item, step, key);
        }
        give_entries(job.node, fragment->file.root, "outputs");
        inner.node.members.push_back({"steps", uses->place, std::move(steps)});
        Chain deeper = chain;
        deeper.push_back(reference);
        expand_steps(inner, deeper);
        give_entries(job.node, inner.node, "outputs");
        job.step_calls = std::move(inner.step_calls);
        for (Member& member : inner.node.members)
            if (member.name == "steps")
                for (Node& item : member.value.items) done.push_back(std::move(item));
    }
    for (Member& member : job.node.members)
        if (member.name == "steps") member.value.items = std::move(done);
}

/// The fragment's jobs stand beside the caller, which is none any more.
void Calls::call_jobs(MergedJob job, const Fragment& fragment, const Chain& chain,
                      std::string reference) {
    const config::Place place = job.node.member("uses")->place;
    for (const Member& member : job.own.members) {
        if (is_one_of(member.name, k_job_call_keys) ||
            config::find_key(config::scope_job, member.name) == nullptr)
            continue;
        diagnostics_.error(member.place, "bad_call",
                           fmt::format("`{}` cannot stand in a job that calls jobs", member.name),
                           "write it in the jobs of the fragment; the caller has needs, if, "
                           "changes, when, on, matrix, environment, secrets and with");
    }
    if (const Member* matrix = job.own.member("matrix");
        matrix != nullptr && matrix->value.is_map() && has_late_axis(matrix->value))
        diagnostics_.error(matrix->place, "bad_call",
                           fmt::format("the matrix of `{}` calls jobs, so its values must be known "
                                       "when the run is planned",
                                       job.id),
                           "list the values; the jobs of the fragment can have a matrix over "
                           "outputs of each other when their caller has none");
    job.node = std::move(job.own);
    job.own = {};
    const int number = add_call({.parent = job.call,
                                 .reference = std::move(reference),
                                 .prefix = job.id + "/",
                                 .of_steps = false,
                                 .number = 0,
                                 .node = job.node,
                                 .caller = job.id},
                                fragment, place);
    job.opens = number;
    const MergedJob caller = job;
    const std::size_t caller_at = out_.size();
    out_.push_back(std::move(job));
    for (const MergedJob& source : fragment.jobs) {
        if (!spend(k_call_weight + config::weight(source.node), place)) return;
        MergedJob inner = source;
        inner.id = caller.id + "/" + source.id;
        inner.file = caller.file;
        inner.call = number;
        enter(inner.node, number);
        enter(inner.own, number);
        take_from_caller(inner, caller);
        expand_job(std::move(inner), chain);
    }
    give_outputs(caller.id, fragment, caller_at);
}

/// An output of the fragment is that of the one job in it which declares it.
void Calls::give_outputs(const std::string& caller, const Fragment& fragment,
                         std::size_t caller_at) {
    const Member* outputs = fragment.file.root.member("outputs");
    if (outputs == nullptr || !outputs->value.is_map()) return;
    const auto declared = outputs_of(fragment.file.root);
    for (const Member& output : outputs->value.members) {
        std::vector<const MergedJob*> givers;
        for (std::size_t i = caller_at + 1; i < out_.size(); ++i)
            if (out_[i].id.find('/', caller.size() + 1) == std::string::npos &&
                outputs_of(out_[i].node).contains(output.name))
                givers.push_back(&out_[i]);
        const auto fail = [&](std::string message, std::string hint) {
            diagnostics_.error(output.place, "bad_call", std::move(message), std::move(hint));
        };
        const std::string name = config::shown(output.name);
        if (givers.empty()) {
            fail(fmt::format("no job of this fragment has an output `{}`", name),
                 "a job declares and writes it, the fragment passes it on");
        } else if (givers.size() > 1) {
            fail(fmt::format("`{}` and `{}` both have an output `{}`", givers[0]->id, givers[1]->id,
                             name),
                 "give them different names");
        } else if (givers[0]->node.find("matrix") != nullptr) {
            fail(fmt::format("`{}` has cells, so there would be several `{}`", givers[0]->id, name),
                 "let a job without a matrix gather them");
        } else if (outputs_of(givers[0]->node).at(output.name) != declared.at(output.name)) {
            fail(fmt::format("`{}` is {} here and {} in `{}`", name,
                             to_text(declared.at(output.name)),
                             to_text(outputs_of(givers[0]->node).at(output.name)), givers[0]->id),
                 "say the same in both");
        } else {
            givers_[caller][output.name] = givers[0]->id;
        }
    }
    give(out_[caller_at].node, fragment.file.root, "outputs");
}

std::string Calls::giver_of(const std::string& caller, const std::string& output) const {
    std::string at = caller;
    // What a fragment passes on may be passed on to it.
    for (auto found = givers_.find(at); found != givers_.end(); found = givers_.find(at)) {
        const auto giver = found->second.find(output);
        if (giver == found->second.end()) return {};
        at = giver->second;
    }
    return at == caller ? std::string{} : at;
}

std::vector<std::string> Calls::given_by(const std::string& caller, const std::string& job) const {
    std::vector<std::string> out;
    const auto outputs = givers_.find(caller);
    if (outputs == givers_.end()) return out;
    for (const auto& [output, direct] : outputs->second)
        if (giver_of(caller, output) == job) out.push_back(output);
    return out;
}

/// What holds for all jobs inside. `needs`, `if` and `changes` are read where the graph and the
/// selection are made.
void Calls::take_from_caller(MergedJob& inner, const MergedJob& caller) {
    check_all_secrets(inner, secrets_given(caller.node), caller.id);
    const Member* own = inner.node.member("environment");
    if (own != nullptr && caller.node.find("environment") != nullptr)
        diagnostics_.error(own->place, "bad_call",
                           fmt::format("the caller `{}` says the environment for all jobs of this "
                                       "fragment, and `{}` says one too",
                                       caller.id, inner.id),
                           "remove one of them");
    for (const std::string_view key : {"environment", "when"}) {
        give(inner.node, caller.node, key);
        // A job that calls further passes it on.
        if (inner.own.is_map()) give(inner.own, caller.node, key);
    }
}

void Calls::check_all_secrets(const MergedJob& job, const std::set<std::string>& given,
                              const std::string& caller) {
    check_secrets(job.node, given, caller);
    if (const Node* steps = job.node.find("steps"))
        for (const Node& step : steps->items) check_secrets(step, given, caller);
    for (const char* key : {"image", "push", "kubernetes", "ssh"}) {
        const Node* holder = job.node.find(key);
        const Node* login = holder == nullptr ? nullptr : holder->find("auth");
        if (login != nullptr && login->is_scalar() && !given.contains(login->text))
            diagnostics_.error(login->place, "secret_not_given",
                               fmt::format("`{}` is not among the secrets of the caller `{}`",
                                           config::shown(login->text), caller),
                               "name it in `secrets` of the caller");
    }
}

void Calls::check_secrets(const Node& holder, const std::set<std::string>& given,
                          const std::string& caller) {
    for (const Node* name : secret_names(holder)) {
        if (given.contains(name->text)) continue;
        diagnostics_.error(
            name->place, "secret_not_given",
            fmt::format("`{}` is not among the secrets of the caller `{}`",
                        config::shown(name->text), caller),
            fmt::format("add it there: `secrets: {{ NAME: {} }}`", config::shown(name->text)));
    }
}

}  // namespace sluice::plan
