// status, version: the server in a few lines, and this program.
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

Result<Exit> status(Context& context) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get("/api/v1/status"));
    context.show(reply, [&] {
        const auto count = [&](const char* key) { return number_of(reply, key).value_or(0); };
        context.out.line(fmt::format("server   {}  version {}, up {}", server->session().url,
                                     printable(text_of(reply, "version")),
                                     human_duration(number_of(reply, "uptime_ms"))));
        context.out.line(
            fmt::format("jobs     {} ready, {} running", count("queue_ready"), count("running")));
        context.out.line(fmt::format("agents   {} online", count("agents_online")));
        if (flag_of(reply, "read_only"))
            context.out.line(
                context.out.paint(Colour::red, "The server is read-only: is its disk full?"));
        if (count("agents_online") == 0 && count("queue_ready") > 0)
            context.out.line(
                context.out.paint(Colour::yellow,
                                  "Jobs wait and no agent is online: see `sluice agent "
                                  "list`"));
    });
    return flag_of(reply, "read_only") ? Exit::negative : Exit::ok;
}

Result<Exit> version(Context& context) {
    context.show(json::Object{{"version", SLUICE_VERSION}},
                 [&] { context.out.line("sluice " SLUICE_VERSION); });
    return Exit::ok;
}

}  // namespace

void add_status_commands(CLI::App& app, Command& chosen) {
    app.add_subcommand("status", "The server: queue, agents, version")->callback([&chosen] {
        chosen = status;
    });
    app.add_subcommand("version", "The version of this program")->callback([&chosen] {
        chosen = version;
    });
}

}  // namespace sluice::cli
