// First byte: the format; second: the size of pieces. The rest as a linter's report → the same
// findings however it is cut, all with valid text and paths in the workspace, or a refusal.
#include "pipelines/base/text.hpp"
#include "pipelines/reports/findings.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

Result<std::vector<model::Finding>> parse(reports::FindingFormat format, std::string_view text,
                                          std::size_t piece) {
    reports::FindingList list({{"/ws"}, ""});
    reports::FindingParser parser(format, "tool", list);
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        if (auto fed = parser.feed(text.substr(0, piece)); !fed) return fed.error();
    if (auto done = parser.finish(); !done) return done.error();
    return list.all();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto format = static_cast<reports::FindingFormat>(
        data[0] % EnumNames<reports::FindingFormat>::names.size());
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto whole = parse(format, text, text.size() + 1);
    const auto pieces = parse(format, text, data[1] % 64 + 1u);
    require(whole.has_value() == pieces.has_value());
    if (!whole) return 0;
    require(*whole == *pieces);
    for (const model::Finding& finding : *whole) {
        for (const std::string* field :
             {&finding.tool, &finding.rule, &finding.message, &finding.file})
            require(!text::find_invalid_utf8(*field));
        require(!finding.file.starts_with('/') && finding.file.find("../") != 0);
        require(finding.line >= 0 && finding.column >= 0);
        require(model::finding_from_json(model::to_json(finding), "").value() == finding);
    }
    return 0;
}
