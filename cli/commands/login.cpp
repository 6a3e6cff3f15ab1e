// login, logout: which server this person's commands talk to.
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/term/hidden_line.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"

#include <unistd.h>

#include <iostream>

namespace sluice::cli {
namespace {

Result<std::string> read_token(const Context& context) {
    if (auto token = environment("SLUICE_TOKEN")) return *token;
    std::string line;
    if (isatty(STDIN_FILENO) == 1) {
        line = hidden_line(context.err, "token (not shown): ");
    } else {
        std::getline(std::cin, line);
    }
    std::string token(text::trim(line));
    if (token.empty())
        return usage_error("no token: give it on standard input, or as SLUICE_TOKEN");
    return token;
}

Result<Exit> login(Context& context, const std::string& url) {
    Session session;
    if (!context.globals.data.empty()) {
        SLUICE_TRY(auto* local, context.api());
        session = local->session();
    } else {
        SLUICE_TRY(
            auto normal,
            normal_url(!url.empty() ? url : environment("SLUICE_URL").value_or(k_default_url)));
        SLUICE_TRY(auto token, read_token(context));
        session = {normal, token, "this login", context.ca_file()};
        http_client::init_client();
    }
    ApiClient server(session);
    SLUICE_TRY(auto me, server.get("/api/v1/whoami"));
    SLUICE_CHECK(save_session(context.config_file(), session));
    json::Object reply{
        {"url", session.url}, {"name", text_of(me, "name")}, {"role", text_of(me, "role")}};
    context.show(reply, [&] {
        context.out.line("logged in to " + session.url + " as " + printable(text_of(me, "name")) +
                         " (" + printable(text_of(me, "role")) + "); stored in " +
                         context.config_file().string());
    });
    return Exit::ok;
}

Result<Exit> logout(Context& context) {
    SLUICE_TRY(bool there_was, forget_session(context.config_file()));
    context.show(json::Object{{"logged_out", there_was}},
                 [&] { context.out.line(there_was ? "logged out" : "was not logged in"); });
    return Exit::ok;
}

}  // namespace

void add_login_commands(CLI::App& app, Command& chosen) {
    auto* in = app.add_subcommand("login", "Store a server and a token for later commands");
    auto url = std::make_shared<std::string>();
    in->add_option("URL", *url, "The server, e.g. https://ci.example.org")->type_name("");
    in->footer(
        "The token is read from SLUICE_TOKEN, else from standard input. It is stored in\n"
        "$XDG_CONFIG_HOME/sluice/config.json (0600). With --data DIR the server's own admin token "
        "is taken.");
    in->callback(
        [&chosen, url] { chosen = [url](Context& context) { return login(context, *url); }; });

    auto* out = app.add_subcommand("logout", "Forget the stored server and token");
    out->callback([&chosen] { chosen = logout; });
}

}  // namespace sluice::cli
