// Calls: fragments are found, read and given their params.
#include "pipelines/base/text.hpp"
#include "pipelines/config/document.hpp"
#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/plan/calls.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {
namespace expr = config::expression;

using config::Diagnostics;
using config::Member;
using config::Node;

namespace {
constexpr std::size_t k_max_fragments = 100;
}

/// Marks everything in the node as standing in that call.
void enter(Node& node, int call) {
    node.place.call = call;
    for (Node& item : node.items) enter(item, call);
    for (Member& member : node.members) {
        member.place.call = call;
        enter(member.value, call);
    }
}

const Calls::Fragment* Calls::open(const Node& uses, const Chain& chain, std::string& reference) {
    if (!uses.is_scalar() || expr::has_expression(uses.text) ||
        config::check_scalar(config::Scalar::fragment, uses.text))
        return nullptr;  // has been said
    reference = resolve_reference(uses.text, diagnostics_.path(uses.place.file));
    const std::string shown = config::shown(uses.text);
    if (is_remote(reference) && !remote_allowed_) {
        diagnostics_.error(uses.place, "bad_call",
                           fmt::format("a generated job cannot use `{}`", shown),
                           "only fragments of this repository: `./.ci/lib/x.yml`");
        return nullptr;
    }
    if (const auto seen = std::find(chain.begin(), chain.end(), reference); seen != chain.end()) {
        std::string path;
        for (auto it = seen; it != chain.end(); ++it) path += *it + " → ";
        diagnostics_.error(uses.place, "uses_cycle",
                           fmt::format("`uses` goes in a circle: {}{}", path, reference),
                           "remove one of them");
        return nullptr;
    }
    if (chain.size() >= k_max_call_depth) {
        diagnostics_.error(
            uses.place, "too_deep",
            fmt::format("fragments call each other deeper than {}", k_max_call_depth),
            "call this one from further out");
        return nullptr;
    }
    const auto source = std::find_if(fragments_.begin(), fragments_.end(),
                                     [&](const auto& file) { return file.path == reference; });
    if (source == fragments_.end() && is_remote(reference)) {
        diagnostics_.error(uses.place, "fragment_missing",
                           fmt::format("`{}` was not fetched", shown),
                           "only a server fetches fragments of other repositories");
        return nullptr;
    }
    if (source == fragments_.end()) {
        std::vector<std::string> known;
        for (const SourceFile& file : fragments_) known.push_back("./" + file.path);
        const auto near = text::nearest(uses.text, known);
        diagnostics_.error(uses.place, "fragment_missing",
                           fmt::format("`{}` does not exist at this commit", shown),
                           near ? fmt::format("did you mean `{}`?", *near)
                                : "the path begins at the root of the repository");
        return nullptr;
    }
    if (!source->problem.empty()) {
        diagnostics_.error(uses.place, "fragment_unreadable",
                           fmt::format("`{}` {}", shown, source->problem), "");
        return nullptr;
    }
    return read(*source);
}

const Calls::Fragment* Calls::read(const SourceFile& source) {
    const auto [at, is_new] = read_.try_emplace(source.path);
    if (!is_new) return at->second ? &*at->second : nullptr;
    if (read_.size() > k_max_fragments) {
        diagnostics_.error({}, "too_many_files",
                           fmt::format("more than {} fragments", k_max_fragments), "join some");
        return nullptr;
    }
    const int index = diagnostics_.add_file(source.path, config::without_bom(source.text));
    auto file = config::parse_fragment(index, diagnostics_);
    if (!file) return nullptr;
    Fragment fragment;
    const Node* steps = file->root.find("steps");
    fragment.has_steps = steps != nullptr && steps->is_list();
    if (!fragment.has_steps && file->root.find("jobs") == nullptr) return nullptr;
    fragment.params = read_params(file->root.find("params"), diagnostics_);
    std::vector<config::File> files;
    files.push_back(std::move(*file));
    if (!fragment.has_steps) fragment.jobs = config::merge_jobs(files, diagnostics_);
    fragment.file = std::move(files.front());
    at->second = std::move(fragment);
    return &*at->second;
}

int Calls::add_call(Call call, const Fragment& fragment, const config::Place& place) {
    const auto number = static_cast<int>(calls_.size());
    call.params = fragment.params;
    // What a default reads, it reads in the fragment.
    for (Param& param : call.params)
        if (param.fallback) enter(*param.fallback, number);
    check_with(call, place);
    calls_.push_back(std::move(call));
    return number;
}

void Calls::check_with(const Call& call, const config::Place& place) {
    const Node* with = call.node.find("with");
    std::vector<std::string> known;
    for (const Param& param : call.params) {
        known.push_back(param.name);
        const Node* value = with == nullptr ? nullptr : with->find(param.name);
        if (value == nullptr && !param.fallback)
            diagnostics_.error(place, "bad_call",
                               fmt::format("`{}` wants param `{}`, which has no default",
                                           config::shown(call.reference), param.name),
                               fmt::format("give it: `with: {{ {}: … }}`", param.name));
        if (value == nullptr || !value->is_scalar() || expr::has_expression(value->text)) continue;
        if (const auto complaint = check_param(param, value->text))
            diagnostics_.error(value->place, complaint->id, complaint->message, complaint->hint);
    }
    if (with == nullptr) return;
    for (const Member& member : with->members) {
        if (std::find(known.begin(), known.end(), member.name) != known.end()) continue;
        const auto near = text::nearest(member.name, known);
        diagnostics_.error(member.place, "bad_call",
                           fmt::format("`{}` has no param `{}`", config::shown(call.reference),
                                       config::shown(member.name)),
                           near ? fmt::format("did you mean `{}`?", *near)
                                : "declare it there: `params: { name: { type: string } }`");
    }
}

}  // namespace sluice::plan
