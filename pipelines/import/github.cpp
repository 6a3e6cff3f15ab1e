#include "pipelines/import/github.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::importer {

namespace github {

namespace {

std::vector<std::string> with_ignored(const std::vector<std::string>& wanted,
                                      const std::vector<std::string>& ignored) {
    std::vector<std::string> globs = wanted;
    if (globs.empty() && !ignored.empty()) globs.push_back("**");
    for (const std::string& glob : ignored) globs.push_back("!" + glob);
    return globs;
}

/// GitHub's `+` and `?` repeat what stands before them; here they are a character and one
/// character.
void check_globs(Workflow& workflow, const Node& owner, const std::string& path,
                 const std::vector<std::string>& globs) {
    for (const std::string& glob : globs)
        if (glob.find_first_of("+?") != std::string::npos)
            workflow.work.ledger.changed(
                owner.place, path, fmt::format("`{}`: `+` and `?` mean something else here", glob),
                "`?` is one character, `{a,b}` a choice");
}

/// Branches and paths of push and pull_request.
Out filters(Workflow& workflow, const Node& trigger, const std::string& path) {
    Ledger& ledger = workflow.work.ledger;
    Out out = Out::map();
    const auto branches = with_ignored(texts_of(ledger.take(trigger, "branches")),
                                       texts_of(ledger.take(trigger, "branches-ignore")));
    const auto paths = with_ignored(texts_of(ledger.take(trigger, "paths")),
                                    texts_of(ledger.take(trigger, "paths-ignore")));
    check_globs(workflow, trigger, path, branches);
    check_globs(workflow, trigger, path, paths);
    if (!branches.empty()) out.set("branches", Out::list(branches));
    if (!paths.empty()) out.set("paths", Out::list(paths));
    return out;
}

void convert_push(Workflow& workflow, const Node* trigger, Out& on) {
    static const Node none;
    Ledger& ledger = workflow.work.ledger;
    const Node& node = trigger == nullptr ? none : *trigger;
    const auto tags = with_ignored(texts_of(ledger.take(node, "tags")),
                                   texts_of(ledger.take(node, "tags-ignore")));
    check_globs(workflow, node, "on.push.tags", tags);
    const bool has_branches =
        node.find("branches") != nullptr || node.find("branches-ignore") != nullptr;
    Out push = filters(workflow, node, "on.push");
    // Without any filter of refs a push of a branch and of a tag both count; with one, only that
    // kind.
    if (has_branches || tags.empty()) on.set("push", std::move(push));
    if (!tags.empty()) on.set("tag", Out::list(tags));
    if (tags.empty() && !has_branches && node.find("paths") == nullptr &&
        node.find("paths-ignore") == nullptr)
        on.set("tag", Out::list({"**"}));
}

void convert_pull_request(Workflow& workflow, const Node* trigger, const std::string& path,
                          Out& on) {
    static const Node none;
    Ledger& ledger = workflow.work.ledger;
    const Node& node = trigger == nullptr ? none : *trigger;
    if (const Node* types = ledger.take(node, "types"))
        for (const std::string& type : texts_of(types)) {
            static constexpr std::string_view known[] = {"opened", "synchronize", "reopened",
                                                         "ready_for_review"};
            if (std::find(std::begin(known), std::end(known), type) == std::end(known))
                ledger.lost(types->place, path + ".types", fmt::format("no event for `{}`", type),
                            "a pull request brings a run when it is opened, updated or made ready");
        }
    on.set("pull_request", filters(workflow, node, path));
}

void convert_schedule(Workflow& workflow, const Node& schedule, Out& on) {
    Ledger& ledger = workflow.work.ledger;
    if (!knows(config::scope_on, "schedule")) {
        for (const Node& item : schedule.items) ledger.whole(item);
        ledger.lost(schedule.place, "on.schedule", "this version has no schedules");
        return;
    }
    Out list = Out::list();
    int number = 0;
    for (const Node& item : schedule.items) {
        Out entry = Out::map();
        entry.set("name", fmt::format("schedule-{}", ++number));
        entry.set("cron", text_of(ledger.take(item, "cron")));
        if (const Node* zone = ledger.take(item, "timezone")) entry.set("timezone", text_of(zone));
        list.add(std::move(entry));
    }
    on.set("schedule", std::move(list));
}

void convert_inputs(Workflow& workflow, const Node& inputs) {
    Ledger& ledger = workflow.work.ledger;
    if (!knows(config::scope_top, "params")) {
        ledger.whole(inputs);
        ledger.lost(inputs.place, "on.workflow_dispatch.inputs", "this version has no `params`",
                    "give the value by an environment variable");
        return;
    }
    Out& params = workflow.work.out.child_map("params");
    for (const config::Member& input : inputs.members) {
        ledger.take(inputs, input.name);
        const Node& node = input.value;
        Out param = Out::map();
        const std::string type = text_of(ledger.take(node, "type"));
        param.set("type", type == "environment" || type.empty() ? "string" : type);
        if (const Node* options = ledger.take(node, "options"))
            param.set("options", Out::list(texts_of(options)));
        const Node* standard = ledger.take(node, "default");
        param.set("default", standard != nullptr ? text_of(standard)
                             : type == "boolean" ? "false"
                             : type == "number"  ? "0"
                                                 : "");
        if (const Node* help = ledger.take(node, "description"))
            param.set("help", one_line(text_of(help)));
        ledger.take(node, "required");
        params.set(input.name, std::move(param));
    }
}

void convert_trigger(Workflow& workflow, const std::string& name, const Node* node, const Place& at,
                     Out& on) {
    Ledger& ledger = workflow.work.ledger;
    if (name == "push") return convert_push(workflow, node, on);
    if (name == "pull_request") return convert_pull_request(workflow, node, "on.pull_request", on);
    if (name == "pull_request_target") {
        ledger.changed(
            at, "on.pull_request_target",
            "becomes `pull_request`: jobs come from the pull request and a fork's wait for "
            "approval, without secrets");
        return convert_pull_request(workflow, node, "on.pull_request_target", on);
    }
    if (name == "workflow_dispatch") {
        on.set("manual", Out::map());
        if (node != nullptr)
            if (const Node* inputs = ledger.take(*node, "inputs"))
                convert_inputs(workflow, *inputs);
        return;
    }
    if (name == "schedule" && node != nullptr) return convert_schedule(workflow, *node, on);
    if (name == "merge_group" && knows(config::scope_on, "merge_queue")) {
        if (node != nullptr) ledger.whole(*node);
        on.set("merge_queue", Out::map());
        return;
    }
    if (node != nullptr) ledger.whole(*node);
    ledger.lost(at, "on." + name, "there is no such event",
                name == "workflow_call"
                    ? "a part that others call is a fragment: `uses: ./.ci/lib/x.yml`"
                : name == "release" ? "a release makes a tag: `on: { tag: [\"v*\"] }`"
                                    : "start it by hand or by the API: `manual: {}`");
}

}  // namespace

void convert_triggers(Workflow& workflow) {
    Ledger& ledger = workflow.work.ledger;
    const Node* on = ledger.take(workflow.work.root, "on");
    Out out = Out::map();
    if (on != nullptr && on->is_map())
        for (const config::Member& member : on->members) {
            ledger.take(*on, member.name);
            convert_trigger(workflow, member.name, member.value.is_null() ? nullptr : &member.value,
                            member.place, out);
        }
    else
        for (const Node* item : items_or_self(on))
            convert_trigger(workflow, text_of(item), nullptr, item->place, out);
    if (out.empty()) {
        out.set("manual", Out::map());
        ledger.changed(on == nullptr ? Place{} : on->place, "on",
                       "no event is left, so it can only be started by hand");
    }
    workflow.work.out.set("on", std::move(out));
}

}  // namespace github

void convert_github(Conversion& work) {
    using namespace github;
    Ledger& ledger = work.ledger;
    JobIds ids;
    Workflow workflow{work, ids, {}, {}};
    workflow.names.job = [&ids](const std::string& id) { return ids.of(id); };
    ledger.take(work.root, "name");
    ledger.take(work.root, "run-name");
    convert_triggers(workflow);
    if (const Node* permissions = ledger.take_whole(work.root, "permissions"))
        ledger.info(permissions->place, "permissions",
                    "not needed: a job has no token of the forge");
    if (const Node* group = ledger.take_whole(work.root, "concurrency")) {
        const std::string text =
            "built in for pull requests: a new commit cancels the old one's run";
        if (work.out.find("on")->find("push") == nullptr)
            ledger.info(group->place, "concurrency", text);
        else
            ledger.changed(group->place, "concurrency", text + "; runs of pushes all go on",
                           "limit single jobs by their `concurrency`");
    }
    convert_env(workflow, work.root, "", work.out, config::scope_top);
    if (const Node* defaults = ledger.take(work.root, "defaults"))
        if (const Node* run = ledger.take(*defaults, "run")) {
            Out& out = work.out.child_map("defaults");
            if (const Node* shell = ledger.take(*run, "shell")) out.set("shell", text_of(shell));
            if (const Node* folder = ledger.take(*run, "working-directory"))
                out.set("working_directory", text_of(folder));
        }
    const Node* jobs = ledger.take(work.root, "jobs");
    if (jobs == nullptr) return;
    for (const config::Member& job : jobs->members) ids.of(job.name);
    // Jobs that only call another workflow go first, so that nobody needs them.
    for (const config::Member& job : jobs->members)
        if (job.value.find("uses") != nullptr) workflow.dropped.push_back(job.name);
    for (const config::Member& job : jobs->members) {
        ledger.take(*jobs, job.name);
        convert_job(workflow, job.name, job.value);
    }
}

}  // namespace sluice::importer
