#include "platform/failpoint.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string>

namespace sluice::failpoint {

namespace {
constexpr const char* k_variable = "SLUICE_FAILPOINT";
}

bool is_refused() {
    return !k_built_in && std::getenv(k_variable) != nullptr;
}

#ifndef NDEBUG

namespace {

constexpr const char* k_once = "SLUICE_FAILPOINT_ONCE";

struct Wanted {
    std::string point, once;
    std::atomic<int> left{1};

    Wanted() {
        const char* text = std::getenv(k_variable);
        if (text == nullptr) return;
        point = text;
        if (const char* file = std::getenv(k_once)) once = file;
        const std::size_t at = point.find('@');
        if (at == std::string::npos) return;
        int times = 1;
        std::from_chars(point.data() + at + 1, point.data() + point.size(), times);
        left = times;
        point.resize(at);
    }
};

/// False when another program has died here before.
bool is_first(const std::string& file) {
    if (file.empty()) return true;
    const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0) return false;
    const std::string pid = std::to_string(::getpid());
    (void)!::write(made, pid.data(), pid.size());
    ::close(made);
    return true;
}

}  // namespace

void hit(std::string_view transition, std::string_view moment) {
    static Wanted wanted;
    if (wanted.point.empty() || wanted.point.size() != transition.size() + 1 + moment.size())
        return;
    if (!wanted.point.starts_with(transition) || !wanted.point.ends_with(moment)) return;
    if (--wanted.left != 0 || !is_first(wanted.once)) return;
    const std::string line = "failpoint " + wanted.point + "\n";
    (void)!::write(STDERR_FILENO, line.data(), line.size());
    ::kill(::getpid(), SIGKILL);
}

#endif

}  // namespace sluice::failpoint
