#include "pipelines/config/merge.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/config/ways.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::config {
namespace {

// Defaults of 10,000 values times 4,000 jobs would be a file of 256 KiB that fills the memory.
constexpr std::size_t k_max_total_weight = 1'000'000;
constexpr std::size_t k_max_extends_depth = 32;

bool is_command(std::string_view key) {
    return key == "run" || key == "steps" || key == "uses" || key == "with";
}

void erase(Node& map, std::string_view key) {
    std::erase_if(map.members, [&](const Member& member) { return member.name == key; });
}

Node as_map(std::string_view key, const Place& place, Node value) {
    Node map;
    map.kind = Node::Kind::map;
    map.place = value.place;
    map.members.push_back({std::string(key), place, std::move(value)});
    return map;
}

/// `timeout: 20m` → `timeout: { run: 20m }`, so that both forms merge; at every depth.
Node expand_short_forms(Node map, Scopes scope) {
    for (Member& member : map.members) {
        const Key* key = find_key(scope, member.name);
        if (key == nullptr) continue;
        const bool has_entries = key->map == scope_names;
        if (!has_entries && !key->short_for.empty() && member.value.is_scalar())
            member.value = as_map(key->short_for, member.place, std::move(member.value));
        if (!member.value.is_map()) continue;
        if (!has_entries) {
            member.value = expand_short_forms(std::move(member.value), key->map);
            continue;
        }
        if (key->entry_map == scope_none) continue;
        for (Member& entry : member.value.members) {
            if (entry.value.is_scalar() && !key->short_for.empty())
                entry.value = as_map(key->short_for, entry.place, std::move(entry.value));
            if (entry.value.is_map())
                entry.value = expand_short_forms(std::move(entry.value), key->entry_map);
        }
    }
    return map;
}

/// A default that the job's kind does not know is ignored for it (reference A7), and one that says
/// only how, by a job that does not have the thing: a pull policy where there is no image
/// (docs/decisions/0032).
Node fit(Node defaults, const Node& job) {
    const Node* kind = job.find("kind");
    const std::string name = kind != nullptr && kind->is_scalar() ? kind->text : "script";
    std::erase_if(defaults.members, [&](const Member& member) {
        const Key* key = find_key(scope_defaults, member.name);
        if (key == nullptr) return false;
        const bool says_how = member.value.is_map() && !is_whole(member.value, key->map);
        return !fits_kind(*key, name) || (says_how && job.find(member.name) == nullptr);
    });
    return defaults;
}

void drop_nulls(Node& node) {
    std::erase_if(node.members, [](const Member& member) { return member.value.is_null(); });
    for (Member& member : node.members) drop_nulls(member.value);
}

class Merger {
public:
    Merger(const std::vector<File>& files, Diagnostics& diagnostics)
        : files_(files), diagnostics_(diagnostics) {
        for (std::size_t i = 0; i < files.size(); ++i) {
            for (const JobSource& job : files[i].jobs) {
                const auto [first, is_new] = sources_.try_emplace(job.id, &job);
                // In one file it is a duplicate key, which has been said.
                if (is_new || first->second->place.file == job.place.file) continue;
                const Place& other = first->second->place;
                diagnostics_.error(job.place, "duplicate_job",
                                   fmt::format("job `{}` stands also in {}:{}", job.id,
                                               diagnostics_.path(other.file), other.line),
                                   "ids are unique over all files of a project; rename one");
            }
        }
    }

    std::vector<MergedJob> merge_all() {
        std::vector<MergedJob> out;
        for (std::size_t i = 0; i < files_.size(); ++i) {
            const Node base = base_of(files_[i]);
            const std::size_t base_weight = weight(base);
            for (const JobSource& job : files_[i].jobs) {
                if (job.is_template()) {
                    resolve(job);  // for its mistakes
                    continue;
                }
                const Node& own = resolve(job);
                if (!spend(base_weight + weight(own), job.place)) return out;
                MergedJob merged{job.id, static_cast<int>(i), job.place,
                                 merge(fit(base, own), own)};
                merged.node.place = job.place;
                drop_nulls(merged.node);
                if (merged.node.find("uses") != nullptr) {
                    merged.own = own;
                    merged.own.place = job.place;
                    drop_nulls(merged.own);
                }
                out.push_back(std::move(merged));
            }
        }
        return out;
    }

private:
    /// False, and one diagnostic, when the budget is gone.
    bool spend(std::size_t amount, const Place& place) {
        if (spent_ > k_max_total_weight) return false;
        spent_ += amount;
        if (spent_ <= k_max_total_weight) return true;
        diagnostics_.error(place, "plan_too_large",
                           "defaults and templates multiply to too many values",
                           "inherit less, or make fewer jobs");
        return false;
    }

    /// Top `env` and `defaults`: what every job of the file starts from.
    static Node base_of(const File& file) {
        Node base;
        base.kind = Node::Kind::map;
        const Member* env = file.root.member("env");
        if (env != nullptr && env->value.is_map()) base.members.push_back(*env);
        const Node* defaults = file.root.find("defaults");
        if (defaults == nullptr) return base;
        Node allowed = expand_short_forms(*defaults, scope_defaults);
        std::erase_if(allowed.members,
                      [](const Member& m) { return find_key(scope_defaults, m.name) == nullptr; });
        return merge(std::move(base), allowed);
    }

    /// The job over what it extends; each is resolved once, however many use it.
    const Node& resolve(const JobSource& job) {
        if (const auto done = resolved_.find(job.node); done != resolved_.end())
            return done->second;
        Node out;
        out.kind = Node::Kind::map;
        if (open_.size() >= k_max_extends_depth) {
            diagnostics_.error(
                job.place, "too_deep",
                fmt::format("`extends` goes deeper than {} levels", k_max_extends_depth),
                "extend fewer");
            return resolved_.emplace(job.node, std::move(out)).first->second;
        }
        open_.push_back(&job);
        for (const Node* name : names(job.node->find("extends"))) {
            const JobSource* parent = find_parent(job, *name);
            if (parent == nullptr) continue;
            Node inherited = resolve(*parent);
            if (!spend(weight(inherited), job.place)) break;
            erase(inherited, "name");
            erase(inherited, "extends");
            out = merge(std::move(out), inherited);
        }
        open_.pop_back();
        out = merge(std::move(out), expand_short_forms(*job.node, scope_job));
        return resolved_.emplace(job.node, std::move(out)).first->second;
    }

    static std::vector<const Node*> names(const Node* extends) {
        std::vector<const Node*> out;
        if (extends == nullptr) return out;
        if (extends->is_scalar()) out.push_back(extends);
        for (const Node& item : extends->items)
            if (item.is_scalar()) out.push_back(&item);
        return out;
    }

    const JobSource* find_parent(const JobSource& job, const Node& name) {
        const auto found = sources_.find(name.text);
        if (found == sources_.end()) {
            std::vector<std::string> known;
            for (const auto& [id, source] : sources_) known.push_back(id);
            std::string hint = "templates are jobs whose id starts with `.`";
            if (sources_.contains("." + name.text)) {
                hint = fmt::format("did you mean `.{}`?", name.text);
            } else if (auto near = text::nearest(name.text, known)) {
                hint = fmt::format("did you mean `{}`?", *near);
            }
            diagnostics_.error(
                name.place, "unknown_template",
                fmt::format("`{}` extends `{}`, which exists in no file", job.id, shown(name.text)),
                hint);
            return nullptr;
        }
        const auto cycle = std::find(open_.begin(), open_.end(), found->second);
        if (cycle == open_.end()) return found->second;
        std::string path;
        for (auto it = cycle; it != open_.end(); ++it) path += (*it)->id + " → ";
        diagnostics_.error(name.place, "extends_cycle",
                           fmt::format("`extends` goes in a circle: {}{}", path, found->first),
                           "remove one of them");
        return nullptr;
    }

    const std::vector<File>& files_;
    Diagnostics& diagnostics_;
    std::map<std::string, const JobSource*> sources_;
    std::map<const Node*, Node> resolved_;
    std::vector<const JobSource*> open_;
    std::size_t spent_ = 0;
};

}  // namespace

Node merge(Node base, const Node& overlay) {
    if (!base.is_map() || !overlay.is_map()) return overlay;
    const bool has_command =
        std::any_of(overlay.members.begin(), overlay.members.end(), [](const Member& m) {
            return is_command(m.name) && m.name != "with" && !m.value.is_null();
        });
    // A job has one of run, steps, uses: its own takes the place of an inherited one.
    if (has_command)
        std::erase_if(base.members, [](const Member& m) { return is_command(m.name); });
    std::map<std::string_view, std::size_t> positions;
    for (std::size_t i = 0; i < base.members.size(); ++i)
        positions.emplace(base.members[i].name, i);
    std::vector<Member> added;
    for (const Member& member : overlay.members) {
        const auto found = positions.find(member.name);
        if (found == positions.end()) {
            added.push_back(member);
            continue;
        }
        Member& below = base.members[found->second];
        below.place = member.place;
        below.value = merge(std::move(below.value), member.value);
    }
    for (Member& member : added) base.members.push_back(std::move(member));
    base.place = overlay.place;
    return base;
}

std::vector<MergedJob> merge_jobs(const std::vector<File>& files, Diagnostics& diagnostics) {
    return Merger(files, diagnostics).merge_all();
}

}  // namespace sluice::config
