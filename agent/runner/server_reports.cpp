/// The part of ServerSink that deals in full reports and the baseline.
#include "agent/runner/report_reader.hpp"
#include "agent/runner/server_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <thread>

namespace sluice::agent {

namespace {

/// A report is worth some patience, a job's outcome more: it must not wait for a dead server.
constexpr Duration k_patience{60'000};

template <class Call>
auto patiently(Call call) {
    Backoff backoff;
    const auto until = std::chrono::steady_clock::now() + k_patience;
    while (true) {
        auto answer = call();
        if (answer || !is_transient(answer.error()) || std::chrono::steady_clock::now() > until)
            return answer;
        std::this_thread::sleep_for(backoff.next());
    }
}

}  // namespace

Result<> ServerSink::upload_report(const model::ReportFile& file, const files::Path& path) {
    return patiently([&]() -> Result<> {
        SLUICE_TRY(const files::Fd fd, files::open(path, O_RDONLY | O_CLOEXEC));
        const auto read = [&](char* buffer, std::size_t size) -> std::size_t {
            const ssize_t n = ::read(fd.get(), buffer, size);
            return n > 0 ? static_cast<std::size_t>(n) : 0;
        };
        return reports_.put_report(file, read);
    });
}

Result<AttemptBaseline> ServerSink::baseline() {
    SLUICE_TRY(protocol::BaselineReply reply, patiently([&] { return reports_.baseline(); }));
    AttemptBaseline out;
    out.name = reply.name;
    out.metrics = std::move(reply.metrics);
    out.target_metrics = std::move(reply.target);
    out.changes = std::move(reply.changes);
    if (reply.has_findings) {
        auto bytes = patiently([&] { return reports_.baseline_report("findings"); });
        auto findings = bytes ? read_findings(*bytes) : bytes.error();
        if (findings)
            out.findings = std::move(*findings);
        else
            out.name += "; its findings can't be read: " + findings.error().message;
    }
    if (reply.has_tests) {
        auto bytes = patiently([&] { return reports_.baseline_report("tests"); });
        // Durations only even the shards out: without them all tests count alike.
        if (bytes)
            if (auto tests = read_test_times(*bytes)) out.tests = std::move(*tests);
    }
    return out;
}

}  // namespace sluice::agent
