/// The part of an attempt that brings home what a `generate` job wrote.
#include "agent/runner/attempt.hpp"
#include "agent/runner/workspace_files.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>

namespace sluice::agent {

namespace {

/// The file, or why it cannot be sent, for a sentence that begins with its name.
Result<std::string> read_generated(const files::Path& workspace, const std::string& path) {
    std::string text;
    const auto take = [&](std::string_view piece) -> Result<> {
        if (text.size() + piece.size() > protocol::k_generated_max)
            return error(Code::too_large, "too_large", "is larger than 256 KiB");
        text += piece;
        return {};
    };
    Result<> read = read_inside(workspace, path, take);
    if (!read && read.error().code == Code::not_found)
        return error(Code::not_found, "not_written", "was not written");
    if (!read && read.error().code == Code::too_large) return read.error();
    if (!read) return error(Code::invalid, "unreadable", "cannot be read: " + read.error().message);
    // It travels as JSON, and the language wants it so anyway.
    if (text::find_invalid_utf8(text)) return error(Code::invalid, "not_utf8", "is not UTF-8");
    return text;
}

}  // namespace

void Attempt::take_generated() {
    const std::string& path = job_.spec.generate;
    model::Outcome& outcome = report_.outcome;
    if (path.empty() || outcome.result != model::AttemptResult::passed) return;
    auto text = read_generated(folder_.workspace(), path);
    if (text) {
        report_.generated = std::move(*text);
        return;
    }
    outcome = {model::AttemptResult::failed, std::nullopt, std::nullopt, model::Cause::config,
               fmt::format("generate: {} {}", path, text.error().message)};
    note(outcome.message);
}

}  // namespace sluice::agent
