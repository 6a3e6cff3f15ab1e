// token create, list, revoke.
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/named.hpp"
#include "cli/term/text.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

Result<Exit> create(Context& context, const std::string& name, const std::string& role) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply,
               server->post("/api/v1/tokens", json::Object{{"name", name}, {"role", role}}));
    context.show(reply, [&] {
        context.out.line(printable(text_of(reply, "token")));
        context.err.line("shown once; revoke it with: sluice token revoke " + printable(name));
    });
    return Exit::ok;
}

Result<Exit> list(Context& context) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get("/api/v1/tokens"));
    context.show(reply, [&] {
        Table table({"ID", "NAME", "ROLE", "MADE", "LAST USED"});
        for (const auto& token : items_of(reply, "tokens"))
            table.row({std::to_string(number_of(token, "id").value_or(0)), text_of(token, "name"),
                       text_of(token, "role"), age_of(token, "created_at", context.clock, "never"),
                       age_of(token, "last_used_at", context.clock, "never")});
        table.print(context.out, "no tokens");
    });
    return Exit::ok;
}

Result<Exit> revoke(Context& context, const std::string& wanted) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get("/api/v1/tokens"));
    std::vector<std::int64_t> ids;
    for (const auto& token : items_of(reply, "tokens")) {
        auto id = number_of(token, "id").value_or(0);
        if (text_of(token, "name") == wanted || std::to_string(id) == wanted) ids.push_back(id);
    }
    if (ids.empty())
        return unknown_name(items_of(reply, "tokens"), {.what = "token", .name = wanted});
    if (ids.size() > 1)
        return usage_error(
            fmt::format("{} tokens are called '{}'; revoke by id", ids.size(), wanted));
    SLUICE_CHECK(server->remove(fmt::format("/api/v1/tokens/{}", ids.front())));
    context.show(json::Object{{"revoked", ids.front()}},
                 [&] { context.out.line("revoked " + printable(wanted)); });
    return Exit::ok;
}

}  // namespace

void add_token_commands(CLI::App& app, Command& chosen) {
    auto* token = app.add_subcommand("token", "API tokens (admin)")->require_subcommand(1);

    auto* creating = token->add_subcommand("create", "A new token, shown once");
    auto name = std::make_shared<std::string>();
    auto role = std::make_shared<std::string>("write");
    creating->add_option("NAME", *name, "What it is for")->required()->type_name("");
    creating->add_option("--role", *role, "What it may do")
        ->check(CLI::IsMember({"admin", "write", "read"}))
        ->capture_default_str();
    creating->callback([&chosen, name, role] {
        chosen = [name, role](Context& context) { return create(context, *name, *role); };
    });

    token->add_subcommand("list", "All tokens, without their secrets")->callback([&chosen] {
        chosen = list;
    });

    auto* revoking = token->add_subcommand("revoke", "End a token at once");
    auto wanted = std::make_shared<std::string>();
    revoking->add_option("TOKEN", *wanted, "Name or id")->required()->type_name("");
    revoking->callback([&chosen, wanted] {
        chosen = [wanted](Context& context) { return revoke(context, *wanted); };
    });
}

}  // namespace sluice::cli
