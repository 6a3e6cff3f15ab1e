#include "pipelines/import/github.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::importer::github {

namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_linux_label(const std::string& label) {
    return label.starts_with("ubuntu") || label == "linux" || label == "Linux";
}

void convert_needs(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const Node* needs = ledger.take(job, "needs");
    if (needs == nullptr) return;
    std::vector<std::string> ids;
    for (const std::string& need : texts_of(needs)) {
        if (contains(workflow.dropped, need))
            ledger.lost(needs->place, path + ".needs", fmt::format("`{}` was not converted", need));
        else
            ids.push_back(workflow.names.job(need));
    }
    if (!ids.empty()) out.set("needs", Out::list(ids));
}

/// A matrix that is an expression, or has values that are maps, cannot be written here.
bool convert_matrix(Workflow& workflow, const std::string& path, const Node& matrix, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const auto give_up = [&](const Place& at, const std::string& why) {
        ledger.whole(matrix);
        ledger.lost(at, path, why, "write the values out; each is a string");
        return false;
    };
    if (!matrix.is_map()) return give_up(matrix.place, "a matrix that is computed");
    Out converted = Out::map();
    for (const config::Member& axis : matrix.members) {
        if (axis.value.is_scalar()) return give_up(axis.place, "an axis that is computed");
        const bool rows = axis.name == "include" || axis.name == "exclude";
        Out list = Out::list();
        for (const Node& item : axis.value.items) {
            if (!rows && !item.is_scalar()) return give_up(item.place, "a value that is no scalar");
            if (!rows) {
                list.add(Out::scalar(item.text));
                continue;
            }
            Out row = Out::map();
            for (const config::Member& entry : item.members) {
                if (!entry.value.is_scalar())
                    return give_up(entry.place, "a value that is no scalar");
                row.set(entry.name, entry.value.text);
            }
            list.add(std::move(row));
        }
        converted.set(axis.name, std::move(list));
    }
    ledger.whole(matrix);
    if (!converted.empty()) out.set("matrix", std::move(converted));
    return true;
}

bool convert_strategy(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const Node* strategy = ledger.take(job, "strategy");
    if (strategy == nullptr) return true;
    if (const Node* matrix = ledger.take(*strategy, "matrix"))
        if (!convert_matrix(workflow, path + ".strategy.matrix", *matrix, out)) return false;
    const auto option = [&](const char* theirs, const char* ours, std::string_view standard) {
        const Node* node = ledger.take(*strategy, theirs);
        if (node == nullptr || node->text == standard) return;
        if (out.find("matrix") != nullptr && knows(config::scope_matrix, ours) &&
            node->text.find("${{") == std::string::npos)
            out.find("matrix")->set(ours, node->text);
        else
            ledger.lost(node->place, fmt::format("{}.strategy.{}", path, theirs),
                        fmt::format("this version has no `{}`", ours));
    };
    option("fail-fast", "fail_fast", "false");
    option("max-parallel", "max_parallel", "");
    return true;
}

void convert_runs_on(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const Node* runs_on = ledger.take_whole(job, "runs-on");
    if (runs_on == nullptr) return;
    const std::string key = path + ".runs-on";
    const Node* labels = runs_on->is_map() ? runs_on->find("labels") : runs_on;
    std::vector<std::string> wanted;
    for (const std::string& label : texts_of(labels)) {
        if (is_linux_label(label) || label == "self-hosted" || label == "X64" || label == "x64")
            continue;
        if (auto expression = whole_expression(label)) {
            // An axis of systems: only Linux agents are meant when all its values are.
            const Node* strategy = job.find("strategy");
            const Node* matrix = strategy != nullptr ? strategy->find("matrix") : nullptr;
            const Node* axis = matrix != nullptr && expression->starts_with("matrix.")
                                   ? matrix->find(expression->substr(7))
                                   : nullptr;
            const auto values = texts_of(axis);
            if (!values.empty() && matrix->find("include") == nullptr &&
                std::all_of(values.begin(), values.end(), is_linux_label))
                continue;
        }
        auto text = translate_text(
            workflow, Node{.kind = Node::Kind::scalar, .text = label, .place = runs_on->place},
            key);
        if (text) wanted.push_back(*text);
    }
    if (wanted.empty()) return;
    out.set("runs_on", Out::list(wanted));
    ledger.info(runs_on->place, key, "agents must be given these labels");
}

void convert_container(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const Node* container = ledger.take(job, "container");
    if (container == nullptr) return;
    const Node* image = container->is_map() ? ledger.take(*container, "image") : container;
    if (image != nullptr)
        if (auto text = translate_text(workflow, *image, path + ".container"))
            out.set("image", *text);
    if (!container->is_map()) return;
    convert_env(workflow, *container, path + ".container", out, config::scope_job);
    if (const Node* ports = ledger.take_whole(*container, "ports"))
        ledger.info(ports->place, path + ".container.ports", "not needed");
}

void convert_services(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const Node* services = ledger.take(job, "services");
    if (services == nullptr) return;
    if (!knows(config::scope_job, "services")) {
        ledger.whole(*services);
        ledger.lost(services->place, path + ".services", "this version has no services");
        return;
    }
    Out& list = out.child_map("services");
    for (const config::Member& service : services->members) {
        const std::string key = fmt::format("{}.services.{}", path, service.name);
        ledger.take(*services, service.name);
        Out entry = Out::map();
        const Node* image =
            service.value.is_map() ? ledger.take(service.value, "image") : &service.value;
        if (image != nullptr)
            if (auto text = translate_text(workflow, *image, key)) entry.set("image", *text);
        convert_env(workflow, service.value, key, entry, config::scope_job);
        if (const Node* ports = ledger.take_whole(service.value, "ports")) {
            const auto first = texts_of(ports);
            const std::string port = first.empty() ? "" : first[0].substr(first[0].rfind(':') + 1);
            if (!port.empty() && port.find_first_not_of("0123456789") == std::string::npos)
                entry.child_map("ready").set("tcp", port);
            ledger.info(ports->place, key + ".ports",
                        fmt::format("the port is in $CI_SERVICE_{}_PORT on the host",
                                    one_line(service.name)));
        }
        if (const Node* options = ledger.take_whole(service.value, "options")) {
            const bool health = options->text.find("--health") != std::string::npos;
            if (health && entry.find("ready") != nullptr)
                ledger.info(options->place, key + ".options",
                            "the job waits until the port answers");
            else
                ledger.lost(options->place, key + ".options", "there are no options of the engine");
        }
        list.set(workflow.names.job(service.name), std::move(entry));
    }
}

void convert_outputs(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const Node* outputs = ledger.take(job, "outputs");
    if (outputs == nullptr) return;
    for (const config::Member& output : outputs->members) {
        ledger.take(*outputs, output.name);
        const std::string key = fmt::format("{}.outputs.{}", path, output.name);
        const std::string inside = whole_expression(output.value.text).value_or("");
        const bool same =
            inside.starts_with("steps.") && inside.ends_with(".outputs." + output.name);
        if (!knows(config::scope_job, "outputs"))
            ledger.lost(output.place, key, "this version has no outputs of jobs");
        else if (!same)
            ledger.lost(output.place, key,
                        "an output of a job is what a step writes to $CI_OUTPUT under that name",
                        fmt::format("echo \"{}=…\" >> \"$CI_OUTPUT\"", output.name));
        else
            out.child_map("outputs").set(output.name, "string");
    }
}

void convert_environment(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    const Node* environment = ledger.take_whole(job, "environment");
    if (environment == nullptr) return;
    const Node* name = environment->is_map() ? environment->find("name") : environment;
    if (!knows(config::scope_job, "environment") || name == nullptr) {
        ledger.lost(environment->place, path + ".environment", "this version has no environments");
        return;
    }
    auto text = translate_text(workflow, *name, path + ".environment");
    if (!text) return;
    Out converted = Out::map();
    converted.set("name", *text);
    if (const Node* url = environment->is_map() ? environment->find("url") : nullptr)
        if (auto address = translate_text(workflow, *url, path + ".environment.url"))
            converted.set("url", *address);
    out.set("environment", std::move(converted));
}

void convert_small_keys(Workflow& workflow, const std::string& path, const Node& job, Out& out) {
    Ledger& ledger = workflow.work.ledger;
    if (const Node* timeout = ledger.take(job, "timeout-minutes")) {
        if (auto text = minutes(timeout->text))
            out.set("timeout", *text);
        else
            ledger.lost(timeout->place, path + ".timeout-minutes", "it is no number");
    }
    if (const Node* allowed = ledger.take(job, "continue-on-error"))
        if (auto text = translate_text(workflow, *allowed, path + ".continue-on-error"))
            out.set("allow_failure", *text);
    if (const Node* defaults = ledger.take(job, "defaults"))
        if (const Node* run = ledger.take(*defaults, "run")) {
            if (const Node* shell = ledger.take(*run, "shell")) out.set("shell", shell->text);
            if (const Node* folder = ledger.take(*run, "working-directory"))
                if (auto text = translate_text(workflow, *folder, path + ".defaults.run"))
                    out.set("working_directory", *text);
        }
    if (const Node* permissions = ledger.take_whole(job, "permissions")) {
        const Node* token = permissions->find("id-token");
        if (token != nullptr && token->text == "write")
            ledger.lost(permissions->place, path + ".permissions.id-token", "no token by itself",
                        "`id_tokens: { NAME: { audience: … } }`");
        else
            ledger.info(permissions->place, path + ".permissions",
                        "not needed: a job has no token of the forge");
    }
    if (const Node* group = ledger.take_whole(job, "concurrency")) {
        const Node* name = group->is_map() ? group->find("group") : group;
        auto text = name != nullptr && knows(config::scope_job, "concurrency")
                        ? translate_text(workflow, *name, path + ".concurrency")
                        : std::nullopt;
        if (text) {
            Out converted = Out::map();
            converted.set("group", *text);
            converted.set("policy",
                          is_true(group->find("cancel-in-progress")) ? "cancel_running" : "newest");
            out.set("concurrency", std::move(converted));
        } else if (!knows(config::scope_job, "concurrency")) {
            ledger.lost(group->place, path + ".concurrency", "this version has no `concurrency`");
        }
    }
}

}  // namespace

bool convert_job(Workflow& workflow, const std::string& id, const Node& job) {
    Ledger& ledger = workflow.work.ledger;
    const std::string path = "jobs." + config::shown(id);
    Out& jobs = workflow.work.out.child_map("jobs");
    const auto drop = [&](const std::string& why) {
        ledger.whole(job);
        jobs.comment(fmt::format("not converted: {} ({})", config::shown(id), why));
        workflow.dropped.push_back(id);
        return false;
    };
    if (const Node* uses = ledger.take(job, "uses")) {
        ledger.lost(uses->place, path + ".uses",
                    fmt::format("calls `{}`", config::shown(uses->text)),
                    "make the called part a fragment below .ci/lib and call it by `uses:`");
        return drop("it calls another workflow");
    }
    Out out = Out::map();
    if (const Node* name = ledger.take(job, "name"))
        if (auto text = translate_text(workflow, *name, path + ".name"))
            out.set("name", one_line(*text));
    convert_needs(workflow, path, job, out);
    if (!convert_condition(workflow, job, path, out)) return drop("its `if` cannot be kept");
    if (!convert_strategy(workflow, path, job, out)) return drop("its matrix cannot be kept");
    convert_runs_on(workflow, path, job, out);
    convert_container(workflow, path, job, out);
    convert_services(workflow, path, job, out);
    convert_environment(workflow, path, job, out);
    convert_env(workflow, job, path, out, config::scope_job);
    convert_small_keys(workflow, path, job, out);
    convert_outputs(workflow, path, job, out);
    convert_steps(workflow, path, job, out);
    const Out* steps = out.find("steps");
    if (steps == nullptr || steps->empty()) {
        ledger.lost(job.place, path, "no step of it could be converted");
        return drop("no step of it could be converted");
    }
    jobs.set(workflow.names.job(id), std::move(out));
    return true;
}

}  // namespace sluice::importer::github
