/// lcov's tracefile (`.info`): lcov, grcov, nyc, jest, cargo-llvm-cov.
#include "pipelines/reports/coverage_formats.hpp"
#include "pipelines/reports/lines.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace sluice::reports {
namespace {

constexpr std::size_t k_max_bytes = 512u << 20;

/// `12,3,…` → the first two numbers; the second may be negative (gcc's overflow) or `-`: 0 then.
struct Pair {
    std::uint32_t line = 0;
    std::uint64_t hits = 0;
};
Pair numbers(std::string_view text) {
    Pair out;
    const char* const last = text.data() + text.size();
    const auto first = std::from_chars(text.data(), last, out.line);
    if (first.ec != std::errc{} || first.ptr == last || *first.ptr != ',') return out;
    std::from_chars(first.ptr + 1, last, out.hits);
    return out;
}

class Lcov final : public CoverageParser::Format {
public:
    Lcov(PathMap paths, Coverage& into) : paths_(std::move(paths)), into_(into) {}

    Result<> feed(std::string_view bytes) override {
        if ((bytes_ += bytes.size()) > k_max_bytes)
            return error(Code::too_large, "bad_coverage", "more than 512 MiB");
        splitter_.feed(bytes, [this](std::string_view line) { take(line); });
        return state();
    }

    Result<> finish() override {
        splitter_.finish([this](std::string_view line) { take(line); });
        end_record();
        if (!seen_ && !error_)
            error_ = error(Code::invalid, "bad_coverage", "no record of lcov in it (SF: …)");
        return state();
    }

private:
    Result<> state() const {
        if (error_) return *error_;
        return {};
    }

    void take(std::string_view line) {
        if (error_) return;
        if (line.starts_with("SF:")) {
            end_record();
            seen_ = true;
            file_ = paths_.in_workspace(line.substr(3));
        } else if (line == "end_of_record") {
            end_record();
        } else if (!file_) {
            return;
        } else if (line.starts_with("DA:")) {
            const Pair pair = numbers(line.substr(3));
            LineHits hits;
            hits.line = pair.line;
            hits.hits = static_cast<std::uint32_t>(std::min<std::uint64_t>(pair.hits, UINT32_MAX));
            add(hits);
        } else if (line.starts_with("BRDA:")) {
            const std::size_t taken = line.rfind(',');
            if (taken == std::string_view::npos) return;
            LineHits& branch = branches_[numbers(line.substr(5)).line];
            const std::string_view count = line.substr(taken + 1);
            if (branch.branches == UINT16_MAX) return;
            ++branch.branches;
            branch.branches_covered += count != "-" && count != "0";
        }
    }

    void add(const LineHits& line) {
        if (auto added = into_.add(*file_, line); !added && !error_) error_ = added.error();
    }

    void end_record() {
        if (file_)
            for (auto& [number, line] : branches_) {
                line.line = number;
                add(line);
            }
        branches_.clear();
        file_.reset();
    }

    PathMap paths_;
    Coverage& into_;
    LineSplitter splitter_;
    std::size_t bytes_ = 0;
    bool seen_ = false;
    std::optional<std::string> file_;
    std::map<std::uint32_t, LineHits> branches_;  ///< of the open record
    std::optional<Error> error_;
};

}  // namespace

std::unique_ptr<CoverageParser::Format> make_lcov(PathMap paths, Coverage& into) {
    return std::make_unique<Lcov>(std::move(paths), into);
}

}  // namespace sluice::reports
