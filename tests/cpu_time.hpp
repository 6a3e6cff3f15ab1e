#pragma once
/// The CPU time of the calling thread, for tests that bound work: unlike a clock on the wall it
/// does not count what other processes of a busy machine take.

#include <chrono>
#include <ctime>

namespace sluice::testing {

inline std::chrono::nanoseconds cpu_time() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace sluice::testing
