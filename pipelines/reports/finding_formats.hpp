#pragma once
/// The readers behind FindingParser.

#include "pipelines/reports/findings.hpp"

namespace sluice::reports {

struct FindingParser::Format {
    virtual ~Format() = default;
    virtual Result<> feed(std::string_view bytes) = 0;
    virtual Result<> finish() = 0;
};

std::unique_ptr<FindingParser::Format> make_text_findings(FindingFormat format, std::string tool,
                                                          FindingList& into);
std::unique_ptr<FindingParser::Format> make_json_findings(FindingFormat format, std::string tool,
                                                          FindingList& into);
std::unique_ptr<FindingParser::Format> make_sarif(std::string tool, FindingList& into);
std::unique_ptr<FindingParser::Format> make_cppcheck(FindingList& into);

}  // namespace sluice::reports
