#include "cli/completion.hpp"

#include "cli/commands/commands.hpp"

#include <catch2/catch.hpp>

using namespace sluice::cli;
using Words = std::vector<std::string>;

namespace {

/// What Tab offers after these words, with two projects and one agent on the server.
Completion tab(const Words& words) {
    CLI::App app;
    GlobalOptions globals;
    Command chosen;
    add_all_commands(app, globals, chosen);
    return complete(app, words, [](std::string_view kind) {
        if (kind == "PROJECT") return Words{"shortener", "website"};
        if (kind == "AGENT") return Words{"builder-1"};
        if (kind == "JOB") return Words{"lint"};
        return Words{};
    });
}

bool offers(const Completion& completion, const std::string& word) {
    return std::find(completion.words.begin(), completion.words.end(), word) !=
           completion.words.end();
}

}  // namespace

TEST_CASE("Tab offers commands, then subcommands", "[cli]") {
    CHECK(tab({"ga"}).words == Words{"gate"});
    CHECK(tab({"run", ""}).words == Words{"approve", "cancel", "lint", "list", "logs", "reject",
                                          "reports", "retry", "show", "start"});
    CHECK(tab({"run", "st"}).words == Words{"start"});
    CHECK(tab({"--json", "run", "sh"}).words == Words{"show"});
}

TEST_CASE("hidden commands are not offered", "[cli]") {
    CHECK(tab({"_"}).words.empty());
}

TEST_CASE("Tab offers the options of a command and the global ones", "[cli]") {
    auto found = tab({"gate", "--"});
    CHECK(offers(found, "--wait"));
    CHECK(offers(found, "--project"));
    CHECK(offers(found, "--json"));
    CHECK_FALSE(offers(found, "--event"));
    CHECK(tab({"gate", "--wa"}).words == Words{"--wait"});
}

TEST_CASE("Tab knows the projects and agents of the server", "[cli]") {
    CHECK(tab({"gate", "--project", ""}).words == Words{"shortener", "website"});
    CHECK(tab({"run", "list", "--project", "w"}).words == Words{"website"});
    CHECK(tab({"project", "show", "s"}).words == Words{"shortener"});
    CHECK(tab({"agent", "drain", ""}).words == Words{"builder-1"});
}

TEST_CASE("the value of an option is not taken for a command's argument", "[cli]") {
    CHECK(tab({"--data", "/x", "run", "lis"}).words == Words{"list"});
    CHECK(tab({"run", "start", "--branch", "main", "sh"}).words == Words{"shortener"});
    CHECK(tab({"run", "start", "--branch=main", "sh"}).words == Words{"shortener"});
}

TEST_CASE("closed lists are offered and files where files are meant", "[cli]") {
    CHECK(tab({"project", "add", "--forge", "git"}).words ==
          Words{"git", "gitea", "github", "gitlab"});
    CHECK(tab({"completion", ""}).words == Words{"bash", "fish", "zsh"});
    CHECK(tab({"validate", ""}).files);
    CHECK(tab({"validate", "one.yml", ""}).files);
    CHECK(tab({"--data", ""}).files);
    CHECK_FALSE(tab({"run", ""}).files);
}

TEST_CASE("nothing is offered after the last argument", "[cli]") {
    CHECK(tab({"project", "show", "shortener", ""}).words.empty());
}

TEST_CASE("there is a script for bash, zsh and fish", "[cli]") {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        INFO(shell);
        CHECK(completion_script(shell).value().find("sluice __complete") != std::string::npos);
    }
    CHECK_FALSE(completion_script("tcsh"));
}
