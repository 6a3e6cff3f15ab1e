// `sluice`: reads the arguments, runs the chosen command, turns errors into messages and exit
// codes.
#include "cli/commands/commands.hpp"
#include "cli/term/text.hpp"
#include "cli/usage.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>

namespace {

using namespace sluice;

void print_error(const cli::Terminal& err, const Error& error) {
    std::string where = error.where.empty() ? "" : " (" + error.where + ")";
    err.line(err.paint(cli::Colour::red, "error:") + " " + cli::printable(error.message + where));
}

void print_error_json(const cli::Terminal& out, const Error& error) {
    json::Object object{{"error", error.id}, {"message", error.message}, {"where", error.where}};
    out.line(json::serialize(object));
}

int run(int argc, char** argv) {
    SystemClock clock;
    std::vector<std::string> words(argv + 1, argv + argc);
    if (!words.empty() && words.front() == "__complete") {
        // `__complete -- WORD…`: not for the parser, since the words may be half a command.
        cli::Context context({}, clock);
        words.erase(words.begin(), words.begin() + std::min<std::ptrdiff_t>(2, std::ssize(words)));
        cli::answer_completion(context, words);
        return 0;
    }

    cli::GlobalOptions globals;
    cli::Command chosen;
    CLI::App app;
    cli::add_all_commands(app, globals, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help) {
        return app.exit(help);
    } catch (const CLI::ParseError& error) {
        std::fprintf(stderr, "%s\n", cli::explain_usage(app, words, error.what()).c_str());
        return static_cast<int>(cli::usage_exit(app, words));
    }

    cli::Context context(globals, clock);
    auto exit = chosen(context);
    context.out.flush();
    if (exit) return static_cast<int>(*exit);
    // Programs that asked for JSON get the reason as JSON too; people get one line.
    if (globals.json) print_error_json(context.out, exit.error());
    print_error(context.err, exit.error());
    return static_cast<int>(cli::exit_for(exit.error()));
}

}  // namespace

int main(int argc, char** argv) {
    // `sluice run logs | head` ends quietly by the write error, not by a message.
    std::signal(SIGPIPE, SIG_DFL);
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sluice: internal error: %s\n", error.what());
        return static_cast<int>(cli::Exit::refused);
    }
}
