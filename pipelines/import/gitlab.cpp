// GitLab CI: the file as a whole, its defaults and templates, and the order of its stages.
#include "pipelines/import/gitlab.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::importer {

namespace gitlab {

namespace {

constexpr std::array<std::string_view, 12> k_reserved{
    "stages",   "variables",     "default",      "include", "workflow", "image",
    "services", "before_script", "after_script", "cache",   "types",    "spec"};
constexpr std::array<std::string_view, 5> k_global_defaults{"image", "services", "before_script",
                                                            "after_script", "cache"};
constexpr int k_max_extends = 11;

bool is_reserved(std::string_view name) {
    return std::find(k_reserved.begin(), k_reserved.end(), name) != k_reserved.end();
}

/// Maps key by key at every depth, lists and scalars replace: what `extends` does.
void merge_into(Node& base, const Node& over) {
    for (const config::Member& member : over.members) {
        auto at = std::find_if(base.members.begin(), base.members.end(),
                               [&](const config::Member& m) { return m.name == member.name; });
        if (at == base.members.end())
            base.members.push_back(member);
        else if (at->value.is_map() && member.value.is_map()) {
            merge_into(at->value, member.value);
            at->place = member.place;  // the job's own key is the one to be taken
        } else
            *at = member;
    }
}

/// The job with what it extends, weakest first. Bounded by depth and by the size of the result.
Node resolved(File& file, const Node& job, int depth) {
    const Node* extends = file.work.ledger.take(job, "extends");
    if (extends == nullptr) return job;
    Node out = job;
    out.members.clear();
    if (depth > k_max_extends) {
        file.work.ledger.lost(extends->place, "extends", "is nested too deep");
        return job;
    }
    for (const std::string& name : texts_of(extends)) {
        const Node* base = file.work.root.find(name);
        if (base == nullptr || !base->is_map()) {
            file.work.ledger.lost(extends->place, "extends",
                                  fmt::format("`{}` is not in this file", config::shown(name)),
                                  "add its keys to the job");
            continue;
        }
        file.work.ledger.take(file.work.root, name);
        merge_into(out, resolved(file, *base, depth + 1));
        if (config::weight(out) > config::k_max_nodes) return job;
    }
    merge_into(out, job);
    return out;
}

void read_variables(File& file) {
    Ledger& ledger = file.work.ledger;
    const Node* variables = ledger.take(file.work.root, "variables");
    if (variables == nullptr) return;
    for (const config::Member& member : variables->members) {
        ledger.take_whole(*variables, member.name);
        const Node* value = member.value.is_map() ? member.value.find("value") : &member.value;
        if (member.value.is_map() && (member.value.find("options") != nullptr))
            ledger.changed(member.place, "variables." + member.name,
                           "people cannot choose its value when they start a run");
        const std::string text = text_of(value);
        put_variable(file, file.work.out, member.name, text, member.place,
                     "variables." + member.name);
        file.variables[member.name] = text;
    }
}

void read_defaults(File& file) {
    Ledger& ledger = file.work.ledger;
    file.defaults.kind = Node::Kind::map;
    for (std::string_view key : k_global_defaults)
        if (ledger.take(file.work.root, key) != nullptr)
            file.defaults.members.push_back(*file.work.root.member(key));
    if (const Node* defaults = ledger.take(file.work.root, "default"))
        for (const config::Member& member : defaults->members) {
            ledger.take(*defaults, member.name);
            std::erase_if(file.defaults.members,
                          [&](const config::Member& m) { return m.name == member.name; });
            file.defaults.members.push_back(member);
        }
}

void read_stages(File& file) {
    const Node* stages = file.work.ledger.take(file.work.root, "stages");
    if (stages == nullptr) stages = file.work.ledger.take(file.work.root, "types");
    file.stages =
        stages != nullptr ? texts_of(stages) : std::vector<std::string>{"build", "test", "deploy"};
    file.stages.insert(file.stages.begin(), ".pre");
    file.stages.push_back(".post");
}

/// Jobs that may run, with what they extend and the defaults, and their stages.
void read_jobs(File& file) {
    Ledger& ledger = file.work.ledger;
    for (const config::Member& member : file.work.root.members) {
        if (is_reserved(member.name) || !member.value.is_map()) {
            // A hidden key that is no job only serves anchors, which are expanded already.
            if (member.name.starts_with('.')) ledger.take_whole(file.work.root, member.name);
            continue;
        }
        ledger.take(file.work.root, member.name);
        if (member.name.starts_with('.')) {
            ledger.take_whole(file.work.root, member.name);
            continue;
        }
        JobSource job{member.name, member.place, resolved(file, member.value, 0), ""};
        for (const config::Member& standard : file.defaults.members)
            if (job.node.member(standard.name) == nullptr) job.node.members.push_back(standard);
        job.stage = text_of(ledger.take(job.node, "stage"));
        if (job.stage.empty()) job.stage = "test";
        file.ids.of(job.name);
        file.jobs.push_back(std::move(job));
    }
}

void convert_workflow(File& file) {
    Ledger& ledger = file.work.ledger;
    const Node* workflow = ledger.take(file.work.root, "workflow");
    if (workflow == nullptr) return;
    ledger.take_whole(*workflow, "name");
    if (const Node* cancel = ledger.take_whole(*workflow, "auto_cancel"))
        ledger.info(cancel->place, "workflow.auto_cancel",
                    "a newer commit of a pull request cancels the older run");
    const Node* rules = ledger.take(*workflow, "rules");
    if (rules == nullptr) return;
    if (auto selection = from_rules(ledger, *rules, "workflow.rules", file.variables)) {
        file.workflow_if = selection->text;
        file.merge_requests = file.merge_requests || selection->merge_requests;
        file.workflow_merge_requests = selection->merge_requests;
    }
}

}  // namespace

}  // namespace gitlab

void convert_gitlab(Conversion& work) {
    using namespace gitlab;
    File file{work};
    Ledger& ledger = work.ledger;
    if (const Node* include = ledger.take_whole(work.root, "include"))
        ledger.lost(include->place, "include", "jobs of other files are not converted",
                    "convert them too; files of .ci/ are read together, fragments by `uses:`");
    read_stages(file);
    read_variables(file);
    read_defaults(file);
    read_jobs(file);
    convert_workflow(file);
    Out jobs = Out::map();
    for (JobSource& job : file.jobs) {
        Out out = Out::map();
        if (convert_job(file, job, out))
            jobs.set(file.ids.of(job.name), std::move(out));
        else
            jobs.comment(fmt::format("not converted: {}", config::shown(job.name)));
    }
    Out on = Out::map();
    on.set("push", Out::map());
    on.set("tag", Out::list({"**"}));
    if (file.merge_requests) on.set("pull_request", Out::map());
    on.set("manual", Out::map());
    work.out.set("on", std::move(on));
    if (!jobs.empty()) work.out.set("jobs", std::move(jobs));
}

}  // namespace sluice::importer
