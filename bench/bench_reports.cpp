// bench_reports FORMAT FILE: reads a report as the runner does, in pieces of 256 KiB, and prints
// `seconds peak-RSS-in-KiB items`. FORMAT: junit, tap, lcov, cobertura.
#include "bench/peak_rss.hpp"
#include "pipelines/reports/coverage.hpp"
#include "pipelines/reports/junit.hpp"
#include "pipelines/reports/tap.hpp"
#include "pipelines/reports/test_collector.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>

using namespace sluice;

namespace {

template <class Parser>
bool feed(Parser& parser, int fd) {
    static char buffer[256 << 10];
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
        if (!parser.feed({buffer, static_cast<std::size_t>(n)})) return false;
    return parser.finish().has_value();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const int fd = ::open(argv[2], O_RDONLY);
    if (fd < 0) return std::perror(argv[2]), 1;
    const auto begin = std::chrono::steady_clock::now();
    reports::TestCollector tests;
    reports::Coverage coverage;
    const auto take = [&](model::TestCase&& test) { tests.add(std::move(test)); };
    bool read = false;
    long items = 0;
    if (std::strcmp(argv[1], "junit") == 0) {
        reports::JunitParser parser(take);
        read = feed(parser, fd);
        items = tests.report().total;
    } else if (std::strcmp(argv[1], "tap") == 0) {
        reports::TapParser parser(take);
        read = feed(parser, fd);
        items = tests.report().total;
    } else {
        const auto format = std::strcmp(argv[1], "lcov") == 0 ? reports::CoverageFormat::lcov
                                                              : reports::CoverageFormat::cobertura;
        reports::CoverageParser parser(format, {}, {}, coverage);
        read = feed(parser, fd);
        coverage.settle();
        items = coverage.report(std::nullopt).lines;
    }
    if (!read) return std::fputs("the report was refused\n", stderr), 1;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%.3f %ld %ld\n", took.count(), peak_rss_kib(), items);
    return 0;
}
