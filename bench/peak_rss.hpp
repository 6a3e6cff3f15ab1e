#pragma once
/// The most memory that this program had resident. Not getrusage(): its ru_maxrss begins with what
/// the process had before exec, which is what the Python that started it holds.

#include <fstream>
#include <string>

inline long peak_rss_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmHWM:", 0) == 0) return std::stol(line.substr(6));
    return 0;
}
