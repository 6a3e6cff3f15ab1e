#include "agent/host_facts.hpp"

#include "pipelines/base/text.hpp"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::agent {

namespace {

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
    return out;
}

}  // namespace sluice::agent
