/// What the language has and this version does not do yet. It is refused job by job, never ignored.
#include "pipelines/config/parser.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/kinds/kind.hpp"
#include "pipelines/plan/lower.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::plan {
namespace {

using config::Key;
using config::Member;
using config::Node;
using config::Scopes;

class Search {
public:
    /// `hint` is for warnings: what happens without.
    explicit Search(config::Diagnostics& diagnostics, std::string hint = "the job runs without it")
        : diagnostics_(diagnostics), hint_(std::move(hint)) {}

    void map(const Node& node, Scopes scope, const std::string& path) {
        for (const Member& member : node.members) {
            const Key* key = config::find_key(scope, member.name);
            if (key == nullptr) continue;
            const std::string inner = path.empty() ? member.name : path + "." + member.name;
            const bool is_default = member.value.is_scalar() && member.value.text == key->fallback;
            if (!key->pending.empty() && !is_default) {
                found(member, *key, inner);
                continue;
            }
            below(member.value, *key, inner);
        }
    }

    /// Inputs that come from registries and sweeps: those from other jobs are carried out.
    void inputs(const Node& job) {
        const Node* inputs = job.find("inputs");
        if (inputs == nullptr) return;
        for (const Member& input : inputs->members) {
            const Node* node = input.value.is_scalar() ? &input.value : input.value.find("from");
            const std::string from = node == nullptr ? "" : node->text;
            const char* what = from.starts_with("dataset://")             ? "a registry of datasets"
                               : from.starts_with("model://")             ? "a registry of models"
                               : from.find(".best.") != std::string::npos ? "sweeps"
                                                                          : nullptr;
            if (what != nullptr)
                out_.push_back(fmt::format(
                    "`inputs.{}` asks for {}, which this version does not have", input.name, what));
        }
    }

    std::vector<std::string> take() { return std::move(out_); }

private:
    void below(const Node& node, const Key& key, const std::string& path) {
        for (std::size_t i = 0; i < node.items.size(); ++i)
            if (node.items[i].is_map())
                map(node.items[i], key.item_map, fmt::format("{}[{}]", path, i));
        if (!node.is_map()) return;
        if (key.map != config::scope_names) return map(node, key.map, path);
        for (const Member& entry : node.members)
            if (entry.value.is_map()) map(entry.value, key.entry_map, path + "." + entry.name);
    }

    void found(const Member& member, const Key& key, const std::string& path) {
        if (key.dispensable) {
            diagnostics_.warning(
                member.place, "not_carried_out",
                fmt::format("`{}` has no effect: this version has no {}", path, key.pending),
                hint_);
            return;
        }
        std::string text =
            fmt::format("`{}` asks for {}, which this version does not have", path, key.pending);
        if (std::find(out_.begin(), out_.end(), text) == out_.end())
            out_.push_back(std::move(text));
    }

    config::Diagnostics& diagnostics_;
    std::string hint_;
    std::vector<std::string> out_;
};

}  // namespace

std::vector<std::string> unsupported(const Node& job, config::Diagnostics& diagnostics) {
    Search search(diagnostics);
    search.map(job, config::scope_job, "");
    search.inputs(job);
    auto out = search.take();
    const Node* image = job.find("image");
    const Node* reference = image != nullptr && image->is_map() ? image->find("name") : image;
    if (job.find("python") != nullptr && reference != nullptr && reference->text != "none")
        out.push_back(
            "`python` asks for environments inside an image, which this version does not have");
    const Node* platforms = job.find("platforms");
    if (platforms != nullptr && platforms->items.size() > 1)
        out.push_back(
            "`platforms` asks for several in one image, which this version does not have");
    // Of a choice, one word.
    if (const Node* thresholds = job.find("thresholds"))
        for (std::size_t i = 0; i < thresholds->items.size(); ++i)
            if (const Node* against = thresholds->items[i].find("against");
                against != nullptr && against->text == "champion")
                out.push_back(
                    fmt::format("`thresholds[{}].against: champion` asks for a registry "
                                "of models, which this version does not have",
                                i));
    const Node* kind = job.find("kind");
    if (kind != nullptr && kinds::find_kind(kind->text) == nullptr)
        out.insert(
            out.begin(),
            fmt::format("kind `{}` comes later: this version does not carry it out", kind->text));
    return out;
}

void warn_unsupported(const Node& root, config::Diagnostics& diagnostics) {
    const auto warn = [&](const char* name, const char* hint) {
        Node part;
        part.kind = Node::Kind::map;
        if (const Member* member = root.member(name)) part.members.push_back(*member);
        Search(diagnostics, hint).map(part, config::scope_top, "");
    };
    warn("on", "no such event comes yet; the other triggers bring the jobs");
    warn("gate", "changes land as if it were not there");
}

void refuse_unsupported(Outcome& outcome) {
    if (!outcome.plan) return;
    std::set<std::pair<std::string, std::string>> told;  // once for all cells of a job
    for (const PlannedJob& job : outcome.plan->jobs)
        for (const std::string& sentence : job.unsupported)
            if (told.emplace(job.spec.base, sentence).second)
                outcome.diagnostics.push_back(
                    {.id = "not_carried_out",
                     .file = std::string(config::k_main_file),
                     .message = fmt::format("`{}`: {}", job.spec.base, sentence),
                     .hint = "remove it, or keep the job from this event by `if` or `on`"});
    if (!told.empty()) outcome.plan.reset();
}

}  // namespace sluice::plan
