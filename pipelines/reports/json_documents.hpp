#pragma once
/// JSON documents that stand one behind the other in one stream. Pure, any thread.

#include "pipelines/base/json.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::reports {

/// Feed in pieces of any size, then finish(). Each document is parsed when its last bracket is
/// there, and given out. Invalid UTF-8 inside becomes U+FFFD: a source line that a tool quotes may
/// hold anything. Text between documents (a tool's warnings) is skipped up to the next `{` or `[`
/// at the beginning of a line.
class JsonDocuments {
public:
    using Take = std::function<Result<>(const json::Value&)>;
    /// `id` is the id of a refusal for bad JSON and for documents over `max_bytes`.
    JsonDocuments(std::string id, Take take, std::size_t max_bytes = 64u << 20);

    Result<> feed(std::string_view bytes);
    /// Also refused when a document is not complete, or there was none.
    Result<> finish();

private:
    Result<> document();

    std::string id_;
    Take take_;
    std::size_t max_bytes_;
    std::string open_;
    std::size_t depth_ = 0;
    bool in_string_ = false, escaped_ = false, line_begins_ = true;
    bool any_ = false;
    std::optional<Error> error_;
};

}  // namespace sluice::reports
