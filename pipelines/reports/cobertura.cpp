/// Cobertura XML, as coverage.py, gcovr, jest and many others write it.
#include "pipelines/base/text.hpp"
#include "pipelines/reports/coverage_formats.hpp"
#include "pipelines/reports/xml.hpp"

#include <charconv>

namespace sluice::reports {
namespace {

constexpr std::size_t k_max_sources = 64;
constexpr std::size_t k_max_bytes = 512u << 20;

/// `50% (1/2)` → {2, 1}; zeros when it is something else.
void read_conditions(std::string_view text, LineHits& line) {
    const std::size_t open = text.find('('), slash = text.find('/');
    if (open == std::string_view::npos || slash == std::string_view::npos || slash < open) return;
    std::uint16_t covered = 0, all = 0;
    std::from_chars(text.data() + open + 1, text.data() + slash, covered);
    std::from_chars(text.data() + slash + 1, text.data() + text.size(), all);
    line.branches = all;
    line.branches_covered = std::min(covered, all);
}

class Cobertura final : public CoverageParser::Format, XmlHandler {
public:
    Cobertura(PathMap paths, std::function<bool(const std::string&)> exists, Coverage& into)
        : paths_(std::move(paths)), exists_(std::move(exists)), into_(into) {}

    Result<> feed(std::string_view bytes) override { return reader_.feed(bytes); }
    Result<> finish() override { return reader_.finish(); }

private:
    void start(std::string_view name, const XmlAttributes& attributes) override {
        if (!std::exchange(seen_root_, true) && name != "coverage")
            return reader_.stop("the root is not <coverage>");
        if (name == "source") {
            in_source_ = true;
            source_.clear();
        } else if (name == "class") {
            file_ = resolve(attributes["filename"]);
        } else if (name == "methods") {
            ++in_methods_;
        } else if (name == "line" && in_methods_ == 0 && file_) {
            add_line(attributes);
        }
    }

    void add_line(const XmlAttributes& attributes) {
        LineHits line;
        line.line = static_cast<std::uint32_t>(attributes.number("number"));
        const std::string_view hits = attributes["hits"];
        std::uint64_t count = 0;
        std::from_chars(hits.data(), hits.data() + hits.size(), count);
        line.hits = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
        read_conditions(attributes["condition-coverage"], line);
        if (auto added = into_.add(*file_, line); !added)
            reader_.stop(added.error().message, Code::too_large);
    }

    void end(std::string_view name) override {
        if (name == "source") {
            in_source_ = false;
            if (sources_.size() < k_max_sources) sources_.emplace_back(text::trim(source_));
        } else if (name == "class") {
            file_.reset();
        } else if (name == "methods" && in_methods_ > 0) {
            --in_methods_;
        }
    }

    void text(std::string_view piece) override {
        if (in_source_ && source_.size() < 4096) source_.append(piece.substr(0, 4096));
    }

    /// A file name is relative to one of the sources, or to where the tool ran.
    std::optional<std::string> resolve(std::string_view name) const {
        std::vector<std::string> candidates;
        const auto consider = [&](std::string_view path) {
            if (auto found = paths_.in_workspace(path)) candidates.push_back(std::move(*found));
        };
        if (name.starts_with('/')) {
            consider(name);
        } else {
            for (const std::string& source : sources_) {
                // The workspace itself as a source adds nothing to the name.
                const bool is_root = std::find(paths_.roots.begin(), paths_.roots.end(), source) !=
                                     paths_.roots.end();
                if (is_root) {
                    if (auto found = PathMap{}.in_workspace(name)) candidates.push_back(*found);
                } else if (!source.empty()) {
                    consider(source + "/" + std::string(name));
                }
            }
            consider(name);
        }
        if (exists_)
            for (const std::string& candidate : candidates)
                if (exists_(candidate)) return candidate;
        if (candidates.empty()) return std::nullopt;
        return candidates.front();
    }

    PathMap paths_;
    std::function<bool(const std::string&)> exists_;
    Coverage& into_;
    XmlReader reader_{"bad_coverage", *this, k_max_bytes, Doctype::by_name};
    bool seen_root_ = false, in_source_ = false;
    int in_methods_ = 0;
    std::string source_;
    std::vector<std::string> sources_;
    std::optional<std::string> file_;
};

}  // namespace

std::unique_ptr<CoverageParser::Format> make_cobertura(
    PathMap paths, std::function<bool(const std::string&)> exists, Coverage& into) {
    return std::make_unique<Cobertura>(std::move(paths), std::move(exists), into);
}

}  // namespace sluice::reports
