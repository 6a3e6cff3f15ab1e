#include "agent/attempt_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::agent {

namespace {
constexpr std::size_t k_file_max = 64 << 20;
}  // namespace

Result<AttemptFolder> create_folder(const files::Path& path, const Assignment& assignment) {
    AttemptFolder folder{path};
    SLUICE_CHECK(files::make_dirs(path, 0700));
    // No runner looks before this returns, and a half-written folder of a dead daemon is only
    // thrown away: no temporary, no rename.
    json::Object text;
    text["server"] = assignment.server.url;
    text["ca_file"] = assignment.server.ca_file;
    text["job"] = to_json(assignment.job);
    SLUICE_CHECK(files::write_new(folder.job(), json::serialize(text), 0600));
    return folder;
}

Result<Assignment> load_assignment(const AttemptFolder& folder) {
    SLUICE_TRY(std::string text, files::read_file(folder.job(), k_file_max));
    SLUICE_TRY(json::Value value, json::parse(text, {.bytes = k_file_max, .depth = 65}));
    Assignment assignment;
    json::ObjectReader reader(value, "");
    assignment.server.url = reader.string("server");
    assignment.server.ca_file = reader.string_or("ca_file", "");
    const json::Value* job = reader.find("job");
    if (job == nullptr) reader.fail("job", "an object is required");
    SLUICE_CHECK(reader.finish());
    SLUICE_TRY(assignment.job, protocol::parse_claimed_job(*job));
    return assignment;
}

Result<> save_identity(const AttemptFolder& folder, const RunnerIdentity& identity) {
    json::Object object;
    object["pid"] = identity.pid;
    object["start_time"] = identity.start_time;
    object["boot_id"] = identity.boot_id;
    object["instance"] = identity.instance;
    object["marker"] = identity.marker;
    SLUICE_TRY(files::Fd file, files::open(folder.lock(), O_WRONLY | O_CREAT, 0600));
    // A dead runner's text goes first. Not by O_TRUNC: ext4 then writes the new text to the disk
    // when the file is closed, and its removal waits for that (50 ms on a busy disk).
    if (::lseek(file.get(), 0, SEEK_END) > 0 && ::ftruncate(file.get(), 0) != 0)
        return files::errno_error(errno, "truncate " + folder.lock().string());
    // One write, so a kill leaves all or nothing. Nothing means that no step has begun: the journal
    // says `starting` only after this.
    return files::write_at(file.get(), json::serialize(object), 0);
}

Result<RunnerIdentity> load_identity(const AttemptFolder& folder) {
    SLUICE_TRY(std::string text, files::read_file(folder.lock(), 65536));
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
