#include "pipelines/reports/json_documents.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

namespace sluice::reports {

JsonDocuments::JsonDocuments(std::string id, Take take, std::size_t max_bytes)
    : id_(std::move(id)), take_(std::move(take)), max_bytes_(max_bytes) {}

Result<> JsonDocuments::feed(std::string_view bytes) {
    if (error_) return *error_;
    std::size_t begin = 0;  // of what belongs to the open document
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (depth_ == 0) {
            const bool opens = (c == '{' || c == '[') && line_begins_;
            line_begins_ = c == '\n' || (line_begins_ && (c == ' ' || c == '\r' || c == '\t' ||
                                                          static_cast<unsigned char>(c) >= 0x80));
            if (!opens) continue;
            begin = i;
            depth_ = 1;
            continue;
        }
        if (in_string_) {
            if (escaped_)
                escaped_ = false;
            else if (c == '\\')
                escaped_ = true;
            else if (c == '"')
                in_string_ = false;
            continue;
        }
        if (c == '"') in_string_ = true;
        if (c == '{' || c == '[') ++depth_;
        if ((c == '}' || c == ']') && --depth_ == 0) {
            open_.append(bytes.substr(begin, i + 1 - begin));
            begin = i + 1;
            line_begins_ = true;
            if (auto done = document(); !done) return *(error_ = done.error());
        }
    }
    if (depth_ > 0) open_.append(bytes.substr(begin));
    if (open_.size() > max_bytes_)
        return *(error_ = error(Code::too_large, id_,
                                fmt::format("a document of more than {} MiB", max_bytes_ >> 20)));
    return {};
}

Result<> JsonDocuments::document() {
    any_ = true;
    std::string text = std::move(open_);
    open_.clear();
    if (text::find_invalid_utf8(text)) text = text::sanitize_utf8(text, text.size() * 3);
    auto value = json::parse(text, {.bytes = max_bytes_ * 3, .depth = 64});
    if (!value) return error(value.error().code, id_, value.error().message);
    return take_(*value);
}

Result<> JsonDocuments::finish() {
    if (error_) return *error_;
    if (depth_ > 0) return error(Code::invalid, id_, "the JSON is cut off");
    if (!any_) return error(Code::invalid, id_, "there is no JSON in it");
    return {};
}

}  // namespace sluice::reports
