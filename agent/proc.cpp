#include "agent/proc.hpp"

#include "pipelines/base/text.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

namespace sluice::agent::proc {

namespace {

std::string path_of(pid_t pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{}) return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::uint64_t> start_time(pid_t pid) {
    Result<std::string> stat = files::read_file(path_of(pid, "stat"));
    if (!stat) return std::nullopt;
    // The second field is the name in brackets and may hold blanks and brackets; count from the
    // last one.
    std::size_t bracket = stat->rfind(')');
    if (bracket == std::string::npos) return std::nullopt;
    std::vector<std::string> fields = text::split(std::string_view(*stat).substr(bracket + 1), ' ');
    constexpr std::size_t k_start_time =
        20;  // field 22 of the line; the blank after ')' makes fields[0] empty
    if (fields.size() <= k_start_time) return std::nullopt;
    return number(fields[k_start_time]);
}

std::string boot_id() {
    Result<std::string> text = files::read_file("/proc/sys/kernel/random/boot_id");
    return text ? std::string(text::trim(*text)) : std::string();
}

std::uint64_t oom_kills() {
    Result<std::string> text = files::read_file("/proc/vmstat");
    if (!text) return 0;
    std::size_t at = text->find("\noom_kill ");
    if (at == std::string::npos) return 0;
    return number(std::string_view(*text).substr(at + 10)).value_or(0);
}

files::Fd open_pid(pid_t pid) {
    return files::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool send_signal(const files::Fd& pidfd, int signal) {
    return pidfd && ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

bool environment_has(pid_t pid, std::string_view entry) {
    Result<std::string> environment = files::read_file(path_of(pid, "environ"), 8 << 20);
    if (!environment) return false;
    std::string_view rest = *environment;
    while (!rest.empty()) {
        std::size_t end = rest.find('\0');
        if (rest.substr(0, end) == entry) return true;
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return false;
}

std::vector<pid_t> all_pids() {
    std::vector<pid_t> pids;
    DIR* dir = ::opendir("/proc");
    if (!dir) return pids;
    while (dirent* entry = ::readdir(dir)) {
        std::string_view name = entry->d_name;
        if (name.find_first_not_of("0123456789") != std::string_view::npos) continue;
        if (auto pid = number(name)) pids.push_back(static_cast<pid_t>(*pid));
    }
    ::closedir(dir);
    return pids;
}

}  // namespace sluice::agent::proc
