#include "pipelines/protocol/local_run.hpp"

#include "pipelines/model/wire.hpp"

#include <fmt/format.h>

namespace sluice::protocol {

namespace wire = model::wire;

std::string local_file::command(std::size_t step) {
    return fmt::format("command-{}.json", step);
}

json::Value to_json(const LocalJob& value) {
    json::Object inputs;
    for (const auto& [name, input] : value.inputs) inputs[name] = to_json(input);
    json::Array caches;
    for (const CacheReply& cache : value.caches) caches.push_back(to_json(cache));
    return json::Object{{"blobs", wire::text(value.blobs)},
                        {"inputs", std::move(inputs)},
                        {"caches", std::move(caches)},
                        {"job", to_json(value.job)},
                        {"source", wire::text(value.source)},
                        {"marker", wire::text(value.marker)},
                        {"parent", value.parent},
                        {"keep_commands", value.keep_commands},
                        {"secrets", value.secrets}};
}

Result<LocalJob> parse_local_job(const json::Value& value) {
    json::ObjectReader in(value, "");
    LocalJob out;
    const json::Value* job = in.find("job");
    if (job == nullptr) return error(Code::invalid, "bad_field", "an object is required", "/job");
    SLUICE_TRY(out.job, parse_claimed_job(*job));
    out.source = in.string_or("source", "");
    out.marker = in.string("marker", 128);
    out.parent = in.integer_or("parent", 0, 0, wire::k_max_integer);
    out.keep_commands = in.boolean_or("keep_commands", false);
    out.secrets = in.boolean_or("secrets", false);
    out.blobs = in.string_or("blobs", "");
    const auto input = [](const json::Value& item, const std::string&) {
        return parse_input(item);
    };
    SLUICE_TRY(out.inputs, wire::map_of<InputReply>(in, "inputs", 1000, input));
    const auto cache = [](const json::Value& item, const std::string&) {
        return parse_cache_reply(item);
    };
    SLUICE_TRY(out.caches, wire::list<CacheReply>(in, "caches", 10'000, cache));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const LocalCommand& value) {
    return json::Object{{"argv", wire::strings(value.argv)},
                        {"env", wire::string_map(value.env)},
                        {"directory", wire::text(value.directory)}};
}

Result<LocalCommand> parse_local_command(const json::Value& value) {
    json::ObjectReader in(value, "");
    LocalCommand out;
    out.argv = in.strings_or_empty("argv");
    out.env = in.string_map_or_empty("env");
    out.directory = in.string("directory");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
