// artifacts list, get: files that jobs left on the server.
#include "cli/commands/commands.hpp"
#include "cli/job_place.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"
#include "cli/usage.hpp"
#include "platform/packs/pack_reader.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

namespace sluice::cli {
namespace {

std::string size_text(std::int64_t bytes) {
    if (bytes < 1000) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes);
    const char* const units[] = {"kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    for (value /= 1000; value >= 1000 && unit < 3; ++unit) value /= 1000;
    return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string path_of(std::int64_t job, std::string_view name = "") {
    std::string out = fmt::format("/api/v1/jobs/{}/artifacts", job);
    if (!name.empty()) out += "/" + path_part(name);
    return out;
}

Result<Exit> list(Context& context, const std::string& where, const std::string& name) {
    const Place place = place_of(where);
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(const auto jobs, jobs_of(*server, place));
    if (!name.empty()) {
        if (jobs.size() != 1) return error(Code::invalid, "usage", "say of which job: RUN/JOB");
        json::Array all;
        std::string after;
        do {
            SLUICE_TRY(auto page,
                       server->get(path_of(jobs[0].id, name) + "/files",
                                   {{"flat", "true"}, {"after", after}, {"limit", "10000"}}));
            for (const auto& file : items_of(page, "files")) all.push_back(file);
            after = text_of(page, "next");
        } while (!after.empty());
        const json::Value reply = json::Object{{"files", std::move(all)}};
        context.show(reply, [&] {
            for (const auto& file : items_of(reply, "files")) {
                std::string line = fmt::format("{:>10}  {}", number_of(file, "size").value_or(0),
                                               printable(text_of(file, "path")));
                if (text_of(file, "type") == "dir") line += "/";
                if (text_of(file, "type") == "link")
                    line += " -> " + printable(text_of(file, "to"));
                context.out.line(line);
            }
        });
        return Exit::ok;
    }
    json::Array all;
    for (const JobHere& job : jobs) {
        SLUICE_TRY(const auto reply, server->get(path_of(job.id)));
        for (const auto& pack : items_of(reply, "artifacts")) {
            json::Object item = pack.as_object();
            item["job"] = job.key;
            item["job_id"] = job.id;
            all.push_back(std::move(item));
        }
    }
    const json::Value reply = json::Object{{"artifacts", std::move(all)}};
    context.show(reply, [&] {
        Table table({"JOB", "NAME", "KIND", "FILES", "SIZE", "EXPIRES"});
        for (const auto& pack : items_of(reply, "artifacts"))
            table.row({text_of(pack, "job"), text_of(pack, "name"), text_of(pack, "kind"),
                       std::to_string(number_of(pack, "files").value_or(0)),
                       size_text(number_of(pack, "bytes").value_or(0)),
                       text_of(pack, "expires_at")});
        table.print(context.out, fmt::format("run {} has no artifacts", place.run));
    });
    return Exit::ok;
}

/// The file, or `-` for stdout.
Result<> get_file(Context& context, ApiClient& server, const std::string& url,
                  const std::string& kind, const std::string& output) {
    files::Fd fd;
    if (output != "-") {
        SLUICE_TRY(fd, files::open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    }
    std::int64_t at = 0;
    Result<> written;
    auto got = server.download(url, {{"kind", kind}}, [&](std::string_view piece) {
        if (!fd) {
            context.out.write(piece);
            return true;
        }
        written = files::write_at(fd.get(), piece, at);
        at += static_cast<std::int64_t>(piece.size());
        return written.has_value();
    });
    if (!written) return written;
    return got;
}

struct GetOptions {
    std::string where, name, file, output, kind = "artifact";
    bool replace = false;
};

Result<> get_pack(ApiClient& server, const JobHere& job, const GetOptions& wanted,
                  const std::string& name, const std::string& kind, const files::Path& to,
                  packs::Unpacked& done) {
    const std::string url = path_of(job.id, name);
    SLUICE_TRY(const auto reply, server.get(url, {{"kind", kind}}));
    SLUICE_TRY(const protocol::PackRef pack, protocol::pack_from_json(member(reply, "pack"), ""));
    packs::UnpackOptions options;
    options.to = to;
    options.scratch = to / fmt::format(".sluice-{}", ::getpid());
    options.blobs = pack.blobs;
    options.replace = wanted.replace;
    options.fetch = [&](const protocol::Blob& blob, const files::Path& file) -> Result<> {
        SLUICE_TRY(const files::Fd fd, files::open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600));
        std::int64_t at = 0;
        Result<> written;
        auto got = server.download(url + "/blobs/" + blob.sha256, {{"kind", kind}},
                                   [&](std::string_view piece) {
                                       written = files::write_at(fd.get(), piece, at);
                                       at += static_cast<std::int64_t>(piece.size());
                                       return written.has_value();
                                   });
        if (!written) return written;
        return got;
    };
    auto unpacked = packs::unpack(pack.manifest, options);
    (void)files::remove_tree(options.scratch);
    if (!unpacked) return unpacked.error();
    done.files += unpacked->files;
    done.bytes += unpacked->bytes;
    return {};
}

Result<Exit> get(Context& context, const GetOptions& wanted) {
    const Place place = place_of(wanted.where);
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(const auto jobs, jobs_of(*server, place));
    if (place.job.empty() || jobs.size() != 1)
        return error(Code::invalid, "usage", "say of which job: RUN/JOB");
    const JobHere& job = jobs.front();
    if (!wanted.file.empty()) {
        const std::string name = wanted.name.empty() ? "artifacts" : wanted.name;
        std::string url = path_of(job.id, name) + "/files";
        std::string rest = wanted.file;
        for (std::size_t at = 0; at <= rest.size();) {
            const auto slash = std::min(rest.find('/', at), rest.size());
            url += "/" + path_part(std::string_view(rest).substr(at, slash - at));
            at = slash + 1;
        }
        const std::string leaf = rest.substr(rest.rfind('/') + 1);
        SLUICE_CHECK(get_file(context, *server, url, wanted.kind,
                              wanted.output.empty() ? leaf : wanted.output));
        return Exit::ok;
    }
    SLUICE_TRY(const auto reply, server->get(path_of(job.id)));
    const files::Path to = wanted.output.empty() ? "." : wanted.output;
    packs::Unpacked done;
    bool any = false;
    for (const auto& pack : items_of(reply, "artifacts")) {
        const std::string name = text_of(pack, "name"), kind = text_of(pack, "kind");
        if (kind != wanted.kind || (!wanted.name.empty() && name != wanted.name)) continue;
        any = true;
        SLUICE_CHECK(get_pack(*server, job, wanted, name, kind, to, done));
    }
    if (!any)
        return error(Code::not_found, "no_artifact",
                     wanted.name.empty() ? fmt::format("job {} of run {} has no {}s", job.key,
                                                       place.run, wanted.kind)
                                         : fmt::format("job {} of run {} has no {} {}", job.key,
                                                       place.run, wanted.kind, wanted.name));
    const json::Value result =
        json::Object{{"to", to.string()}, {"files", done.files}, {"bytes", done.bytes}};
    context.show(result, [&] {
        context.out.line(
            fmt::format("{} files, {} in {}", done.files, size_text(done.bytes), to.string()));
    });
    return Exit::ok;
}

Result<Exit> show(Context& context, const GetOptions& wanted) {
    const Place place = place_of(wanted.where);
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(const auto jobs, jobs_of(*server, place));
    if (place.job.empty() || jobs.size() != 1)
        return error(Code::invalid, "usage", "say of which job: RUN/JOB");
    SLUICE_TRY(const auto reply,
               server->get(path_of(jobs[0].id, wanted.name), {{"kind", wanted.kind}}));
    context.show(reply, [&] {
        const auto line = [&](const std::string& name, const std::string& value) {
            context.out.line(name + ": " + printable(value));
        };
        line("name", text_of(reply, "name"));
        line("digest", text_of(reply, "digest"));
        line("files", fmt::format("{}, {}", number_of(reply, "files").value_or(0),
                                  size_text(number_of(reply, "bytes").value_or(0))));
        line("expires", text_of(reply, "expires_at"));
        const json::Value& lineage = member(reply, "lineage");
        if (!lineage.is_object()) return;
        line("commit", text_of(lineage, "commit"));
        line("made by", fmt::format("run {}, job {}", number_of(lineage, "run").value_or(0),
                                    text_of(lineage, "job")));
        const auto each = [&](const char* part, const auto& print) {
            const json::Value& list = member(lineage, part);
            if (list.is_object())
                for (const auto& [name, value] : list.as_object()) print(std::string(name), value);
        };
        each("params", [&](const std::string& name, const json::Value& value) {
            line("param " + name, value.is_string() ? std::string(value.as_string()) : "");
        });
        each("inputs", [&](const std::string& name, const json::Value& value) {
            line("input " + name, text_of(value, "from") + " " + text_of(value, "digest"));
        });
        each("metrics", [&](const std::string& name, const json::Value& value) {
            line("metric " + name, json::serialize(value));
        });
        each("environment", [&](const std::string& name, const json::Value& value) {
            std::string text = value.is_string() ? std::string(value.as_string()) : "";
            for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;)
                text.replace(at, 1, at + 1 == text.size() ? "" : " ");
            line(name, text);
        });
    });
    return Exit::ok;
}

}  // namespace

void add_artifact_commands(CLI::App& app, Command& chosen) {
    auto* group = app.add_subcommand("artifacts", "Files that jobs left");
    group->require_subcommand(1);

    auto* lister = group->add_subcommand("list", "Artifacts of a run or job, or the files of one");
    auto where = std::make_shared<std::string>();
    auto name = std::make_shared<std::string>();
    lister->add_option("RUN", *where, "Id of the run, or RUN/JOB")->required()->type_name("");
    lister->add_option("NAME", *name, "The artifact whose files to list")->type_name("");
    lister->callback([&chosen, where, name] {
        chosen = [where, name](Context& context) { return list(context, *where, *name); };
    });

    auto* shower =
        group->add_subcommand("show", "One artifact; of a model also where it came from");
    auto shown = std::make_shared<GetOptions>();
    shower->add_option("RUN", shown->where, "RUN/JOB: id of the run, and the job")
        ->required()
        ->type_name("");
    shower->add_option("NAME", shown->name, "The artifact")->required()->type_name("");
    shower->add_option("--kind", shown->kind, "artifact or output")
        ->type_name("KIND")
        ->check(CLI::IsMember({"artifact", "output"}));
    shower->callback(
        [&chosen, shown] { chosen = [shown](Context& context) { return show(context, *shown); }; });

    auto* getter = group->add_subcommand("get", "Download artifacts of a job, or one file of them");
    auto wanted = std::make_shared<GetOptions>();
    getter->add_option("RUN", wanted->where, "RUN/JOB: id of the run, and the job")
        ->required()
        ->type_name("");
    getter->add_option("NAME", wanted->name, "Only this artifact")->type_name("");
    getter->add_option("--file", wanted->file, "Only this file of it")->type_name("PATH");
    getter
        ->add_option("-o,--output", wanted->output,
                     "Folder to unpack to (default: here); with --file its new name, - for stdout")
        ->type_name("FILE");
    getter->add_option("--kind", wanted->kind, "artifact or output")
        ->type_name("KIND")
        ->check(CLI::IsMember({"artifact", "output"}));
    getter->add_flag("--replace", wanted->replace, "Replace files that are there");
    getter->callback([&chosen, wanted] {
        chosen = [wanted](Context& context) { return get(context, *wanted); };
    });
}

}  // namespace sluice::cli
