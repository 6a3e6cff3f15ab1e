/// What the maps of a job must hold, and which keys rule each other out (reference A3, A8, A10).
/// Asked of merged jobs: a template or the defaults may hold a part.
#include "pipelines/base/time.hpp"
#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/config/ways.hpp"
#include "pipelines/plan/lower.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace sluice::plan {
namespace {

using config::Diagnostics;
using config::Key;
using config::Member;
using config::Node;
using config::Scopes;

std::string listed(const std::array<std::string_view, 4>& keys) {
    std::string out;
    for (const std::string_view key : keys)
        if (!key.empty()) out += fmt::format("{}`{}`", out.empty() ? "" : ", ", key);
    return out;
}

class Shape {
public:
    Shape(const config::MergedJob& job, Diagnostics& diagnostics)
        : job_(job), diagnostics_(diagnostics) {}

    void run() {
        map(job_.node, config::scope_job, "jobs." + job_.id, job_.place);
        clusters();
        variables();
        step_images();
        generators();
    }

private:
    void error(const config::Place& place, std::string_view id, std::string message,
               std::string hint) {
        diagnostics_.error(place, id, std::move(message), std::move(hint));
    }

    void map(const Node& node, Scopes scope, const std::string& path, const config::Place& place) {
        // A key that nobody knows may be what is missed, and is told already.
        if (knows_all(node, scope)) {
            required(node, scope, path, place);
            ways(node, scope, path, place);
        }
        for (const Member& member : node.members) {
            const Key* key = config::find_key(scope, member.name);
            if (key == nullptr) continue;
            const Diagnostics::About about(diagnostics_, key, scope);
            below(member, *key, path + "." + member.name);
        }
    }

    static bool knows_all(const Node& node, Scopes scope) {
        return std::all_of(node.members.begin(), node.members.end(), [&](const Member& member) {
            return config::find_key(scope, member.name) != nullptr;
        });
    }

    void below(const Member& member, const Key& key, const std::string& path) {
        const Node& node = member.value;
        // Whoever reads `needs` says what a need lacks.
        if (key.name == "needs") return;
        for (std::size_t i = 0; i < node.items.size(); ++i)
            if (node.items[i].is_map() && key.item_map != config::scope_matrix_row)
                map(node.items[i], key.item_map, fmt::format("{}[{}]", path, i),
                    node.items[i].place);
        if (!node.is_map() || key.map == config::scope_none) return;
        if (key.map != config::scope_names) return map(node, key.map, path, member.place);
        for (const Member& entry : node.members)
            if (entry.value.is_map() && key.entry_map != config::scope_none)
                map(entry.value, key.entry_map, path + "." + entry.name, entry.place);
    }

    void required(const Node& node, Scopes scope, const std::string& path,
                  const config::Place& place) {
        for (const Key& key : config::all_keys()) {
            if ((key.scopes & scope) == 0 || key.fallback != "required") continue;
            if (node.find(key.name) != nullptr) continue;
            // Of the job itself: keys that its kind cannot do without.
            if (scope == config::scope_job && !is_of_kind(key)) continue;
            const Diagnostics::About about(diagnostics_, &key, scope);
            error(place, "key_missing", fmt::format("`{}` names no `{}`", path, key.name),
                  fmt::format("add {}, e.g. `{}`", key.help, key.example));
        }
    }

    bool is_of_kind(const Key& key) const {
        const Node* kind = job_.node.find("kind");
        return kind != nullptr && key.kinds == kind->text;
    }

    void ways(const Node& node, Scopes scope, const std::string& path, const config::Place& place) {
        for (const config::Ways& row : config::all_ways()) {
            if (row.scope != scope) continue;
            std::vector<const Member*> given;
            for (const std::string_view key : row.keys)
                if (const Member* member = key.empty() ? nullptr : node.member(key))
                    given.push_back(member);
            if (given.empty() && row.needs_one)
                error(place, "key_missing",
                      fmt::format("`{}` holds none of {}", path, listed(row.keys)),
                      fmt::format("write one, e.g. `{}`",
                                  config::find_key(scope, row.keys[0])->example));
            if (given.size() > 1 && !row.takes_several)
                error(given[1]->place, "one_of_them",
                      fmt::format("`{}` {}, and `{}` and `{}` are two", path, row.what,
                                  given[0]->name, given[1]->name),
                      "remove one of them");
        }
    }

    /// A10: what clusters cannot give.
    void clusters() {
        const Node* runs_on = job_.node.find("runs_on");
        if (runs_on == nullptr || !runs_on->is_map()) return;
        const Member* services = job_.node.member("services");
        for (const char* cluster : {"slurm", "spark"})
            if (services != nullptr && runs_on->find(cluster) != nullptr)
                error(services->place, "no_services_there",
                      fmt::format("`{}` runs on {}, where no containers stand beside a job",
                                  job_.id, cluster),
                      "start what the job needs in its own script, or let it run elsewhere");
        const Node* slurm = runs_on->find("slurm");
        const Node* time = slurm == nullptr ? nullptr : slurm->find("time");
        if (time == nullptr || !time->is_scalar()) return;
        const Node* timeout = job_.node.find("timeout");
        const Node* run = timeout == nullptr ? nullptr : timeout->find("run");
        const auto limit = parse_duration(run == nullptr ? "1h" : run->text);
        const auto allowed = parse_duration(time->text);
        if (limit && allowed && *allowed < *limit)
            error(time->place, "time_below_timeout",
                  fmt::format("`{}` may run for {}, and Slurm would end it after {}", job_.id,
                              format_duration(*limit), time->text),
                  "make `time` at least as long as `timeout`, or leave it out");
    }

    /// A4: one name, one source of its value.
    void variables() {
        check_variables(job_.node);
        if (const Node* steps = job_.node.find("steps"))
            for (const Node& step : steps->items) check_variables(step);
    }

    void check_variables(const Node& holder) {
        std::map<std::string_view, std::string_view> seen;
        for (const std::string_view key : {"env", "secrets", "id_tokens"}) {
            const Node* map = holder.find(key);
            if (map == nullptr) continue;
            for (const Member& variable : map->members) {
                const auto [first, is_new] = seen.try_emplace(variable.name, key);
                if (!is_new)
                    error(variable.place, "two_values",
                          fmt::format("`{}` stands in `{}` and in `{}`",
                                      config::shown(variable.name), first->second, key),
                          "rename one of them: a script could not tell which value it gets");
            }
        }
    }

    void step_images() {
        const Node* image = job_.node.find("image");
        const Node* name = image != nullptr && image->is_map() ? image->find("name") : image;
        const bool on_host = name == nullptr || name->text == "none";
        const Node* steps = job_.node.find("steps");
        if (!on_host || steps == nullptr) return;
        for (const Node& step : steps->items)
            if (const Member* own = step.member("image"))
                error(own->place, "image_without_container",
                      fmt::format("`{}` has no `image`, so its steps run on the host", job_.id),
                      "give the job an `image`; single steps may then have others");
    }

    /// A7: what is generated is `gen/x`, once.
    void generators() {
        const Member* generate = job_.node.member("generate");
        if (generate == nullptr) return;
        for (const char* splits : {"matrix", "shards"})
            if (const Node* node = job_.node.find(splits); node != nullptr && node->text != "1")
                error(generate->place, "bad_generated",
                      fmt::format("`{}` has `{}` and generates jobs, so each of its cells would "
                                  "bring jobs of the same ids",
                                  job_.id, splits),
                      "let one job without cells write the jobs for all values");
    }

    const config::MergedJob& job_;
    Diagnostics& diagnostics_;
};

}  // namespace

void check_shape(const config::MergedJob& job, Diagnostics& diagnostics) {
    Shape(job, diagnostics).run();
}

}  // namespace sluice::plan
