// agent list, show, logs, labels, pause, drain, resume, enrol-token.
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/named.hpp"
#include "cli/term/text.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

Result<Exit> list(Context& context) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get("/api/v1/agents"));
    context.show(reply, [&] {
        Table table({"ID", "AGENT", "STATE", "BUSY", "SEEN", "HOST", "LABELS"});
        for (const auto& agent : items_of(reply, "agents")) {
            table.row({std::to_string(number_of(agent, "id").value_or(0)), text_of(agent, "name"),
                       Cell::state(text_of(agent, "state")),
                       fmt::format("{}/{}", items_of(agent, "running").size(),
                                   number_of(agent, "capacity").value_or(0)),
                       age_of(agent, "last_seen_at", context.clock, "never"),
                       text_of(agent, "host"), joined(agent, "labels")});
        }
        table.print(context.out, "no agents; make a token for one with: sluice agent enrol-token");
    });
    return Exit::ok;
}

/// An agent given by id or by name.
Result<const json::Value*> agent_in(const json::Value& reply, const std::string& wanted) {
    const auto is_it = [&](const json::Value& agent) {
        return text_of(agent, "name") == wanted ||
               std::to_string(number_of(agent, "id").value_or(0)) == wanted;
    };
    return find_named(items_of(reply, "agents"), {.what = "agent", .name = wanted}, is_it);
}

Result<std::int64_t> find_agent(ApiClient& server, const std::string& wanted) {
    SLUICE_TRY(const auto reply, server.get("/api/v1/agents"));
    SLUICE_TRY(const auto* agent, agent_in(reply, wanted));
    return number_of(*agent, "id").value_or(0);
}

Result<Exit> set_state(Context& context, const std::string& wanted, const std::string& word) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto id, find_agent(*server, wanted));
    SLUICE_TRY(auto reply,
               server->post(fmt::format("/api/v1/agents/{}/{}", id, word), json::Object{}));
    context.show(reply, [&] {
        auto running = items_of(reply, "running").size();
        std::string name = printable(text_of(reply, "name"));
        if (word == "resume")
            context.out.line(name + " takes jobs again");
        else
            context.out.line(fmt::format("{} gets no new jobs; {} still running", name, running));
    });
    return Exit::ok;
}

std::string gigabytes(const json::Value& facts, std::string_view key) {
    return fmt::format("{:.1f} GiB", static_cast<double>(number_of(facts, key).value_or(0)) /
                                         (1024.0 * 1024 * 1024));
}

Result<Exit> show(Context& context, const std::string& wanted) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get("/api/v1/agents"));
    SLUICE_TRY(const auto* found, agent_in(reply, wanted));
    const json::Value& agent = *found;
    context.show(agent, [&] {
        const json::Value& facts = member(agent, "facts");
        const auto line = [&](std::string_view name, const std::string& value) {
            context.out.line(fmt::format("{:<9} {}", name, printable(value)));
        };
        line("agent", fmt::format("{} ({}), {}", text_of(agent, "name"),
                                  number_of(agent, "id").value_or(0), text_of(agent, "state")));
        line("labels", joined(agent, "labels"));
        line("jobs", fmt::format("{} of {}", items_of(agent, "running").size(),
                                 number_of(agent, "capacity").value_or(0)));
        line("host", text_of(agent, "host"));
        line("build", text_of(agent, "build"));
        if (text_of(facts, "kernel").empty()) return;
        line("system", fmt::format("{}, kernel {}, {}", text_of(facts, "os"),
                                   text_of(facts, "kernel"), text_of(agent, "arch")));
        line("cpu",
             fmt::format("{} x {}", number_of(facts, "cpus").value_or(0), text_of(facts, "cpu")));
        line("memory", gigabytes(facts, "memory"));
        line("disk", fmt::format("{}, {} free when it began", gigabytes(facts, "disk"),
                                 gigabytes(facts, "disk_free")));
        for (const auto& gpu : items_of(member(agent, "resources"), "gpus"))
            line("gpu", fmt::format("{}, {}, {}", text_of(gpu, "model"), gigabytes(gpu, "memory"),
                                    text_of(gpu, "uuid")));
        std::string versions;
        if (const auto* known = member(facts, "versions").if_object())
            for (const auto& [program, version] : *known)
                if (version.is_string())
                    versions += fmt::format("{}{} {}", versions.empty() ? "" : ", ",
                                            std::string_view(program),
                                            std::string_view(version.get_string()));
        if (!versions.empty()) line("versions", versions);
    });
    return Exit::ok;
}

Result<Exit> logs(Context& context, const std::string& wanted) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto id, find_agent(*server, wanted));
    SLUICE_TRY(const auto reply, server->get(fmt::format("/api/v1/agents/{}/log", id)));
    context.show(reply, [&] {
        for (const auto& line : items_of(reply, "lines"))
            if (line.is_string()) context.out.line(printable(std::string(line.get_string())));
        if (items_of(reply, "lines").empty())
            context.err.line("the server has none of its lines yet");
    });
    return Exit::ok;
}

struct LabelOptions {
    std::string agent;
    std::vector<std::string> labels;
};

Result<Exit> set_labels(Context& context, const LabelOptions& options) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto id, find_agent(*server, options.agent));
    json::Object body;
    json::Array labels;
    for (const std::string& label : options.labels)
        if (!label.empty()) labels.push_back(boost::json::string(label));
    body["labels"] = std::move(labels);
    SLUICE_TRY(auto reply, server->put(fmt::format("/api/v1/agents/{}/labels", id), body));
    context.show(reply, [&] {
        context.out.line(printable(text_of(reply, "name")) + ": " +
                         printable(joined(reply, "labels")));
    });
    return Exit::ok;
}

Result<Exit> enrol_token(Context& context, const std::vector<std::string>& labels) {
    json::Object body;
    body["labels"] = json::Array(labels.begin(), labels.end());
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->post("/api/v1/agents/enrolment-tokens", body));
    context.show(reply, [&] {
        context.out.line(printable(text_of(reply, "token")));
        context.err.line("one use, until " + printable(text_of(reply, "expires_at")) + "; server " +
                         server->session().url);
    });
    return Exit::ok;
}

}  // namespace

void add_agent_commands(CLI::App& app, Command& chosen) {
    auto* agent = app.add_subcommand("agent", "Build machines")->require_subcommand(1);
    agent->add_subcommand("list", "All agents and what they do")->callback([&chosen] {
        chosen = list;
    });
    auto* showing = agent->add_subcommand("show", "One agent: its machine, labels, jobs");
    auto shown = std::make_shared<std::string>();
    showing->add_option("AGENT", *shown, "Name or id")->required()->type_name("");
    showing->callback(
        [&chosen, shown] { chosen = [shown](Context& context) { return show(context, *shown); }; });
    auto* logging = agent->add_subcommand("logs", "What its daemon has said lately");
    auto logged = std::make_shared<std::string>();
    logging->add_option("AGENT", *logged, "Name or id")->required()->type_name("");
    logging->callback([&chosen, logged] {
        chosen = [logged](Context& context) { return logs(context, *logged); };
    });
    auto* labelling = agent->add_subcommand(
        "labels", "Replace its labels; jobs that it has go on. '' alone: none");
    auto labelled = std::make_shared<LabelOptions>();
    labelling->add_option("AGENT", labelled->agent, "Name or id")->required()->type_name("");
    labelling->add_option("LABEL", labelled->labels, "`gpu` or `key=value`")
        ->required()
        ->type_name("");
    labelling->callback([&chosen, labelled] {
        chosen = [labelled](Context& context) { return set_labels(context, *labelled); };
    });
    for (const auto& [word, help] :
         {std::pair{"pause", "Give it no new jobs for a while; what runs goes on"},
          std::pair{"drain", "Give it no new jobs, it is to go; what runs goes on"},
          std::pair{"resume", "Give it jobs again"}}) {
        auto* sub = agent->add_subcommand(word, help);
        auto wanted = std::make_shared<std::string>();
        sub->add_option("AGENT", *wanted, "Name or id")->required()->type_name("");
        sub->callback([&chosen, wanted, state = std::string(word)] {
            chosen = [wanted, state](Context& context) {
                return set_state(context, *wanted, state);
            };
        });
    }
    auto* token =
        agent->add_subcommand("enrol-token", "A one-use token that lets a new agent join");
    auto labels = std::make_shared<std::vector<std::string>>();
    token->add_option("--label", *labels, "Label the agent gets; repeatable")
        ->type_name("LABEL")
        ->allow_extra_args(false);
    token->callback([&chosen, labels] {
        chosen = [labels](Context& context) { return enrol_token(context, *labels); };
    });
}

}  // namespace sluice::cli
