#include "agent/config.hpp"

#include "pipelines/base/json.hpp"

namespace sluice::agent {

namespace {
files::Path file_of(const files::Path& dir) {
    return dir / "agent.json";
}
}  // namespace

Result<Config> load_config(const files::Path& dir) {
    Result<std::string> text = files::read_file(file_of(dir), 1 << 20);
    if (!text && text.error().code == Code::not_found)
        return error(
            Code::not_found, "not_enrolled",
            dir.string() +
                " holds no agent; run `sluice-agent enrol --server URL --token TOKEN --dir " +
                dir.string() + "` first",
            file_of(dir).string());
    if (!text) return text.error();
    SLUICE_TRY(json::Value value, json::parse(*text));
    json::ObjectReader reader(value, "");
    Config config;
    config.server = reader.string("server");
    config.ca_file = reader.string_or("ca_file", "");
    config.agent.value = reader.integer("agent", 1, INT64_MAX);
    config.token = reader.string("token");
    config.name = reader.string_or("name", "");
    config.server_id = reader.string_or("server_id", "");
    config.labels = reader.strings_or_empty("labels");
    if (Result<> read = reader.finish(); !read) {
        Error refusal = read.error();
        refusal.message = file_of(dir).string() + ": " + refusal.message;
        return refusal;
    }
    return config;
}

Result<> save_config(const files::Path& dir, const Config& config) {
    json::Object object;
    object["server"] = config.server;
    object["ca_file"] = config.ca_file;
    object["agent"] = config.agent.value;
    object["token"] = config.token;
    object["name"] = config.name;
    object["server_id"] = config.server_id;
    json::Array labels;
    for (const std::string& label : config.labels) labels.emplace_back(label);
    object["labels"] = std::move(labels);
    return files::write_atomic(file_of(dir), json::serialize(object) + "\n", 0600);
}

}  // namespace sluice::agent
