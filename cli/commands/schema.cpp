// schema: the language as a JSON Schema, as the reference page, or one key of it.
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/config/manual/json_schema.hpp"
#include "pipelines/config/manual/page.hpp"

namespace sluice::cli {
namespace {

namespace manual = config::manual;

struct SchemaOptions {
    std::string topic;
    bool markdown = false;
};

Result<Exit> unknown_topic(const std::string& topic) {
    const auto near = text::nearest(topic, manual::explained_topics());
    return usage_error(
        "there is no key '" + printable(topic) + "'; " +
        (near ? "did you mean '" + *near + "'?" : "`sluice schema --markdown` shows all of them"));
}

Result<Exit> schema(const Context& context, const SchemaOptions& options) {
    if (!options.topic.empty()) {
        const auto text = manual::explain(options.topic);
        if (!text) return unknown_topic(options.topic);
        context.out.write(*text);
        return Exit::ok;
    }
    context.out.write(options.markdown ? manual::page() : pretty(manual::json_schema()));
    return Exit::ok;
}

}  // namespace

void add_schema_command(CLI::App& app, Command& chosen) {
    auto* sub =
        app.add_subcommand("schema", "What may stand in .ci.yml: a JSON Schema, or one key");
    auto options = std::make_shared<SchemaOptions>();
    sub->add_option("TOPIC", options->topic, "A key, as job.timeout; default: the JSON Schema")
        ->type_name("");
    sub->add_flag("--markdown", options->markdown, "The whole reference as Markdown");
    sub->footer("For an editor: sluice schema > ci-schema.json; see docs/howto/editor.md.");
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return schema(context, *options); };
    });
}

}  // namespace sluice::cli
