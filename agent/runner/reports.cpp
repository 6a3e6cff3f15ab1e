#include "agent/runner/reports.hpp"

#include "agent/runner/report_writer.hpp"
#include "agent/runner/workspace_files.hpp"
#include "pipelines/reports/coverage_file.hpp"
#include "pipelines/reports/findings.hpp"
#include "pipelines/reports/junit.hpp"
#include "pipelines/reports/metrics.hpp"
#include "pipelines/reports/tap.hpp"
#include "pipelines/reports/test_collector.hpp"
#include "pipelines/reports/test_json.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

namespace sluice::agent {

namespace {

constexpr std::size_t k_problems_max = 100;

/// `.gcov.json.gz` and the like are unpacked on the way; anything else passes as it is.
class Unpacking {
public:
    using Take = std::function<Result<>(std::string_view)>;
    explicit Unpacking(Take take) : take_(std::move(take)) {}
    ~Unpacking() {
        if (packed_) ::inflateEnd(&stream_);
    }
    Unpacking(const Unpacking&) = delete;
    Unpacking& operator=(const Unpacking&) = delete;

    Result<> feed(std::string_view bytes) {
        if (bytes.empty()) return {};
        if (!std::exchange(begun_, true) && bytes.starts_with("\x1f\x8b")) {
            packed_ = ::inflateInit2(&stream_, 15 + 16) == Z_OK;
        }
        if (!packed_) return take_(bytes);
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(bytes.size());
        std::string out(256 << 10, '\0');
        while (stream_.avail_in > 0) {
            stream_.next_out = reinterpret_cast<Bytef*>(out.data());
            stream_.avail_out = static_cast<uInt>(out.size());
            const int status = ::inflate(&stream_, Z_NO_FLUSH);
            if (status != Z_OK && status != Z_STREAM_END)
                return error(Code::invalid, "bad_gzip", "the gzip data is damaged");
            SLUICE_CHECK(take_(std::string_view(out).substr(0, out.size() - stream_.avail_out)));
            if (status == Z_STREAM_END) ::inflateReset(&stream_);
        }
        return {};
    }

private:
    Take take_;
    z_stream stream_{};
    bool begun_ = false, packed_ = false;
};

class Collector {
public:
    explicit Collector(const CollectOptions& options) : options_(options), tests_(options.reruns) {
        paths_.roots = options.roots;
        paths_.roots.push_back(options.workspace.string());
        std::error_code failed;
        const auto real = std::filesystem::canonical(options.workspace, failed);
        if (!failed && real != options.workspace) paths_.roots.push_back(real.string());
        findings_ = reports::FindingList(paths_);
    }

    void add(const kinds::ExpectedReport& wanted) {
        // A plain path is opened directly: no walk, and its absence is a problem of its own.
        std::vector<std::string> paths;
        const auto glob = std::find_if(wanted.paths.begin(), wanted.paths.end(), is_pattern);
        if (glob == wanted.paths.end()) {
            paths = wanted.paths;
        } else {
            paths = matching_files(options_.workspace, wanted.paths);
            if (paths.empty() && !wanted.optional)
                problem(wanted, fmt::format("{}: no file matches", *glob));
        }
        for (const std::string& path : paths) {
            Result<> read = read_one(wanted, path);
            if (read) continue;
            if (read.error().code == Code::not_found && wanted.optional) continue;
            std::string text = read.error().message.starts_with(path) ? "" : path + ": ";
            if (!read.error().where.empty()) text += read.error().where + ": ";
            problem(wanted, text + read.error().message);
        }
    }

    Collected finish() {
        Collected& out = out_;
        if (any_tests_) out.reports.tests = tests_.report();
        if (any_coverage_) {
            coverage_.settle();
            out.reports.coverage = coverage_.report(options_.changes);
            write_coverage();
        }
        if (any_findings_) {
            out.findings = std::move(findings_.all());
            reports::add_fingerprints(out.findings, [&](const std::string& path) {
                return text_inside(options_.workspace, path, 8 << 20);
            });
            out.reports.findings = reports::summarise(out.findings);
            out.reports.findings->truncated = findings_.truncated();
        }
        if (test_file_) close(*test_file_);
        return std::move(out_);
    }

private:
    void problem(const kinds::ExpectedReport& wanted, const std::string& text) {
        const bool of_kind = !wanted.tool.empty();
        const std::string line =
            fmt::format("{}: {}", of_kind ? wanted.tool : "reports." + wanted.format, text);
        if (of_kind && out_.broken.empty()) out_.broken = line;
        if (out_.reports.problems.size() < k_problems_max) out_.reports.problems.push_back(line);
    }

    template <class Parser>
    Result<> feed(Parser& parser, const std::string& path) {
        Unpacking unpacking([&](std::string_view piece) { return parser.feed(piece); });
        SLUICE_CHECK(read_inside(options_.workspace, path,
                                 [&](std::string_view piece) { return unpacking.feed(piece); }));
        return parser.finish();
    }

    Result<> read_one(const kinds::ExpectedReport& wanted, const std::string& path) {
        const std::string& format = wanted.format;
        if (format == "junit" || format == "tap" || format == "gotest" || format == "jest")
            return read_tests(format, path);
        if (format == "coverage") return read_coverage(path);
        if (format == "metrics") return read_metrics(path);
        const auto finding_format = parse_enum<reports::FindingFormat>(format);
        if (!finding_format)
            return error(Code::unsupported, "format", "this agent cannot read that format");
        reports::FindingParser parser(*finding_format, wanted.tool.empty() ? format : wanted.tool,
                                      findings_);
        Result<> read = feed(parser, path);
        any_findings_ = any_findings_ || read.has_value();
        return read;
    }

    Result<> read_tests(const std::string& format, const std::string& path) {
        const auto take = [this](model::TestCase&& test) { take_test(std::move(test)); };
        Result<> read;
        if (format == "junit") {
            reports::JunitParser parser(take);
            read = feed(parser, path);
        } else if (format == "tap") {
            reports::TapParser parser(take);
            read = feed(parser, path);
        } else {
            reports::TestJsonParser parser(
                format == "jest" ? reports::TestJson::jest : reports::TestJson::go, take);
            read = feed(parser, path);
        }
        any_tests_ = any_tests_ || read.has_value();
        return read;
    }

    void take_test(model::TestCase test) {
        // Where it failed, as people know the file; what is no file of the workspace stays as the
        // tool wrote it: it may be a name.
        if (auto path = paths_.in_workspace(test.file)) test.file = std::move(*path);
        if (!test_file_) test_file_.emplace("tests", file_for("tests"), options_.redactor);
        test.attempts = tests_.attempt_of(test);
        test_file_->line(model::to_json(test));
        tests_.add(std::move(test));
    }

    Result<> read_coverage(const std::string& path) {
        std::unique_ptr<reports::CoverageParser> parser;
        const auto begin = [&](std::string_view head) -> Result<> {
            const auto format = reports::coverage_format(head);
            if (!format)
                return error(Code::invalid, "bad_coverage",
                             "neither Cobertura nor lcov nor gcov's JSON");
            const auto exists = [this](const std::string& file) {
                return open_inside(options_.workspace, file).has_value();
            };
            parser = std::make_unique<reports::CoverageParser>(*format, paths_, exists, coverage_);
            return {};
        };
        Unpacking unpacking([&](std::string_view piece) -> Result<> {
            if (!parser) SLUICE_CHECK(begin(piece));
            return parser->feed(piece);
        });
        SLUICE_CHECK(read_inside(options_.workspace, path,
                                 [&](std::string_view piece) { return unpacking.feed(piece); }));
        if (!parser) return error(Code::invalid, "bad_coverage", "the file is empty");
        SLUICE_CHECK(parser->finish());
        any_coverage_ = true;
        return {};
    }

    Result<> read_metrics(const std::string& path) {
        const auto text = text_inside(options_.workspace, path, 16 << 20);
        if (!text) {
            SLUICE_CHECK(open_inside(options_.workspace, path));
            return error(Code::too_large, "bad_metrics", "more than 16 MiB");
        }
        return reports::read_metrics(*text, out_.reports.metrics);
    }

    void write_coverage() {
        ReportWriter writer("coverage", file_for("coverage"), options_.redactor);
        for (const auto& [file, lines] : coverage_.files())
            writer.line(reports::to_json(reports::file_coverage(file, lines, options_.changes)));
        close(writer);
    }

    files::Path file_for(const std::string& name) {
        (void)files::make_dirs(options_.folder, 0700);
        return options_.folder / (name + ".ndjson.zst");
    }

    void close(ReportWriter& writer) {
        auto done = writer.finish();
        if (!done) {
            out_.reports.problems.push_back("full report: " + done.error().message);
            return;
        }
        out_.reports.files.push_back(std::move(*done));
        out_.files.push_back(writer.path());
    }

    const CollectOptions& options_;
    reports::PathMap paths_;
    reports::TestCollector tests_;
    reports::FindingList findings_;
    reports::Coverage coverage_;
    std::optional<ReportWriter> test_file_;
    bool any_tests_ = false, any_findings_ = false, any_coverage_ = false;
    Collected out_;
};

}  // namespace

std::vector<kinds::ExpectedReport> declared_reports(const std::vector<model::ReportSpec>& specs) {
    std::vector<kinds::ExpectedReport> out;
    for (const model::ReportSpec& spec : specs)
        out.push_back({.format = spec.format, .tool = "", .paths = spec.paths});
    return out;
}

Collected collect_reports(const std::vector<kinds::ExpectedReport>& wanted,
                          const CollectOptions& options) {
    Collector collector(options);
    for (const kinds::ExpectedReport& report : wanted) collector.add(report);
    return collector.finish();
}

void write_findings(Collected& collected, const CollectOptions& options) {
    if (!collected.reports.findings) return;
    (void)files::make_dirs(options.folder, 0700);
    ReportWriter writer("findings", options.folder / "findings.ndjson.zst", options.redactor);
    for (const auto* list : {&collected.findings, &collected.gone})
        for (const model::Finding& finding : *list) writer.line(model::to_json(finding));
    auto done = writer.finish();
    if (!done) return collected.reports.problems.push_back("full report: " + done.error().message);
    collected.reports.files.push_back(std::move(*done));
    collected.files.push_back(writer.path());
}

}  // namespace sluice::agent
