#include "agent/host_facts.hpp"

#include "pipelines/base/text.hpp"
#include "platform/spawn.hpp"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::agent {

namespace {

constexpr Duration k_patience{5'000};

/// The text behind the first line that begins with `name`, without quotes.
std::string value_in(const files::Path& file, std::string_view name, char separator) {
    const auto text = files::read_file(file, 1 << 20);
    if (!text) return "";
    for (const std::string& line : text::split(*text, '\n')) {
        const auto at = line.find(separator);
        if (at == std::string::npos || text::trim(line.substr(0, at)) != name) continue;
        std::string value(text::trim(line.substr(at + 1)));
        std::erase(value, '"');
        return text::sanitize_utf8(value, 200);
    }
    return "";
}

/// The first number of what `program --version` prints; "" when it is not installed.
std::string version_of(const std::string& program) {
    auto env = spawn::current_environment();
    const auto path = spawn::find_program(program, env["PATH"]);
    if (!path) return "";
    const auto printed =
        spawn::run({*path, "--version"}, {.timeout = k_patience, .output_max = 4096});
    if (!printed || !printed->exit.ok()) return "";
    const auto begin = printed->output.find_first_of("0123456789");
    if (begin == std::string::npos) return "";
    const auto end = printed->output.find_first_of(" \n,)", begin);
    return text::sanitize_utf8(printed->output.substr(begin, end - begin), 60);
}

}  // namespace

protocol::HostFacts host_facts(const files::Path& agent_dir) {
    protocol::HostFacts out;
    utsname machine{};
    if (::uname(&machine) == 0) out.kernel = machine.release;
    out.os = value_in("/etc/os-release", "PRETTY_NAME", '=');
    // /proc/cpuinfo holds a block per core, and grows with them: the first block is enough.
    out.cpu = value_in("/proc/cpuinfo", "model name", ':');
    out.cpus = std::max(0L, ::sysconf(_SC_NPROCESSORS_ONLN));
    struct sysinfo memory {};
    if (::sysinfo(&memory) == 0)
        out.memory = static_cast<std::int64_t>(memory.totalram) * memory.mem_unit;
    struct statvfs volume {};
    if (::statvfs(agent_dir.c_str(), &volume) == 0) {
        out.disk = static_cast<std::int64_t>(volume.f_blocks * volume.f_frsize);
        out.disk_free = static_cast<std::int64_t>(volume.f_bavail * volume.f_frsize);
    }
    for (const char* program : {"git", "podman", "docker", "bwrap", "python3"})
        if (std::string version = version_of(program); !version.empty())
            out.versions[program] = std::move(version);
    return out;
}

}  // namespace sluice::agent
