// agent list, drain, resume, enrol-token.
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
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
            auto seen = parse_utc(text_of(agent, "last_seen_at"));
            table.row({std::to_string(number_of(agent, "id").value_or(0)), text_of(agent, "name"),
                       Cell::state(text_of(agent, "state")),
                       fmt::format("{}/{}", items_of(agent, "running").size(),
                                   number_of(agent, "capacity").value_or(0)),
                       seen ? human_age(*seen, context.clock.now().ms) : "never",
                       text_of(agent, "host"), joined(agent, "labels")});
        }
        if (table.empty())
            context.out.line("no agents; make a token for one with: sluice agent enrol-token");
        else
            context.out.write(table.render(context.out));
    });
    return Exit::ok;
}

/// The id of an agent given by id or by name.
Result<std::int64_t> find_agent(ApiClient& server, const std::string& wanted) {
    SLUICE_TRY(auto reply, server.get("/api/v1/agents"));
    for (const auto& agent : items_of(reply, "agents")) {
        auto id = number_of(agent, "id").value_or(0);
        if (text_of(agent, "name") == wanted || std::to_string(id) == wanted) return id;
    }
    return error(Code::not_found, "agent_unknown",
                 "no agent '" + wanted + "'; `sluice agent list` shows them");
}

Result<Exit> set_draining(Context& context, const std::string& wanted, bool drain) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto id, find_agent(*server, wanted));
    SLUICE_TRY(auto reply,
               server->post(fmt::format("/api/v1/agents/{}/{}", id, drain ? "drain" : "resume"),
                            json::Object{}));
    context.show(reply, [&] {
        auto running = items_of(reply, "running").size();
        std::string name = printable(text_of(reply, "name"));
        if (!drain)
            context.out.line(name + " takes jobs again");
        else
            context.out.line(fmt::format("{} gets no new jobs; {} still running", name, running));
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
    for (bool drain : {true, false}) {
        auto* sub = agent->add_subcommand(
            drain ? "drain" : "resume",
            drain ? "Give it no new jobs; what runs goes on" : "Give it jobs again");
        auto wanted = std::make_shared<std::string>();
        sub->add_option("AGENT", *wanted, "Name or id")->required()->type_name("");
        sub->callback([&chosen, wanted, drain] {
            chosen = [wanted, drain](Context& context) {
                return set_draining(context, *wanted, drain);
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
