/// `cppcheck --xml`: errors with one or more locations, the first being where it shows.
#include "pipelines/base/text.hpp"
#include "pipelines/reports/finding_formats.hpp"
#include "pipelines/reports/xml.hpp"

#include <utility>

namespace sluice::reports {
namespace {

using model::Finding;
using model::Severity;

class Cppcheck final : public FindingParser::Format, XmlHandler {
public:
    explicit Cppcheck(FindingList& into) : into_(into) {}

    Result<> feed(std::string_view bytes) override { return reader_.feed(bytes); }
    Result<> finish() override { return reader_.finish(); }

private:
    void start(std::string_view name, const XmlAttributes& attributes) override {
        if (!std::exchange(seen_root_, true) && name != "results")
            return reader_.stop("the root is not <results>");
        if (name == "error") {
            open_ = Finding{};
            open_->tool = "cppcheck";
            open_->rule = attributes["id"];
            const std::string_view severity = attributes["severity"];
            open_->severity = severity == "error"     ? Severity::error
                              : severity == "warning" ? Severity::warning
                                                      : Severity::note;
            // A defect that reads uninitialised memory is called an error, the rest by its class.
            if (severity == "performance" || severity == "portability")
                open_->severity = Severity::warning;
            open_->message = attributes["msg"];
        } else if (name == "location" && open_ && open_->file.empty()) {
            open_->file = attributes["file"];
            open_->line = attributes.number("line");
            open_->column = attributes.number("column");
        }
    }
    void end(std::string_view name) override {
        if (name != "error" || !open_) return;
        // About the run itself ("include not found", "too many configurations"), not the source.
        const bool about_run = open_->file.empty() || open_->rule == "missingIncludeSystem";
        if (!about_run) into_.add(std::move(*open_));
        open_.reset();
    }
    void text(std::string_view) override {}

    FindingList& into_;
    XmlReader reader_{"bad_findings", *this};
    bool seen_root_ = false;
    std::optional<Finding> open_;
};

}  // namespace

std::unique_ptr<FindingParser::Format> make_cppcheck(FindingList& into) {
    return std::make_unique<Cppcheck>(into);
}

}  // namespace sluice::reports
