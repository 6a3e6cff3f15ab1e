#include "agent/attempt_folder.hpp"

namespace sluice::agent {

namespace {
constexpr std::size_t k_file_max = 64 << 20;
constexpr const char* k_token_elsewhere = "in-lease-file";
}  // namespace

Result<AttemptFolder> create_folder(const files::Path& path, const Assignment& assignment) {
    AttemptFolder folder{path};
    SLUICE_CHECK(files::make_dirs(path, 0700));
    // No runner looks before both are there, and a half-written folder of a dead daemon is only
    // thrown away.
    json::Object lease;
    lease["server"] = assignment.server.url;
    lease["ca_file"] = assignment.server.ca_file;
    lease["token"] = assignment.job.lease_token;
    SLUICE_CHECK(files::write_new(folder.lease(), json::serialize(lease), 0600));
    protocol::ClaimedJob job = assignment.job;
    job.lease_token = k_token_elsewhere;
    SLUICE_CHECK(files::write_new(folder.job(), json::serialize(to_json(job)), 0600));
    return folder;
}

Result<Assignment> load_assignment(const AttemptFolder& folder) {
    SLUICE_TRY(std::string lease_text, files::read_file(folder.lease(), k_file_max));
    SLUICE_TRY(json::Value lease, json::parse(lease_text));
    Assignment assignment;
    json::ObjectReader reader(lease, "");
    assignment.server.url = reader.string("server");
    assignment.server.ca_file = reader.string_or("ca_file", "");
    std::string token = reader.string("token");
    SLUICE_CHECK(reader.finish());
    SLUICE_TRY(std::string job_text, files::read_file(folder.job(), k_file_max));
    SLUICE_TRY(json::Value job, json::parse(job_text, {.bytes = k_file_max, .depth = 64}));
    SLUICE_TRY(assignment.job, protocol::parse_claimed_job(job));
    assignment.job.lease_token = std::move(token);
    return assignment;
}

Result<> save_identity(const AttemptFolder& folder, const RunnerIdentity& identity) {
    json::Object object;
    object["pid"] = identity.pid;
    object["start_time"] = identity.start_time;
    object["boot_id"] = identity.boot_id;
    object["instance"] = identity.instance;
    object["marker"] = identity.marker;
    return files::write_atomic(folder.runner(), json::serialize(object), 0600, false);
}

Result<RunnerIdentity> load_identity(const AttemptFolder& folder) {
    SLUICE_TRY(std::string text, files::read_file(folder.runner(), 65536));
    SLUICE_TRY(json::Value value, json::parse(text));
    json::ObjectReader reader(value, "");
    RunnerIdentity identity;
    identity.pid = static_cast<pid_t>(reader.integer("pid", 1, INT32_MAX));
    identity.start_time = static_cast<std::uint64_t>(reader.integer("start_time", 0, INT64_MAX));
    identity.boot_id = reader.string("boot_id");
    identity.instance = reader.string("instance");
    identity.marker = reader.string("marker");
    SLUICE_CHECK(reader.finish());
    return identity;
}

}  // namespace sluice::agent
