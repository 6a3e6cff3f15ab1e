// import: pipelines of other systems to .ci.yml, with a report; no server needed.
#include "pipelines/import/import.hpp"
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"
#include "platform/files.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <iterator>

namespace sluice::cli {
namespace {

struct ImportOptions {
    std::string origin, file, output;
    bool force = false;
};

Result<std::string> read_source(const std::string& file) {
    if (file == "-") return std::string{std::istreambuf_iterator<char>(std::cin), {}};
    auto text = files::read_file(file, 16 << 20);
    if (!text) return usage_error("cannot read " + file + ": " + text.error().message);
    return text;
}

Colour colour_of(importer::Weight weight) {
    switch (weight) {
        case importer::Weight::info: return Colour::dim;
        case importer::Weight::changed: return Colour::yellow;
        case importer::Weight::lost: return Colour::red;
    }
    return Colour::plain;
}

void report(const Terminal& err, const std::string& file, const importer::Imported& imported) {
    std::size_t lost = 0, changed = 0;
    for (const importer::Note& note : imported.notes) {
        lost += note.weight == importer::Weight::lost;
        changed += note.weight == importer::Weight::changed;
        err.line(err.paint(colour_of(note.weight), printable(importer::format(note, file))));
    }
    err.line(fmt::format("{}: converted {} ({} lost, {} changed)", printable(file),
                         to_text(imported.share), lost, changed));
}

json::Value to_json(const importer::Imported& imported) {
    json::Array notes;
    for (const importer::Note& note : imported.notes) notes.push_back(importer::to_json(note));
    return json::Object{
        {"share", to_text(imported.share)}, {"text", imported.text}, {"notes", std::move(notes)}};
}

Result<Exit> import_file(Context& context, const ImportOptions& options) {
    SLUICE_TRY(std::string text, read_source(options.file));
    std::error_code ignored;
    if (!options.output.empty() && !options.force &&
        std::filesystem::exists(options.output, ignored))
        return usage_error(options.output + " exists; --force replaces it");
    const auto origin = parse_enum<importer::Origin>(options.origin);
    const std::string shown = options.file == "-" ? "<stdin>" : options.file;
    const importer::Imported imported =
        importer::import_pipeline(origin.value_or(importer::Origin::github), shown, text);
    if (!options.output.empty() && !imported.text.empty())
        SLUICE_CHECK(files::write_atomic(options.output, imported.text));
    if (context.globals.json) {
        context.out.write(pretty(to_json(imported)));
    } else {
        if (options.output.empty()) context.out.write(imported.text);
        context.out.flush();
        report(context.err, shown, imported);
    }
    return imported.share == importer::Share::fully ? Exit::ok : Exit::negative;
}

}  // namespace

void add_import_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand("import", "Convert a pipeline of another system to .ci.yml");
    auto options = std::make_shared<ImportOptions>();
    sub->add_option("SYSTEM", options->origin, "github, gitlab or woodpecker")
        ->required()
        ->check(CLI::IsMember({"github", "gitlab", "woodpecker"}))
        ->type_name("");
    sub->add_option("FILE", options->file, "The file to convert; - is standard input")
        ->required()
        ->type_name("");
    sub->add_option("-o,--output", options->output, "Write there, not to standard output")
        ->type_name("FILE");
    sub->add_flag("--force", options->force, "Replace the output file");
    sub->footer(
        "What could not be kept is listed on standard error with its place and what to do.\n"
        "Exits 0 when everything was converted, 1 when there is something to look at.");
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return import_file(context, *options); };
    });
}

}  // namespace sluice::cli
